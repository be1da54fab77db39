#include "diagnose/ruling.h"

#include <gtest/gtest.h>

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;
using mail::OutcomeKind;
using mail::RecipientOutcome;

TEST(Apply, ChangesTheKindAndLeavesTheWords) {
    RecipientOutcome outcome(OutcomeKind::failed, {5, 7, 1}, "5.7.1 listed");
    outcome.reply_code = 554;
    Ruling ruling;
    apply(ruling, outcome);
    EXPECT_EQ(outcome.kind, OutcomeKind::failed);
    ruling.kind = OutcomeKind::deferred;
    apply(ruling, outcome);
    apply(ruling, outcome);
    EXPECT_EQ(outcome.kind, OutcomeKind::deferred);
    EXPECT_EQ(outcome.status.text(), "4.7.1");
    EXPECT_EQ(mail::reply_text(outcome), "554 5.7.1 listed");
    EXPECT_EQ(stated_status(outcome).text(), "5.7.1");
    ruling.kind = OutcomeKind::failed;
    apply(ruling, outcome);
    EXPECT_EQ(outcome.kind, OutcomeKind::failed);
    EXPECT_EQ(outcome.status.text(), "5.7.1");
}

TEST(Apply, NeverTakesADeliveryBack) {
    RecipientOutcome outcome(OutcomeKind::delivered, {2, 0, 0}, "ok");
    Ruling ruling;
    ruling.kind = OutcomeKind::failed;
    apply(ruling, outcome);
    EXPECT_EQ(outcome.kind, OutcomeKind::delivered);
}

TEST(Ruling, WaitsForTheLongestOfItsDelays) {
    Ruling ruling;
    EXPECT_EQ(ruling.least_delay(), 0s);
    ruling.retry = 30min;
    EXPECT_EQ(ruling.least_delay(), 30min);
    ruling.is_slow_down = true;
    EXPECT_EQ(ruling.least_delay(), 1h);
    ruling.suspend = 2h;
    EXPECT_EQ(ruling.least_delay(), 2h);
}

TEST(Names, OfScopesAndSteps) {
    EXPECT_EQ(name_of(Scope::our_address), "our-address");
    EXPECT_EQ(parse_scope("sender-domain"), Scope::sender_domain);
    EXPECT_EQ(parse_scope("sender_domain"), std::nullopt);
    EXPECT_EQ(parse_step("start-tls"), mail::Step::start_tls);
    EXPECT_EQ(parse_step("none"), std::nullopt);
}

}  // namespace
}  // namespace mxpost::diagnose
