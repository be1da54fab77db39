#include "local/mbox.h"

#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "local/dot_lock.h"

namespace mxpost::local {

namespace {

constexpr std::size_t kTailSearch = 1024 * 1024;  // of a torn message, searched for another one

mail::RecipientOutcome deferred(std::string text) {
    return {mail::OutcomeKind::deferred, {4, 2, 0}, std::move(text)};
}

std::pair<std::string, std::string> split_path(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string directory = path.substr(0, slash);
    return {directory.empty() ? "/" : directory, path.substr(slash + 1)};
}

/// fcntl(2)'s lock on the whole file, as mail readers take it. Closing any descriptor of the file
/// would release it: there is only this one.
Result<bool> try_record_lock(int fd, short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd, F_SETLK, &lock) == 0) {
        return true;
    }
    if (errno == EACCES || errno == EAGAIN) {
        return false;
    }
    return Error::from_errno(errno, "fcntl(F_SETLK)");
}

bool is_same_file(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

class Appender {
public:
    Appender(const MailboxTools& tools, const MboxFile& mbox)
        : tools_(tools), mbox_(mbox), name_(split_path(mbox.path).second) {}

    mail::RecipientOutcome run(const MessageReader& message, const std::string& from_line) {
        auto directory =
            tools_.files.open(AT_FDCWD, split_path(mbox_.path).first, O_PATH | O_DIRECTORY);
        if (!directory) {
            return mailbox_trouble(mbox_.path, directory.error());
        }
        directory_ = std::move(*directory);
        DotLock dot_lock(tools_.files, directory_.get(), name_);
        if (auto trouble = lock(dot_lock)) {
            return *trouble;
        }
        auto written = write(dot_lock, message, from_line);
        if (!written) {
            return mailbox_trouble(mbox_.path, written.error());
        }
        return {mail::OutcomeKind::delivered, {2, 0, 0}, "delivered to " + mbox_.path};
    }

private:
    /// The mailbox, opened or made. nullopt in `trouble` when it is fit to be written to.
    std::optional<mail::RecipientOutcome> open() {
        const int flags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        for (int attempt = 0; attempt < 3; ++attempt) {
            auto fd = tools_.files.open(directory_.get(), name_, flags);
            is_new_ = false;
            if (!fd && fd.error().is(ENOENT)) {
                fd = tools_.files.open(
                    directory_.get(), name_, flags | O_CREAT | O_EXCL, mbox_.mode
                );
                is_new_ = fd.has_value();
            }
            if (fd) {
                fd_ = std::move(*fd);
                return check();
            }
            if (fd.error().is(ELOOP)) {
                return deferred(mbox_.path + " is a symbolic link, which is not followed");
            }
            if (!fd.error().is(EEXIST)) {
                return mailbox_trouble(mbox_.path, fd.error());
            }
        }
        return deferred(mbox_.path + " appears and disappears");
    }

    std::optional<mail::RecipientOutcome> check() {
        const auto status = tools_.files.fstat(fd_.get());
        if (!status) {
            return mailbox_trouble(mbox_.path, status.error());
        }
        if (!S_ISREG(status->st_mode)) {
            return deferred(mbox_.path + " is not a regular file");
        }
        if (mbox_.owner && status->st_uid != *mbox_.owner) {
            return deferred(
                mbox_.path + " belongs to uid " + std::to_string(status->st_uid) + ", not to " +
                std::to_string(*mbox_.owner)
            );
        }
        if (status->st_nlink > 1) {
            return deferred(mbox_.path + " has another name (a hard link)");
        }
        inode_ = status->st_ino;
        return std::nullopt;
    }

    /// Both locks, on the file that has the name now; nothing, or why not.
    std::optional<mail::RecipientOutcome> lock(DotLock& dot_lock) {
        const SteadyTime begun = tools_.clock.steady_now();
        while (true) {
            if (auto trouble = open()) {
                return trouble;
            }
            const auto locked = try_both(dot_lock);
            if (!locked) {
                return mailbox_trouble(mbox_.path + ".lock", locked.error());
            }
            if (*locked) {
                return std::nullopt;
            }
            fd_.reset();  // releases fcntl's lock
            if (tools_.clock.steady_now() - begun >= kLockWait) {
                return deferred(mbox_.path + " is locked by another program");
            }
            tools_.pause(std::chrono::milliseconds(50 + tools_.random.below(150)));
        }
    }

    Result<bool> try_both(DotLock& dot_lock) {
        auto locked = try_record_lock(fd_.get(), F_WRLCK);
        if (!locked || !*locked) {
            return locked;
        }
        locked = dot_lock.try_acquire(inode_, tools_.clock.now());
        const bool may_do_without = !mbox_.is_lock_file_must && !locked &&
                                    (locked.error().is(EACCES) || locked.error().is(EPERM) ||
                                     locked.error().is(EROFS) || locked.error().is(ENAMETOOLONG));
        if (!may_do_without && (!locked || !*locked)) {
            return locked;
        }
        // A mail reader that rewrote the mailbox meanwhile has put another file in its place.
        const auto here = tools_.files.fstat(fd_.get());
        const auto there = tools_.files.stat(directory_.get(), name_);
        if (here && there && is_same_file(*here, *there)) {
            return true;
        }
        if (auto released = dot_lock.release(); !released) {
            return released.error();
        }
        return false;
    }

    Result<void> write(
        DotLock& dot_lock, const MessageReader& message, const std::string& from_line
    ) {
        auto size = mend(dot_lock);
        if (!size) {
            return size.error();
        }
        if (dot_lock.is_held()) {
            // At most one quote in five octets, and a line end.
            const std::uint64_t length =
                message.size() + message.size() / 5 + from_line.size() + 16;
            if (auto marked = dot_lock.mark({inode_, *size, length}); !marked) {
                return marked;
            }
        }
        auto done = write_message(message, from_line, *size);
        if (done) {
            done = dot_lock.release();
        }
        if (!done) {
            take_back(*size);
        }
        return done;
    }

    Result<void> write_message(
        const MessageReader& message, const std::string& from_line, std::uint64_t size
    ) {
        auto gap = gap_before(size);
        if (!gap) {
            return gap.error();
        }
        if (auto done = tools_.files.write(fd_.get(), *gap + from_line + "\n"); !done) {
            return done;
        }
        FromQuoter quoter;
        auto done = message.read([&](std::string_view piece) {
            return tools_.files.write(fd_.get(), quoter.quote(piece));
        });
        if (done) {
            done = tools_.files.write(fd_.get(), quoter.finish() + "\n");
        }
        if (done) {
            done = tools_.files.fsync(fd_.get());
        }
        if (done && is_new_) {
            done = sync_directory();
        }
        return done;
    }

    /// A file that was just made has its name on disk only after this. A directory that may be
    /// written but not read can't be synced.
    Result<void> sync_directory() {
        auto fd = tools_.files.open(directory_.get(), ".", O_RDONLY | O_DIRECTORY);
        if (!fd) {
            return fd.error().is(EACCES) ? Result<void>() : Result<void>(fd.error());
        }
        return tools_.files.fsync(fd->get());
    }

    /// The size of the mailbox, after a message that a killed mxpost had begun was cut off.
    Result<std::uint64_t> mend(const DotLock& dot_lock) {
        const auto status = tools_.files.fstat(fd_.get());
        if (!status) {
            return status.error();
        }
        const auto size = static_cast<std::uint64_t>(status->st_size);
        const auto& mark = dot_lock.left_behind();
        if (!mark || size <= mark->size) {
            return size;
        }
        const std::uint64_t torn = size - mark->size;
        const auto is_only_ours =
            torn <= mark->length ? holds_one_message(mark->size, size) : Result<bool>(false);
        if (!is_only_ours) {
            return is_only_ours.error();
        }
        if (!*is_only_ours) {
            tools_.warn(
                mbox_.path +
                ": a delivery was killed while it wrote, and something was added "
                "since: a torn message may be at octet " +
                std::to_string(mark->size)
            );
            return size;
        }
        if (auto cut = tools_.files.ftruncate(fd_.get(), mark->size); !cut) {
            return cut.error();
        }
        tools_.warn(
            mbox_.path + ": a delivery was killed while it wrote: its " + std::to_string(torn) +
            " octets are removed, the queue has the message"
        );
        return mark->size;
    }

    /// False when a second From_ line may be between the two offsets.
    Result<bool> holds_one_message(std::uint64_t from, std::uint64_t to) {
        if (to - from > kTailSearch * 64) {
            return false;
        }
        std::string text;
        std::array<char, 64 * 1024> buffer{};
        bool is_first = true;
        while (from < to) {
            const auto got = tools_.files.pread(
                fd_.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), to - from), from
            );
            if (!got || *got == 0) {
                return got ? Result<bool>(false) : Result<bool>(got.error());
            }
            from += *got;
            text.append(buffer.data(), *got);
            std::size_t at = 0;
            while ((at = text.find("\nFrom ", at)) != std::string::npos) {
                // The gap before our own From_ line is one line end or two.
                if (!is_first || at > 1) {
                    return false;
                }
                ++at;
            }
            is_first = false;
            text.erase(0, text.size() - std::min<std::size_t>(text.size(), 5));
        }
        return true;
    }

    /// The line ends that are missing before a From_ line.
    Result<std::string> gap_before(std::uint64_t size) {
        if (size == 0) {
            return std::string();
        }
        std::array<char, 2> tail{};
        const std::uint64_t wanted = std::min<std::uint64_t>(size, 2);
        const auto got = tools_.files.pread(fd_.get(), tail.data(), wanted, size - wanted);
        if (!got) {
            return got.error();
        }
        const std::string_view text(tail.data(), *got);
        if (!text.ends_with('\n')) {
            tools_.warn(mbox_.path + ": its last line had no end: the message there may be torn");
            return std::string("\n\n");
        }
        return std::string(text == "\n\n" || text == "\n" ? "" : "\n");
    }

    void take_back(std::uint64_t size) {
        if (auto cut = tools_.files.ftruncate(fd_.get(), size); !cut) {
            tools_.warn(
                mbox_.path + ": a message that couldn't be written in full is still there: " +
                cut.error().message()
            );
        }
    }

    const MailboxTools& tools_;
    const MboxFile& mbox_;
    std::string name_;
    Fd directory_;
    Fd fd_;
    bool is_new_ = false;
    std::uint64_t inode_ = 0;
};

}  // namespace

mail::RecipientOutcome mailbox_trouble(const std::string& path, const Error& error) {
    const bool is_full = error.is(ENOSPC) || error.is(EDQUOT) || error.is(EFBIG);
    return {
        mail::OutcomeKind::deferred,
        {4, 2, static_cast<std::uint16_t>(is_full ? 2 : 0)},
        path + ": " + error.message()};
}

mail::RecipientOutcome append_to_mbox(
    const MailboxTools& tools,
    const MboxFile& mbox,
    const MessageReader& message,
    const std::string& from_line
) {
    Appender appender(tools, mbox);
    return appender.run(message, from_line);
}

}  // namespace mxpost::local
