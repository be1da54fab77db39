#include "submit/queue_sample.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>

#include "queue_fixture.h"
#include "support/few_descriptors.h"

namespace mxpost::submit {
namespace {

class QueueSampleTest : public QueueFixture {
protected:
    QueueFigures look(QueueSample& sample) {
        return sample.look([this](std::string_view line) { complaints_.emplace_back(line); });
    }
    void remove(const spool::MessageId& id) {
        for (const spool::EntryName& name : queued()) {
            if (name.id == id) {
                auto boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
                EXPECT_TRUE(disk_.unlink(boxes.at(0).directory(), name.text()));
            }
        }
    }
    void postpone(const spool::EntryName& name, std::chrono::seconds time) {
        auto boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
        spool::EntryName later = name;
        later.due += time;
        EXPECT_TRUE(disk_.rename(boxes.at(0).directory(), name.text(), later.text()));
    }
};

TEST_F(QueueSampleTest, AnEmptyQueueHasNothing) {
    QueueSample sample(around_);
    const auto figures = look(sample);
    EXPECT_EQ(figures.messages, 0U);
    EXPECT_EQ(figures.interval.count(), 0);
    EXPECT_TRUE(figures.destinations.empty());
}

TEST_F(QueueSampleTest, KnowsDestinationsTheirSiteAndItsLastWords) {
    queue_message({"a@x.test"});
    queue_message(
        {"b@Y.test", "c@y.test", "d@y.test"}, {deferred(0, "MX.y.test", "4.7.1 later\x1b")}
    );
    queue_message({"e@z.test"}, {spool::HoldRecord{clock_.now(), true, "root"}});
    QueueSample sample(around_);
    const auto figures = look(sample);
    EXPECT_EQ(figures.messages, 3U);
    EXPECT_EQ(figures.due, 3U);
    EXPECT_EQ(figures.opened, 3U);
    EXPECT_EQ(figures.held, 1U);
    EXPECT_EQ(figures.active, 0U);
    ASSERT_EQ(figures.destinations.size(), 3U);
    EXPECT_EQ(figures.destinations[0].domain, "y.test");
    EXPECT_EQ(figures.destinations[0].waiting, 3U);
    EXPECT_EQ(figures.destinations[0].site, "mx.y.test");
    EXPECT_EQ(figures.destinations[0].last_reply, "451 4.7.1 later?");
    EXPECT_EQ(figures.destinations[1].domain, "x.test");
}

TEST_F(QueueSampleTest, CountsWhatCameAndLeft) {
    const auto first = queue_message({"a@x.test"});
    QueueSample sample(around_);
    look(sample);
    clock_.advance(std::chrono::seconds(2));
    queue_message({"b@x.test"});
    queue_message({"c@x.test"});
    remove(first);
    const auto figures = look(sample);
    EXPECT_EQ(figures.came, 2U);
    EXPECT_EQ(figures.left, 1U);
    EXPECT_EQ(figures.messages, 2U);
    EXPECT_EQ(figures.interval.count(), 2);
    EXPECT_EQ(figures.destinations.at(0).waiting, 2U);
}

TEST_F(QueueSampleTest, SeesWhatIsBeingSentAndWhenThatIsOver) {
    call_.operands = {"a@x.test"};
    auto result = submit("hi\n");  // holds its lock, as an engine would
    QueueSample sample(around_);
    auto figures = look(sample);
    EXPECT_EQ(figures.active, 1U);
    EXPECT_EQ(figures.destinations.at(0).active, 1U);
    result.accepted.reset();
    postpone(queued().at(0), std::chrono::hours(1));
    figures = look(sample);
    EXPECT_EQ(figures.active, 0U);
    EXPECT_EQ(figures.due, 0U);
    EXPECT_EQ(figures.came, 0U);  // it has another name, but is the same
    EXPECT_EQ(figures.left, 0U);
}

TEST_F(QueueSampleTest, OpensABoundedNumberAtEachLook) {
    for (int i = 0; i < 30; ++i) {
        queue_message({"a" + std::to_string(i) + "@x.test"});
    }
    SampleLimits limits;
    limits.looks = 5;
    limits.kept = 8;
    QueueSample sample(around_, limits);
    const std::size_t before = files_.count("pread");
    EXPECT_EQ(look(sample).opened, 5U);
    const std::size_t each = (files_.count("pread") - before) / 5;
    for (int i = 0; i < 5; ++i) {
        look(sample);
    }
    EXPECT_LE(files_.count("pread") - before, each * 5 * 6);
    const auto figures = look(sample);
    EXPECT_EQ(figures.messages, 30U);
    EXPECT_LE(figures.opened, 8U + 5U);
    EXPECT_GE(figures.opened, 8U);
}

TEST_F(QueueSampleTest, ManyDomainsAreOneBeyondALimit) {
    std::vector<std::string> recipients;
    for (int i = 0; i < 20; ++i) {
        recipients.push_back("a@d" + std::to_string(i) + ".test");
    }
    queue_message(recipients);
    SampleLimits limits;
    limits.destinations = 5;
    QueueSample sample(around_, limits);
    const auto figures = look(sample);
    ASSERT_EQ(figures.destinations.size(), 5U);
    EXPECT_EQ(figures.destinations[0].domain, "(others)");
    EXPECT_EQ(figures.destinations[0].waiting, 16U);
}

TEST_F(QueueSampleTest, LooksIntoMoreBoxesThanThereAreDescriptors) {
    queue_message({"a@x.test"});
    for (int i = 0; i < 100; ++i) {
        const std::string box = root() + "/" + std::to_string(::getuid()) + "-" + std::to_string(i);
        ASSERT_EQ(::mkdir(box.c_str(), 0770), 0);
    }
    const test::FewDescriptors few;
    QueueSample sample(around_);
    const auto figures = look(sample);
    EXPECT_EQ(figures.messages, 1U);
    EXPECT_EQ(figures.opened, 1U);
    EXPECT_TRUE(complaints_.empty());
}

TEST_F(QueueSampleTest, OfDamagedMessagesThereIsOnlyTheName) {
    queue_message({"a@x.test"});
    auto boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
    ASSERT_TRUE(
        disk_.open(boxes.at(0).directory(), "000000000000000000.0000000", O_WRONLY | O_CREAT, 0600)
    );
    QueueSample sample(around_);
    const auto figures = look(sample);
    EXPECT_EQ(figures.messages, 2U);
    EXPECT_EQ(figures.opened, 1U);
}

}  // namespace
}  // namespace mxpost::submit
