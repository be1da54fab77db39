#include "local/forward.h"

#include <cerrno>

#include <fcntl.h>

#include "base/text.h"

namespace mxpost::local {

namespace {

/// Why others could have written this; "" when only the user and root can have.
std::string danger(const struct stat& status, uid_t user) {
    if (status.st_uid != user && status.st_uid != 0) {
        return "belongs to uid " + std::to_string(status.st_uid);
    }
    if ((status.st_mode & 0022) != 0) {
        return (status.st_mode & 0002) != 0 ? "may be written by everybody"
                                            : "may be written by its group";
    }
    return "";
}

Result<std::string> read_all(FileSystem& files, int fd, std::uint64_t limit) {
    std::string text;
    std::string buffer(16 * 1024, '\0');
    while (true) {
        const auto got = files.read(fd, buffer.data(), buffer.size());
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return text;
        }
        text.append(buffer, 0, *got);
        if (text.size() > limit) {
            return Error::from_errno(EFBIG, "reading");
        }
    }
}

class Reader {
public:
    Reader(FileSystem& files, const Account& account)
        : files_(files), account_(account), path_(account.home + "/.forward") {}

    Result<Forward> run() {
        const auto home = files_.open(AT_FDCWD, account_.home, O_PATH | O_DIRECTORY);
        if (!home) {
            const bool is_none = home.error().is(ENOENT) || home.error().is(ENOTDIR);
            return is_none ? Result<Forward>(Forward())
                           : Result<Forward>(Error(home.error().code(), account_.home));
        }
        const auto status = files_.fstat(home->get());
        if (!status) {
            return status.error();
        }
        auto fd =
            files_.open(home->get(), ".forward", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (!fd) {
            if (fd.error().is(ENOENT)) {
                return Forward();
            }
            return fd.error().is(ELOOP) ? ignored("is a symbolic link")
                                        : Result<Forward>(Error(fd.error().code(), path_));
        }
        if (const std::string reason = danger(*status, account_.uid); !reason.empty()) {
            return ignored("its directory " + reason);
        }
        return take(*fd);
    }

private:
    Result<Forward> ignored(const std::string& reason) const {
        Forward forward;
        forward.notes.push_back(path_ + " is ignored: it " + reason);
        return forward;
    }

    Result<Forward> take(const Fd& fd) {
        const auto status = files_.fstat(fd.get());
        if (!status) {
            return status.error();
        }
        if (!S_ISREG(status->st_mode)) {
            return ignored("is not a regular file");
        }
        if (status->st_nlink != 1) {
            return ignored("has another name (a hard link)");
        }
        if (const std::string reason = danger(*status, account_.uid); !reason.empty()) {
            return ignored(reason);
        }
        const auto text = read_all(files_, fd.get(), kMaxForwardFile);
        if (!text) {
            return Error(text.error().code(), path_);
        }
        if (auto done = add(parse_target_file(*text), path_, 0); !done) {
            return done.error();
        }
        return std::move(forward_);
    }

    Result<void> add(TargetFile file, const std::string& path, int depth) {
        for (const BadLine& line : file.bad) {
            note(path + ", line " + std::to_string(line.number) + ": " + line.reason);
        }
        for (AliasTarget& target : file.targets) {
            if (forward_.targets.size() >= kMaxForwardTargets) {
                return Error::invalid(path_ + " names more than 1000 targets");
            }
            if (target.kind == AliasTarget::Kind::include) {
                if (auto done = include(target.text, depth + 1); !done) {
                    return done;
                }
            } else if (depth > 0 && target.kind != AliasTarget::Kind::address) {
                note(path + ": only addresses may be in an included file");
            } else {
                forward_.targets.push_back(std::move(target));
            }
        }
        return {};
    }

    /// The first of them tell enough.
    void note(std::string text) {
        if (forward_.notes.size() < kMaxForwardNotes) {
            forward_.notes.push_back(std::move(text));
        }
    }

    Result<void> include(const std::string& path, int depth) {
        if (++includes_ > kMaxIncludes) {
            return Error::invalid(path_ + " includes more than 100 files");
        }
        if (depth > kMaxIncludeDepth) {
            return Error::invalid(path_ + ": files include each other too deeply");
        }
        auto fd = files_.open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!fd) {
            return Error(fd.error().code(), path_ + ": :include:" + path);
        }
        const auto status = files_.fstat(fd->get());
        if (!status) {
            return status.error();
        }
        if (!S_ISREG(status->st_mode)) {
            return Error::invalid(path_ + ": :include:" + path + " is not a regular file");
        }
        const auto text = read_all(files_, fd->get(), kMaxIncludeFile);
        if (!text) {
            return Error(text.error().code(), path_ + ": :include:" + path);
        }
        return add(parse_target_file(*text), path, depth);
    }

    FileSystem& files_;
    const Account& account_;
    std::string path_;
    Forward forward_;
    std::size_t includes_ = 0;
};

}  // namespace

Result<Forward> read_forward(FileSystem& files, const Account& account) {
    Reader reader(files, account);
    return reader.run();
}

}  // namespace mxpost::local
