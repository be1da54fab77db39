#include "spool/watch.h"

#include <poll.h>

#include "spool_test.h"

namespace mxpost::spool {
namespace {

class WatchTest : public SpoolTest {
protected:
    bool is_readable() {
        pollfd waiting{watch_.fd(), POLLIN, 0};
        return ::poll(&waiting, 1, 0) == 1;
    }
    std::vector<std::string> names_of(const Result<Watch::Events>& events) {
        std::vector<std::string> found;
        for (const Watch::Event& event : events->events) {
            found.push_back(event.name);
        }
        return found;
    }
    Watch watch_ = std::move(*Watch::open());
};

TEST_F(WatchTest, TellsOfMessagesThatAppear) {
    const auto number = watch_.add_directory(box_.directory());
    ASSERT_TRUE(number) << number.error().message();
    EXPECT_FALSE(is_readable());
    EXPECT_TRUE(watch_.read()->events.empty());
    const EntryName name = commit_one();
    EXPECT_TRUE(is_readable());
    const auto events = watch_.read();
    EXPECT_THAT(names_of(events), testing::Contains(name.text()));
    EXPECT_EQ(events->events.back().watch, *number);
    EXPECT_FALSE(events->is_overflown);
}

TEST_F(WatchTest, TellsOfRenamesIntoPlace) {
    const EntryName name = commit_one();
    ASSERT_TRUE(watch_.add_directory(box_.directory()));
    const ClaimResult result = store_.claim(name);
    ASSERT_TRUE(result.claim->postpone(kDue + std::chrono::hours(1)));
    EXPECT_EQ(names_of(watch_.read()), std::vector<std::string>{result.claim->name().text()});
}

TEST_F(WatchTest, TellsOfWritesToAFileThatHasNoNameAnyMore) {
    const EntryName name = commit_one();
    auto file = posix_.open(box_.directory(), name.text(), O_RDWR, 0);
    ASSERT_TRUE(watch_.add_file(file->get()));
    ASSERT_TRUE(posix_.unlink(box_.directory(), name.text()));
    EXPECT_FALSE(watch_.read()->events.empty());  // the removal itself
    ASSERT_TRUE(posix_.pwrite(file->get(), "x", 0));
    EXPECT_EQ(names_of(watch_.read()), std::vector<std::string>{""});
}

TEST_F(WatchTest, ARemovedWatchIsSilent) {
    const auto number = watch_.add_directory(box_.directory());
    watch_.remove(*number);
    commit_one();
    EXPECT_TRUE(watch_.read()->events.empty());
}

/// Who makes entries without end doesn't keep the reader from anything else.
TEST_F(WatchTest, ReadsSoMuchAtOnceAndSaysThatThereMayBeMore) {
    constexpr std::size_t kMany = 3000;
    ASSERT_TRUE(watch_.add_directory(box_.directory()));
    const std::string long_name(200, 'x');
    for (std::size_t i = 0; i < kMany; ++i) {
        write_file(long_name + std::to_string(i), "");
    }
    auto events = watch_.read();
    ASSERT_TRUE(events);
    EXPECT_TRUE(events->has_more);
    EXPECT_LT(events->events.size(), kMany);
    EXPECT_TRUE(is_readable());
    std::size_t seen = events->events.size();
    while (events->has_more) {
        events = watch_.read();
        ASSERT_TRUE(events);
        seen += events->events.size();
    }
    EXPECT_EQ(seen, kMany);
    EXPECT_FALSE(is_readable());
}

TEST_F(WatchTest, OnlyDirectoriesAreWatchedAsDirectories) {
    const EntryName name = commit_one();
    auto file = posix_.open(box_.directory(), name.text(), O_RDONLY, 0);
    EXPECT_FALSE(watch_.add_directory(file->get()));
}

}  // namespace
}  // namespace mxpost::spool
