#include "spool/usage.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <fcntl.h>

#include "spool_test.h"

namespace mxpost::spool {
namespace {

constexpr std::uint64_t kUnlimited = std::uint64_t{1} << 60;

class UsageTest : public SpoolTest {
protected:
    /// Limits under which no box is too small to be counted.
    UsageLimits limits(std::uint64_t octets, std::uint64_t recipients) const {
        return {octets, recipients, octets + 1, recipients + 1};
    }
    UsageVerdict ask(
        const UsageLimits& limits, std::uint64_t octets = 100, std::uint64_t recipients = 1
    ) {
        const auto verdict = count_in(files_, box_, limits, octets, recipients, clock_.now());
        EXPECT_TRUE(verdict) << verdict.error().message();
        return verdict ? *verdict : UsageVerdict::too_many_octets;
    }
    std::uintmax_t ledger_size() const {
        return std::filesystem::file_size(box_.path() + "/.usage");
    }
};

TEST_F(UsageTest, CountsContentAndRecipientsOfEachMessage) {
    commit_one(make_envelope(3));
    ASSERT_TRUE(commit(posix_, kBody + kBody, make_envelope(4), "01hk2w7yz0c0000001"));
    const auto usage = count_messages(posix_, box_);
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->messages, 2U);
    EXPECT_EQ(usage->recipients, 7U);
    EXPECT_EQ(usage->octets, 2 * (kHeader.size() + 2) + 3 * kBody.size());
}

TEST_F(UsageTest, CountsWhatIsNoMessageByItsSizeAndNeverWaitsForIt) {
    write_file(EntryName{kId, kDue}.text(), std::string(500, 'x'));
    const std::string fifo = box_.path() + "/" + EntryName{"01hk2w7yz0c0000001", kDue}.text();
    ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
    const auto usage = count_messages(posix_, box_);
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->messages, 2U);
    EXPECT_EQ(usage->recipients, 2U);
    EXPECT_EQ(usage->octets, 500U);
}

TEST_F(UsageTest, ABoxThatCanNotBeOverTheLimitsIsNotCounted) {
    commit_one();
    UsageLimits large = limits(kUnlimited, kUnlimited);
    large.message_octets = large.message_recipients = 1 << 20;
    EXPECT_EQ(ask(large), UsageVerdict::within);
    EXPECT_FALSE(std::filesystem::exists(box_.path() + "/.usage"));
    EXPECT_EQ(files_.count(), 1U);  // the look at the directory
}

TEST_F(UsageTest, BoundsTheNumberOfMessagesWithoutListingThemEachTime) {
    UsageLimits few = limits(kUnlimited, kUnlimited);
    few.messages = 3;
    commit_one();
    EXPECT_EQ(ask(few), UsageVerdict::within);  // counts
    EXPECT_EQ(files_.count("list"), 1U);
    EXPECT_EQ(ask(few), UsageVerdict::within);
    EXPECT_EQ(files_.count("list"), 1U);
    ASSERT_TRUE(commit(posix_, kBody, make_envelope(1), "01hk2w7yz0c0000001"));
    ASSERT_TRUE(commit(posix_, kBody, make_envelope(1), "01hk2w7yz0c0000002"));
    EXPECT_EQ(ask(few), UsageVerdict::too_many_messages);
    std::filesystem::remove(box_.path() + "/" + EntryName{kId, kDue}.text());
    EXPECT_EQ(ask(few), UsageVerdict::within);
}

TEST_F(UsageTest, AddsUpWhatIsAboutToBeQueuedWithoutLookingAtTheMessagesAgain) {
    commit_one();
    EXPECT_EQ(ask(limits(1000, 100)), UsageVerdict::within);
    const std::size_t before = files_.count("list");
    for (int i = 0; i < 7; ++i) {
        EXPECT_EQ(ask(limits(1000, 100)), UsageVerdict::within) << i;
    }
    EXPECT_EQ(files_.count("list"), before);
    EXPECT_EQ(ask(limits(1000, 8), 1, 1), UsageVerdict::within);  // 9 by the sum: counted, 1
    EXPECT_EQ(files_.count("list"), before + 1);
}

TEST_F(UsageTest, RefusesWhatWouldExceedALimit) {
    commit_one(make_envelope(3));
    EXPECT_EQ(ask(limits(1000, 4), 100, 2), UsageVerdict::too_many_recipients);
    EXPECT_EQ(ask(limits(1000, 4), 1000, 1), UsageVerdict::too_many_octets);
    EXPECT_EQ(ask(limits(1000, 4), 100, 1), UsageVerdict::within);
}

TEST_F(UsageTest, ARefusedMessageDoesNotCount) {
    commit_one();
    EXPECT_EQ(ask(limits(1000, 3), 1, 3), UsageVerdict::too_many_recipients);
    EXPECT_EQ(ask(limits(1000, 3), 1, 2), UsageVerdict::within);
}

TEST_F(UsageTest, NumbersThatOverflowAreOverTheLimit) {
    EXPECT_EQ(ask(limits(1000, 4), ~std::uint64_t{0}, 1), UsageVerdict::too_many_octets);
    EXPECT_EQ(ask(limits(1000, 4), 1, ~std::uint64_t{0}), UsageVerdict::too_many_recipients);
}

TEST_F(UsageTest, TheAccountStaysSmall) {
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(ask(limits(kUnlimited, kUnlimited), 1, 1), UsageVerdict::within);
    }
    EXPECT_LT(ledger_size(), 20'000U);
    // Nothing was forgotten when entries were added up.
    UsageLimits tight = limits(kUnlimited, 1000);
    const std::size_t before = files_.count("list");
    ask(tight);
    EXPECT_EQ(files_.count("list"), before + 1);
}

TEST_F(UsageTest, DamagedAccountsAreMadeAnew) {
    commit_one(make_envelope(3));
    for (const std::string& octets :
         {std::string("x"),
          std::string(40, '\0'),
          std::string(80, 'x'),
          std::string(100'000, 'x')}) {
        write_file(".usage", octets);
        EXPECT_EQ(ask(limits(1000, 3)), UsageVerdict::too_many_recipients);
        EXPECT_EQ(ledger_size(), 40U);
    }
}

TEST_F(UsageTest, NumbersThatDoNotFitTheirChecksumAreNotBelieved) {
    commit_one(make_envelope(3));
    EXPECT_EQ(ask(limits(10000, 100)), UsageVerdict::within);
    std::fstream account(box_.path() + "/.usage", std::ios::in | std::ios::out | std::ios::binary);
    account.seekp(24);  // of the recipients: there are none, it seems now
    account.write("\0\0\0\0\0\0\0", 8);
    account.close();
    EXPECT_EQ(ask(limits(10000, 3)), UsageVerdict::too_many_recipients);
}

TEST_F(UsageTest, AnAccountThatAnotherRewritesIsLeftToThem) {
    commit_one();
    EXPECT_EQ(ask(limits(kUnlimited / 2, kUnlimited / 2)), UsageVerdict::within);
    auto other = posix_.open(AT_FDCWD, box_.path() + "/.usage", O_RDONLY, 0);
    ASSERT_TRUE(other);
    ASSERT_TRUE(*posix_.try_lock(other->get()));
    std::uintmax_t before = ledger_size();
    for (int i = 0; i < 500; ++i) {
        ask(limits(kUnlimited / 2, kUnlimited / 2));
        ASSERT_GT(ledger_size(), before) << i;
        before = ledger_size();
    }
}

/// Another caller counts at the same moment: its account comes into the file, which it has just
/// emptied, while this one looks at the messages.
TEST_F(UsageTest, WhatAnotherHasCountedIsNotCountedTwice) {
    class Crowded final : public PosixFileSystem {
    public:
        explicit Crowded(std::string path) : path_(std::move(path)) {
            std::ifstream file(path_, std::ios::binary);
            account_.assign(std::istreambuf_iterator<char>(file), {});
            std::filesystem::resize_file(path_, 0);
        }
        Result<void> list(
            int directory, const std::function<bool(std::string_view, unsigned char)>& visit
        ) override {
            std::ofstream(path_, std::ios::binary) << account_;
            return PosixFileSystem::list(directory, visit);
        }

    private:
        std::string path_;
        std::string account_;
    };
    commit_one();
    ASSERT_TRUE(commit(posix_, kBody, make_envelope(1), "01hk2w7yz0c0000001"));
    UsageLimits few = limits(kUnlimited, kUnlimited);
    few.messages = 2;
    ASSERT_EQ(ask(few), UsageVerdict::too_many_messages);  // and its count is in the file
    few.messages = 3;
    Crowded crowded(box_.path() + "/.usage");
    const auto verdict = count_in(crowded, box_, few, 1, 1, clock_.now());
    ASSERT_TRUE(verdict);
    EXPECT_EQ(*verdict, UsageVerdict::within);
}

TEST_F(UsageTest, WhereNoAccountCanBeKeptTheMessagesAreCounted) {
    commit_one(make_envelope(3));
    ASSERT_EQ(::mkfifo((box_.path() + "/.usage").c_str(), 0600), 0);
    EXPECT_EQ(ask(limits(1000, 3)), UsageVerdict::too_many_recipients);
    ASSERT_EQ(::unlink((box_.path() + "/.usage").c_str()), 0);
    ASSERT_EQ(::symlink("/etc/passwd", (box_.path() + "/.usage").c_str()), 0);
    EXPECT_EQ(ask(limits(1000, 3)), UsageVerdict::too_many_recipients);
    EXPECT_EQ(ask(limits(1000, 4)), UsageVerdict::within);
}

TEST_F(UsageTest, TheFirstCountIsOfWhatLiesThere) {
    commit_one(make_envelope(2));
    EXPECT_EQ(ask(limits(1000, 3), 1, 2), UsageVerdict::too_many_recipients);
    std::filesystem::remove(path_of({kId, kDue}));
    EXPECT_EQ(ask(limits(1000, 3), 1, 2), UsageVerdict::within);
}

}  // namespace
}  // namespace mxpost::spool
