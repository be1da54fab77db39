// The listing that mailq has printed since Sendmail, which people and monitoring programs read:
//
//                      (This host's address is on a block list: … (1 recipient))
//     <TAB><TAB>BOX (2 requests)
//     -------Q-ID------- --Size-- -----Q-Time----- ------------Sender/Recipient-----------
//     1gdw4fgsm000000001*     300 Mon Jan  1 12:00 <alice@example.com>
//           8BITMIME   (Deferred: 451 4.7.1 come back, says mx.example.org.)
//     <five TABs> <bob@example.org>
//     <TAB><TAB>Total requests: 2
//
// What stands in parentheses is why the recipients below it wait; in front of all, what this host
// is at fault for, by the first thousand messages. An asterisk: being worked on; an exclamation
// mark: held.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "submit/queue_view.h"
#include "submit/refusal_meanings.h"

namespace mxpost::submit {

class QueueListing final : public QueueFormat {
public:
    /// `out` must outlive it. Verbose: also attempts (where Sendmail has a priority), the next
    /// attempt, what is known of the message; and reasons below their recipients, as Sendmail does.
    /// `meanings` gets what it shows.
    QueueListing(
        const LineSink& out,
        std::chrono::sys_seconds now,
        bool is_verbose,
        bool is_everything,
        RefusalMeanings& meanings
    )
        : out_(out),
          now_(now),
          is_verbose_(is_verbose),
          is_everything_(is_everything),
          meanings_(meanings) {}

    void begin_box(const QueuedBox& box) override;
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox& box) override;
    void end(std::size_t total) override;

private:
    void put(std::string line);
    void release();
    void show_status(const std::string& body_type, const std::string& reason);
    void show_details(const QueuedMessage& message);
    void show_recipients(const QueuedMessage& message, bool is_without_outcome);

    const LineSink& out_;
    /// Lines that wait for the head, which the messages behind them write.
    std::optional<std::vector<std::string>> held_ = std::vector<std::string>();
    std::size_t shown_ = 0;  // messages
    std::chrono::sys_seconds now_;
    bool is_verbose_;
    bool is_everything_;  // not only what was selected
    RefusalMeanings& meanings_;
};

/// Why a recipient waits, "" when no attempt was made: "Deferred: 451 4.7.1 come back, says
/// mx.example.org.".
std::string reason_text(const spool::RecipientState& state);

/// As ctime(3) has it: "Mon Jan  1 12:00:00 2024".
std::string local_time(std::chrono::sys_seconds time);

/// "under way", "due now", "when it is released", or the local time of it.
std::string next_attempt_text(const QueuedMessage& message, std::chrono::sys_seconds now);

/// What is special about a message, in words: "bounce", "smtputf8", …
std::vector<std::string> message_traits(const QueuedMessage& message);

}  // namespace mxpost::submit
