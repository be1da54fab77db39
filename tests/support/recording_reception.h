// A Reception that keeps what it gets and refuses what it is told to, and the loop that a driver
// has around a server machine.
#pragma once

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/server_machine.h"

namespace mxpost::test {

class RecordingReception final : public protocol::Reception {
public:
    enum class Step { none, sender, recipient, begin, content, end, commit };
    struct Mail {
        protocol::IncomingMail incoming;
        std::string content;
        bool is_committed = false;
        bool is_abandoned = false;
    };

    /// That step is refused, each time.
    Step refused = Step::none;
    protocol::ServerReply refusal{451, "4.3.0 not now"};
    std::vector<Mail> mails;

    Refusal check_sender(const protocol::MailCommand&) override { return answer(Step::sender); }
    Refusal check_recipient(const mail::Recipient&) override { return answer(Step::recipient); }
    Refusal begin(protocol::IncomingMail incoming) override {
        require(!is_open_);
        is_open_ = refused != Step::begin;
        if (is_open_) {
            mails.push_back({std::move(incoming), "", false, false});
        }
        return answer(Step::begin);
    }
    Refusal content(std::string_view piece) override {
        require(is_open_);
        mails.back().content += piece;
        is_open_ = refused != Step::content;
        return answer(Step::content);
    }
    Refusal end() override {
        require(is_open_);
        is_open_ = refused != Step::end;
        return answer(Step::end);
    }
    void abandon() override {
        require(is_open_);
        mails.back().is_abandoned = true;
        is_open_ = false;
    }
    Refusal commit() {
        require(is_open_);
        is_open_ = false;
        mails.back().is_committed = refused != Step::commit;
        return answer(Step::commit);
    }
    bool is_open() const { return is_open_; }

    std::vector<std::string> committed() const {
        std::vector<std::string> contents;
        for (const Mail& mail : mails) {
            if (mail.is_committed) {
                contents.push_back(mail.content);
            }
        }
        return contents;
    }

private:
    /// The machine keeps to the order that Reception states.
    static void require(bool condition) {
        if (!condition) {
            throw std::logic_error("the machine called out of order");
        }
    }
    Refusal answer(Step step) const { return step == refused ? Refusal(refusal) : std::nullopt; }

    bool is_open_ = false;
};

/// A machine with a reception, and all that it has said.
struct ServerSession {
    using Want = protocol::ServerMachine::Want;

    explicit ServerSession(protocol::ServerSettings settings)
        : machine(std::move(settings), reception) {
        machine.greet();
        settle();
    }

    void send(std::string_view octets) {
        machine.received(octets);
        settle();
    }
    void close() {
        machine.closed();
        settle();
    }
    /// What a driver does until it has to read again.
    void settle() {
        said += std::exchange(machine.output(), {});
        while (machine.want() == Want::commit || machine.want() == Want::start_tls) {
            if (machine.want() == Want::start_tls) {
                machine.tls_established();
            } else if (const auto refusal = reception.commit()) {
                machine.refused(*refusal);
            } else {
                machine.committed("2.0.0 queued");
            }
            said += std::exchange(machine.output(), {});
        }
    }
    bool is_finished() const { return machine.want() == Want::finished; }

    RecordingReception reception;
    protocol::ServerMachine machine;
    std::string said;
};

}  // namespace mxpost::test
