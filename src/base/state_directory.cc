#include "base/state_directory.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace mxpost {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
// Nothing that stands there may make us wait, follow or become its terminal.
constexpr int kSafeFlags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
constexpr const char* kNewPrefix = ".new-";

/// A file whose text this uid's engine wrote, and nobody else could change.
Result<void> check_file(const struct stat& status) {
    if (!S_ISREG(status.st_mode) || status.st_nlink != 1) {
        return Error::invalid("not a regular file with one name");
    }
    if (status.st_uid != ::geteuid()) {
        return Error::invalid("belongs to uid " + std::to_string(status.st_uid));
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error::invalid("can be written by others");
    }
    if (status.st_size > static_cast<off_t>(StateDirectory::kMaxSize)) {
        return Error::invalid("too large");
    }
    return {};
}

}  // namespace

StateDirectory::StateDirectory(FileSystem& files, Log& log) : files_(&files), log_(&log) {}

StateDirectory StateDirectory::at(FileSystem& files, Log& log, const std::string& path) {
    StateDirectory state(files, log);
    state.path_ = path;
    return state;
}

StateDirectory StateDirectory::in_box(
    FileSystem& files, Log& log, int box, const std::string& path
) {
    StateDirectory state(files, log);
    // An open file of its own, because the caller's carries the box's lock.
    if (auto copy = files.open(box, ".", kOpenDirectory)) {
        state.box_ = std::move(*copy);
        state.path_ = path + "/" + kBoxStateName;
    }
    return state;
}

std::optional<std::string> StateDirectory::read(const std::string& name) {
    auto text = try_read(name);
    if (text) {
        return std::move(*text);
    }
    if (!text.error().is(ENOENT)) {
        report("can't read " + path_ + "/" + name + ": " + text.error().message());
    }
    return std::nullopt;
}

bool StateDirectory::write(const std::string& name, std::string_view text) {
    if (path_.empty() || text.size() > kMaxSize) {
        return false;
    }
    const auto written = try_write(name, text);
    if (!written) {
        report("can't write " + path_ + "/" + name + ": " + written.error().message());
    }
    return written.has_value();
}

Result<int> StateDirectory::directory(bool may_make) {
    if (directory_) {
        return directory_.get();
    }
    if (path_.empty()) {
        return Error::from_errno(ENOENT, "state");
    }
    const int above = box_ ? box_.get() : AT_FDCWD;
    const std::string name = box_ ? std::string(kBoxStateName) : path_;
    auto opened = files_->open(above, name, kOpenDirectory);
    if (!opened && opened.error().is(ENOENT) && box_ && may_make) {
        // Open to the box's group, so that the system engine can remove a box that nobody uses.
        // The files aren't: it couldn't make them say anything.
        if (auto made = files_->mkdir(above, name, 0770); !made && !made.error().is(EEXIST)) {
            return made.error();
        }
        opened = files_->open(above, name, kOpenDirectory);
    }
    if (!opened) {
        return opened.error();
    }
    if (auto checked = check_directory(opened->get()); !checked) {
        return checked.error();
    }
    directory_ = std::move(*opened);
    return directory_.get();
}

Result<void> StateDirectory::check_directory(int fd) const {
    const auto status = files_->fstat(fd);
    if (!status) {
        return status.error();
    }
    if (status->st_uid != ::geteuid()) {
        return Error::invalid("the directory belongs to uid " + std::to_string(status->st_uid));
    }
    if ((status->st_mode & S_IWOTH) != 0) {
        return Error::invalid("the directory can be written by everybody");
    }
    return {};
}

Result<std::string> StateDirectory::try_read(const std::string& name) {
    const auto at = directory(false);
    if (!at) {
        return at.error();
    }
    const auto file = files_->open(*at, name, O_RDONLY | kSafeFlags);
    if (!file) {
        return file.error();
    }
    const auto status = files_->fstat(file->get());
    if (!status) {
        return status.error();
    }
    if (auto checked = check_file(*status); !checked) {
        return checked.error();
    }
    std::string text(static_cast<std::size_t>(status->st_size), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        const auto got = files_->read(file->get(), text.data() + have, text.size() - have);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            break;
        }
        have += *got;
    }
    text.resize(have);
    return text;
}

Result<void> StateDirectory::try_write(const std::string& name, std::string_view text) {
    const auto at = directory(true);
    if (!at) {
        return at.error();
    }
    const std::string fresh = kNewPrefix + name;
    constexpr int kNewFile = O_WRONLY | O_CREAT | O_EXCL | kSafeFlags;
    auto file = files_->open(*at, fresh, kNewFile, 0600);
    if (!file && file.error().is(EEXIST)) {
        // An engine died while it wrote.
        if (auto removed = files_->unlink(*at, fresh); !removed) {
            return removed.error();
        }
        file = files_->open(*at, fresh, kNewFile, 0600);
    }
    if (!file) {
        return file.error();
    }
    auto done = files_->write(file->get(), text);
    if (done) {
        done = files_->replace(*at, fresh, name);
    }
    if (!done) {
        (void)files_->unlink(*at, fresh).has_value();  // as much as can be done
    }
    return done;
}

void StateDirectory::report(const std::string& what) {
    if (!is_reported_) {
        is_reported_ = true;
        log_->warning(what + "; what was learned of other servers is forgotten when mxpost ends");
    }
}

}  // namespace mxpost
