// Intake: one message, from the moment its envelope is known to a committed file. The command line
// (submission.h), `sendmail -bs` and the listener feed it alike.
//
// The content is streamed: envelope and header are held in memory, the body never. Nothing waits
// for the network. The calls come in the order open, append…, finish, commit (or settle);
// after the first that returns false, refusal() says why, and the intake is only fit to be thrown
// away: nothing is left in any spool then, nor when it is thrown away earlier.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_status.h"
#include "base/fd.h"
#include "mail/envelope.h"
#include "mail/input_reader.h"
#include "spool/box.h"
#include "spool/message_writer.h"
#include "submit/recipients.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

/// Hops of -h and Received fields together, with ours: RFC 5321 6.3 wants at least 100 allowed.
inline constexpr std::uint64_t kMaxHops = 100;

/// The envelope, and how the content is to be read.
struct IntakeRequest {
    explicit IntakeRequest(Recipients recipients_) : recipients(std::move(recipients_)) {}

    Recipients recipients;          // without those of -t
    mail::ReversePath sender;       // may be unqualified
    bool takes_recipients = false;  // -t: besides, those in the header
    mail::NotifySet notify = 0;     // for recipients without wishes of their own
    mail::DsnReturn dsn_return = mail::DsnReturn::unset;
    std::string envelope_id;  // xtext
    mail::ErrorMode error_mode = mail::ErrorMode::mail;
    bool is_followed = false;     // Envelope::is_followed
    bool is_verbose = false;      // Envelope::is_verbose
    bool is_smtp_utf8 = false;    // SMTPUTF8 was asked for: counts where the header is not ASCII
    bool requires_tls = false;    // Envelope::requires_tls
    bool is_gateway = false;      // -G
    std::uint64_t hop_count = 0;  // -h
    bool ends_at_dot = false;     // a lone dot ends the input (no -i)
    bool needs_spool = false;     // no memory instead: nobody waits for the delivery
    std::string full_name;        // for a missing From
    std::optional<uid_t> uid;     // the local submitter, for Received and the log
    std::string client;           // FixUpOptions::client
    std::string protocol;         // FixUpOptions::protocol
    const spool::Box* box = nullptr;  // use this one (it outlives the intake) instead of choosing
};

/// Why a message isn't taken.
struct Refusal {
    ExitStatus status = ExitStatus::ok;
    std::string text;  // one line; begins with "552 5.3.4 " where SMTP has its own word for it
    bool lacks_room = false;  // disk or quota are full, or would be with the message
};

/// A message that is safe in a box, or waits in memory where there is no spool.
struct Accepted {
    std::string id;
    mail::Envelope envelope;
    std::optional<spool::Box> box;              // none: no spool, or it was IntakeRequest::box
    std::optional<spool::Committed> committed;  // none: no spool could be written to
    Fd memory_file;                             // then this
};

class Intake {
public:
    /// `around` outlives it.
    Intake(const Surroundings& around, IntakeRequest request);
    Intake(const Intake&) = delete;
    Intake& operator=(const Intake&) = delete;
    ~Intake();

    /// Checks what is known of the recipients and opens the spool.
    bool open();
    /// The next octets of header and body (InputReader has the rules), cut anywhere.
    bool append(std::string_view octets);
    /// A lone dot ended the input (only with ends_at_dot): the rest isn't read.
    bool is_ended() const { return reader_.is_ended(); }
    /// The content is complete; its last words to the header are said now if it had no body.
    bool finish();

    /// Makes the message safe: blocks for two syncs. Where there is no spool, the message stays in
    /// memory.
    bool commit();
    // Instead, where many are made safe at a time: MessageWriter's steps are taken by others, in
    // any thread, and settle() gets to know how they ended. Only when is_spooled().
    spool::MessageWriter& writer() { return *writer_; }
    bool is_eight_bit() const { return reader_.facts().is_body_eight_bit || is_header_eight_bit_; }
    bool has_long_lines() const { return reader_.facts().has_long_lines || has_long_header_lines_; }
    std::chrono::sys_seconds due() const { return to_seconds(envelope_.arrival); }
    bool settle(Result<spool::Committed> committed);
    /// After open(): the message goes to a box.
    bool is_spooled() const { return box_ != nullptr; }

    const std::string& id() const { return id_; }
    const Refusal& refusal() const { return refusal_; }
    /// Recipients that nothing is queued for.
    const std::vector<mail::BadAddress>& bad() const { return request_.recipients.bad(); }
    /// After commit() or settle(), once.
    Accepted take_accepted() { return std::move(accepted_); }

private:
    bool refuse(ExitStatus status, std::string text);
    Error refuse_in_sink(ExitStatus status, std::string text);
    Error refuse_write(const Error& error);
    bool refuse_for(const Error& error);
    bool check_recipients();
    bool open_memory();
    Result<void> take_header(std::string_view text);
    Result<void> take_body(std::string_view piece);
    mail::InputOptions input_options() const;
    void fill_envelope(bool is_header_incomplete);
    bool keep_in_memory();
    void conclude();
    void log_line() const;

    const Surroundings& around_;
    IntakeRequest request_;
    std::string id_;
    mail::InputReader reader_;
    mail::Envelope envelope_;
    mail::ReversePath given_sender_;  // completed, what the sender rules get to see
    std::string message_id_;
    bool has_long_header_lines_ = false;  // in the header that is kept
    bool is_header_eight_bit_ = false;
    std::unique_ptr<spool::Box> own_box_;
    const spool::Box* box_ = nullptr;  // own_box_ or the request's
    std::optional<spool::MessageWriter> writer_;
    Refusal refusal_;
    Accepted accepted_;
};

}  // namespace mxpost::submit
