#include "local/alias_files.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>

namespace mxpost::local {
namespace {

// Never a terminal's or a pipe's end that would be waited for.
constexpr int kReadFlags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
/// Who writes a file in place is done with it within this time.
constexpr std::chrono::seconds kWriting{5};

WallTime time_of(const timespec& time) {
    return WallTime(std::chrono::duration_cast<WallTime::duration>(
        std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)
    ));
}

bool is_recent(WallTime modified, WallTime now) {
    return modified > now - kWriting && modified < now + kWriting;
}

bool is_missing(const Error& error) {
    return error.is(ENOENT) || error.is(ENOTDIR);
}

/// The reason without the name of the call, which says nothing to an administrator.
Error trouble_with(const std::string& path, const Error& error) {
    return Error::invalid("can't read " + path + ": " + error.code().message());
}

Result<std::string> read_all(FileSystem& files, int fd, const std::string& path) {
    std::string text;
    std::array<char, 65536> buffer;
    for (;;) {
        const auto size = files.read(fd, buffer.data(), buffer.size());
        if (!size) {
            return trouble_with(path, size.error());
        }
        if (*size == 0) {
            return text;
        }
        text.append(buffer.data(), *size);
        if (text.size() > kMaxAliasFile) {
            return Error::invalid(path + " is too large");
        }
    }
}

}  // namespace

Result<std::string> read_alias_text(
    FileSystem& files, const Clock& clock, const std::string& path
) {
    const auto file = files.open(AT_FDCWD, path, kReadFlags);
    if (!file) {
        return is_missing(file.error()) ? file.error() : trouble_with(path, file.error());
    }
    const auto status = files.fstat(file->get());
    if (!status) {
        return trouble_with(path, status.error());
    }
    if (!S_ISREG(status->st_mode)) {
        return Error::invalid(path + " is no regular file");
    }
    if ((status->st_mode & S_IWOTH) != 0) {
        return Error::invalid(path + " is not used because everyone may write to it");
    }
    auto text = read_all(files, file->get(), path);
    if (text && !text->empty() && !text->ends_with('\n') &&
        is_recent(time_of(status->st_mtim), clock.now())) {
        return Error::invalid(path + " has just changed and its last line isn't complete");
    }
    return text;
}

AliasFiles::AliasFiles(
    FileSystem& files, const Clock& clock, Log& log, std::vector<std::string> paths
)
    : fs_(files), clock_(clock), log_(log) {
    for (std::string& path : paths) {
        files_.emplace_back().path = std::move(path);
    }
    refresh();
}

/// Nothing: there is no such file.
Result<std::optional<AliasFiles::Version>> AliasFiles::version_of(const std::string& path) {
    const auto file = fs_.open(AT_FDCWD, path, kReadFlags);
    if (!file) {
        return is_missing(file.error()) ? Result<std::optional<Version>>(std::nullopt)
                                        : trouble_with(path, file.error());
    }
    const auto status = fs_.fstat(file->get());
    if (!status) {
        return trouble_with(path, status.error());
    }
    Version version;
    version.device = status->st_dev;
    version.inode = status->st_ino;
    version.size = status->st_size;
    version.modified = time_of(status->st_mtim);
    version.changed = time_of(status->st_ctim);
    return std::optional(version);
}

void AliasFiles::refresh() {
    for (File& file : files_) {
        refresh(file);
    }
}

void AliasFiles::refresh(File& file) {
    // Before reading: what changes meanwhile is then read again the next time.
    const auto version = version_of(file.path);
    if (version && file.version == *version && !file.trouble) {
        return;
    }
    const bool was_in_trouble = file.trouble.has_value();
    file.table = AliasTable();
    file.trouble.reset();
    file.version.reset();
    if (!version) {
        file.trouble = version.error();
    } else if (*version) {
        const auto text = read_alias_text(fs_, clock_, file.path);
        if (text) {
            file.version = *version;
            file.table = AliasTable(*text);
            log_bad_lines(file.path, file.table.bad_lines());
        } else if (!is_missing(text.error())) {
            file.trouble = text.error();
        }
    }
    if (file.trouble && !was_in_trouble) {
        log_.error(file.trouble->message() + ": mail for this host's names waits");
    }
}

void AliasFiles::log_bad_lines(const std::string& path, const std::vector<BadLine>& bad) {
    for (const BadLine& line : bad) {
        log_.warning(path + ":" + std::to_string(line.number) + ": " + line.reason);
    }
}

Result<const Alias*> AliasFiles::find(const std::string& name) {
    for (const File& file : files_) {
        if (file.trouble) {
            return *file.trouble;
        }
        if (const Alias* const alias = file.table.find(name)) {
            if (!alias->fault.empty()) {
                return Error::invalid(
                    file.path + ":" + std::to_string(alias->line) + ": " + alias->fault
                );
            }
            return alias;
        }
    }
    return nullptr;
}

Result<std::vector<AliasTarget>> AliasFiles::include(const std::string& path) {
    const auto version = version_of(path);
    const auto text = read_alias_text(fs_, clock_, path);
    if (!text) {
        return is_missing(text.error()) ? trouble_with(path, text.error()) : text.error();
    }
    TargetFile file = parse_target_file(*text);
    if (version && *version && reported_includes_[path] != **version) {
        reported_includes_[path] = **version;
        log_bad_lines(path, file.bad);
    }
    return std::move(file.targets);
}

bool AliasFiles::has_just_changed() const {
    const WallTime now = clock_.now();
    return std::ranges::any_of(files_, [&](const File& file) {
        return file.version && is_recent(file.version->modified, now);
    });
}

}  // namespace mxpost::local
