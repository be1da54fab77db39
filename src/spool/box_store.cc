#include "spool/box_store.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/message_writer.h"

namespace mxpost::spool {
namespace {

// Nothing that a user can put in a box must make us wait (FIFO), follow (symlink) or become its
// terminal.
constexpr int kSafeFlags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/// What open says of symbolic links, sockets and directories. A file that we may not open (EACCES)
/// is none of these: a security module's denial, or a box without set-gid, must not cost mail.
bool is_wrong_kind(const Error& error) {
    return error.is(ELOOP) || error.is(ENXIO) || error.is(EISDIR);
}

Result<Fd> open_corrupt(FileSystem& files, int box) {
    return files.open(box, kCorruptName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}

/// Moves a message into the box's corrupt/. Durable only after sync_corrupt(): a crash before finds
/// it there, or in its place.
Result<void> move_to_corrupt(FileSystem& files, int box, const std::string& name) {
    // Open to all, because the box itself keeps everybody else out, and the engines of its owner
    // and of the spool's group must both be able to use what the other has made. So its owner can
    // move it elsewhere: see SpoolRoot::open_box().
    const mode_t mask = files.umask(0);
    auto made = files.mkdir(box, kCorruptName, 0777);
    files.umask(mask);
    if (!made && !made.error().is(EEXIST)) {
        return made.error();
    }
    if (made) {
        // Before anything is moved there: what lies in a directory without a name is lost.
        if (auto synced = files.fsync(box); !synced) {
            return synced.error();
        }
    }
    auto corrupt = open_corrupt(files, box);
    if (!corrupt) {
        return corrupt.error();
    }
    return files.rename_to(box, name, corrupt->get(), name);
}

Result<void> sync_corrupt(FileSystem& files, int box) {
    auto corrupt = open_corrupt(files, box);
    if (!corrupt) {
        return corrupt.error();
    }
    // The new entry before the lost one: a crash between must not lose the file.
    if (auto synced = files.fsync(corrupt->get()); !synced) {
        return synced.error();
    }
    return files.fsync(box);
}

/// What a message file must be, whoever made it: else a user could have us act on another's file.
Result<void> check_identity(const struct stat& status, uid_t owner) {
    if (!S_ISREG(status.st_mode)) {
        return Error::invalid("not a regular file");
    }
    if (status.st_nlink != 1) {
        return Error::invalid("has " + std::to_string(status.st_nlink) + " links");
    }
    if (status.st_uid != owner) {
        return Error::invalid(
            "belongs to uid " + std::to_string(status.st_uid) + ", not to the box's owner"
        );
    }
    return {};
}

void tell(const BoxListing::Visitors& visitors, std::string_view text) {
    if (const auto name = EntryName::parse(text)) {
        visitors.message(*name);
    } else if (auto request = Request::parse(text)) {
        visitors.request(std::move(*request));
    } else if (text.starts_with(kHiddenPrefix)) {
        visitors.hidden(text);
    }
}

/// Should the machine lose it, something would be sent, reported or forgotten that mustn't be. A
/// deferral that is lost only means an early attempt, and a site that is down may have a hundred
/// thousand of them.
bool must_last(const Record& record) {
    if (const auto* outcome = std::get_if<OutcomeRecord>(&record)) {
        return outcome->outcome.kind != mail::OutcomeKind::deferred;
    }
    return !std::holds_alternative<DialogueRecord>(record) &&
           !std::holds_alternative<NoteRecord>(record) &&
           !std::holds_alternative<AgainRecord>(record);
}

/// The process that wrote it may have been killed before its sync.
bool must_last(const JournalState& journal) {
    return journal.is_held() || std::ranges::any_of(journal.recipients, [](const auto& state) {
               return !state.is_pending() || state.is_failure_reported || state.is_delay_reported ||
                      state.is_success_reported;
           });
}

class BoxClaim final : public Claim {
public:
    BoxClaim(FileSystem& files, const Box& box, EntryName name, MessageFile message)
        : files_(files),
          box_(box),
          name_(std::move(name)),
          message_(std::move(message)),
          unsynced_(message_.take_replayed()),
          is_dirty_(must_last(message_.journal())) {}

    const EntryName& name() const override { return name_; }
    uid_t submitter() const override { return box_.owner(); }
    const mail::Envelope& envelope() const override { return message_.envelope(); }
    const std::string& header() const override { return message_.header(); }
    std::uint64_t content_size() const override { return message_.content_size(); }
    const JournalState& journal() const override { return message_.journal(); }

    std::unique_ptr<mail::Content> content(std::string header) override {
        return std::make_unique<FileContent>(files_, message_, std::move(header));
    }

    Result<void> append(const std::vector<Record>& records) override {
        remember(records);
        return write_pending();
    }

    void remember(const std::vector<Record>& records) override {
        for (const Record& record : records) {
            unwritten_ += encode_record(record);
            message_.journal().apply(record);
            is_worth_sync_ |= must_last(record);
            takes_room_ |= !must_last(record);
        }
    }

    Result<void> sync() override {
        if (!is_dirty_) {
            return {};
        }
        auto done = files_.fdatasync(message_.fd());
        is_dirty_ = false;
        if (done) {
            unsynced_.clear();
        } else {
            take_back();
        }
        return done;
    }

    bool is_unrecorded() const override { return !unwritten_.empty(); }

    Result<void> record_again() override { return write_pending(); }

    Result<void> postpone(std::chrono::sys_seconds due) override {
        EntryName next{name_.id, due};
        if (next == name_) {
            return {};
        }
        auto renamed = files_.rename(box_.directory(), name_.text(), next.text());
        if (renamed) {
            name_ = std::move(next);
        }
        return renamed;
    }

    Result<void> remove() override {
        auto removed = files_.unlink(box_.directory(), name_.text());
        if (!removed && removed.error().is(ENOENT)) {
            // Its owner was faster. Under another name it would be sent again, so that is no
            // removal.
            const auto status = files_.fstat(message_.fd());
            return status && status->st_nlink == 0 ? Result<void>() : removed;
        }
        return removed;
    }

    Fd take_file() override { return message_.take_file(); }

    Result<void> set_aside() override {
        auto moved = move_to_corrupt(files_, box_.directory(), name_.text());
        return moved ? sync_corrupt(files_, box_.directory()) : moved;
    }

private:
    /// Room for the outcomes that are still to come, as submission reserved it: what is written
    /// meanwhile has used it up, or a torn tail that was cut off has given it away.
    void reserve_again() {
        const auto& states = message_.journal().recipients;
        const auto pending = std::count_if(states.begin(), states.end(), [](const auto& state) {
            return state.is_pending();
        });
        if (pending > 0) {
            // Where there is no room now, the promise can't be kept, but nothing is lost by trying.
            (void)reserve_outcomes(
                files_,
                message_.fd(),
                message_.journal_end(),
                unwritten_.size(),
                static_cast<std::size_t>(pending)
            )
                .has_value();
        }
    }

    /// After a sync that failed the kernel may have dropped what was written, and say "fine" the
    /// next time: only what is written once more can be synced.
    void take_back() {
        message_.take_back(unsynced_.size());
        unwritten_.insert(0, std::exchange(unsynced_, {}));
        is_worth_sync_ = true;
    }

    /// Records behind a torn one would never be read.
    Result<void> cut_torn_tail() {
        if (auto cut = files_.ftruncate(message_.fd(), message_.journal_end()); !cut) {
            return cut;
        }
        message_.set_journal_end(message_.journal_end());
        // Where this fails both are tried again: no octets are in question that the kernel could
        // have dropped, and a file system that can't write down a size writes nothing any more.
        if (auto synced = files_.fdatasync(message_.fd()); !synced) {
            return synced;
        }
        message_.clear_torn();
        reserve_again();
        return {};
    }

    Result<void> write_pending() {
        if (unwritten_.empty()) {
            return {};
        }
        if (message_.is_torn()) {
            if (auto cut = cut_torn_tail(); !cut) {
                return cut;
            }
        }
        if (auto written = files_.pwrite(message_.fd(), unwritten_, message_.journal_end());
            !written) {
            // Part of it may be there: the next try overwrites it.
            message_.wrote_in_part(unwritten_.size());
            return written;
        }
        message_.set_journal_end(message_.journal_end() + unwritten_.size());
        unsynced_ += std::exchange(unwritten_, {});
        is_dirty_ |= std::exchange(is_worth_sync_, false);
        if (std::exchange(takes_room_, false)) {
            reserve_again();
        }
        return {};
    }

    FileSystem& files_;
    const Box& box_;
    EntryName name_;
    MessageFile message_;
    std::string unwritten_;
    std::string unsynced_;        // the journal's end, since the last sync that we know of
    bool is_worth_sync_ = false;  // something of unwritten_ is
    bool is_dirty_;               // something of unsynced_ is worth a sync
    bool takes_room_ = false;     // something of unwritten_ isn't what the room was reserved for
};

ClaimResult refuse(ClaimRefusal refusal, std::string reason) {
    return {nullptr, refusal, std::move(reason)};
}

}  // namespace

Result<void> BoxStore::list(const std::function<void(const EntryName&)>& visit) {
    return list(visit, [](const Request&) {});
}

Result<void> BoxStore::list(
    const std::function<void(const EntryName&)>& visit,
    const std::function<void(Request)>& visit_request
) {
    const BoxListing::Visitors visitors{visit, visit_request, [](std::string_view) {}};
    return files_->list(box_.directory(), [&](std::string_view text, unsigned char) {
        tell(visitors, text);
        return true;
    });
}

Result<BoxListing> BoxStore::open_listing() {
    auto entries = files_->open_listing(box_.directory());
    if (!entries) {
        return entries.error();
    }
    return BoxListing(std::move(*entries));
}

Result<bool> BoxListing::read(std::size_t most, const Visitors& visitors) {
    return entries_->read(most, [&](std::string_view text, unsigned char) {
        tell(visitors, text);
    });
}

Result<void> BoxStore::leave_request(const MessageId& id, std::string_view verb) {
    return spool::leave_request(*files_, box_.directory(), {id, std::string(verb)});
}

std::optional<uid_t> BoxStore::asker(const Request& request) {
    const auto entry = files_->stat(box_.directory(), request.text());
    return entry ? std::optional(entry->st_uid) : std::nullopt;
}

bool BoxStore::take_request(const Request& request) {
    // The look first: nearly always there is none, and a look is cheaper than a failed unlink.
    return files_->stat(box_.directory(), request.text()).has_value() &&
           files_->unlink(box_.directory(), request.text()).has_value();
}

ClaimResult BoxStore::claim(const EntryName& name) {
    const std::string text = name.text();
    const auto quarantine = [&](const std::string& why) {
        auto moved = move_to_corrupt(*files_, box_.directory(), text);
        if (!moved && moved.error().is(ENOENT)) {
            return refuse(ClaimRefusal::gone, "removed meanwhile");
        }
        if (!moved) {
            return refuse(
                ClaimRefusal::failed, why + "; and can't set it aside: " + moved.error().message()
            );
        }
        *has_unsynced_corrupt_ = true;
        return refuse(ClaimRefusal::set_aside, why);
    };
    auto file = files_->open(box_.directory(), text, O_RDWR | kSafeFlags);
    if (!file) {
        if (file.error().is(ENOENT)) {
            return refuse(ClaimRefusal::gone, "removed meanwhile");
        }
        return is_wrong_kind(file.error()) ? quarantine("not a regular file")
                                           : refuse(ClaimRefusal::failed, file.error().message());
    }
    // Before anything is read: reading a device could have effects.
    const auto before = files_->fstat(file->get());
    if (!before) {
        return refuse(ClaimRefusal::failed, before.error().message());
    }
    if (!S_ISREG(before->st_mode)) {
        return quarantine("not a regular file");
    }
    const auto locked = files_->try_lock(file->get());
    if (!locked) {
        return refuse(ClaimRefusal::failed, locked.error().message());
    }
    if (!*locked) {
        return refuse(ClaimRefusal::busy, "in use");
    }
    // Whoever had the lock until now may have removed or renamed it: the name must still lead here.
    const auto named = files_->stat(box_.directory(), text);
    const auto held = files_->fstat(file->get());
    if (!held) {
        return refuse(ClaimRefusal::failed, held.error().message());
    }
    if (!named && !named.error().is(ENOENT)) {
        return refuse(ClaimRefusal::failed, named.error().message());
    }
    if (!named || named->st_ino != held->st_ino || named->st_dev != held->st_dev) {
        return refuse(ClaimRefusal::gone, "removed meanwhile");
    }
    if (auto checked = check_identity(*held, box_.owner()); !checked) {
        return quarantine(checked.error().message());
    }
    auto message =
        MessageFile::read(*files_, std::move(*file), static_cast<std::uint64_t>(held->st_size));
    if (!message) {
        return is_corrupt(message.error())
                   ? quarantine(message.error().message())
                   : refuse(ClaimRefusal::failed, message.error().message());
    }
    ClaimResult result;
    result.claim = std::make_unique<BoxClaim>(*files_, box_, name, std::move(*message));
    return result;
}

Result<std::unique_ptr<Claim>> BoxStore::submit_stream(
    const MessageId& id,
    const mail::Envelope& envelope,
    const std::string& header,
    const BodySource& body,
    std::chrono::sys_seconds due
) {
    auto writer = MessageWriter::create(*files_, box_, id);
    if (!writer) {
        return writer.error();
    }
    if (auto done = writer->begin(envelope, header); !done) {
        return done.error();
    }
    if (auto done = writer->append_all(body); !done) {
        return done.error();
    }
    if (auto done = writer->sync_content(envelope.is_eight_bit, envelope.has_long_lines); !done) {
        return done.error();
    }
    // Before it has a name: afterwards it could be sent although the caller hears of a failure, and
    // will submit it again.
    auto file = writer->share_file();
    if (!file) {
        return file.error();
    }
    auto message = MessageFile::read(*files_, std::move(*file));
    if (!message) {
        return message.error();
    }
    auto committed = writer->publish(due);
    if (!committed) {
        return committed.error();
    }
    return std::unique_ptr<Claim>(
        std::make_unique<BoxClaim>(*files_, box_, std::move(committed->name), std::move(*message))
    );
}

Result<void> BoxStore::sync_removals() {
    if (has_unsynced_corrupt_->exchange(false)) {
        if (auto synced = sync_corrupt(*files_, box_.directory()); synced) {
            return synced;
        }
        // Its owner may have taken corrupt/ away: no reason to leave the removals unsynced.
    }
    return files_->fsync(box_.directory());
}

std::size_t BoxStore::remove_leftovers(WallTime now) {
    std::vector<std::string> names;
    (void)files_
        ->list(
            box_.directory(),
            [&](std::string_view name, unsigned char) {
                if (name.starts_with(kHiddenPrefix)) {
                    names.emplace_back(name);
                }
                return true;
            }
        )
        .has_value();
    return remove_leftovers(now, names);
}

std::size_t BoxStore::remove_leftovers(WallTime now, const std::vector<std::string>& names) {
    constexpr std::chrono::hours kOld{24};
    std::size_t removed = 0;
    for (const std::string& name : names) {
        const auto status = files_->stat(box_.directory(), name);
        if (status && now - WallTime(std::chrono::seconds(status->st_mtime)) > kOld &&
            files_->unlink(box_.directory(), name)) {
            ++removed;
        }
    }
    return removed;
}

std::size_t count_corrupt(FileSystem& files, int box_directory) {
    std::size_t count = 0;
    if (auto corrupt = open_corrupt(files, box_directory)) {
        (void)files
            .list(
                corrupt->get(),
                [&](std::string_view, unsigned char) {
                    ++count;
                    return true;
                }
            )
            .has_value();
    }
    return count;
}

Result<MessageFile> read_message(FileSystem& files, const Box& box, const EntryName& name) {
    auto file = files.open(box.directory(), name.text(), O_RDONLY | kSafeFlags);
    if (!file) {
        return file.error();
    }
    const auto status = files.fstat(file->get());
    if (!status) {
        return status.error();
    }
    if (auto checked = check_identity(*status, box.owner()); !checked) {
        return checked.error();
    }
    return MessageFile::read(files, std::move(*file));
}

bool is_claimed(FileSystem& files, const Box& box, const EntryName& name) {
    auto file = files.open(box.directory(), name.text(), O_RDONLY | kSafeFlags);
    if (!file) {
        return false;
    }
    const auto locked = files.try_lock_shared(file->get());
    return locked && !*locked;
}

}  // namespace mxpost::spool
