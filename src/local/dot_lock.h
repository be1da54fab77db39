// DotLock: the lock file "NAME.lock" beside a mailbox, which Debian's mail programs take together
// with fcntl(2)'s lock (Debian policy 11.6).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"

namespace mxpost::local {

/// What mxpost writes into its lock file: how to find what it left behind when it was killed.
struct LockMark {
    std::uint64_t inode = 0;   // of the mailbox
    std::uint64_t size = 0;    // of the mailbox before the message
    std::uint64_t length = 0;  // that the message may take at most

    std::string text() const;
    static std::optional<LockMark> parse(std::string_view text);
    friend bool operator==(const LockMark&, const LockMark&) = default;
};

class DotLock {
public:
    /// A lock file of another program that is older holds no more: its program is dead.
    static constexpr std::chrono::minutes kStaleAfter{5};

    /// `directory` and `files` must outlive it.
    DotLock(FileSystem& files, int directory, const std::string& mailbox)
        : files_(files), directory_(directory), name_(mailbox + ".lock") {}
    DotLock(const DotLock&) = delete;
    DotLock& operator=(const DotLock&) = delete;
    /// Releases, if that wasn't done: nothing was written then.
    ~DotLock() { (void)release().has_value(); }

    /// One attempt: false when somebody has it. The caller holds fcntl's lock on the mailbox: a
    /// lock file of this user with a mark for the same inode belongs to a dead mxpost, and, once it
    /// is removed, left_behind() has it.
    Result<bool> try_acquire(std::uint64_t inode, WallTime now);
    const std::optional<LockMark>& left_behind() const { return left_behind_; }
    Result<void> mark(const LockMark& mark);
    /// Nothing when it isn't held. An error: it is still there, without its mark if that was
    /// possible.
    Result<void> release();
    bool is_held() const { return static_cast<bool>(fd_); }

private:
    Result<bool> is_stale(std::uint64_t inode, WallTime now);

    FileSystem& files_;
    int directory_;
    std::string name_;
    Fd fd_;
    std::optional<LockMark> left_behind_;
};

}  // namespace mxpost::local
