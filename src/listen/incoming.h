// Incoming: the messages of one connection, and where they go.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

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
    /// The references outlive it. The gate needn't: a connection that is never resumed goes after
    /// its listener. `client` is the gate's name for whoever sends.
    Incoming(
        const submit::Surroundings& around,
        submit::SmtpOrigin origin,
        const Outlet& outlet,
        std::shared_ptr<Gate> gate,
        std::string client
    );

    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;
    ~Incoming() override { release(); }

    Refusal check_sender(const protocol::MailCommand& command) override;
    Refusal check_recipient(const mail::Recipient& recipient) override;
    Refusal content(std::string_view piece) override;
    Refusal end() override;
    void abandon() override;

    /// Content has come since the last call.
    bool has_progressed() { return std::exchange(has_progressed_, false); }

private:
    void release();

    const submit::Surroundings& around_;
    const Outlet& outlet_;
    std::shared_ptr<Gate> gate_;
    std::string client_;
    std::size_t envelope_ = 0;  // octets that the recipients so far take
    std::size_t reserved_ = 0;  // of them, with the gate
    bool has_progressed_ = false;
};

}  // namespace mxpost::listen
