// FailingFileSystem: a FileSystem that records its calls and fails, shortens or stops at one of
// them.
//
// "Stop" is a crash as the program sees it: the call isn't made, Stopped is thrown, and whatever
// destructors still try on the way out fails and changes nothing.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/file_system.h"

namespace mxpost::test {

/// Thrown at the stop point.
struct Stopped {};

class FailingFileSystem final : public FileSystem {
public:
    /// `real` must outlive it.
    explicit FailingFileSystem(FileSystem& real) : real_(real) {}

    /// Each call as "name argument", in order; also the one that failed or stopped.
    const std::vector<std::string>& trace() const { return trace_; }
    /// The number of calls whose name is `call` ("" for all).
    std::size_t count(const std::string& call = "") const {
        std::size_t found = 0;
        for (const std::string& line : trace_) {
            found += call.empty() || line.substr(0, line.find(' ')) == call ? 1U : 0U;
        }
        return found;
    }

    /// The `nth` call from now on (1: the next) named `call` ("": any) fails with `error`.
    void fail(std::size_t nth, int error, std::string call = "") {
        plans_.push_back({std::move(call), nth, error, false, false});
    }
    /// Every call named `call` fails from now on.
    void fail_always(std::string call, int error) {
        plans_.push_back({std::move(call), 1, error, true, false});
    }
    /// Before the `nth` call from now on the program stops.
    void stop_before(std::size_t nth) { plans_.push_back({"", nth, 0, false, true}); }
    /// Reads and positioned reads give at most that many octets a call.
    void limit_reads(std::size_t octets) { read_limit_ = octets; }
    /// A failing write or pwrite leaves this many octets of its data in the file first.
    void tear_writes(std::size_t octets) { torn_octets_ = octets; }
    /// Called before each call, with its name.
    std::function<void(const std::string& call)> on_call;
    /// Called for the file of each fsync or fdatasync that fails.
    std::function<void(int fd)> on_failed_sync = [](int) {};
    /// No more failures; a stop stays.
    void heal() {
        std::erase_if(plans_, [](const Plan& plan) { return !plan.is_stop; });
    }
    bool is_stopped() const { return is_stopped_; }

    Result<Fd> open(int directory, const std::string& name, int flags, mode_t mode) override {
        if (const auto error = check("open", name)) {
            return *error;
        }
        return real_.open(directory, name, flags, mode);
    }
    Result<std::size_t> read(int fd, char* buffer, std::size_t size) override {
        if (const auto error = check("read")) {
            return *error;
        }
        return real_.read(fd, buffer, std::min(size, read_limit_));
    }
    Result<std::size_t> pread(int fd, char* buffer, std::size_t size, std::uint64_t offset)
        override {
        if (const auto error = check("pread", std::to_string(offset))) {
            return *error;
        }
        return real_.pread(fd, buffer, std::min(size, read_limit_), offset);
    }
    Result<void> write(int fd, std::string_view data) override {
        if (const auto error = check("write", std::to_string(data.size()))) {
            if (torn_octets_ > 0 && !is_stopped_) {
                (void)real_.write(fd, data.substr(0, torn_octets_)).has_value();
            }
            return *error;
        }
        return real_.write(fd, data);
    }
    Result<void> pwrite(int fd, std::string_view data, std::uint64_t offset) override {
        if (const auto error = check("pwrite", std::to_string(offset))) {
            if (torn_octets_ > 0 && !is_stopped_) {
                (void)real_.pwrite(fd, data.substr(0, torn_octets_), offset).has_value();
            }
            return *error;
        }
        return real_.pwrite(fd, data, offset);
    }
    Result<void> fsync(int fd) override {
        if (const auto error = check("fsync")) {
            on_failed_sync(fd);
            return *error;
        }
        return real_.fsync(fd);
    }
    Result<void> fdatasync(int fd) override {
        if (const auto error = check("fdatasync")) {
            on_failed_sync(fd);
            return *error;
        }
        return real_.fdatasync(fd);
    }
    Result<void> link_fd(int fd, int directory, const std::string& name) override {
        const auto error = check("link", name);
        return error ? Result<void>(*error) : real_.link_fd(fd, directory, name);
    }
    Result<void> rename(int directory, const std::string& from, const std::string& to) override {
        const auto error = check("rename", from + " " + to);
        return error ? Result<void>(*error) : real_.rename(directory, from, to);
    }
    Result<void> rename_to(
        int from_directory, const std::string& from, int to_directory, const std::string& to
    ) override {
        const auto error = check("rename_to", from + " " + to);
        return error ? Result<void>(*error)
                     : real_.rename_to(from_directory, from, to_directory, to);
    }
    Result<void> replace(int directory, const std::string& from, const std::string& to) override {
        const auto error = check("replace", from + " " + to);
        return error ? Result<void>(*error) : real_.replace(directory, from, to);
    }
    Result<void> unlink(int directory, const std::string& name) override {
        const auto error = check("unlink", name);
        return error ? Result<void>(*error) : real_.unlink(directory, name);
    }
    Result<void> mkdir(int directory, const std::string& name, mode_t mode) override {
        const auto error = check("mkdir", name);
        return error ? Result<void>(*error) : real_.mkdir(directory, name, mode);
    }
    Result<void> rmdir(int directory, const std::string& name) override {
        const auto error = check("rmdir", name);
        return error ? Result<void>(*error) : real_.rmdir(directory, name);
    }
    Result<struct stat> fstat(int fd) override {
        if (const auto error = check("fstat")) {
            return *error;
        }
        return real_.fstat(fd);
    }
    Result<struct stat> stat(int directory, const std::string& name) override {
        if (const auto error = check("stat", name)) {
            return *error;
        }
        return real_.stat(directory, name);
    }
    Result<void> fchmod(int fd, mode_t mode) override {
        const auto error = check("fchmod");
        return error ? Result<void>(*error) : real_.fchmod(fd, mode);
    }
    Result<void> ftruncate(int fd, std::uint64_t size) override {
        const auto error = check("ftruncate", std::to_string(size));
        return error ? Result<void>(*error) : real_.ftruncate(fd, size);
    }
    Result<void> reserve(int fd, std::uint64_t offset, std::uint64_t size) override {
        const auto error = check("fallocate", std::to_string(offset) + " " + std::to_string(size));
        return error ? Result<void>(*error) : real_.reserve(fd, offset, size);
    }
    Result<bool> try_lock(int fd) override {
        if (const auto error = check("flock")) {
            return *error;
        }
        return real_.try_lock(fd);
    }
    Result<bool> try_lock_shared(int fd) override {
        if (const auto error = check("flock_shared")) {
            return *error;
        }
        return real_.try_lock_shared(fd);
    }
    Result<void> unlock(int fd) override {
        const auto error = check("unlock");
        return error ? Result<void>(*error) : real_.unlock(fd);
    }
    Result<void> list(
        int directory, const std::function<bool(std::string_view, unsigned char)>& visit
    ) override {
        const auto error = check("list");
        return error ? Result<void>(*error) : real_.list(directory, visit);
    }
    /// Each read of the listing is a call "list", too.
    Result<std::unique_ptr<Listing>> open_listing(int directory) override {
        if (const auto error = check("list")) {
            return *error;
        }
        auto listing = real_.open_listing(directory);
        if (!listing) {
            return listing.error();
        }
        return std::unique_ptr<Listing>(std::make_unique<FailingListing>(*this, std::move(*listing))
        );
    }
    Result<Space> space(int fd) override {
        if (const auto error = check("statfs")) {
            return *error;
        }
        return real_.space(fd);
    }
    Result<WallTime> birth_time(int fd) override {
        if (const auto error = check("statx")) {
            return *error;
        }
        return real_.birth_time(fd);
    }
    /// Can't fail and changes nothing on disk, so it is neither counted nor stopped.
    mode_t umask(mode_t mask) override { return real_.umask(mask); }

private:
    class FailingListing final : public Listing {
    public:
        FailingListing(FailingFileSystem& files, std::unique_ptr<Listing> real)
            : files_(files), real_(std::move(real)) {}
        Result<bool> read(
            std::size_t most, const std::function<void(std::string_view, unsigned char)>& visit
        ) override {
            const auto error = files_.check("list");
            return error ? Result<bool>(*error) : real_->read(most, visit);
        }

    private:
        FailingFileSystem& files_;
        std::unique_ptr<Listing> real_;
    };
    struct Plan {
        std::string call;
        std::size_t remaining = 0;
        int error = 0;
        bool is_lasting = false;
        bool is_stop = false;
    };

    /// The error that the call is to return; throws at the stop point.
    std::optional<Error> check(const std::string& call, const std::string& argument = "") {
        if (is_stopped_) {
            return Error::from_errno(ECANCELED, call);
        }
        trace_.push_back(argument.empty() ? call : call + " " + argument);
        if (on_call) {
            on_call(call);
        }
        std::optional<Error> result;
        for (Plan& plan : plans_) {
            if (plan.remaining == 0 || (!plan.call.empty() && plan.call != call)) {
                continue;
            }
            if (--plan.remaining > 0) {
                continue;
            }
            if (plan.is_stop) {
                is_stopped_ = true;
                throw Stopped();
            }
            plan.remaining = plan.is_lasting ? 1 : 0;
            result = Error::from_errno(plan.error, call);
        }
        return result;
    }

    FileSystem& real_;
    std::vector<std::string> trace_;
    std::vector<Plan> plans_;
    std::size_t read_limit_ = SIZE_MAX;
    std::size_t torn_octets_ = 0;
    bool is_stopped_ = false;
};

}  // namespace mxpost::test
