// SiteControl: how hard a site (a set of MX hosts) may be pressed: how many sessions, how fast, and
// when not at all.
//
// Sessions: two at first, one more for each message that is taken, up to the limit; half as many
// when the site shows that it is too much (421, a refused connection beside open ones, a throttling
// reply), from then on growing by one for as many messages as there are sessions (as TCP does).
// A site none of whose hosts can be reached rests: everything for it waits, then one message tries,
// and where that fails the rest gets longer.
//
// Pure: the time and the randomness come from the caller.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "mail/outcome.h"

namespace mxpost::schedule {

struct SitePolicy {
    std::size_t first_sessions = 2;
    std::size_t max_sessions = 10;
    std::size_t messages_per_session = 100;
    std::uint32_t rate_messages = 0;  // within rate_interval; 0: as many as go
    std::chrono::seconds rate_interval{60};
    std::size_t max_recipients = 0;  // of a transaction; 0: what the server says
    std::chrono::seconds first_rest{60};
    std::chrono::seconds longest_rest{std::chrono::minutes(30)};
};

class SiteControl {
public:
    explicit SiteControl(const SitePolicy& policy);

    /// Tighter bounds until then, because the site asked for them.
    void restrict(std::size_t max_sessions, SteadyTime until);
    void restrict_rate(std::uint32_t messages, std::chrono::seconds interval, SteadyTime until);

    /// How many sessions may be open. While the site rests: none; right after a rest: one.
    std::size_t sessions(SteadyTime now) const;
    /// The earliest moment at which one more message may begin, by the rate limit.
    SteadyTime next_begin(SteadyTime now) const;
    /// A message begins.
    void begin(SteadyTime now);

    /// A server took a message: all is well.
    void delivered(SteadyTime now);
    /// A session was opened: the site isn't dead, and is willing.
    void reached();
    /// Too much for the site: 421, a reply that asks for less.
    void slowed(SteadyTime now);
    /// A connection was refused while this many sessions (one at least) stood: no more than these
    /// from now on, or the next one would be tried, and refused, at once.
    void crowded(std::size_t sessions, SteadyTime now);
    /// None of its hosts could be reached, or none would talk to us.
    void unreachable(const mail::RecipientOutcome& reason, SteadyTime now, Random& random);
    /// A host took a connection, but closed it or said no before mail could be sent. One such
    /// greeting says little; three without a session between them are as good as no answer, and so
    /// is one to the message that tries after a rest.
    void unwilling(const mail::RecipientOutcome& reason, SteadyTime now, Random& random);
    /// The site asked to be left alone for so long.
    void suspend(const mail::RecipientOutcome& reason, SteadyTime until);

    /// Somebody asks for an attempt: the rest is over, as if it had passed.
    void try_now();

    /// Until when nothing is tried; nullopt: the site may be tried.
    std::optional<SteadyTime> resting_until(SteadyTime now) const;
    /// Why it rests, in the words of the attempt that found it so.
    const mail::RecipientOutcome& reason() const { return reason_; }
    /// The site isn't known to be well: one message tries before the others follow.
    bool is_probing() const { return is_probing_; }
    bool is_unremarkable(SteadyTime now) const;

private:
    std::size_t most_sessions() const { return std::max<std::size_t>(1, policy_.max_sessions); }
    std::size_t limit(SteadyTime now) const;
    void begin_again(const mail::RecipientOutcome& reason);

    SitePolicy policy_;
    std::size_t window_;
    std::size_t taken_ = 0;    // since the window last grew
    bool is_careful_ = false;  // it has been too much before
    std::optional<SteadyTime> grow_again_;
    bool is_probing_ = false;
    std::optional<SteadyTime> rest_until_;       // nobody could be reached
    std::optional<SteadyTime> suspended_until_;  // the site said so
    std::chrono::seconds rest_{0};
    std::size_t unwilling_ = 0;  // since a session was opened
    mail::RecipientOutcome reason_;
    std::size_t restricted_sessions_ = 0;
    SteadyTime restricted_until_{};
    std::uint32_t restricted_messages_ = 0;
    std::chrono::seconds restricted_interval_{0};
    SteadyTime rate_restricted_until_{};
    SteadyTime begun_{};  // virtual time of the last begin (a leaky bucket)
};

}  // namespace mxpost::schedule
