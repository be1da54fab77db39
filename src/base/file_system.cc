#include "base/file_system.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <memory>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mxpost {
namespace {

Error failed(const char* call) {
    return Error::from_errno(errno, call);
}
Error failed(const char* call, const std::string& name) {
    const int number = errno;
    return Error::from_errno(number, std::string(call) + " " + name);
}

template <class Call>
auto retry(Call call) {
    auto result = call();
    while (result < 0 && errno == EINTR) {
        result = call();
    }
    return result;
}

Result<void> check(const char* call, int result) {
    if (result != 0) {
        return failed(call);
    }
    return {};
}

// glibc 2.28 has renameat2; the flag's value is the kernel's.
Result<void> rename_noreplace(
    int from_directory, const std::string& from, int to_directory, const std::string& to
) {
    const auto result = retry([&] {
        return ::syscall(SYS_renameat2, from_directory, from.c_str(), to_directory, to.c_str(), 1U);
    });
    if (result == 0) {
        return {};
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return failed("rename", from);
    }
    // A file system without RENAME_NOREPLACE: link and unlink keep the promise not to replace.
    if (retry([&] { return ::linkat(from_directory, from.c_str(), to_directory, to.c_str(), 0); }
        ) != 0) {
        return failed("link", to);
    }
    if (retry([&] { return ::unlinkat(from_directory, from.c_str(), 0); }) != 0) {
        // Failed means that nothing was renamed.
        Error error = failed("unlink", from);
        ::unlinkat(to_directory, to.c_str(), 0);
        return error;
    }
    return {};
}

Result<bool> lock(int fd, int operation) {
    if (retry([&] { return ::flock(fd, operation | LOCK_NB); }) == 0) {
        return true;
    }
    if (errno == EWOULDBLOCK) {
        return false;
    }
    return failed("flock");
}

bool is_network_type(long type) {
    constexpr long kFuse = 0x65735546;
    constexpr long kCifs = 0xFF534D42;
    constexpr long kSmb2 = 0xFE534D42;
    constexpr long kCeph = 0x00C36400;
    return type == NFS_SUPER_MAGIC || type == SMB_SUPER_MAGIC || type == V9FS_MAGIC ||
           type == AFS_SUPER_MAGIC || type == CODA_SUPER_MAGIC || type == kCifs || type == kSmb2 ||
           type == kCeph || type == kFuse;
}

/// Entries but "." and "..".
class DirectoryStream {
public:
    static Result<DirectoryStream> open(int directory) {
        // A descriptor of its own: the position of `directory` is shared with whoever else has it.
        const int copy =
            retry([&] { return ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
        if (copy < 0) {
            return failed("open directory");
        }
        DIR* const stream = ::fdopendir(copy);
        if (stream == nullptr) {
            Error error = failed("fdopendir");
            ::close(copy);
            return error;
        }
        return DirectoryStream(stream);
    }

    /// Null at the end; valid until the next call.
    Result<const dirent*> next() {
        for (;;) {
            errno = 0;
            const dirent* const entry = ::readdir(stream_.get());
            if (entry == nullptr && errno != 0) {
                return failed("readdir");
            }
            if (entry == nullptr || (entry->d_name != std::string_view(".") &&
                                     entry->d_name != std::string_view(".."))) {
                return entry;
            }
        }
    }

private:
    explicit DirectoryStream(DIR* stream) : stream_(stream, ::closedir) {}
    std::unique_ptr<DIR, int (*)(DIR*)> stream_;
};

class PosixListing final : public FileSystem::Listing {
public:
    explicit PosixListing(DirectoryStream stream) : stream_(std::move(stream)) {}

    Result<bool> read(
        std::size_t most, const std::function<void(std::string_view, unsigned char)>& visit
    ) override {
        for (std::size_t given = 0; given < most; ++given) {
            const auto entry = stream_.next();
            if (!entry) {
                return entry.error();
            }
            if (*entry == nullptr) {
                return false;
            }
            visit((*entry)->d_name, (*entry)->d_type);
        }
        return true;
    }

private:
    DirectoryStream stream_;
};

}  // namespace

Result<Fd> PosixFileSystem::open(int directory, const std::string& name, int flags, mode_t mode) {
    Fd fd(retry([&] { return ::openat(directory, name.c_str(), flags | O_CLOEXEC, mode); }));
    if (!fd) {
        return failed("open", name);
    }
    return fd;
}

Result<std::size_t> PosixFileSystem::read(int fd, char* buffer, std::size_t size) {
    const ssize_t got = retry([&] { return ::read(fd, buffer, size); });
    if (got < 0) {
        return failed("read");
    }
    return static_cast<std::size_t>(got);
}

Result<std::size_t> PosixFileSystem::pread(
    int fd, char* buffer, std::size_t size, std::uint64_t offset
) {
    const ssize_t got =
        retry([&] { return ::pread(fd, buffer, size, static_cast<off_t>(offset)); });
    if (got < 0) {
        return failed("pread");
    }
    return static_cast<std::size_t>(got);
}

Result<void> PosixFileSystem::write(int fd, std::string_view data) {
    while (!data.empty()) {
        const ssize_t done = retry([&] { return ::write(fd, data.data(), data.size()); });
        if (done < 0) {
            return failed("write");
        }
        data.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
}

Result<void> PosixFileSystem::pwrite(int fd, std::string_view data, std::uint64_t offset) {
    while (!data.empty()) {
        const ssize_t done = retry([&] {
            return ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
        });
        if (done < 0) {
            return failed("pwrite");
        }
        data.remove_prefix(static_cast<std::size_t>(done));
        offset += static_cast<std::uint64_t>(done);
    }
    return {};
}

Result<void> PosixFileSystem::fsync(int fd) {
    return check("fsync", retry([&] { return ::fsync(fd); }));
}

Result<void> PosixFileSystem::fdatasync(int fd) {
    return check("fdatasync", retry([&] { return ::fdatasync(fd); }));
}

Result<void> PosixFileSystem::link_fd(int fd, int directory, const std::string& name) {
    // Not AT_EMPTY_PATH: that needs CAP_DAC_READ_SEARCH on kernels before 6.10.
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    return check(
        "link", retry([&] {
            return ::linkat(AT_FDCWD, path.c_str(), directory, name.c_str(), AT_SYMLINK_FOLLOW);
        })
    );
}

Result<void> PosixFileSystem::rename(
    int directory, const std::string& from, const std::string& to
) {
    return rename_noreplace(directory, from, directory, to);
}

Result<void> PosixFileSystem::rename_to(
    int from_directory, const std::string& from, int to_directory, const std::string& to
) {
    return rename_noreplace(from_directory, from, to_directory, to);
}

Result<void> PosixFileSystem::replace(
    int directory, const std::string& from, const std::string& to
) {
    if (retry([&] { return ::renameat(directory, from.c_str(), directory, to.c_str()); }) != 0) {
        return failed("rename", from);
    }
    return {};
}

Result<void> PosixFileSystem::unlink(int directory, const std::string& name) {
    return check("unlink", retry([&] { return ::unlinkat(directory, name.c_str(), 0); }));
}

Result<void> PosixFileSystem::mkdir(int directory, const std::string& name, mode_t mode) {
    return check("mkdir", retry([&] { return ::mkdirat(directory, name.c_str(), mode); }));
}

Result<void> PosixFileSystem::rmdir(int directory, const std::string& name) {
    return check("rmdir", retry([&] { return ::unlinkat(directory, name.c_str(), AT_REMOVEDIR); }));
}

Result<struct stat> PosixFileSystem::fstat(int fd) {
    struct stat status {};
    if (retry([&] { return ::fstat(fd, &status); }) != 0) {
        return failed("fstat");
    }
    return status;
}

Result<struct stat> PosixFileSystem::stat(int directory, const std::string& name) {
    struct stat status {};
    if (retry([&] { return ::fstatat(directory, name.c_str(), &status, AT_SYMLINK_NOFOLLOW); }) !=
        0) {
        return failed("stat", name);
    }
    return status;
}

Result<void> PosixFileSystem::fchmod(int fd, mode_t mode) {
    return check("fchmod", retry([&] { return ::fchmod(fd, mode); }));
}

Result<void> PosixFileSystem::ftruncate(int fd, std::uint64_t size) {
    return check("ftruncate", retry([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }));
}

Result<void> PosixFileSystem::reserve(int fd, std::uint64_t offset, std::uint64_t size) {
    return check(
        "fallocate", retry([&] {
            return ::fallocate(
                fd, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size)
            );
        })
    );
}

Result<bool> PosixFileSystem::try_lock(int fd) {
    return lock(fd, LOCK_EX);
}

Result<bool> PosixFileSystem::try_lock_shared(int fd) {
    return lock(fd, LOCK_SH);
}

Result<void> PosixFileSystem::unlock(int fd) {
    return check("flock", retry([&] { return ::flock(fd, LOCK_UN); }));
}

Result<void> PosixFileSystem::list(
    int directory, const std::function<bool(std::string_view, unsigned char)>& visit
) {
    auto stream = DirectoryStream::open(directory);
    if (!stream) {
        return stream.error();
    }
    for (;;) {
        const auto entry = stream->next();
        if (!entry) {
            return entry.error();
        }
        if (*entry == nullptr || !visit((*entry)->d_name, (*entry)->d_type)) {
            return {};
        }
    }
}

Result<std::unique_ptr<FileSystem::Listing>> PosixFileSystem::open_listing(int directory) {
    auto stream = DirectoryStream::open(directory);
    if (!stream) {
        return stream.error();
    }
    return std::unique_ptr<Listing>(std::make_unique<PosixListing>(std::move(*stream)));
}

Result<FileSystem::Space> PosixFileSystem::space(int fd) {
    struct statfs status {};
    if (retry([&] { return ::fstatfs(fd, &status); }) != 0) {
        return failed("statfs");
    }
    Space space;
    space.free_bytes = status.f_bavail * static_cast<std::uint64_t>(status.f_bsize);
    space.free_inodes = status.f_files == 0 ? UINT64_MAX : status.f_ffree;
    space.is_network = is_network_type(static_cast<long>(status.f_type));
    return space;
}

Result<WallTime> PosixFileSystem::birth_time(int fd) {
    struct statx status {};
    if (retry([&] { return ::statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status); }) != 0) {
        return failed("statx");
    }
    if ((status.stx_mask & STATX_BTIME) == 0) {
        return Error::from_errno(ENOTSUP, "statx");
    }
    return WallTime(
        std::chrono::seconds(status.stx_btime.tv_sec) +
        std::chrono::microseconds(status.stx_btime.tv_nsec / 1000)
    );
}

mode_t PosixFileSystem::umask(mode_t mask) {
    return ::umask(mask);
}

Result<std::string> read_whole_file(FileSystem& files, const std::string& path, std::size_t limit) {
    constexpr std::size_t kPiece = 4096;
    // Not waiting for a writer where somebody has put a pipe there.
    auto file = files.open(AT_FDCWD, path, O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
    if (!file) {
        return file.error();
    }
    std::string text;
    for (;;) {
        const std::size_t before = text.size();
        text.resize(before + kPiece);
        const auto got = files.read(file->get(), text.data() + before, kPiece);
        if (!got) {
            return Error(got.error().code(), "read " + path);
        }
        text.resize(before + *got);
        if (*got == 0) {
            return text;
        }
        if (text.size() > limit) {
            return Error::invalid(path + ": larger than " + std::to_string(limit) + " octets");
        }
    }
}

}  // namespace mxpost
