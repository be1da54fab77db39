// What became of each recipient of a simulated day, as the world saw it, and what must never be.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/clock.h"
#include "schedule/retry.h"
#include "support/manual_clock.h"

namespace mxpost::deliver {

/// One accepted recipient; reports have one each, as mail that nobody submitted.
struct Story {
    std::string message;  // its id
    SteadyTime accepted;
    std::size_t jumps = 0;    // of the calendar before it was accepted
    bool is_silent = false;   // nobody is told of its failure
    bool is_doomed = false;   // somebody has said that it doesn't exist
    bool is_failed = false;   // the engine says so
    bool is_settled = false;  // off the queue, and rightly so
    int taken = 0;            // by a server
    SteadyTime taken_at;
    bool may_come_again = false;  // the last taking may be unknown to the engine, or undone
    bool was_unknown = false;     // once
    int reported = 0;             // its failure, to the sender's server
    int attempts = 0;
    SteadyTime attempted;
    std::size_t attempted_in = 0;  // which life and calendar, see Ledger::era
};

class Ledger {
public:
    Ledger(const test::ManualClock*& clock, const schedule::RetryPolicy& policy)
        : clock_(clock), policy_(policy) {}

    /// Changes with each crash and each jump of the calendar.
    std::size_t era = 0;
    std::size_t jumps = 0;
    SteadyTime jumped;
    SteadyTime trouble;  // the last of the disk
    std::size_t repeated = 0;
    std::size_t deliveries = 0;
    std::set<std::string> given_up;        // reports: nobody hears that they failed
    std::map<std::string, Story> stories;  // by address; of a report: its id

    void accepted(const std::string& address, const std::string& message, bool is_silent) {
        Story& story = stories[address];
        story.message = message;
        story.accepted = now();
        story.jumps = jumps;
        story.is_silent = is_silent;
    }

    /// `is_unknown`: the reply doesn't get through.
    void taken(const std::string& address, bool is_unknown) {
        Story& story = stories[address];
        EXPECT_TRUE(story.taken == 0 || story.may_come_again || left_.contains(address))
            << address << " was delivered a second time, " << seconds(now() - story.taken_at)
            << " s after the first";
        ++deliveries;
        repeated += story.taken > 0 ? 1U : 0U;
        ++story.taken;
        story.taken_at = now();
        story.may_come_again = is_unknown;
        story.was_unknown = story.was_unknown || is_unknown;
    }
    /// The reply to what was taken just now may not have got through.
    void unknown(const std::vector<std::string>& addresses) {
        for (const std::string& address : addresses) {
            stories[address].may_come_again = true;
            stories[address].was_unknown = true;
        }
    }
    void reported(const std::string& address) {
        Story& story = stories[address];
        ++story.reported;
        EXPECT_TRUE(story.is_doomed || story.is_failed)
            << address << " is reported, but hasn't failed";
        EXPECT_TRUE(story.taken == 0 || story.was_unknown)
            << address << " was delivered, and reported as failed";
    }

    /// A line of the engine's log.
    void heard(std::string_view line) {
        if (line.find("outcomes can't be written down") != std::string_view::npos) {
            held_[std::string(line.substr(0, line.find(':')))] = now();
        }
        if (line.find(": failed, no report is due") != std::string_view::npos) {
            given_up.insert(std::string(line.substr(0, line.find(':'))));
        }
        if (const auto end = line.find(" can't be taken back"); end != std::string_view::npos) {
            left_.insert(std::string(line.substr(0, end).substr(line.rfind(' ', end - 1) + 1)));
        }
        if (line.find("can't note the next due time") != std::string_view::npos) {
            // The engine knows it, the next one won't.
            undated_[std::string(line.substr(0, line.find(':')))] = now();
        }
        const std::size_t at = line.find(": to=<");
        if (at == std::string_view::npos) {
            return;
        }
        const std::string_view rest = line.substr(at + 6);
        const auto found = stories.find(std::string(rest.substr(0, rest.find('>'))));
        if (found == stories.end() || found->second.message.empty()) {
            return;
        }
        if (line.find("status=deferred") != std::string_view::npos) {
            deferred(found->first, found->second, line);
        } else if (line.find("status=bounced") != std::string_view::npos) {
            failed(found->first, found->second, line);
        }
    }

    /// What the engine has to do with it: nothing is kept for ever, nor left untried.
    void still_queued(const std::string& address, const Story& story) const {
        const auto longest = policy_.max_delay + policy_.max_delay / 4 + std::chrono::minutes(40);
        // After a sync of its journal that failed it waits for the next engine.
        const auto held = held_.find(story.message);
        const SteadyTime let_go = held == held_.end() ? SteadyTime() : held->second;
        const SteadyTime tried = std::max({story.accepted, story.attempted, jumped, let_go});
        // After a jump back what was due soon may be due that much later.
        const auto leeway = jumped > story.accepted ? 2 * longest : longest;
        EXPECT_LE(seconds(now() - tried), leeway.count()) << address << " isn't tried any more";
        if (story.jumps == jumps && held == held_.end()) {
            EXPECT_LE(seconds(now() - story.accepted), (policy_.lifetime + longest).count())
                << address << " is kept for ever";
        }
    }

    /// What a crash may have undone: all that the queue doesn't know. `recorded` are those of whom
    /// the queue knows what became of them, or that have left it.
    void crashed(const std::set<std::string>& pending) {
        ++era;
        for (auto& [address, story] : stories) {
            if (story.taken == 0 || story.may_come_again || !pending.contains(address)) {
                continue;
            }
            const auto held = held_.find(story.message);
            const SteadyTime unwritten = held == held_.end() ? SteadyTime() : held->second;
            EXPECT_LE(seconds(now() - std::max({story.taken_at, trouble, unwritten})), 15)
                << address << " was delivered long before the crash, and not written down";
            story.may_come_again = true;
            story.was_unknown = true;
            story.is_settled = false;
        }
    }

    static std::int64_t seconds(SteadyTime::duration time) {
        return std::chrono::duration_cast<std::chrono::seconds>(time).count();
    }
    SteadyTime now() const { return clock_->steady_now(); }

private:
    void deferred(const std::string& address, Story& story, std::string_view line) {
        const auto shortest = policy_.first_delay - policy_.first_delay / 4;
        // At the end of its life, by the calendar.
        const bool is_last = delay_of(line) >= std::chrono::duration<double>(policy_.lifetime);
        const auto undated = undated_.find(story.message);
        const bool is_due_known = undated == undated_.end() || undated->second < story.attempted;
        if (story.attempts > 0 && story.attempted_in == era && is_due_known && !is_last) {
            EXPECT_GE(seconds(now() - story.attempted) + 1, shortest.count())
                << address << " is tried too early: " << line;
        }
        ++story.attempts;
        story.attempted = now();
        story.attempted_in = era;
    }
    static std::chrono::duration<double> delay_of(std::string_view line) {
        const std::string_view field = "delay=";
        return std::chrono::duration<double>(
            std::stod(std::string(line.substr(line.find(field) + field.size(), 20)))
        );
    }
    void failed(const std::string& address, Story& story, std::string_view line) {
        story.is_failed = true;
        if (line.find("given up") == std::string_view::npos) {
            EXPECT_TRUE(story.is_doomed) << address << " fails without a reason: " << line;
        } else if (story.jumps == jumps) {
            EXPECT_GE(seconds(now() - story.accepted) + 1, policy_.lifetime.count())
                << address << " expires early: " << line;
        } else {
            EXPECT_GE(story.attempts, 5) << address << " expires with few attempts: " << line;
        }
    }

    std::map<std::string, SteadyTime> undated_;  // by message: when its due time couldn't be noted
    std::set<std::string> left_;                 // reports that were to vanish, and couldn't
    std::map<std::string, SteadyTime> held_;     // by message: when it was last said to be
    const test::ManualClock*& clock_;            // that of the present life
    const schedule::RetryPolicy& policy_;
};

}  // namespace mxpost::deliver
