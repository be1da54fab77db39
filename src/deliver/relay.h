// The relay: a server that the administrator has named to take mail for others, where direct
// delivery isn't wanted, or isn't possible because port 25 is blocked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "config/host_port.h"
#include "config/settings.h"
#include "deliver/credentials_file.h"
#include "deliver/next_hop.h"
#include "deliver/port_watch.h"

namespace mxpost::deliver {

/// How a message leaves.
enum class Way : std::uint8_t { direct, relay };

/// One for all deliveries of an engine: what the settings say, and what was learned.
class Relay {
public:
    /// Null when none is set. `settings` and `watch` must outlive it. `is_system_engine`: the one
    /// that is meant to read the credentials.
    static std::unique_ptr<Relay> make(
        const config::Settings& settings,
        const TrustedUser& trusted,
        bool is_system_engine,
        PortWatch& watch
    );

    /// For all recipients of `domain` (lower case) in this attempt. In the blocked state it gives
    /// `direct` now and then, to try port 25 again.
    Way choose(const std::string& domain, SteadyTime now);
    /// It serves when port 25 is blocked.
    bool is_fallback() const { return settings_.relay_when == config::RelayWhen::blocked; }
    /// "smtp.example.com:587"
    const std::string& text() const { return settings_.relay; }

    /// Where to, with whose credentials; or why not, deferred.
    boost::asio::awaitable<NextHopResult> find(Services& services);
    /// The relay took user and password for wrong: not tried again for a while, so that the account
    /// isn't locked, unless the file changes.
    void credentials_refused(Services& services, const mail::RecipientOutcome& outcome);

private:
    struct Refusal {
        SteadyTime until;
        std::string file_state;  // see state_of()
        std::string text;
    };

    Relay(
        const config::Settings& settings,
        config::HostPort server,
        const TrustedUser& trusted,
        bool is_system_engine,
        PortWatch& watch
    );
    std::optional<mail::RecipientOutcome> prepare_session(
        Services& services, smtp::SessionSettings& session
    );
    mail::RecipientOutcome complain(
        Services& services, mail::EnhancedStatus status, std::string text
    );
    std::string state_of_credentials() const;

    const config::Settings& settings_;
    config::HostPort server_;
    TrustedUser trusted_;
    bool is_system_engine_;
    PortWatch& watch_;
    std::optional<Refusal> refusal_;
    std::string complaint_;  // the last one that was logged, and when
    SteadyTime complained_at_{};
};

class RelayDestination final : public Destination {
public:
    RelayDestination(Services& services, Relay& relay) : services_(services), relay_(relay) {}
    boost::asio::awaitable<NextHopResult> find() override;
    void credentials_refused(const mail::RecipientOutcome& outcome) override;

private:
    Services& services_;
    Relay& relay_;
};

}  // namespace mxpost::deliver
