#include "diagnose/notice_board.h"

#include <gtest/gtest.h>

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;

mail::RecipientOutcome refusal(const std::string& host) {
    mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 7, 1}, "5.7.1 listed\x1b[2J");
    outcome.reply_code = 554;
    outcome.remote_host = host;
    return outcome;
}

Ruling ruling(std::string_view rule, std::string_view notice = "Ask for removal") {
    Ruling result;
    result.rule = rule;
    result.notice = notice;
    return result;
}

const SteadyTime kStart(24h);

TEST(NoticeBoard, SaysWhatTheRuleAndTheServerSay) {
    NoticeBoard board;
    EXPECT_EQ(
        board.note(ruling("block-list"), refusal("mx.example.org"), kStart),
        "Ask for removal (mx.example.org said: 554 5.7.1 listed?[2J)"
    );
    EXPECT_EQ(board.note(ruling("silent", ""), refusal("mx.example.org"), kStart), std::nullopt);
    EXPECT_EQ(
        board.note(ruling("other"), refusal(""), kStart),
        "Ask for removal (a server said: 554 5.7.1 listed?[2J)"
    );
}

TEST(NoticeBoard, RepeatsItselfAfterAnHourOnly) {
    NoticeBoard board;
    EXPECT_TRUE(board.note(ruling("a"), refusal("mx"), kStart));
    EXPECT_FALSE(board.note(ruling("a"), refusal("MX"), kStart + 59min));
    EXPECT_TRUE(board.note(ruling("a"), refusal("mx2"), kStart + 59min));
    EXPECT_TRUE(board.note(ruling("b"), refusal("mx"), kStart + 59min));
    EXPECT_TRUE(board.note(ruling("a"), refusal("mx"), kStart + 60min));
}

TEST(NoticeBoard, NamesAFewHostsOfOneTroubleOnly) {
    NoticeBoard board;
    std::size_t lines = 0;
    for (int i = 0; i < 10000; ++i) {
        lines += board.note(ruling("a"), refusal("mx" + std::to_string(i)), kStart) ? 1U : 0U;
    }
    EXPECT_EQ(lines, 10U);
    EXPECT_TRUE(board.note(ruling("b"), refusal("mx1"), kStart));
    EXPECT_TRUE(board.note(ruling("a"), refusal("mx1"), kStart + 1h));
}

}  // namespace
}  // namespace mxpost::diagnose
