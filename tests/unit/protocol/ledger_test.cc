#include "protocol/ledger.h"

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

Reply reply(std::uint16_t code, const std::string& text) {
    Reply reply;
    reply.code = code;
    reply.lines.push_back(std::to_string(code) + " " + text);
    return reply;
}

TEST(Ledger, DeliversOnlyWhoWasAcceptedAndIsStillOpen) {
    Ledger ledger(4);
    ledger.accept(0);
    ledger.accept(1);
    ledger.settle(1, failure(1, 1, "no"));
    ledger.settle(2, deferral(2, 0, "later"));
    ledger.deliver_accepted(reply(250, "taken"), mail::SuccessReport::passed_on);
    const auto outcomes = ledger.outcomes();
    ASSERT_EQ(outcomes.size(), 4U);
    EXPECT_EQ(outcomes[0].kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(outcomes[0].status.text(), "2.0.0");
    EXPECT_EQ(outcomes[0].success, mail::SuccessReport::passed_on);
    EXPECT_EQ(outcomes[1].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(outcomes[2].text, "later");
    EXPECT_EQ(outcomes[3].kind, mail::OutcomeKind::deferred);  // nobody spoke of it
}

TEST(Ledger, TheFirstOutcomeStays) {
    Ledger ledger(1);
    ledger.settle(0, failure(1, 1, "first"));
    ledger.settle(0, deferral(0, 0, "second"));
    EXPECT_EQ(ledger.settle_open(deferral(0, 0, "third")), 0U);
    EXPECT_EQ(ledger.outcomes()[0].text, "first");
}

TEST(RefusalOutcome, OnlyFiveFails) {
    EXPECT_EQ(refusal_outcome(reply(550, "no")).kind, mail::OutcomeKind::failed);
    EXPECT_EQ(refusal_outcome(reply(450, "no")).kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(refusal_outcome(reply(354, "odd")).status.text(), "4.0.0");
}

}  // namespace
}  // namespace mxpost::protocol
