#include "submit/hand_off.h"

#include <array>
#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spool/follower.h"
#include "spool/watch.h"
#include "submit/process.h"

namespace mxpost::submit {
namespace {

/// Waits until something was written to the file, or for a moment.
class WriteWait {
public:
    explicit WriteWait(int fd) {
        if (auto watch = spool::Watch::open()) {
            if (watch->add_file(fd)) {
                watch_.emplace(std::move(*watch));
            }
        }
    }

    void wait() {
        // Without a watch we look often; with one, too, now and then: the engine may have died.
        constexpr int kOften = 20;  // milliseconds
        constexpr int kSeldom = 500;
        if (!watch_) {
            ::poll(nullptr, 0, kOften);
            return;
        }
        pollfd event{watch_->fd(), POLLIN, 0};
        if (::poll(&event, 1, kSeldom) > 0) {
            (void)watch_->read().has_value();
        }
    }

private:
    std::optional<spool::Watch> watch_;
};

/// How this child has failed; nothing: it hasn't, or goes on, or leaves the box to another engine.
/// Sets `started` to 0 once it has ended.
std::optional<int> failure_of(pid_t& started) {
    int status = 0;
    if (started <= 0 || ::waitpid(started, &status, WNOHANG) != started) {
        return std::nullopt;
    }
    started = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return code == 0 ? std::nullopt : std::optional(code);
}

}  // namespace

HandedOff hand_off(FileSystem& files, Log& log, const EngineStarter& starter, spool::Box box) {
    HandedOff result;
    const auto is_free = files.try_lock(box.directory());
    if (!is_free) {
        log.warning(box.path() + ": " + is_free.error().message());
        return result;
    }
    if (!*is_free) {
        result.is_served = true;  // its engine sees the new file
        return result;
    }
    if (spool::is_wanted_by_system(files, box.directory())) {
        // An on-demand engine has just let go, and the system engine is about to look again.
        (void)files.unlock(box.directory()).has_value();
        result.is_served = true;
        return result;
    }
    // The lock belongs to the open directory, which the engine inherits: there is no moment in
    // which the box has neither.
    const auto started = starter.start({{"run", "--box-fd", "3"}, {box.directory()}, false});
    if (!started) {
        log.error(
            "mail waits in " + box.path() + ": can't start the engine: " + started.error().message()
        );
        return result;
    }
    result.is_served = true;
    result.started = *started;
    return result;
}

void follow(
    FileSystem& files,
    const Clock& clock,
    const spool::Committed& message,
    pid_t started,
    std::chrono::seconds timeout,
    Outcomes& outcomes
) {
    constexpr std::chrono::seconds kPatienceAfterNote{2};
    spool::JournalFollower follower(files, message.file.get(), message.journal_offset);
    WriteWait writes(message.file.get());
    const SteadyTime deadline = clock.steady_now() + timeout;
    SteadyTime last_record = clock.steady_now();
    while (clock.steady_now() < deadline) {
        // Before the records are read: what was written before the removal, or the engine's end,
        // must not be missed.
        const std::optional<int> failure = failure_of(started);
        const auto is_removed = follower.is_removed();
        const auto records = follower.poll();
        if (!records || !is_removed) {
            return;
        }
        for (const spool::Record& record : *records) {
            outcomes.apply(record);
            last_record = clock.steady_now();
        }
        const bool is_left_alone =
            outcomes.has_note() && clock.steady_now() - last_record > kPatienceAfterNote;
        if (outcomes.is_complete() || *is_removed || is_left_alone) {
            return;
        }
        if (failure) {
            outcomes.apply(spool::NoteRecord{
                clock.now(),
                "the engine has ended with exit status " + std::to_string(*failure) +
                    "; \"mxpost run --once\" says why"});
            return;
        }
        writes.wait();
    }
}

Result<void> send_from_memory(
    const EngineStarter& starter, const Fd& message, const spool::MessageId& id, Outcomes& outcomes
) {
    // Nobody, not even we, can change what the engine is about to read.
    if (::fcntl(
            message.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL
        ) != 0) {
        return Error::from_errno(errno, "seal the message");
    }
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return Error::from_errno(errno, "pipe");
    }
    const Fd reading(ends[0]);
    Fd writing(ends[1]);
    interruption::begin_commit();
    const auto engine = starter.start(
        {{"run", "--message-fd", "3", "--report-fd", "4", "--message-id", id},
         {message.get(), writing.get()},
         false}
    );
    if (!engine) {
        interruption::end_commit(false);
        return engine.error();
    }
    interruption::begin_passing_on(*engine);
    writing.reset();
    spool::RecordStream stream;
    std::array<char, 4096> buffer{};
    for (;;) {
        const auto got = read_some(reading.get(), buffer);
        if (!got || *got == 0) {
            break;
        }
        stream.feed({buffer.data(), *got});
        while (const auto record = stream.next()) {
            outcomes.apply(*record);
        }
    }
    interruption::end_passing_on();
    ::waitpid(*engine, nullptr, 0);
    return {};
}

}  // namespace mxpost::submit
