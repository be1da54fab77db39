// BoxStore: the Store that a box in the file system is.
#pragma once

#include "base/log.h"
#include "spool/request.h"
#include "spool/store.h"

namespace mxpost::spool {

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
    ClaimResult claim(const EntryName& name) override;
    Result<std::unique_ptr<Claim>> submit_stream(
        const MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const BodySource& body,
        std::chrono::sys_seconds due
    ) override;
    Result<void> sync_removals() override;

    /// Asks the process that has the message's claim for `verb`.
    Result<void> leave_request(const MessageId& id, std::string_view verb);
    /// Takes a request away. True when it was there: it is the caller's now.
    bool take_request(const Request& request);

    /// Removes hidden files that a crashed submitter left, older than a day. Returns how many.
    std::size_t remove_leftovers(WallTime now);
    /// Message files in corrupt/.
    std::size_t count_corrupt();

private:
    FileSystem* files_;
    Box box_;
};

/// Opens and reads a message without claiming it: for mailq. The checks of a claim are made.
Result<MessageFile> read_message(FileSystem& files, const Box& box, const EntryName& name);

/// True when some process holds the message's lock.
bool is_claimed(FileSystem& files, const Box& box, const EntryName& name);

}  // namespace mxpost::spool
