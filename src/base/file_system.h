// FileSystem: the seam through which the spool makes every system call, so that a test can fail,
// stop and record each one.
//
// Methods are POSIX calls with the retry on EINTR done and errno turned into an Error whose context
// is "call name". They add no meaning of their own; names are relative to the directory descriptor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace mxpost {

class FileSystem {
public:
    struct Space {
        std::uint64_t free_bytes = 0;   // for unprivileged users
        std::uint64_t free_inodes = 0;  // UINT64_MAX where the file system doesn't count them
        bool is_network =
            false;  // NFS, CIFS, 9p, FUSE over a network: no promise about fsync and locks
    };

    /// Of a directory's entries, in pieces.
    class Listing {
    public:
        virtual ~Listing() = default;
        /// Gives the next `most` entries at most, as `list` does; false when there are no more.
        virtual Result<bool> read(
            std::size_t most,
            const std::function<void(std::string_view name, unsigned char type)>& visit
        ) = 0;
    };

    virtual ~FileSystem() = default;

    /// openat(2); O_CLOEXEC is added.
    virtual Result<Fd> open(int directory, const std::string& name, int flags, mode_t mode = 0) = 0;
    virtual Result<std::size_t> read(int fd, char* buffer, std::size_t size) = 0;
    virtual Result<std::size_t> pread(
        int fd, char* buffer, std::size_t size, std::uint64_t offset
    ) = 0;
    /// Writes all of `data`, or fails (then any part may have been written).
    virtual Result<void> write(int fd, std::string_view data) = 0;
    virtual Result<void> pwrite(int fd, std::string_view data, std::uint64_t offset) = 0;
    /// An error means that the data may be lost even if a later fsync succeeds: never retry it.
    virtual Result<void> fsync(int fd) = 0;
    virtual Result<void> fdatasync(int fd) = 0;
    /// Gives the O_TMPFILE file `fd` its name, through /proc/self/fd. EEXIST if the name is taken.
    virtual Result<void> link_fd(int fd, int directory, const std::string& name) = 0;
    /// renameat2(RENAME_NOREPLACE) within one directory.
    virtual Result<void> rename(int directory, const std::string& from, const std::string& to) = 0;
    /// renameat2(RENAME_NOREPLACE) between two directories of one file system.
    virtual Result<void> rename_to(
        int from_directory, const std::string& from, int to_directory, const std::string& to
    ) = 0;
    /// rename(2) within one directory: whatever `to` was is gone, at no moment neither is there.
    virtual Result<void> replace(int directory, const std::string& from, const std::string& to) = 0;
    virtual Result<void> unlink(int directory, const std::string& name) = 0;
    virtual Result<void> mkdir(int directory, const std::string& name, mode_t mode) = 0;
    virtual Result<void> rmdir(int directory, const std::string& name) = 0;
    virtual Result<struct stat> fstat(int fd) = 0;
    /// fstatat(AT_SYMLINK_NOFOLLOW).
    virtual Result<struct stat> stat(int directory, const std::string& name) = 0;
    virtual Result<void> fchmod(int fd, mode_t mode) = 0;
    virtual Result<void> ftruncate(int fd, std::uint64_t size) = 0;
    /// Reserves room without changing the size (FALLOC_FL_KEEP_SIZE).
    virtual Result<void> reserve(int fd, std::uint64_t offset, std::uint64_t size) = 0;
    /// flock(LOCK_EX | LOCK_NB): false when another open file description holds a lock.
    virtual Result<bool> try_lock(int fd) = 0;
    /// flock(LOCK_SH | LOCK_NB): false when another holds the exclusive lock.
    virtual Result<bool> try_lock_shared(int fd) = 0;
    virtual Result<void> unlock(int fd) = 0;
    /// Each entry but "." and "..", in no order. `visit` gets name and d_type (DT_UNKNOWN is
    /// possible) and returns false to stop. Entries added or removed meanwhile may be missed.
    virtual Result<void> list(
        int directory, const std::function<bool(std::string_view name, unsigned char type)>& visit
    ) = 0;
    /// The same, for whoever can't wait for the end of a large directory: what is given may be
    /// older than the call that gives it. Costs a descriptor as long as it lives.
    virtual Result<std::unique_ptr<Listing>> open_listing(int directory) = 0;
    virtual Result<Space> space(int fd) = 0;
    /// When the file was made (statx(2)); an error where the file system doesn't keep it.
    virtual Result<WallTime> birth_time(int fd) = 0;
    /// Returns the old mask. Process-wide.
    virtual mode_t umask(mode_t mask) = 0;
};

/// The whole of a file, symbolic links followed. A file of more than `limit` octets is an error;
/// so is a missing one (ENOENT, ENOTDIR), whose message begins with "open PATH".
Result<std::string> read_whole_file(FileSystem& files, const std::string& path, std::size_t limit);

/// The real one. Without state, so any number of threads may use one at a time.
class PosixFileSystem : public FileSystem {
public:
    Result<Fd> open(int directory, const std::string& name, int flags, mode_t mode) override;
    Result<std::size_t> read(int fd, char* buffer, std::size_t size) override;
    Result<std::size_t> pread(int fd, char* buffer, std::size_t size, std::uint64_t offset)
        override;
    Result<void> write(int fd, std::string_view data) override;
    Result<void> pwrite(int fd, std::string_view data, std::uint64_t offset) override;
    Result<void> fsync(int fd) override;
    Result<void> fdatasync(int fd) override;
    Result<void> link_fd(int fd, int directory, const std::string& name) override;
    Result<void> rename(int directory, const std::string& from, const std::string& to) override;
    Result<void> rename_to(
        int from_directory, const std::string& from, int to_directory, const std::string& to
    ) override;
    Result<void> replace(int directory, const std::string& from, const std::string& to) override;
    Result<void> unlink(int directory, const std::string& name) override;
    Result<void> mkdir(int directory, const std::string& name, mode_t mode) override;
    Result<void> rmdir(int directory, const std::string& name) override;
    Result<struct stat> fstat(int fd) override;
    Result<struct stat> stat(int directory, const std::string& name) override;
    Result<void> fchmod(int fd, mode_t mode) override;
    Result<void> ftruncate(int fd, std::uint64_t size) override;
    Result<void> reserve(int fd, std::uint64_t offset, std::uint64_t size) override;
    Result<bool> try_lock(int fd) override;
    Result<bool> try_lock_shared(int fd) override;
    Result<void> unlock(int fd) override;
    Result<void> list(
        int directory, const std::function<bool(std::string_view, unsigned char)>& visit
    ) override;
    Result<std::unique_ptr<Listing>> open_listing(int directory) override;
    Result<Space> space(int fd) override;
    Result<WallTime> birth_time(int fd) override;
    mode_t umask(mode_t mask) override;
};

}  // namespace mxpost
