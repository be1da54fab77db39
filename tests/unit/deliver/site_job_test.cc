#include "deliver/site_job.h"

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

class NoDestination final : public Destination {
public:
    boost::asio::awaitable<NextHopResult> find() override { co_return NextHop(); }
};

class SiteJobTest : public testing::Test {
protected:
    SiteJob make_job(decltype(Consignment::on_settled) on_settled = {}) {
        Consignment consignment(
            envelope_,
            envelope_.recipients,
            [](bool) { return Result<std::unique_ptr<mail::Content>>(nullptr); },
            dialogue_,
            {1000, kId}
        );
        consignment.on_settled = std::move(on_settled);
        return {life_.io.get_executor(), life_.services, destination_, std::move(consignment)};
    }
    /// 421 to the transaction.
    static protocol::TransactionResult cut_off(std::size_t recipients) {
        mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 3, 2}, "closing");
        outcome.reply_code = 421;
        outcome.step = mail::Step::recipient;
        protocol::TransactionResult result;
        result.outcomes.assign(recipients, outcome);
        result.may_try_next_host = true;
        return result;
    }
    static mail::RecipientOutcome refused_at(mail::Step step) {
        mail::RecipientOutcome outcome(mail::OutcomeKind::failed, {5, 3, 2}, "no mail here");
        outcome.reply_code = 554;
        outcome.step = step;
        return outcome;
    }
    AttemptResult result_of(SiteJob& job) {
        AttemptResult result;
        boost::asio::co_spawn(
            life_.io,
            job.wait(),
            [&](const std::exception_ptr& error, AttemptResult given) {
                EXPECT_FALSE(error);
                result = std::move(given);
            }
        );
        life_.io.run();
        return result;
    }

    Queue queue_;
    Life life_{queue_};
    NoDestination destination_;
    DialogueLog dialogue_;
    mail::Envelope envelope_ = make_envelope({"a@example.com", "b@example.com"});
};

TEST_F(SiteJobTest, WhoWasServedBeforeTheEngineEndedIsNotForgotten) {
    SiteJob job = make_job();
    job.begin_session();
    const auto chunk = job.take_chunk(1);
    protocol::TransactionResult served;
    served.outcomes.emplace_back(mail::OutcomeKind::delivered, mail::EnhancedStatus{2, 0, 0}, "Ok");
    job.apply(chunk, served, {Fate::as_result});
    job.complete_unattempted();  // waits for another session when the engine ends

    const AttemptResult result = result_of(job);
    EXPECT_FALSE(result.is_unattempted);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::deferred);
}

TEST_F(SiteJobTest, TellsWhoIsSettledWhileOthersAreNot) {
    std::vector<std::string> told;
    SiteJob job = make_job([&](const auto& settled, const auto& outcomes) {
        for (const std::size_t index : settled) {
            told.push_back(std::to_string(index) + " " + outcomes[index].text);
        }
        return true;
    });
    protocol::TransactionResult served;
    served.outcomes.emplace_back(mail::OutcomeKind::delivered, mail::EnhancedStatus{2, 0, 0}, "Ok");
    job.begin_session();
    job.apply(job.take_chunk(1), served, {Fate::as_result});
    EXPECT_THAT(told, testing::ElementsAre("0 Ok"));
    job.apply(job.take_chunk(1), served, {Fate::as_result});
    EXPECT_THAT(told, testing::SizeIs(1));  // the rest is the job's result
}

TEST_F(SiteJobTest, NoneWaitsForASessionAtASiteThatRests) {
    diagnose::Ruling ruling;
    ruling.suspend = std::chrono::minutes(5);
    mail::RecipientOutcome refusal(mail::OutcomeKind::failed, {5, 7, 0}, "too much");
    refusal.reply_code = 550;
    NextHop hop;
    hop.site = "mx.example.com";
    const auto site = life_.sites.at(hop);
    site->heed(ruling, refusal, false);
    SiteJob job = make_job();  // was taken before that, and goes back
    site->put_back(job);

    const AttemptResult result = result_of(job);
    ASSERT_EQ(result.outcomes.size(), 2U);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[0].text, "too much (not tried again yet)");
    EXPECT_EQ(result.outcomes[0].reply_code, 550);  // what it means holds for this one, too
    EXPECT_TRUE(result.outcomes[0].is_untried);
    EXPECT_EQ(site->waiting(), 0U);
}

// RFC 5321 3.8, 5.1: all hosts must say "never" before mail is returned.
TEST_F(SiteJobTest, ATemporaryTroubleCountsMoreThanTheNextHostsRefusal) {
    SiteJob job = make_job();
    job.begin_session();
    job.apply(job.take_chunk(2), cut_off(2), {Fate::as_result, Fate::as_result});
    EXPECT_TRUE(job.was_tried_in_vain());
    job.note_trouble(refused_at(mail::Step::greeting));
    job.complete();

    for (const mail::RecipientOutcome& outcome : result_of(job).outcomes) {
        EXPECT_EQ(outcome.kind, mail::OutcomeKind::deferred);
        EXPECT_EQ(outcome.text, "closing");
    }
}

TEST_F(SiteJobTest, NobodyIsReturnedWhomTheLostSessionWasNotAskedFor) {
    SiteJob job = make_job();
    job.begin_session();
    job.apply(job.take_chunk(1), cut_off(1), {Fate::as_result});
    job.note_trouble(refused_at(mail::Step::greeting));
    job.complete();

    const AttemptResult result = result_of(job);
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[1].text, "closing");
}

TEST_F(SiteJobTest, WhoIsRefusedByAllHostsIsReturned) {
    SiteJob job = make_job();
    job.begin_session();
    protocol::TransactionResult refused;
    refused.outcomes.assign(2, refused_at(mail::Step::recipient));
    job.apply(job.take_chunk(2), refused, {Fate::other_host, Fate::as_result});
    job.note_trouble(refused_at(mail::Step::greeting));
    job.complete();

    const AttemptResult result = result_of(job);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(result.outcomes[0].step, mail::Step::greeting);
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::failed);
    EXPECT_EQ(result.outcomes[1].step, mail::Step::recipient);
}

TEST_F(SiteJobTest, AHostThatWasLeftOutKeepsMailThatNoOtherHostWants) {
    auto hop = std::make_shared<NextHop>();
    hop->left_out.emplace(mail::OutcomeKind::deferred, mail::EnhancedStatus{4, 4, 3}, "SERVFAIL");
    SiteJob job = make_job();
    job.hop = hop;
    job.begin_session();
    protocol::TransactionResult refused;
    refused.outcomes.push_back(refused_at(mail::Step::recipient));
    job.apply(job.take_chunk(1), refused, {Fate::as_result});
    job.note_trouble(refused_at(mail::Step::greeting));
    job.note_left_out();
    job.complete();

    const AttemptResult result = result_of(job);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::failed) << "the recipient was refused";
    EXPECT_EQ(result.outcomes[1].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[1].text, "SERVFAIL");
}

TEST_F(SiteJobTest, NothingIsSaidOfOneWhoseTurnDidNotCome) {
    SiteJob job = make_job();
    job.complete_unattempted();
    EXPECT_TRUE(result_of(job).is_unattempted);
}

}  // namespace
}  // namespace mxpost::deliver
