#include "submit/queue_selection.h"

#include <gtest/gtest.h>

namespace mxpost::submit {
namespace {

mail::Envelope envelope() {
    mail::Envelope result;
    result.sender = mail::Address("Root", "host.test");
    result.recipients.emplace_back(mail::Address("bob", "A.test"));
    result.recipients.emplace_back(mail::Address("eve", "b.test"));
    return result;
}

class QueueSelectionTest : public testing::Test {
protected:
    bool matches(const mail::Envelope& message = envelope()) const {
        return selection_.matches("1gdw4fgsm000000001", message, journal_);
    }
    /// Of one of the two recipients.
    void note(std::uint32_t recipient, mail::OutcomeKind kind) {
        const bool is_delivered = kind == mail::OutcomeKind::delivered;
        const mail::EnhancedStatus status =
            is_delivered ? mail::EnhancedStatus{2, 0, 0} : mail::EnhancedStatus{5, 1, 1};
        journal_.apply(spool::OutcomeRecord{recipient, WallTime(), {kind, status, "words"}});
    }
    QueueSelection selection_;
    spool::JournalState journal_{2};
};

TEST_F(QueueSelectionTest, WithoutConditionsIsEverything) {
    EXPECT_TRUE(selection_.is_everything());
    EXPECT_TRUE(matches());
}

TEST_F(QueueSelectionTest, FindsPartsOfIdsOfRecipientsAndOfTheSender) {
    selection_.add(SelectBy::id, "gdw4", false);
    EXPECT_FALSE(selection_.needs_envelope());
    EXPECT_TRUE(matches());
    selection_.add(SelectBy::recipient, "EVE@b", false);
    selection_.add(SelectBy::sender, "root@", false);
    EXPECT_TRUE(selection_.needs_envelope());
    EXPECT_TRUE(matches());
    selection_.add(SelectBy::sender, "other", false);  // one of the two is enough
    EXPECT_TRUE(matches());
}

TEST_F(QueueSelectionTest, EachKindMustHold) {
    selection_.add(SelectBy::recipient, "@a.test", false);
    selection_.add(SelectBy::sender, "nobody", false);
    EXPECT_FALSE(matches());
}

TEST_F(QueueSelectionTest, CaseMattersInIds) {
    selection_.add(SelectBy::id, "GDW4", false);
    EXPECT_FALSE(selection_.may_match("1gdw4fgsm000000001"));
    EXPECT_FALSE(matches());
}

TEST_F(QueueSelectionTest, NegatedConditionsMustAllHoldForAllRecipients) {
    selection_.add(SelectBy::recipient, "c.test", true);
    EXPECT_TRUE(matches());
    selection_.add(SelectBy::recipient, "@b.test", true);
    EXPECT_FALSE(matches());
}

TEST_F(QueueSelectionTest, AngleBracketsAnchorAndTheNullSenderIsEmpty) {
    selection_.add(SelectBy::sender, "<>", false);
    EXPECT_FALSE(matches());
    mail::Envelope bounce = envelope();
    bounce.sender.reset();
    EXPECT_TRUE(matches(bounce));
    selection_.add(SelectBy::recipient, "<ob@", false);
    EXPECT_FALSE(matches(bounce));
}

TEST_F(QueueSelectionTest, AWholeIdIsNoPart) {
    selection_.add(SelectBy::whole_id, "1gdw4fgsm00000000", false);
    EXPECT_FALSE(selection_.may_match("1gdw4fgsm000000001"));
    selection_.add(SelectBy::whole_id, "1gdw4fgsm000000001", false);
    EXPECT_TRUE(selection_.may_match("1gdw4fgsm000000001"));
    EXPECT_FALSE(selection_.needs_envelope());
}

TEST_F(QueueSelectionTest, ADomainIsAWholeOneOfAnyRecipient) {
    selection_.add(SelectBy::domain, ".test", false);
    EXPECT_FALSE(matches());
    selection_.add(SelectBy::domain, "B.TEST", false);
    EXPECT_TRUE(matches());
    EXPECT_TRUE(selection_.needs_envelope());
}

TEST_F(QueueSelectionTest, AgesAreThoseOfTheArrival) {
    mail::Envelope message = envelope();
    message.arrival = WallTime(std::chrono::hours(1000));
    selection_.select_before(message.arrival);
    EXPECT_FALSE(selection_.is_everything());
    EXPECT_FALSE(matches(message));
    selection_.select_before(message.arrival + std::chrono::seconds(1));
    EXPECT_TRUE(matches(message));
    selection_.select_after(message.arrival);
    EXPECT_FALSE(matches(message));
    selection_.select_after(message.arrival - std::chrono::seconds(1));
    EXPECT_TRUE(matches(message));
}

TEST_F(QueueSelectionTest, WhatIsHeldIsKnownFromTheJournal) {
    selection_.select_held();
    EXPECT_TRUE(selection_.needs_envelope());
    EXPECT_FALSE(matches());
    journal_.apply(spool::HoldRecord{WallTime(), true, "root"});
    EXPECT_TRUE(matches());
}

TEST_F(QueueSelectionTest, WhoHasTheMessageOrWasGivenUpDoesntCount) {
    selection_.add(SelectBy::domain, "b.test", false);
    note(1, mail::OutcomeKind::deferred);
    EXPECT_TRUE(matches());
    note(1, mail::OutcomeKind::delivered);
    EXPECT_FALSE(matches());
    note(1, mail::OutcomeKind::failed);
    EXPECT_FALSE(matches());
    selection_ = QueueSelection();
    selection_.add(SelectBy::recipient, "eve@b.test", false);
    EXPECT_FALSE(matches());
    selection_ = QueueSelection();
    selection_.add(SelectBy::recipient, "eve@b.test", true);
    EXPECT_TRUE(matches());
}

TEST_F(QueueSelectionTest, WhereNobodyWaitsThoseCountOfWhomAReportIsDue) {
    QueueSelection a;
    a.add(SelectBy::domain, "a.test", false);
    QueueSelection b;
    b.add(SelectBy::domain, "b.test", false);
    const auto are_found = [&] {
        return std::pair(
            a.matches("1gdw4fgsm000000001", envelope(), journal_),
            b.matches("1gdw4fgsm000000001", envelope(), journal_)
        );
    };
    note(0, mail::OutcomeKind::failed);
    note(1, mail::OutcomeKind::delivered);
    EXPECT_EQ(are_found(), std::pair(true, false));
    // No message is out of reach.
    journal_.apply(spool::ReportRecord{spool::ReportKind::failure, WallTime(), "", {0}});
    EXPECT_EQ(are_found(), std::pair(true, true));
}

TEST_F(QueueSelectionTest, DomainsAreComparedInTheFormThatIsGiven) {
    selection_ = QueueSelection([](std::string_view domain) {
        return std::string(domain.substr(0, domain.find('.')));
    });
    selection_.add(SelectBy::domain, "b.example", false);
    EXPECT_TRUE(matches());
    selection_ = QueueSelection();
    selection_.add(SelectBy::domain, "b.example", false);
    EXPECT_FALSE(matches());
}

TEST_F(QueueSelectionTest, NothingIsNothing) {
    selection_.select_nothing();
    EXPECT_FALSE(selection_.is_everything());
    EXPECT_FALSE(selection_.may_match("1gdw4fgsm000000001"));
    EXPECT_FALSE(matches());
}

}  // namespace
}  // namespace mxpost::submit
