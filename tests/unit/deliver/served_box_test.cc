#include "deliver/served_box.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::deliver {
namespace {

class ServedBoxTest : public testing::Test {
protected:
    /// Each with open file descriptions of its own, as in a process of its own.
    ServedBox engine(bool is_system) {
        auto box = spool::open_own_box(files_, root_.path(), ::geteuid(), clock_, random_);
        EXPECT_TRUE(box) << box.error().message();
        path_ = box->path();
        return {files_, std::move(*box), is_system};
    }
    static bool serves(ServedBox& box) {
        const auto result = box.try_serve();
        EXPECT_TRUE(result) << result.error().message();
        return result && *result;
    }

    test::TemporaryDirectory root_;
    PosixFileSystem posix_;
    test::FailingFileSystem files_{posix_};
    test::ManualClock clock_;
    test::FixedRandom random_;
    std::string path_;
};

TEST_F(ServedBoxTest, OneEngineServesABoxUntilItLetsGo) {
    ServedBox first = engine(false);
    ServedBox second = engine(false);

    EXPECT_TRUE(serves(first));
    EXPECT_TRUE(serves(first));
    EXPECT_FALSE(serves(second));
    first.release();
    EXPECT_FALSE(first.is_served());
    EXPECT_TRUE(serves(second));
    EXPECT_FALSE(serves(first));
}

TEST_F(ServedBoxTest, ASystemEngineThatLetsGoKeepsNobodyFromServingTheBox) {
    ServedBox system = engine(true);
    ServedBox on_demand = engine(false);
    ASSERT_TRUE(serves(system));
    system.release();

    EXPECT_FALSE(on_demand.is_wanted_by_system());
    EXPECT_TRUE(serves(on_demand));
}

TEST_F(ServedBoxTest, KnowsAMessageThatItsFirstScanHasYetToMeet) {
    const spool::MessageId id = "01hk2w7yz0c0000000";
    ServedBox box = engine(false);
    ASSERT_TRUE(serves(box));
    EXPECT_FALSE(box.has(id));
    mail::Envelope envelope;
    envelope.recipients.emplace_back(mail::Address("bob", "example.com"));
    ASSERT_TRUE(box.store().submit(id, envelope, "Subject: s\r\n", "b\r\n", {}));

    EXPECT_FALSE(box.index().is_known(id));
    EXPECT_TRUE(box.has(id));
    ASSERT_TRUE(box.scan({}));
    EXPECT_TRUE(box.has(id));
    EXPECT_FALSE(box.has("01hk2w7yz0c0000001"));
}

TEST_F(ServedBoxTest, AnEngineThatDiesLetsGo) {
    std::optional<ServedBox> first(engine(false));
    ServedBox second = engine(false);
    ASSERT_TRUE(serves(*first));
    first.reset();

    EXPECT_TRUE(serves(second));
}

TEST_F(ServedBoxTest, AnOnDemandEngineLeavesNothingInTheBox) {
    ServedBox box = engine(false);
    ASSERT_TRUE(serves(box));
    EXPECT_FALSE(box.is_wanted_by_system());
    box.release();

    EXPECT_TRUE(std::filesystem::is_empty(path_));
}

TEST_F(ServedBoxTest, ASystemEngineAnnouncesItselfAndTakesOverWhenTheOtherLetsGo) {
    ServedBox on_demand = engine(false);
    ServedBox system = engine(true);
    ASSERT_TRUE(serves(on_demand));
    EXPECT_FALSE(on_demand.is_wanted_by_system());

    EXPECT_FALSE(serves(system));
    EXPECT_TRUE(on_demand.is_wanted_by_system());
    EXPECT_TRUE(on_demand.is_served());  // it ends its transactions first

    on_demand.release();
    EXPECT_TRUE(serves(system));
    EXPECT_FALSE(serves(on_demand));
    EXPECT_TRUE(on_demand.is_wanted_by_system());
}

TEST_F(ServedBoxTest, ADeadSystemEngineBlocksNobody) {
    std::optional<ServedBox> system(engine(true));
    ServedBox on_demand = engine(false);
    ASSERT_TRUE(serves(*system));
    system.reset();

    EXPECT_TRUE(std::filesystem::exists(path_ + "/.system"));
    EXPECT_FALSE(on_demand.is_wanted_by_system());
    EXPECT_TRUE(serves(on_demand));
}

TEST_F(ServedBoxTest, TheSecondSystemEngineWaitsWithoutTakingTheBoxFromTheFirst) {
    ServedBox first = engine(true);
    ServedBox second = engine(true);

    EXPECT_TRUE(serves(first));
    EXPECT_FALSE(serves(second));
    EXPECT_TRUE(first.is_served());
}

TEST_F(ServedBoxTest, ASymbolicLinkInPlaceOfTheEntryIsNotFollowed) {
    ServedBox system = engine(true);
    const std::string elsewhere = root_ / "elsewhere";
    std::filesystem::create_symlink(elsewhere, path_ + "/.system");

    EXPECT_FALSE(system.try_serve());
    EXPECT_FALSE(std::filesystem::exists(elsewhere));
    EXPECT_FALSE(engine(false).is_wanted_by_system());
}

/// Design 3, Takeover: the entry is made by user mxpost, and the box's owner,
/// who isn't in its group, must be able to see the lock, and no more.
TEST_F(ServedBoxTest, TheEntryCanBeReadByTheBoxesOwnerWhoeverMadeIt) {
    const mode_t mask = ::umask(077);
    ServedBox system = engine(true);
    ASSERT_TRUE(serves(system));
    ::umask(mask);

    struct stat status {};
    ASSERT_EQ(::stat((path_ + "/.system").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0644U);
}

TEST_F(ServedBoxTest, ScanSeesEveryMessageAndNothingElse) {
    ServedBox box = engine(true);
    ASSERT_TRUE(serves(box));
    const auto due = to_seconds(clock_.now());
    for (const char* id : {"01hk2w7yz0c000000a", "01hk2w7yz0c000000b"}) {
        mail::Envelope envelope;
        envelope.recipients.emplace_back(mail::Address("bob", "example.org"));
        ASSERT_TRUE(box.store().submit(id, envelope, "Subject: x\r\n", "y\r\n", due));
    }
    std::filesystem::create_directory(path_ + "/corrupt");
    ASSERT_TRUE(box.scan(to_seconds(clock_.now())));
    ASSERT_TRUE(box.scan(to_seconds(clock_.now())));

    EXPECT_EQ(box.index().waiting(), 2U);
    EXPECT_EQ(box.index().next_due(), due);
}

TEST_F(ServedBoxTest, ScansInPiecesAndDoesNotForgetWhatWasLeftOutWhenStopped) {
    auto opened = spool::open_own_box(files_, root_.path(), ::geteuid(), clock_, random_);
    ASSERT_TRUE(opened);
    QueueLimits limits;
    limits.messages = 8;
    ServedBox box(files_, std::move(*opened), false, limits);
    for (std::uint64_t i = 0; i < 10; ++i) {
        const spool::EntryName name{spool::PackedId{1000 + i, 0}.text(), {}};
        std::ofstream(box.store().label() + "/" + name.text()) << 'x';
    }
    const auto first = box.scan_some(4);
    EXPECT_TRUE(first && *first);
    EXPECT_TRUE(box.is_scanning());
    EXPECT_EQ(box.index().waiting(), 4U);
    ASSERT_TRUE(box.scan(to_seconds(clock_.now())));  // from the start
    EXPECT_FALSE(box.is_scanning());
    EXPECT_EQ(box.index().waiting(), 8U);
    EXPECT_TRUE(box.index().is_over_limits());

    ASSERT_TRUE(box.scan_some(1));
    EXPECT_TRUE(box.index().is_over_limits());
    box.stop_scan();
    EXPECT_TRUE(box.index().is_over_limits());
}

/// A served box with one message, which is due in an hour.
TEST_F(ServedBoxTest, WhatIsWrongWithAMessageIsNewsOncePerReason) {
    ServedBox box = engine(false);
    const spool::MessageId id = "01hk2w7yz0c0000000";
    EXPECT_TRUE(box.is_news(id, "no space"));
    EXPECT_FALSE(box.is_news(id, "no space"));
    EXPECT_TRUE(box.is_news(id, "no memory"));
    EXPECT_FALSE(box.is_news(id, "no memory"));
    box.forget_trouble(id);
    EXPECT_TRUE(box.is_news(id, "no memory"));

    // What the box doesn't have any more takes no room.
    ASSERT_TRUE(box.scan(std::chrono::sys_seconds()));
    EXPECT_TRUE(box.is_news(id, "no memory"));
}

TEST_F(ServedBoxTest, TroublesWithoutNumberAreNotAllTold) {
    ServedBox box = engine(false);
    std::size_t told = 0;
    for (int i = 0; i < 3000; ++i) {
        told += box.is_news(std::to_string(i), "no space") ? 1U : 0U;
    }
    EXPECT_EQ(told, 1000U);
}

TEST_F(ServedBoxTest, WhatIsSetAsideByTheThousandIsNotAllTold) {
    ServedBox box = engine(false);
    std::size_t lines = 0;
    std::string last;
    for (int i = 0; i < 1000; ++i) {
        const std::string line = box.set_aside_line("01hk2w7yz0c0000000", "empty", SteadyTime());
        lines += line.empty() ? 0U : 1U;
        last = line.empty() ? last : line;
    }
    EXPECT_EQ(lines, 30U);
    EXPECT_NE(last.find("others there are not told of for a minute"), std::string::npos) << last;
    EXPECT_EQ(
        box.set_aside_line("01hk2w7yz0c0000000", "empty", SteadyTime() + std::chrono::minutes(1)),
        "01hk2w7yz0c0000000: set aside in " + path_ + "/corrupt: empty; 970 more were before it"
    );
}

class RequestsTest : public ServedBoxTest {
protected:
    RequestsTest() : box_(engine(true)) {
        EXPECT_TRUE(serves(box_));
        mail::Envelope envelope;
        envelope.recipients.emplace_back(mail::Address("bob", "example.org"));
        const auto later = now() + std::chrono::hours(1);
        EXPECT_TRUE(box_.store().submit(kId, envelope, "Subject: x\r\n", "y\r\n", later));
        EXPECT_TRUE(box_.scan(now()));
    }
    std::chrono::sys_seconds now() const { return to_seconds(clock_.now()); }
    bool has(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }

    const spool::MessageId kId = "01hk2w7yz0c000000a";
    ServedBox box_;
};

TEST_F(RequestsTest, AWaitingMessageIsLookedAtNowAndTheRequestStays) {
    for (const char* verb : {"retry", "hold", "release", "delete", "bounce"}) {
        ASSERT_TRUE(box_.store().leave_request(kId, verb));
        box_.saw_request({kId, verb}, now());
        EXPECT_EQ(box_.index().next_due(), now());
        EXPECT_TRUE(has(".ask-" + kId + "-" + verb));  // another engine may have to act on it
        EXPECT_TRUE(box_.take_asked(kId));
        EXPECT_FALSE(box_.take_asked(kId));
    }
}

TEST_F(RequestsTest, AScanFindsThoseThatNobodyWasToldOf) {
    ASSERT_TRUE(box_.store().leave_request(kId, "retry"));
    ASSERT_TRUE(box_.scan(now()));
    EXPECT_EQ(box_.index().next_due(), now());
    EXPECT_TRUE(box_.take_asked(kId));
}

TEST_F(RequestsTest, ThoseOfALaterVersionHurryNothing) {
    ASSERT_TRUE(box_.store().leave_request(kId, "frobnicate"));
    box_.saw_request({kId, "frobnicate"}, now());
    EXPECT_GT(box_.index().next_due(), now());
    EXPECT_FALSE(box_.take_asked(kId));
}

TEST_F(RequestsTest, OnlySomeEndTheAttempts) {
    box_.saw_request({kId, "retry"}, now());
    box_.saw_request({kId, "release"}, now());
    EXPECT_FALSE(box_.is_withdrawn(kId));
    box_.saw_request({kId, "hold"}, now());
    EXPECT_TRUE(box_.is_withdrawn(kId));
    box_.saw_request({kId, "retry"}, now());
    EXPECT_TRUE(box_.is_withdrawn(kId));
    EXPECT_TRUE(box_.take_asked(kId));
    EXPECT_FALSE(box_.is_withdrawn(kId));
}

TEST_F(RequestsTest, ForAMessageInWorkItIsKeptUntilThatEnds) {
    const auto name = box_.index().take_due(
        now() + std::chrono::hours(1), [](std::chrono::sys_seconds) { return false; }
    );
    ASSERT_TRUE(name);
    ASSERT_TRUE(box_.store().leave_request(kId, "retry"));
    box_.saw_request({kId, "retry"}, now());
    ASSERT_TRUE(box_.scan(now()));

    EXPECT_TRUE(has(".ask-" + kId + "-retry"));
    EXPECT_TRUE(box_.take_asked(kId));
}

TEST_F(RequestsTest, AScanRemovesThoseForMessagesThatAreGoneWhateverTheyAre) {
    const std::string gone = "01hk2w7yz0c000000z";
    ASSERT_TRUE(box_.store().leave_request(gone, "retry"));
    ASSERT_TRUE(box_.store().leave_request(gone, "frobnicate"));
    ASSERT_TRUE(box_.store().leave_request(kId, "frobnicate"));  // of a later version
    std::filesystem::create_symlink("/etc/passwd", path_ + "/.ask-" + gone + "-x");
    std::filesystem::create_directory(path_ + "/.ask-" + gone + "-y");
    ASSERT_TRUE(box_.scan(now()));

    EXPECT_FALSE(has(".ask-" + gone + "-retry"));
    EXPECT_FALSE(has(".ask-" + gone + "-frobnicate"));
    EXPECT_TRUE(has(".ask-" + kId + "-frobnicate"));
    EXPECT_FALSE(has(".ask-" + gone + "-x"));
    EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
    EXPECT_EQ(box_.index().waiting(), 1U);
}

/// After a power cut the message could be back, and would be sent.
TEST_F(RequestsTest, AScanLeavesThemUntilRemovalsAreDurable) {
    const std::string gone = "01hk2w7yz0c000000z";
    ASSERT_TRUE(box_.store().leave_request(gone, "delete"));
    files_.fail_always("fsync", EIO);
    ASSERT_TRUE(box_.scan(now()));
    EXPECT_TRUE(has(".ask-" + gone + "-delete"));
    files_.heal();
    ASSERT_TRUE(box_.scan(now()));
    EXPECT_FALSE(has(".ask-" + gone + "-delete"));
}

}  // namespace
}  // namespace mxpost::deliver
