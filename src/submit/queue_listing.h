// The listing that mailq has printed since Sendmail, which people and monitoring programs read:
//
//     <TAB><TAB>BOX (2 requests)
//     -------Q-ID------- --Size-- -----Q-Time----- ------------Sender/Recipient-----------
//     1gdw4fgsm000000001*     300 Mon Jan  1 12:00 <alice@example.com>
//           8BITMIME   (Deferred: 451 4.7.1 come back, says mx.example.org.)
//     <five TABs> <bob@example.org>
//     <TAB><TAB>Total requests: 2
//
// What stands in parentheses is why the recipients below it wait. An asterisk: being worked on; an
// exclamation mark: held.
#pragma once

#include <chrono>
#include <string>

#include "submit/queue_view.h"

namespace mxpost::submit {

class QueueListing final : public QueueFormat {
public:
    /// `out` must outlive it. Verbose: also attempts (where Sendmail has a priority), the next
    /// attempt, what is known of the message; and reasons below their recipients, as Sendmail does.
    QueueListing(const LineSink& out, std::chrono::sys_seconds now, bool is_verbose)
        : out_(out), now_(now), is_verbose_(is_verbose) {}

    void begin_box(const QueuedBox& box) override;
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox& box) override;
    void end(std::size_t total) override;

private:
    void show_status(const std::string& body_type, const std::string& reason) const;
    void show_details(const QueuedMessage& message) const;
    void show_recipients(const QueuedMessage& message, bool is_without_outcome) const;

    const LineSink& out_;
    std::chrono::sys_seconds now_;
    bool is_verbose_;
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
