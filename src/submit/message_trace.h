// `mxpost trace`: what was said and what came of it in each attempt at a message, as its journal
// keeps it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "submit/outcomes.h"
#include "submit/queue_view.h"

namespace mxpost::submit {

class MessageTrace final : public QueueFormat {
public:
    /// `files` and `out` must outlive it.
    MessageTrace(FileSystem& files, const LineSink& out, bool is_json)
        : files_(files), out_(out), is_json_(is_json) {}

    void begin_box(const QueuedBox&) override {}
    void show(const QueuedMessage& message) override;
    void end_box(const QueuedBox&) override {}
    void end(std::size_t) override {}

    /// Ids that were shown.
    const std::set<std::string>& shown() const { return shown_; }
    /// A journal could not be read, which its reader was told.
    bool is_incomplete() const { return is_incomplete_; }

private:
    void show_record(const QueuedMessage& message, const spool::Record& record) const;

    FileSystem& files_;
    const LineSink& out_;
    bool is_json_;
    std::set<std::string> shown_;
    bool is_incomplete_ = false;
};

/// A journal has a dialogue behind the outcomes that came of it, for it is known when it is over:
/// here it stands before them. One that was written down line by line is one record.
std::vector<spool::Record> in_order_of_events(std::vector<spool::Record> records);

}  // namespace mxpost::submit
