#include "submit/system_engine.h"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "submit/process.h"

namespace mxpost::submit {
namespace {

/// The engine's line, or what there is of it when the engine has ended. Not up to the end of file:
/// the engine's own children may hold the pipe open.
std::string read_words(int fd) {
    constexpr std::size_t kMost = 4096;
    std::string words;
    std::array<char, 512> buffer{};
    while (words.size() < kMost && words.find('\n') == std::string::npos) {
        const auto got = read_some(fd, buffer);
        if (!got || *got == 0) {
            break;
        }
        words.append(buffer.data(), *got);
    }
    return words;
}

ExitStatus status_of(pid_t engine) {
    int status = 0;
    while (::waitpid(engine, &status, 0) < 0) {
        if (errno != EINTR) {
            return ExitStatus::os_error;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) != 0
               ? static_cast<ExitStatus>(WEXITSTATUS(status))
               : ExitStatus::software;
}

}  // namespace

StartedEngine start_system_engine(
    const EngineStarter& starter, std::vector<std::string> arguments
) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {ExitStatus::os_error, Error::from_errno(errno, "pipe").message()};
    }
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    arguments.insert(arguments.end(), {"--ready-fd", "3"});
    const auto engine = starter.start({std::move(arguments), {writing.get()}, false});
    writing.reset();
    if (!engine) {
        return {ExitStatus::os_error, engine.error().message()};
    }
    const std::string words = read_words(reading.get());
    if (words == kEngineReady) {
        return {};
    }
    const std::string_view reason = trim(words);
    return {status_of(*engine), reason.empty() ? "the engine ended at once" : printable(reason)};
}

}  // namespace mxpost::submit
