// TlsMemory: the best TLS that each mail server has been seen with, so that one which no longer
// offers it is noticed: stripping STARTTLS is what an attacker on the way does first (RFC 7435 6).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/state_directory.h"
#include "tls/client_context.h"

namespace mxpost::deliver {

class TlsMemory {
public:
    /// What a session came to, or the best one did.
    enum class Level : std::uint8_t { clear, encrypted, verified, dane };

    /// Reads what is kept in `state`. References must outlive it.
    TlsMemory(StateDirectory& state, const Clock& clock);
    ~TlsMemory();
    TlsMemory(const TlsMemory&) = delete;
    TlsMemory& operator=(const TlsMemory&) = delete;

    /// `host`: an MX host's name. Clear: nothing better is known, or not any more.
    Level best(const std::string& host) const;
    /// A session with the host is ready. Gives a sentence for the log where that is less than
    /// before, once a day for each host: "mx.example used to offer TLS (until 2026-11-20) …".
    std::optional<std::string> note(
        const std::string& host, const std::optional<tls::Established>& established
    );
    /// Writes what isn't kept yet; note() does so at once, but once a minute at most.
    void save();

private:
    struct Seen {
        Level level = Level::clear;
        std::chrono::sys_days day;     // last, at that level
        std::chrono::sys_days warned;  // last
    };

    void load(std::string_view text);
    void make_room();
    std::chrono::sys_days today() const;

    StateDirectory& state_;
    const Clock& clock_;
    std::map<std::string, Seen, std::less<>> hosts_;  // none is `clear`
    bool is_changed_ = false;
    std::optional<SteadyTime> saved_;
};

}  // namespace mxpost::deliver
