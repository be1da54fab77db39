// Store: the queue as an engine sees it. One implementation is a box in the file system (BoxStore);
// a shared queue in a database is to follow, so nothing above this line knows about files.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/file_system.h"
#include "mail/content.h"
#include "spool/body_source.h"
#include "spool/box.h"
#include "spool/entry_name.h"
#include "spool/journal.h"
#include "spool/message_file.h"

namespace mxpost::spool {

/// One message, claimed: nobody else appends to it, renames it or removes it while this lives.
class Claim {
public:
    virtual ~Claim() = default;
    virtual const EntryName& name() const = 0;
    /// Who submitted it: the file's owner, never what its text says.
    virtual uid_t submitter() const = 0;
    virtual const mail::Envelope& envelope() const = 0;
    /// Lines with CRLF, without the empty line.
    virtual const std::string& header() const = 0;
    /// Octets of header, empty line and body.
    virtual std::uint64_t content_size() const = 0;
    virtual const JournalState& journal() const = 0;
    /// Header (this one instead of the stored one) and body, from the start. Must not outlive the
    /// claim.
    virtual std::unique_ptr<mail::Content> content(std::string header) = 0;

    /// Appends records and applies them to journal(). Not durable until sync(), and deferrals not
    /// even then: nothing hangs on them. On an error they
    /// count in memory all the same, and is_unrecorded() says so: nothing may be sent again from
    /// this claim, and it must be kept until they could be written.
    virtual Result<void> append(const std::vector<Record>& records) = 0;
    /// Applies records that are written with the next append or record_again() only: for what the
    /// message's removal, next, says as well.
    virtual void remember(const std::vector<Record>& records) = 0;
    virtual Result<void> sync() = 0;
    /// An append or sync failed and wasn't made good since.
    virtual bool is_unrecorded() const = 0;
    /// Tries again to write what is_unrecorded() is about.
    virtual Result<void> record_again() = 0;

    /// The next attempt is due then. Not synced: an older due time only means an early attempt.
    virtual Result<void> postpone(std::chrono::sys_seconds due) = 0;
    /// Takes the message off the queue. Durable only after Store::sync_removals().
    virtual Result<void> remove() = 0;
    /// After remove(): the file, for somebody else to close. With that the file system takes its
    /// room back, which may take long. Nothing may be done with the claim any more.
    virtual Fd take_file() { return {}; }
    /// Puts the message where no engine looks (corrupt/), durably.
    virtual Result<void> set_aside() = 0;
};

enum class ClaimRefusal {
    busy,       // another process has it: try again
    gone,       // delivered or removed meanwhile
    set_aside,  // it was corrupt and is now in corrupt/; `reason` says why. See sync_removals()
    failed      // a call failed; `reason` says which: try again later
};

struct ClaimResult {
    std::unique_ptr<Claim> claim;  // null: `refusal` and `reason` hold
    ClaimRefusal refusal = ClaimRefusal::failed;
    std::string reason;
};

class Store {
public:
    virtual ~Store() = default;
    /// For messages: "/var/spool/mxpost/1000".
    virtual const std::string& label() const = 0;
    virtual uid_t owner() const = 0;
    /// Every message's name, in no order. Entries that are none are passed over.
    virtual Result<void> list(const std::function<void(const EntryName&)>& visit) = 0;
    virtual ClaimResult claim(const EntryName& name) = 0;
    /// A new message (a report, or a copy that goes on): durable when it returns, and claimed, so
    /// that it isn't sent before the caller has written down that it exists. The store must be of
    /// the engine's own uid: a claim refuses what belongs to another.
    virtual Result<std::unique_ptr<Claim>> submit_stream(
        const MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const BodySource& body,
        std::chrono::sys_seconds due
    ) = 0;
    /// The same for a body in memory.
    Result<std::unique_ptr<Claim>> submit(
        const MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const std::string& body,
        std::chrono::sys_seconds due
    );
    /// Makes all removals so far durable, and where claims have put what was corrupt: after a crash
    /// before that it may be found once more.
    virtual Result<void> sync_removals() = 0;
};

}  // namespace mxpost::spool
