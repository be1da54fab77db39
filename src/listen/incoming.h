// Incoming: the messages of one connection, and where they go.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "listen/gate.h"
#include "spool/box.h"
#include "spool/entry_name.h"
#include "submit/smtp_reception.h"

namespace mxpost::listen {

/// The engine, as the listener sees it. Called in its thread only.
struct Outlet {
    /// The box that takes the messages. It stays as long as the engine.
    std::function<Result<const spool::Box*>()> box;
    /// Messages that are in it.
    std::function<std::size_t()> queued;
    /// This message is about to be made safe: nobody touches it until one of the other two.
    std::function<void(const spool::MessageId&)> expect;
    /// It is safe and unlocked.
    std::function<void(const spool::EntryName&)> accepted;
    /// It didn't come to be.
    std::function<void(const spool::MessageId&)> withdrawn;
};

class Incoming final : public submit::SmtpReception {
public:
    /// The references outlive it. `client` is the gate's name for whoever sends.
    Incoming(
        const submit::Surroundings& around,
        submit::SmtpOrigin origin,
        const Outlet& outlet,
        Gate& gate,
        std::string client
    );

    Refusal check_sender(const protocol::MailCommand& command) override;
    Refusal content(std::string_view piece) override;

    /// Content has come since the last call.
    bool has_progressed() { return std::exchange(has_progressed_, false); }

private:
    const submit::Surroundings& around_;
    const Outlet& outlet_;
    Gate& gate_;
    std::string client_;
    bool has_progressed_ = false;
};

}  // namespace mxpost::listen
