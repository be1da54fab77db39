// The queue for programs: one JSON object (RFC 8259) a line for each message. mxpost(8) lists the
// members; those that Postfix's `postqueue -j` has are called as there.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/json.h"
#include "submit/queue_view.h"

namespace mxpost::submit {

class QueueJson final : public QueueFormat {
public:
    /// `out` must outlive it.
    QueueJson(const LineSink& out, std::chrono::sys_seconds now) : out_(out), now_(now) {}

    void begin_box(const QueuedBox&) override {}
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox&) override {}
    void end(std::size_t) override {}

private:
    const LineSink& out_;
    std::chrono::sys_seconds now_;
};

/// What is known of a message, for `mxpost queue list` and `show`.
JsonObject message_object(const QueuedMessage& message, std::chrono::sys_seconds now);

/// "new", "deferred", "delivered", "failed".
const char* state_word(const spool::RecipientState& state);

}  // namespace mxpost::submit
