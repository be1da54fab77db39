// `mxpost queue show`: everything that is known of a message, for people and for programs.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "submit/outcomes.h"
#include "submit/queue_view.h"

namespace mxpost::submit {

struct DetailChoice {
    bool is_json = false;
    bool has_content = false;      // header and body, too (not as JSON)
    bool is_for_terminal = false;  // the content printable, line by line; else as it is
};

class MessageDetails final : public QueueFormat {
public:
    using OctetSink = std::function<void(std::string_view octets)>;
    /// `files` and the sinks must outlive it. `octets` gets the content, as it is.
    MessageDetails(
        FileSystem& files,
        const LineSink& out,
        const OctetSink& octets,
        std::chrono::sys_seconds now,
        DetailChoice choice
    )
        : files_(files), out_(out), octets_(octets), now_(now), choice_(choice) {}

    void begin_box(const QueuedBox&) override {}
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox&) override {}
    void end(std::size_t) override {}

    /// Ids that were shown.
    const std::set<std::string>& shown() const { return shown_; }
    /// A content couldn't be read to its end, which its reader was told.
    bool is_incomplete() const { return is_incomplete_; }

private:
    void show_message(const QueuedMessage& message) const;
    void show_recipient(const mail::Recipient& recipient, const spool::RecipientState& state) const;
    void show_content(const QueuedMessage& message);
    void field(std::string_view name, const std::string& value) const;

    FileSystem& files_;
    const LineSink& out_;
    const OctetSink& octets_;
    std::chrono::sys_seconds now_;
    DetailChoice choice_;
    std::set<std::string> shown_;
    bool is_incomplete_ = false;
};

/// "451 4.7.1 come back (mx.example.org [192.0.2.1], TLSv1.3 …)", in printable characters.
std::string outcome_text(const mail::RecipientOutcome& outcome);

}  // namespace mxpost::submit
