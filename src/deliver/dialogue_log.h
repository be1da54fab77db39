// What was said in an attempt: collected, bounded, for the journal.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "protocol/dialogue.h"

namespace mxpost::deliver {

/// Keeps the lines of one attempt: "C: …", "S: …", "-- …", each made printable, joined by LF. Past
/// the bound the middle is what is missing: the start says how a session went wrong, the end says
/// what came of it.
class DialogueLog final : public protocol::Dialogue {
public:
    using Listener = std::function<void(const std::string& line)>;
    /// `listener` (may be empty) gets each line as it happens.
    explicit DialogueLog(Listener listener = {}) : listener_(std::move(listener)) {}

    void client(std::string_view line) override { add("C: ", line); }
    void server(std::string_view line) override { add("S: ", line); }
    void note(std::string_view line) override { add("-- ", line); }

    bool is_empty() const { return head_.empty(); }
    std::string text() const;

private:
    void add(std::string_view prefix, std::string_view line);

    Listener listener_;
    std::string head_;
    std::string tail_;
    bool is_cut_ = false;
};

/// A session outlives the messages that it carries: this is the Dialogue that it gets, and it
/// passes lines on to that of the message in hand.
class DialogueSwitch final : public protocol::Dialogue {
public:
    /// `target` may be null; it must stay until it is replaced.
    void point_to(protocol::Dialogue* target) { target_ = target; }

    void client(std::string_view line) override {
        if (target_ != nullptr) {
            target_->client(line);
        }
    }
    void server(std::string_view line) override {
        if (target_ != nullptr) {
            target_->server(line);
        }
    }
    void note(std::string_view line) override {
        if (target_ != nullptr) {
            target_->note(line);
        }
    }

private:
    protocol::Dialogue* target_ = nullptr;
};

}  // namespace mxpost::deliver
