#include "deliver/box_set.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include <sys/stat.h>
#include <unistd.h>

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;

const spool::MessageId kOther = "01hk2w7yz0c0000001";

class BoxSetTest : public testing::Test {
protected:
    BoxSet make(bool is_system) {
        return BoxSet(io_.get_executor(), files_, clock_, random_, log_, is_system);
    }
    static std::vector<std::string> paths(const BoxSet& boxes) {
        std::vector<std::string> found;
        for (const auto& box : boxes.boxes()) {
            found.push_back(box->store().box().path());
        }
        std::ranges::sort(found);
        return found;
    }
    std::string own() const { return queue_.root() + "/" + std::to_string(::geteuid()); }
    static void make_box_of(const std::string& path, uid_t owner) {
        ASSERT_EQ(::mkdir(path.c_str(), 0770), 0);
        ASSERT_EQ(::chown(path.c_str(), owner, static_cast<gid_t>(-1)), 0);
    }
    static std::size_t count_of(const BoxSet& boxes, uid_t owner) {
        return static_cast<std::size_t>(std::ranges::count_if(boxes.boxes(), [&](const auto& box) {
            return box->store().owner() == owner;
        }));
    }
    void commit(const spool::MessageId& id = kId) {
        queue_.commit(make_envelope({"b@x.example"}), kBody, id);
    }

    Queue queue_;
    test::FailingFileSystem files_{queue_.files()};
    std::vector<std::string> roots_{queue_.root()};
    asio::io_context io_;
    test::ManualClock clock_;
    test::FixedRandom random_;
    LogLines log_;
};

TEST_F(BoxSetTest, FindsOnlyItsOwnBoxWhereTheRootIsSomebodyElses) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    make_box_of(queue_.root() + "/1000", 1000);
    ASSERT_EQ(::chown(queue_.root().c_str(), 1234, static_cast<gid_t>(-1)), 0);
    BoxSet boxes = make(false);
    boxes.find(roots_);

    EXPECT_EQ(paths(boxes), std::vector<std::string>{own()});
}

TEST_F(BoxSetTest, FindsEveryBoxOnceWhereItOwnsTheRoot) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    make_box_of(queue_.root() + "/1000", 1000);
    BoxSet boxes = make(true);
    boxes.find(roots_);
    boxes.find(roots_);

    EXPECT_EQ(paths(boxes), (std::vector<std::string>{own(), queue_.root() + "/1000"}));
}

TEST_F(BoxSetTest, ARootThatIsNotThereYetIsFoundWhenItComes) {
    const std::vector<std::string> roots{queue_.root() + "/later"};
    BoxSet boxes = make(true);
    boxes.find(roots);
    EXPECT_TRUE(boxes.boxes().empty());

    ASSERT_EQ(::mkdir(roots[0].c_str(), 0770), 0);
    ASSERT_EQ(::mkdir((roots[0] + "/" + std::to_string(::geteuid())).c_str(), 0770), 0);
    clock_.advance(std::chrono::seconds(2));
    boxes.rescan(roots);
    EXPECT_EQ(boxes.boxes().size(), 1U);
}

TEST_F(BoxSetTest, SeesWhatWasThereWhenItTakesTheLock) {
    commit();
    BoxSet boxes = make(false);
    boxes.find(roots_);
    EXPECT_TRUE(boxes.is_waiting_for_lock());
    EXPECT_TRUE(boxes.is_empty());
    boxes.try_locks();

    EXPECT_FALSE(boxes.is_waiting_for_lock());
    EXPECT_FALSE(boxes.is_empty());
    EXPECT_EQ(boxes.find_own()->index().waiting(), 1U);
}

TEST_F(BoxSetTest, LeavesABoxAloneThatAnotherEngineServesUntilItIsFree) {
    commit();
    BoxSet first = make(false);
    BoxSet second = make(false);
    first.find(roots_);
    first.try_locks();
    second.find(roots_);
    second.try_locks();
    EXPECT_TRUE(second.is_waiting_for_lock());
    EXPECT_TRUE(second.is_empty());

    first.find_own()->release();
    second.try_locks();
    EXPECT_FALSE(second.is_waiting_for_lock());
    EXPECT_FALSE(second.is_empty());
}

TEST_F(BoxSetTest, TheWatchTellsOfEachNewMessageWithoutAScan) {
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    ASSERT_GE(boxes.boxes()[0]->watch, 0);
    int news = 0;
    auto watching = boxes.watch([&] { ++news; }, [] {});
    asio::co_spawn(io_, std::move(watching), asio::detached);
    io_.poll();
    EXPECT_TRUE(boxes.is_empty());

    commit();
    io_.restart();
    io_.run_one_for(std::chrono::seconds(5));
    io_.poll();
    EXPECT_GE(news, 1);
    EXPECT_EQ(boxes.boxes()[0]->index().waiting(), 1U);

    boxes.close();
    io_.restart();
    EXPECT_GE(io_.run_for(std::chrono::seconds(5)), 1U);
    EXPECT_TRUE(io_.stopped());  // the watch has ended
}

TEST_F(BoxSetTest, ASystemEngineHearsOfANewBox) {
    BoxSet boxes = make(true);
    boxes.find(roots_);
    int new_boxes = 0;
    auto watching = boxes.watch([] {}, [&] { ++new_boxes; });
    asio::co_spawn(io_, std::move(watching), asio::detached);
    io_.poll();
    ASSERT_EQ(::mkdir((queue_.root() + "/4711").c_str(), 0770), 0);
    io_.restart();
    io_.run_one_for(std::chrono::seconds(5));
    io_.poll();

    EXPECT_EQ(new_boxes, 1);
    boxes.close();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
}

TEST_F(BoxSetTest, ScansABoxWithoutWatchEveryTwoSecondsAndOneWithWatchEveryMinute) {
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    ServedBox& box = *boxes.boxes()[0];
    commit();

    clock_.advance(std::chrono::seconds(59));
    boxes.rescan(roots_);
    EXPECT_EQ(box.index().waiting(), 0U);  // the watch would have told
    clock_.advance(std::chrono::seconds(1));
    boxes.rescan(roots_);
    EXPECT_EQ(box.index().waiting(), 1U);

    box.watch = -1;
    commit(kOther);
    clock_.advance(std::chrono::milliseconds(1999));
    boxes.rescan(roots_);
    EXPECT_EQ(box.index().waiting(), 1U);
    clock_.advance(std::chrono::milliseconds(1));
    boxes.rescan(roots_);
    EXPECT_EQ(box.index().waiting(), 2U);
}

TEST_F(BoxSetTest, MakesItsOwnBoxForReportsOnlyOnce) {
    test::TemporaryDirectory root;
    BoxSet boxes = make(true);
    EXPECT_EQ(boxes.find_own(), nullptr);
    const auto first = boxes.own_box(root.path());
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_TRUE((*first)->is_served());
    const auto second = boxes.own_box(root.path());

    EXPECT_EQ(*first, *second);
    EXPECT_EQ(boxes.boxes().size(), 1U);
}

TEST_F(BoxSetTest, SaysSoWhenItCanNotHaveABoxOfItsOwn) {
    BoxSet boxes = make(true);
    EXPECT_FALSE(boxes.own_box(queue_.root() + "/missing"));
    EXPECT_TRUE(boxes.boxes().empty());
}

class ManyTest : public BoxSetTest {
protected:
    /// Names are enough: nothing here opens them.
    void fill() {
        for (std::uint64_t i = 0; i < kMany; ++i) {
            touch({spool::PackedId{kTime + i, 0}.text(), kDue});
        }
    }
    void touch(const spool::EntryName& name) {
        const std::string one = own() + "/one";
        std::ofstream(one, std::ios::app).flush();
        std::filesystem::create_hard_link(one, own() + "/" + name.text());
    }
    DueIndex& index(BoxSet& boxes) { return boxes.boxes()[0]->index(); }
    void start_watching(BoxSet& boxes) {
        auto watching = boxes.watch([this] { ++news_; }, [] {});
        asio::co_spawn(io_, std::move(watching), asio::detached);
    }
    void run_until_seen(BoxSet& boxes) {
        io_.restart();
        while (boxes.is_looking()) {
            ASSERT_EQ(io_.run_one_for(std::chrono::seconds(5)), 1U);
        }
    }
    void end(BoxSet& boxes) {
        boxes.close();
        io_.restart();
        io_.run_for(std::chrono::seconds(5));
    }

    static constexpr std::uint64_t kMany = 3000;  // more than a turn sees
    static constexpr std::uint64_t kTime = 1704110400000000;
    static constexpr std::chrono::sys_seconds kDue{std::chrono::seconds(1804110400)};
    int news_ = 0;
};

TEST_F(ManyTest, ALargeBoxIsSeenInTurnsBetweenWhichTheRestGoesOn) {
    fill();
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    EXPECT_TRUE(boxes.is_looking());
    EXPECT_FALSE(boxes.is_empty());
    EXPECT_GT(index(boxes).waiting(), 0U);  // what was seen can be worked on
    EXPECT_LT(index(boxes).waiting(), kMany);

    start_watching(boxes);
    const spool::EntryName fresh{spool::PackedId{kTime + 9999, 7}.text(), kDue};
    touch(fresh);
    run_until_seen(boxes);
    EXPECT_EQ(index(boxes).waiting(), kMany + 1);
    EXPECT_TRUE(index(boxes).is_known(fresh.id));
    io_.poll();
    EXPECT_GE(news_, 1);
    end(boxes);
}

TEST_F(ManyTest, ANameThatChangedDuringTheScanIsTheNewOne) {
    fill();
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    // Renamed by whoever holds the claim, as after an attempt, while the listing may have the old
    // names in its buffer.
    const auto later = kDue + std::chrono::hours(1);
    for (std::uint64_t i = 0; i < kMany; i += 7) {
        const spool::EntryName old{spool::PackedId{kTime + i, 0}.text(), kDue};
        const spool::EntryName next{old.id, later};
        std::filesystem::rename(own() + "/" + old.text(), own() + "/" + next.text());
        index(boxes).saw(next);
    }
    run_until_seen(boxes);
    EXPECT_EQ(index(boxes).waiting(), kMany);
    for (std::uint64_t i = 0; i < kMany; i += 7) {
        const spool::EntryName next{spool::PackedId{kTime + i, 0}.text(), later};
        ASSERT_FALSE(index(boxes).is_known_otherwise(next)) << next.text();
    }
}

TEST_F(ManyTest, TheMoreThereAreTheLessOftenTheyAreLookedAtAgain) {
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        index(boxes).saw({spool::PackedId{kTime + i, 0}.text(), kDue});
    }
    const auto is_seen_after = [&](std::chrono::milliseconds time, std::uint64_t number) {
        const spool::EntryName name{spool::PackedId{kTime, number}.text(), kDue};
        touch(name);
        clock_.advance(time - std::chrono::milliseconds(1));
        boxes.rescan(roots_);
        EXPECT_FALSE(index(boxes).is_known(name.id));
        clock_.advance(std::chrono::milliseconds(1));
        boxes.rescan(roots_);
        return index(boxes).is_known(name.id);
    };
    EXPECT_TRUE(is_seen_after(std::chrono::milliseconds(100'000), 1));
    boxes.boxes()[0]->watch = -1;
    EXPECT_TRUE(is_seen_after(std::chrono::milliseconds(5'001), 2));
}

TEST_F(ManyTest, ARootFullOfJunkIsLookedThroughInTurnsAndTidiedInAFewWords) {
    for (int i = 0; i < 1000; ++i) {
        std::ofstream(queue_.root() + "/77-" + std::to_string(i)).flush();
    }
    BoxSet boxes = make(true);
    boxes.find(roots_);
    EXPECT_TRUE(boxes.is_looking());
    EXPECT_TRUE(std::ranges::any_of(
        std::filesystem::directory_iterator(queue_.root()),
        [](const auto& entry) { return entry.is_regular_file(); }
    ));
    start_watching(boxes);
    run_until_seen(boxes);
    EXPECT_EQ(paths(boxes), std::vector<std::string>{own()});
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(queue_.root()), {}), 1);
    EXPECT_EQ(log_.count("which is no box; so went 999 other entries"), 1U);
    EXPECT_EQ(log_.lines.size(), 1U);
    end(boxes);
}

/// Whoever makes events without end would have all boxes scanned without end.
TEST_F(ManyTest, LostEventsAreMadeUpForNowAndThen) {
    constexpr int kRounds = 10'000;
    int limit = 0;
    std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
    if (limit >= 2 * kRounds) {
        GTEST_SKIP() << "events aren't lost as soon as usual";
    }
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    start_watching(boxes);
    const auto overflow = [&] {
        const std::string a = own() + "/a";
        const std::string b = own() + "/b";
        std::ofstream(a).flush();
        for (int i = 0; i < kRounds; ++i) {
            std::filesystem::rename(a, b);
            std::filesystem::rename(b, a);
        }
        io_.restart();
        io_.run_for(std::chrono::milliseconds(200));
    };
    const auto is_scanned_at_next_look = [&] {
        const std::size_t before = files_.count("list");
        boxes.rescan(roots_);
        return files_.count("list") > before;
    };
    overflow();
    EXPECT_TRUE(is_scanned_at_next_look());
    overflow();
    clock_.advance(std::chrono::seconds(9));
    EXPECT_FALSE(is_scanned_at_next_look());
    clock_.advance(std::chrono::seconds(1));
    EXPECT_TRUE(is_scanned_at_next_look());
    end(boxes);
}

/// A request is only taken for one of a message that is gone when all that happened was read.
TEST_F(ManyTest, AScanThatEndsAmidEventsTakesNoRequestAway) {
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    const std::string request = own() + "/.ask-" + kOther + "-retry";
    std::ofstream(request).flush();
    const std::string long_name(200, 'x');
    for (std::uint64_t i = 0; i < kMany; ++i) {
        std::ofstream(own() + "/" + long_name + std::to_string(i)).flush();
    }
    clock_.advance(std::chrono::minutes(1));
    boxes.rescan(roots_);
    run_until_seen(boxes);
    EXPECT_TRUE(std::filesystem::exists(request));

    start_watching(boxes);
    io_.restart();
    io_.run_for(std::chrono::milliseconds(200));
    boxes.rescan(roots_);
    run_until_seen(boxes);
    EXPECT_FALSE(std::filesystem::exists(request));
    end(boxes);
}

TEST_F(ManyTest, NoScanGoesOnAfterTheEnd) {
    fill();
    BoxSet boxes = make(false);
    boxes.adopt(queue_.open(queue_.files()));
    boxes.close();
    EXPECT_FALSE(boxes.is_looking());
    const std::size_t seen = index(boxes).waiting();
    io_.run_for(std::chrono::seconds(5));
    EXPECT_EQ(index(boxes).waiting(), seen);
}

TEST_F(ManyTest, ABoxSetThatIsGoneLeavesNothingToRun) {
    fill();
    {
        BoxSet boxes = make(false);
        boxes.adopt(queue_.open(queue_.files()));
    }
    io_.run_for(std::chrono::seconds(5));
}

TEST_F(BoxSetTest, NewBoxesAreOpenedByNameAndOthersNotAgain) {
    BoxSet boxes = make(true);
    boxes.find(roots_);
    boxes.try_locks();
    auto watching = boxes.watch([] {}, [&] { boxes.try_locks(); });
    asio::co_spawn(io_, std::move(watching), asio::detached);
    io_.poll();
    const std::size_t opened = files_.count("open");
    ASSERT_EQ(::mkdir((queue_.root() + "/4711").c_str(), 0770), 0);
    io_.restart();
    io_.run_one_for(std::chrono::seconds(5));
    io_.poll();

    EXPECT_EQ(boxes.boxes().size(), 2U);
    EXPECT_TRUE(boxes.boxes().back()->is_served());
    EXPECT_LE(files_.count("open"), opened + 3);  // root, box, .system
    boxes.close();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
}

TEST_F(BoxSetTest, MoreBoxesThanDescriptorsAllowAreLeftToOthers) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    for (uid_t uid = 2000; uid < 2010; ++uid) {
        make_box_of(queue_.root() + "/" + std::to_string(uid), uid);
    }
    BoxSet boxes(io_.get_executor(), files_, clock_, random_, log_, true, QueueLimits(), 4);
    boxes.find(roots_);
    boxes.find(roots_);
    EXPECT_EQ(boxes.boxes().size(), 4U);
    EXPECT_EQ(log_.count("limit of open files"), 1U);
}

/// Else one user's fill the table, and everybody else's mail is left to on-demand engines.
TEST_F(BoxSetTest, OfOneUidFourBoxesAreServed) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    for (int i = 0; i < 10; ++i) {
        make_box_of(queue_.root() + "/2000-" + std::to_string(i), 2000);
    }
    make_box_of(queue_.root() + "/2001", 2001);
    BoxSet boxes = make(true);
    boxes.find(roots_);
    boxes.find(roots_);
    EXPECT_EQ(count_of(boxes, 2000), 4U);
    EXPECT_EQ(count_of(boxes, 2001), 1U);
    EXPECT_EQ(log_.count("serving 4 boxes of uid 2000, which is enough"), 1U);
}

/// A name is no box: what has it now may be another directory than before.
class RetiringTest : public BoxSetTest {
protected:
    RetiringTest() {
        if (::geteuid() == 0) {
            make_box_of(path(), 2000);
        }
    }
    void SetUp() override {
        if (::geteuid() != 0) {
            GTEST_SKIP() << "needs root, to give a directory away";
        }
    }
    std::string path() const { return queue_.root() + "/2000"; }
    /// As another engine would have to find it: at this path, and served.
    static ServedBox* served_at(const BoxSet& boxes, const std::string& path) {
        for (const auto& box : boxes.boxes()) {
            if (box->is_served() && box->store().label() == path) {
                return box.get();
            }
        }
        return nullptr;
    }
    void look(BoxSet& boxes) {
        boxes.find(roots_);
        boxes.try_locks();
        boxes.rescan(roots_);
    }
    /// Whose message an engine begins next.
    static ServedBox* next_to_work_on(BoxSet& boxes) {
        const auto never = [](std::chrono::sys_seconds) { return false; };
        while (ServedBox* box = boxes.agenda().next(to_seconds(kArrival))) {
            if (box->is_served() && box->index().take_due(to_seconds(kArrival), never)) {
                return box;
            }
            boxes.agenda().rest(*box);
        }
        return nullptr;
    }
    static ino_t inode_of(const std::string& path) {
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return status.st_ino;
    }
    static ino_t inode_of(const ServedBox& box) {
        struct stat status {};
        EXPECT_EQ(::fstat(box.store().box().directory(), &status), 0);
        return status.st_ino;
    }
};

TEST_F(RetiringTest, ABoxThatItsOwnerMadeAnewIsServed) {
    BoxSet boxes = make(true);
    look(boxes);
    ASSERT_NE(served_at(boxes, path()), nullptr);
    std::filesystem::remove_all(path());
    make_box_of(path(), 2000);
    look(boxes);

    ServedBox* const box = served_at(boxes, path());
    ASSERT_NE(box, nullptr);
    EXPECT_EQ(inode_of(*box), inode_of(path()));
}

/// Bob makes www-data's box before www-data's first mail.
TEST_F(RetiringTest, ASquattedNameIsItsRealOwnersWhenItIsFreeAgain) {
    BoxSet boxes = make(true);
    look(boxes);
    auto watching = boxes.watch([] {}, [&] { boxes.try_locks(); });
    asio::co_spawn(io_, std::move(watching), asio::detached);
    io_.poll();
    const std::string squatted = queue_.root() + "/33";
    make_box_of(squatted, 2000);
    const ino_t bobs = inode_of(squatted);
    io_.restart();
    io_.run_one_for(std::chrono::seconds(5));
    io_.poll();
    ASSERT_NE(served_at(boxes, squatted), nullptr);

    look(boxes);  // and tidies
    EXPECT_EQ(served_at(boxes, squatted), nullptr);
    make_box_of(squatted, 33);
    io_.restart();
    io_.run_one_for(std::chrono::seconds(5));
    io_.poll();
    ASSERT_NE(served_at(boxes, squatted), nullptr);
    EXPECT_EQ(served_at(boxes, squatted)->store().owner(), 33U);
    EXPECT_TRUE(std::ranges::any_of(boxes.boxes(), [&](const auto& box) {
        return box->is_served() && inode_of(*box) == bobs;
    }));
    boxes.close();
    io_.restart();
    io_.run_for(std::chrono::seconds(5));
}

TEST_F(RetiringTest, BoxesThatAreGoneTakeNoRoom) {
    BoxSet boxes(io_.get_executor(), files_, clock_, random_, log_, true, QueueLimits(), 6);
    look(boxes);
    for (int i = 0; i < 30; ++i) {
        const std::string gone = queue_.root() + "/3000-" + std::to_string(i);
        make_box_of(gone, 3000);
        look(boxes);
        EXPECT_NE(served_at(boxes, gone), nullptr) << i;
        std::filesystem::remove_all(gone);
        look(boxes);
    }
    EXPECT_LE(boxes.boxes().size(), 4U);
    EXPECT_EQ(log_.count("limit of open files"), 0U);
    EXPECT_EQ(log_.count("which is enough"), 0U);
}

TEST_F(RetiringTest, WhatIsInWorkComesToItsEndFirst) {
    BoxSet boxes = make(true);
    look(boxes);
    ServedBox* const box = served_at(boxes, path());
    ASSERT_NE(box, nullptr);
    const int directory = box->store().box().directory();
    const spool::EntryName name{kId, to_seconds(kArrival)};
    box->index().saw(name);
    ASSERT_EQ(next_to_work_on(boxes), box);
    std::filesystem::remove_all(path());
    look(boxes);
    EXPECT_FALSE(box->is_served());
    EXPECT_EQ(box->store().box().directory(), directory);
    EXPECT_EQ(boxes.active(), 1U);
    box->index().saw({kOther, to_seconds(kArrival)});
    EXPECT_EQ(next_to_work_on(boxes), nullptr);

    ++box->unsynced_removals;
    box->index().finish(kId, std::nullopt);
    look(boxes);
    EXPECT_EQ(box->store().box().directory(), directory);
    box->unsynced_removals = 0;
    look(boxes);
    EXPECT_EQ(box->store().box().directory(), -1);
    EXPECT_EQ(boxes.active(), 0U);

    // The place is another's now, and works like a new one.
    make_box_of(path(), 2000);
    look(boxes);
    ASSERT_EQ(served_at(boxes, path()), box);
    box->index().saw(name);
    EXPECT_EQ(next_to_work_on(boxes), box);
}

/// Such as mxpost itself has made in somebody's box, who has moved it here.
TEST_F(BoxSetTest, ADirectoryThatOthersMayWriteToIsNeverItsOwnBox) {
    const test::TemporaryDirectory root;
    const std::string moved = root.path() + "/" + std::to_string(::geteuid()) + "-aaaaaaaa";
    std::filesystem::create_directory(moved);
    ASSERT_EQ(::chmod(moved.c_str(), 02777), 0);
    std::ofstream(moved + "/01hk2w7yz0c0000001.1js5aa0") << "forged";
    BoxSet boxes = make(true);
    boxes.find({root.path()});
    boxes.find({root.path()});
    EXPECT_EQ(boxes.find_own(), nullptr);
    EXPECT_TRUE(boxes.boxes().empty());
    EXPECT_EQ(log_.count(moved + " is no box"), 1U);

    const auto box = boxes.own_box(root.path());
    ASSERT_TRUE(box) << box.error().message();
    EXPECT_NE((*box)->store().label(), moved);
}

TEST_F(BoxSetTest, WithoutDescriptorsItSaysSoAndServesTheRest) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    make_box_of(queue_.root() + "/2000", 2000);
    BoxSet boxes = make(true);
    // The root twice (watch, tidying is without), then the boxes.
    files_.fail_always("open", EMFILE);
    boxes.find(roots_);
    EXPECT_TRUE(boxes.boxes().empty());
    files_.heal();
    boxes.find(roots_);
    EXPECT_EQ(boxes.boxes().size(), 2U);
}

TEST_F(BoxSetTest, SaysOnceWhyItCanNotServeABox) {
    BoxSet boxes = make(true);
    boxes.find(roots_);
    std::filesystem::create_symlink("elsewhere", own() + "/.system");
    for (int i = 0; i < 15; ++i) {
        boxes.try_locks();
    }
    EXPECT_FALSE(boxes.boxes()[0]->is_served());
    EXPECT_EQ(log_.count("can't serve the box " + own() + ": open .system"), 1U);
}

TEST_F(BoxSetTest, ALockThatStaysTakenIsTriedLessOften) {
    BoxSet first = make(false);
    first.find(roots_);
    first.try_locks();
    BoxSet second = make(false);
    second.find(roots_);
    for (int i = 0; i < 11; ++i) {
        EXPECT_TRUE(second.is_waiting_for_lock());
        second.try_locks();
    }
    EXPECT_FALSE(second.is_waiting_for_lock());
    const std::size_t tries = files_.count("flock");
    second.try_locks();
    EXPECT_EQ(files_.count("flock"), tries);
    first.find_own()->release();
    clock_.advance(std::chrono::seconds(1));
    second.try_locks();
    EXPECT_TRUE(second.boxes()[0]->is_served());
}

}  // namespace
}  // namespace mxpost::deliver
