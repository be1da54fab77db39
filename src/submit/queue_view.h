// What is shown of the queue: the messages of one caller's boxes, read one by one, in the order of
// their ids, given to a format (the familiar listing, JSON).
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/exit_status.h"
#include "spool/box_store.h"
#include "submit/engine_starter.h"
#include "submit/outcomes.h"
#include "submit/queue_selection.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

struct QueuedBox {
    std::string path;
    uid_t owner = 0;
    std::size_t messages = 0;  // that are selected
    bool has_engine = false;
};

/// References hold during the call that gets it.
struct QueuedMessage {
    const QueuedBox& box;
    const spool::EntryName& name;
    const spool::MessageFile& file;
    bool is_active = false;                    // some process has its lock
    bool is_over_limit = false;                // beyond max-queued-messages: no engine looks at it
    const std::vector<std::string>& requests;  // verbs of those that wait for it

    bool is_due(std::chrono::sys_seconds now) const { return name.due <= now; }
    std::uint32_t attempts() const;
};

class QueueFormat {
public:
    virtual ~QueueFormat() = default;
    /// Before the messages of a box that has some.
    virtual void begin_box(const QueuedBox& box) = 0;
    virtual void show(const QueuedMessage& message) = 0;
    virtual void end_box(const QueuedBox& box) = 0;
    /// `total`: messages that were shown.
    virtual void end(std::size_t total) = 0;
};

/// Shows what is selected of the caller's messages (of all users' for uid 0), spool by spool.
/// Damaged messages are told to `complain`. EX_OSERR when something can't be read. `starter` is for
/// mail whose submitter took the look at its box's lock for an engine.
ExitStatus show_queue(
    const Surroundings& around,
    const EngineStarter& starter,
    const QueueSelection& selection,
    QueueFormat& format,
    const LineSink& complain
);

/// Calls `visit` with each box of the caller's (of all users for uid 0) and its spool's path. Keep
/// none of them: there may be more than descriptors. False when a spool could not be listed, which
/// `complain` was told.
bool visit_boxes(
    const Surroundings& around,
    const LineSink& complain,
    const std::function<void(spool::BoxStore& store, const std::string& root)>& visit
);
/// The box that had this path.
Result<spool::Box> open_again(FileSystem& files, const std::string& path);

/// The selected messages' names, in the order of their ids. What can't be read isn't selected by
/// its envelope.
std::vector<spool::EntryName> selected_names(
    const Surroundings& around,
    spool::BoxStore& store,
    const QueueSelection& selection,
    const LineSink& complain
);

}  // namespace mxpost::submit
