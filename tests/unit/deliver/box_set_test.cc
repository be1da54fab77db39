#include "deliver/box_set.h"

#include <algorithm>

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
        return BoxSet(io_.get_executor(), queue_.files(), clock_, random_, log_, is_system);
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
    void commit(const spool::MessageId& id = kId) {
        queue_.commit(make_envelope({"b@x.example"}), kBody, id);
    }

    Queue queue_;
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

}  // namespace
}  // namespace mxpost::deliver
