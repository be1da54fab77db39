#include "local/maildir.h"

#include <array>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <unistd.h>

namespace mxpost::local {

namespace {

/// Opens a directory that is made, durably, when it is missing.
Result<Fd> open_directory(FileSystem& files, int parent, const std::string& name) {
    auto fd = files.open(parent, name, O_RDONLY | O_DIRECTORY);
    if (fd || !fd.error().is(ENOENT)) {
        return fd;
    }
    if (auto made = files.mkdir(parent, name, 0700); !made && !made.error().is(EEXIST)) {
        return made.error();
    }
    if (auto synced = files.fsync(parent); !synced) {
        return synced.error();
    }
    return files.open(parent, name, O_RDONLY | O_DIRECTORY);
}

/// The Maildir itself: its parent is only opened where it is missing.
Result<Fd> open_top(FileSystem& files, const std::string& path) {
    auto fd = files.open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    const std::size_t slash = path.find_last_of('/');
    if (fd || !fd.error().is(ENOENT) || slash == std::string::npos) {
        return fd;
    }
    auto parent =
        files.open(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!parent) {
        return parent.error();
    }
    return open_directory(files, parent->get(), path.substr(slash + 1));
}

/// "1700000000.M123456P789R0123456789abcdef.host": nobody else makes the same.
std::string unique_name(const MailboxTools& tools, const std::string& host_name) {
    const auto now = tools.clock.now().time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
    std::array<char, 17> random{};
    std::snprintf(
        random.data(),
        random.size(),
        "%016llx",
        static_cast<unsigned long long>(tools.random.bits())
    );
    std::string host = host_name.empty() ? "localhost" : host_name;
    for (char& c : host) {
        if (c == '/' || c == ':' || static_cast<unsigned char>(c) <= ' ') {
            c = '_';
        }
    }
    return std::to_string(seconds.count()) + ".M" + std::to_string((now - seconds).count()) + "P" +
           std::to_string(::getpid()) + "R" + random.data() + "." + host;
}

Result<void> write_file(
    FileSystem& files, int directory, const std::string& name, const MessageReader& message
) {
    auto fd = files.open(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fd) {
        return fd.error();
    }
    auto done = message.read([&](std::string_view piece) { return files.write(fd->get(), piece); });
    return done ? files.fsync(fd->get()) : done;
}

Result<void> deliver(
    const MailboxTools& tools,
    const std::string& path,
    const MessageReader& message,
    const std::string& host_name
) {
    FileSystem& files = tools.files;
    auto top = open_top(files, path);
    if (!top) {
        return top.error();
    }
    std::array<Fd, 3> parts;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        constexpr std::array kNames = {"tmp", "new", "cur"};
        auto part = open_directory(files, top->get(), kNames[i]);
        if (!part) {
            return part.error();
        }
        parts[i] = std::move(*part);
    }
    const int temporary = parts[0].get();
    const int fresh = parts[1].get();
    const std::string name = unique_name(tools, host_name);
    auto done = write_file(files, temporary, name, message);
    if (done) {
        done = files.rename_to(temporary, name, fresh, name);
    }
    if (!done) {
        (void)files.unlink(temporary, name).has_value();
        return done;
    }
    done = files.fsync(fresh);
    if (!done) {
        (void)files.unlink(fresh, name).has_value();
    }
    return done;
}

}  // namespace

mail::RecipientOutcome deliver_to_maildir(
    const MailboxTools& tools,
    const std::string& path,
    const MessageReader& message,
    const std::string& host_name
) {
    if (auto done = deliver(tools, path, message, host_name); !done) {
        return mailbox_trouble(path, done.error());
    }
    return {mail::OutcomeKind::delivered, {2, 0, 0}, "delivered to " + path + "/"};
}

}  // namespace mxpost::local
