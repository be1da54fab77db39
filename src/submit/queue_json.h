// The queue for programs: one JSON object (RFC 8259) a line for each message. mxpost(8) lists the
// members; those that Postfix's `postqueue -j` has are called as there.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

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

/// A JSON string with its quotes: UTF-8 without control characters, whatever `text` is.
std::string json_string(std::string_view text);

}  // namespace mxpost::submit
