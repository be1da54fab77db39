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
    SiteJob make_job() {
        return {
            life_.io.get_executor(),
            life_.services,
            destination_,
            Consignment(
                envelope_,
                envelope_.recipients,
                [](bool) { return Result<std::unique_ptr<mail::Content>>(nullptr); },
                dialogue_,
                {1000, kId}
            )};
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

TEST_F(SiteJobTest, NothingIsSaidOfOneWhoseTurnDidNotCome) {
    SiteJob job = make_job();
    job.complete_unattempted();
    EXPECT_TRUE(result_of(job).is_unattempted);
}

}  // namespace
}  // namespace mxpost::deliver
