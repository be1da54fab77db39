#include "listen/commit_pool.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "unit/spool/spool_test.h"

namespace mxpost::listen {
namespace {

/// Numbers links, directory syncs and their ends in one order, holds a directory sync back until
/// enough links are there, and fails one when told to.
class WatchedFileSystem final : public PosixFileSystem {
public:
    Result<void> link_fd(int fd, int directory, const std::string& name) override {
        auto done = PosixFileSystem::link_fd(fd, directory, name);
        const std::lock_guard lock(mutex_);
        linked_at_[name] = ++time_;
        changed_.notify_all();
        return done;
    }

    Result<void> fsync(int fd) override {
        struct stat status {};
        if (::fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode)) {
            return PosixFileSystem::fsync(fd);
        }
        std::uint64_t begun = 0;
        {
            std::unique_lock lock(mutex_);
            begun = ++time_;
            ++directory_syncs_;
            changed_.wait(lock, [this] { return linked_at_.size() >= wanted_links_; });
            if (failing_sync_ == directory_syncs_) {
                return Error::from_errno(EIO, "fsync");
            }
        }
        auto done = PosixFileSystem::fsync(fd);
        const std::lock_guard lock(mutex_);
        last_sync_begun_ = begun;
        return done;
    }

    /// The first directory sync waits for that many links.
    void hold_until(std::size_t links) { wanted_links_ = links; }
    void fail_directory_sync(std::size_t number) { failing_sync_ = number; }
    std::size_t directory_syncs() {
        const std::lock_guard lock(mutex_);
        return directory_syncs_;
    }
    /// The name was there when a directory sync began that has ended by now.
    bool is_safe(const std::string& name) {
        const std::lock_guard lock(mutex_);
        return linked_at_.contains(name) && linked_at_[name] < last_sync_begun_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, std::uint64_t> linked_at_;
    std::uint64_t time_ = 0;
    std::uint64_t last_sync_begun_ = 0;
    std::size_t directory_syncs_ = 0;
    std::size_t wanted_links_ = 0;
    std::size_t failing_sync_ = 0;
};

class CommitPoolTest : public spool::SpoolTest {
protected:
    struct Message {
        std::unique_ptr<spool::MessageWriter> writer;
        std::optional<spool::Committed> committed;
        int answers = 0;
        bool was_safe = false;
    };

    void make(FileSystem& files, std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            auto writer = spool::MessageWriter::create(
                files, box_, spool::make_message_id(clock_.now(), random_)
            );
            ASSERT_TRUE(writer);
            ASSERT_TRUE(writer->begin(spool::make_envelope(), spool::kHeader));
            ASSERT_TRUE(writer->append(spool::kBody));
            messages_.emplace_back();
            messages_.back().writer = std::make_unique<spool::MessageWriter>(std::move(*writer));
        }
    }

    /// All of them through a pool, to the end.
    void commit_all(FileSystem& files, std::size_t threads, WatchedFileSystem* watched = nullptr) {
        CommitPool pool(files, threads);
        for (Message& message : messages_) {
            pool.commit(
                {[&message]() -> Result<void> {
                     auto done = message.writer->sync_content(false, false);
                     return done ? message.writer->link(spool::kDue) : done;
                 },
                 box_.directory(),
                 [&message, watched](const Result<void>& synced) {
                     ++message.answers;
                     if (!synced) {
                         (void)message.writer->withdraw(synced.error());
                         return;
                     }
                     message.committed.emplace(message.writer->finish());
                     message.was_safe =
                         watched != nullptr && watched->is_safe(message.committed->name.text());
                 }}
            );
        }
    }

    std::size_t accepted() const {
        return static_cast<std::size_t>(std::ranges::count_if(messages_, [](const auto& message) {
            return message.committed.has_value();
        }));
    }

    std::deque<Message> messages_;  // they stay where they are
};

TEST_F(CommitPoolTest, MakesEachMessageSafeBeforeItSaysSo) {
    WatchedFileSystem files;
    make(files, 200);
    commit_all(files, 8, &files);
    EXPECT_EQ(accepted(), 200U);
    for (const Message& message : messages_) {
        EXPECT_TRUE(message.was_safe);
    }
    EXPECT_EQ(names().size(), 200U);
}

TEST_F(CommitPoolTest, SyncsTheDirectoryOnceForAllThatWait) {
    WatchedFileSystem files;
    files.hold_until(10);
    make(files, 10);
    commit_all(files, 3, &files);
    EXPECT_EQ(accepted(), 10U);
    // One that began with the first message's name, one for the nine that came meanwhile.
    EXPECT_EQ(files.directory_syncs(), 2U);
}

TEST_F(CommitPoolTest, LeavesNothingOfABatchWhoseDirectoryCantBeSynced) {
    WatchedFileSystem files;
    files.hold_until(10);
    files.fail_directory_sync(2);
    make(files, 10);
    commit_all(files, 3, &files);
    EXPECT_EQ(accepted(), 1U);
    EXPECT_EQ(names().size(), 1U);
    for (const Message& message : messages_) {
        EXPECT_EQ(message.answers, 1);
    }
}

TEST_F(CommitPoolTest, KeepsAMessageLockedUntilItsResultIsLetGo) {
    make(posix_, 1);
    commit_all(posix_, 1);
    ASSERT_EQ(accepted(), 1U);
    const spool::EntryName name = messages_[0].committed->name;
    EXPECT_EQ(store_.claim(name).refusal, spool::ClaimRefusal::busy);
    messages_.clear();
    EXPECT_NE(store_.claim(name).claim, nullptr);
}

TEST_F(CommitPoolTest, LeavesNothingOfAMessageWhateverFails) {
    // With one thread the calls come one after the other, in a known order.
    make(files_, 1);
    const std::size_t before = files_.count();
    commit_all(files_, 1);
    const std::size_t calls = files_.count() - before;
    ASSERT_EQ(accepted(), 1U);
    ASSERT_GE(calls, 4U);  // write, fsync, link, fsync of the directory
    ASSERT_TRUE(posix_.unlink(box_.directory(), names().front()));
    for (std::size_t nth = 1; nth <= calls; ++nth) {
        messages_.clear();
        make(files_, 1);
        files_.fail(nth, EIO);
        commit_all(files_, 1);
        files_.heal();
        EXPECT_EQ(messages_[0].answers, 1) << nth;
        EXPECT_EQ(accepted(), 0U) << nth << ": " << files_.trace().back();
        EXPECT_TRUE(names().empty()) << nth;
    }
}

TEST_F(CommitPoolTest, EndsOnlyWhenAllIsDone) {
    make(posix_, 50);
    commit_all(posix_, 2);  // the pool is destroyed with everything still waiting
    for (const Message& message : messages_) {
        EXPECT_EQ(message.answers, 1);
    }
}

}  // namespace
}  // namespace mxpost::listen
