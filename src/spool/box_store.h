// BoxStore: the Store that a box in the file system is.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "spool/request.h"
#include "spool/store.h"

namespace mxpost::spool {

/// A look through a box in pieces, for whoever can't wait for the end of a large one. What it tells
/// may be older than the call that tells it: a name may be gone by then.
class BoxListing {
public:
    struct Visitors {
        std::function<void(const EntryName&)> message;
        std::function<void(Request)> request;
        std::function<void(std::string_view name)> hidden;  // a file being written, or left over
    };

    explicit BoxListing(std::unique_ptr<FileSystem::Listing> entries)
        : entries_(std::move(entries)) {}
    /// At most `most` entries more; false when there are no more.
    Result<bool> read(std::size_t most, const Visitors& visitors);

private:
    std::unique_ptr<FileSystem::Listing> entries_;
};

/// Files in the box's corrupt/; 0 where that can't be read, or isn't a directory.
std::size_t count_corrupt(FileSystem& files, int box_directory);

class BoxStore final : public Store {
public:
    /// `files` and `log` must outlive it.
    BoxStore(FileSystem& files, Box box) : files_(&files), box_(std::move(box)) {}

    const Box& box() const { return box_; }
    const std::string& label() const override { return box_.path(); }
    uid_t owner() const override { return box_.owner(); }
    Result<void> list(const std::function<void(const EntryName&)>& visit) override;
    /// The same, with the requests that lie in the box.
    Result<void> list(
        const std::function<void(const EntryName&)>& visit,
        const std::function<void(Request)>& visit_request
    );
    Result<BoxListing> open_listing();
    ClaimResult claim(const EntryName& name) override;
    Result<std::unique_ptr<Claim>> submit_stream(
        const MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const BodySource& body,
        std::chrono::sys_seconds due
    ) override;
    /// And all that claim() has set aside so far.
    Result<void> sync_removals() override;

    /// Asks the process that has the message's claim for `verb`.
    Result<void> leave_request(const MessageId& id, std::string_view verb);
    /// Who left this request; nothing when it isn't there.
    std::optional<uid_t> asker(const Request& request);
    /// Takes a request away. True when it was there: it is the caller's now.
    bool take_request(const Request& request);

    /// Removes hidden files that a crashed submitter left, older than a day. Returns how many.
    std::size_t remove_leftovers(WallTime now);
    /// The same for these names of hidden files, which a listing has given.
    std::size_t remove_leftovers(WallTime now, const std::vector<std::string>& names);
    /// Message files in corrupt/.
    std::size_t count_corrupt() { return spool::count_corrupt(*files_, box_.directory()); }

private:
    FileSystem* files_;
    Box box_;
    // Removals may be synced by another thread.
    std::unique_ptr<std::atomic<bool>> has_unsynced_corrupt_ =
        std::make_unique<std::atomic<bool>>(false);
};

/// Opens and reads a message without claiming it: for mailq. The checks of a claim are made.
Result<MessageFile> read_message(FileSystem& files, const Box& box, const EntryName& name);

/// True when some process holds the message's lock.
bool is_claimed(FileSystem& files, const Box& box, const EntryName& name);

}  // namespace mxpost::spool
