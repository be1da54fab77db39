#include "apps/test_message.h"

#include <array>
#include <cerrno>
#include <spawn.h>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/iso_time.h"
#include "base/text.h"

namespace mxpost::apps {

namespace {

constexpr const char* kSendmail = "/usr/sbin/sendmail";

struct Pipe {
    Fd reader;
    Fd writer;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return Error::from_errno(errno, "pipe");
    }
    return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// Small enough for a pipe that nobody reads yet.
std::string text_of(
    const std::string& from, const std::string& to, const std::string& host, WallTime now
) {
    return "From: " + from + "\nTo: " + to +
           "\nSubject: Test by mxpost doctor\nAuto-Submitted: auto-generated\n\nThis is a test, "
           "sent by "
           "\"mxpost doctor --send\" on " +
           host + "\nat " + iso_time(to_seconds(now)) +
           ". If you read it, mail from there arrives.\n";
}

std::string last_line(std::string_view output) {
    std::string_view last;
    for (const std::string_view line : split(output, '\n')) {
        last = trim(line).empty() ? last : trim(line);
    }
    return std::string(last);
}

std::string read_all(int fd) {
    constexpr std::size_t kMost = std::size_t{1} << 20;
    std::string output;
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t count = ::read(fd, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return output;
        }
        if (output.size() < kMost) {
            output.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
}

}  // namespace

Result<TestMessage> send_test_message(
    const std::string& from, const std::string& to, const std::string& host, WallTime now
) {
    auto input = make_pipe();
    auto output = make_pipe();
    if (!input || !output) {
        return (input ? output : input).error();
    }
    // Before anybody reads: who ends without reading can't end us then (SIGPIPE).
    const std::string text = text_of(from, to, host, now);
    const ssize_t written = ::write(input->writer.get(), text.data(), text.size());
    if (written != static_cast<ssize_t>(text.size())) {
        return Error::from_errno(written < 0 ? errno : EIO, "pipe");
    }
    input->writer.reset();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input->reader.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output->writer.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, output->writer.get(), STDERR_FILENO);
    std::vector<std::string> words = {"sendmail", "-v", "-i", "-f", from, "--", to};
    std::vector<char*> arguments;
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t child = 0;
    const int error =
        ::posix_spawn(&child, kSendmail, &actions, nullptr, arguments.data(), ::environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        return Error::from_errno(error, kSendmail);
    }
    output->writer.reset();
    input->reader.reset();
    TestMessage result;
    result.outcome = last_line(read_all(output->reader.get()));
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace mxpost::apps
