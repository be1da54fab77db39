#include "submit/message_details.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "queue_fixture.h"

namespace mxpost::submit {
namespace {

using testing::Contains;
using testing::HasSubstr;

class MessageDetailsTest : public QueueFixture {
protected:
    MessageDetailsTest() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
    }
    std::string details(DetailChoice choice = {}) {
        lines_.clear();
        octets_.clear();
        const MessageDetails::OctetSink octets = [this](std::string_view text) { octets_ += text; };
        MessageDetails format(disk_, out_, octets, to_seconds(clock_.now()), choice);
        EXPECT_EQ(show(format), ExitStatus::ok);
        EXPECT_EQ(format.shown().size(), 1U);
        is_incomplete_ = format.is_incomplete();
        return testing::PrintToString(lines_);
    }
    std::string octets_;
    bool is_incomplete_ = false;
};

TEST_F(MessageDetailsTest, HasEnvelopeStatesWordsAndHeader) {
    const auto id = queue_message(
        {"a@x.test", "b@y.test"}, {deferred(1, "mx.y.test", "4.7.1 come\x1b[2J back")}
    );
    details();
    EXPECT_EQ(lines_.at(0), "Message:      " + id);
    EXPECT_THAT(lines_, Contains("State:        waits after 1 attempt, no engine serves its box"));
    EXPECT_THAT(lines_, Contains("Next attempt: due now"));
    EXPECT_THAT(lines_, Contains("Sender:       <alice@example.com>"));
    EXPECT_THAT(lines_, Contains("  <a@x.test>  new"));
    EXPECT_THAT(lines_, Contains("  <b@y.test>  deferred, 1 attempt, Mon Jan  1 12:00:00 2024"));
    EXPECT_THAT(lines_, Contains("      451 4.7.1 come?[2J back (mx.y.test [192.0.2.1])"));
    EXPECT_THAT(lines_, Contains("  Subject: Hello"));
}

TEST_F(MessageDetailsTest, SaysWhichReportsAreAskedFor) {
    call_.notify = static_cast<mail::NotifySet>(mail::Notify::success) |
                   static_cast<mail::NotifySet>(mail::Notify::delay);
    call_.dsn_return = mail::DsnReturn::headers;
    queue_message({"a@x.test"});
    details();
    EXPECT_THAT(lines_, Contains("Reports return: the header (RET=HDRS)"));
    EXPECT_THAT(lines_, Contains("      NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a@x.test"));
}

TEST_F(MessageDetailsTest, WithoutWishesForReportsNothingIsSaidOfThem) {
    queue_message({"a@x.test"});
    EXPECT_EQ(details().find("NOTIFY"), std::string::npos);
}

TEST_F(MessageDetailsTest, SaysWhoHoldsIt) {
    queue_message({"a@x.test"}, {spool::HoldRecord{clock_.now(), true, "ro\x07ot"}});
    details();
    EXPECT_THAT(lines_, Contains(HasSubstr("held by ro?ot since Mon Jan  1 12:00:00 2024")));
    EXPECT_THAT(lines_, Contains("Next attempt: when it is released"));
}

TEST_F(MessageDetailsTest, AsJsonHasTheHeaderToo) {
    queue_message({"a@x.test"}, {spool::HoldRecord{clock_.now(), true, "root"}});
    DetailChoice choice;
    choice.is_json = true;
    details(choice);
    ASSERT_EQ(lines_.size(), 1U);
    EXPECT_THAT(lines_[0], HasSubstr("\"queue_name\":\"hold\""));
    EXPECT_THAT(
        lines_[0], HasSubstr("\"is_held\":true,\"held_by\":\"root\",\"held_since\":1704110400")
    );
    EXPECT_THAT(lines_[0], HasSubstr("\"header\":["));
    EXPECT_THAT(lines_[0], HasSubstr("\"Subject: Hello\""));
}

TEST_F(MessageDetailsTest, TheContentIsAsItIsOrPrintableOnATerminal) {
    const std::string longest(9000, 'x');
    queue_message(
        {"a@x.test"}, {}, "Subject: Hello\n\ntab\there\x1b]0;x\x07\n" + longest + "\nlast"
    );
    DetailChoice choice;
    choice.has_content = true;
    details(choice);
    EXPECT_THAT(octets_, HasSubstr("Subject: Hello\r\n"));
    EXPECT_THAT(octets_, HasSubstr("\r\n\r\ntab\there\x1b]0;x\x07\r\n"));
    EXPECT_TRUE(lines_.empty());

    choice.is_for_terminal = true;
    details(choice);
    EXPECT_TRUE(octets_.empty());
    EXPECT_THAT(lines_, Contains("tab here?]0;x?"));
    EXPECT_THAT(lines_, Contains("Subject: Hello"));
    EXPECT_EQ(lines_.back(), "last");
    std::size_t count = 0;
    for (const std::string& line : lines_) {
        count += static_cast<std::size_t>(std::ranges::count(line, 'x'));
    }
    EXPECT_GE(count, longest.size());
    EXPECT_FALSE(is_incomplete_);
}

}  // namespace
}  // namespace mxpost::submit
