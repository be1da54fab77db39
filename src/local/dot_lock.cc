#include "local/dot_lock.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"

namespace mxpost::local {

namespace {

// Readers of lock files want a process id in the first line, 0 where there is none: ours would mean
// nothing in another container.
constexpr std::string_view kHead = "0\nmxpost ";

WallTime modified(const struct stat& status) {
    const auto since = std::chrono::seconds(status.st_mtim.tv_sec) +
                       std::chrono::nanoseconds(status.st_mtim.tv_nsec);
    return WallTime(std::chrono::duration_cast<std::chrono::microseconds>(since));
}

/// Whoever may make files beside the mailbox, as everybody in /tmp may, could write a mark: only a
/// lock file of this user says anything. (One with a second name was moved here by somebody else.)
bool is_ours(const struct stat& status) {
    return S_ISREG(status.st_mode) && status.st_uid == ::geteuid() && status.st_nlink == 1;
}

}  // namespace

std::string LockMark::text() const {
    return std::string(kHead) + std::to_string(inode) + " " + std::to_string(size) + " " +
           std::to_string(length) + "\n";
}

std::optional<LockMark> LockMark::parse(std::string_view text) {
    if (!text.starts_with(kHead) || !text.ends_with('\n')) {
        return std::nullopt;
    }
    text.remove_prefix(kHead.size());
    text.remove_suffix(1);
    const auto numbers = split(text, ' ');
    if (numbers.size() != 3) {
        return std::nullopt;
    }
    const auto inode = parse_unsigned(numbers[0]);
    const auto size = parse_unsigned(numbers[1]);
    const auto length = parse_unsigned(numbers[2]);
    if (!inode || !size || !length) {
        return std::nullopt;
    }
    return LockMark{*inode, *size, *length};
}

Result<bool> DotLock::try_acquire(std::uint64_t inode, WallTime now) {
    left_behind_.reset();  // what an earlier attempt saw may hold no more
    for (int attempt = 0; attempt < 2; ++attempt) {
        auto fd = files_.open(directory_, name_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
        if (fd) {
            fd_ = std::move(*fd);
            return true;
        }
        if (!fd.error().is(EEXIST)) {
            return fd.error();
        }
        const auto stale = is_stale(inode, now);
        if (!stale || !*stale) {
            return stale;
        }
        if (auto removed = files_.unlink(directory_, name_);
            !removed && !removed.error().is(ENOENT)) {
            left_behind_.reset();  // it stays, and would be obeyed at each delivery
            return removed.error();
        }
    }
    return false;  // somebody was faster
}

/// May the lock file that is there be removed? If it is mxpost's it is read into left_behind_.
Result<bool> DotLock::is_stale(std::uint64_t inode, WallTime now) {
    const auto status = files_.stat(directory_, name_);
    if (!status) {
        return status.error().is(ENOENT) ? Result<bool>(true) : Result<bool>(status.error());
    }
    auto fd = files_.open(directory_, name_, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const auto opened = fd ? files_.fstat(fd->get()) : fd.error();
    if (opened && is_ours(*opened)) {
        std::array<char, 128> text{};
        const auto got = files_.read(fd->get(), text.data(), text.size());
        const auto mark = got ? LockMark::parse(std::string_view(text.data(), *got)) : std::nullopt;
        if (mark && mark->inode == inode) {
            left_behind_ = mark;
            return true;
        }
    }
    return now - modified(*status) > kStaleAfter;
}

Result<void> DotLock::mark(const LockMark& mark) {
    return files_.write(fd_.get(), mark.text());
}

Result<void> DotLock::release() {
    if (!fd_) {
        return {};
    }
    const Fd fd = std::move(fd_);
    auto removed = files_.unlink(directory_, name_);
    if (removed || removed.error().is(ENOENT)) {
        return {};
    }
    (void)files_.ftruncate(fd.get(), 0).has_value();
    return removed;
}

}  // namespace mxpost::local
