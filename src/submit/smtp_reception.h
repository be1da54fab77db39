// SmtpReception: the messages of one SMTP session become Intakes. For `sendmail -bs` and the
// listener, who commit them when the machine wants it:
//
//     case Want::commit: reception.intake().commit()   (or settle(), see Intake)
//                            ? machine.committed("2.0.0 queued as " + reception.intake().id())
//                            : machine.refused(reply_for(reception.intake().refusal()));
//                        reception.forget();
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/server_machine.h"
#include "submit/intake.h"
#include "submit/invocation.h"

namespace mxpost::submit {

/// Whose session it is, and where its messages go.
struct SmtpOrigin {
    std::optional<uid_t> uid;         // of a local submitter
    std::string address;              // address literal of a remote one: "[192.0.2.1]"
    const spool::Box* box = nullptr;  // IntakeRequest::box
    Invocation invocation;            // -F, -G, -h, -oe, -od; only these
};

class SmtpReception : public protocol::Reception {
public:
    /// `around` outlives it.
    SmtpReception(const Surroundings& around, SmtpOrigin origin);

    Refusal begin(protocol::IncomingMail incoming) override;
    Refusal content(std::string_view piece) override;
    Refusal end() override;
    void abandon() override { intake_.reset(); }

    /// A message is under way, or waits for its commit.
    bool has_intake() const { return intake_ != nullptr; }
    Intake& intake() { return *intake_; }
    /// The message has had its reply.
    void forget() { intake_.reset(); }

private:
    Refusal refuse();

    const Surroundings& around_;
    SmtpOrigin origin_;
    std::unique_ptr<Intake> intake_;
};

/// One line, whatever the refusal says.
protocol::ServerReply reply_for(const Refusal& refusal);

/// The settings of a session on this host: name, size and recipient limits.
protocol::ServerSettings server_settings(const Surroundings& around);

}  // namespace mxpost::submit
