#include "deliver/parking.h"

#include <list>

#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

/// One message stands for all; only the names differ.
class NamedClaim final : public AcceptingClaim {
public:
    using AcceptingClaim::AcceptingClaim;
    const spool::EntryName& name() const override { return name_; }
    void rename(spool::MessageId id) { name_ = {std::move(id), to_seconds(kArrival)}; }

private:
    spool::EntryName name_;
};

/// Two users' boxes, with messages for a site that has enough to do.
class ParkingTest : public testing::Test {
protected:
    ParkingTest() : claim_(claim()) {
        life_.resolver.add_mx("b.example", 10, "mx.b.example");
        life_.resolver.add_address("mx.b.example", "192.0.2.1");
        NextHopResult found;
        MxDestination destination(life_.services, "b.example");
        boost::asio::co_spawn(
            life_.io,
            destination.find(),
            [&](const std::exception_ptr&, NextHopResult result) { found = std::move(result); }
        );
        life_.io.run();
        saturate(std::get<NextHop>(found));
    }
    ~ParkingTest() override { life_.sites.stop(); }  // lets go of the jobs

    /// The one of the two that comes first where nobody sees to it that they take turns.
    ServedBox& first() { return std::less<>()(&alice_, &bob_) ? alice_ : bob_; }
    ServedBox& second() { return &first() == &alice_ ? bob_ : alice_; }

    void park(ServedBox& box, int count) {
        for (int i = 0; i < count; ++i) {
            std::string number = std::to_string(++parked_);
            claim_.rename("01hk2w7yz0c" + number.insert(0, 7 - number.size(), '0'));
            ASSERT_TRUE(parking_.park(box, claim_));
        }
    }
    std::uint32_t lane() { return life_.sites.saturated(site_); }
    std::size_t parked(ServedBox& box) { return box.index().parked_in(lane()); }

private:
    class Nowhere final : public Destination {
    public:
        boost::asio::awaitable<NextHopResult> find() override { co_return NextHop(); }
    };

    std::unique_ptr<spool::Claim> claim() {
        auto claimed = life_.store.claim(queue_.commit(envelope_));
        EXPECT_TRUE(claimed.claim) << claimed.reason;
        return std::move(claimed.claim);
    }
    /// Nothing of it is sent: the loop doesn't run any more.
    void saturate(const NextHop& hop) {
        site_ = hop.site;
        const auto site = life_.sites.at(hop);
        while (!site->is_saturated()) {
            Consignment consignment(
                envelope_,
                envelope_.recipients,
                [](bool) { return Result<std::unique_ptr<mail::Content>>(nullptr); },
                dialogue_,
                {1000, kId}
            );
            SiteJob& job = jobs_.emplace_back(
                life_.io.get_executor(), life_.services, nowhere_, std::move(consignment)
            );
            job.hop = std::make_shared<const NextHop>(hop);
            site->add(job);
        }
    }

    const mail::Envelope envelope_ = make_envelope({"u@b.example"});
    Queue queue_;
    Queue bobs_queue_;
    Nowhere nowhere_;
    DialogueLog dialogue_;

protected:
    Life life_{queue_};
    Parking parking_{life_.services};

private:
    std::list<SiteJob> jobs_;
    std::string site_;
    NamedClaim claim_;
    int parked_ = 0;
    ServedBox alice_{life_.files, queue_.open(life_.files), true};
    ServedBox bob_{life_.files, bobs_queue_.open(life_.files), true};
};

TEST_F(ParkingTest, NobodysFloodKeepsOthersMailParked) {
    park(first(), 10);
    park(second(), 2);
    parking_.unpark(lane(), 4);
    EXPECT_EQ(parked(first()), 8U);
    EXPECT_EQ(parked(second()), 0U);
}

TEST_F(ParkingTest, WhatOneDoesNotNeedIsTheOthers) {
    park(first(), 10);
    park(second(), 1);
    parking_.unpark(lane(), 6);
    EXPECT_EQ(parked(second()), 0U);
    EXPECT_EQ(parked(first()), 5U);
    parking_.unpark(lane(), 6);
    EXPECT_EQ(parked(first()), 0U);
    parking_.unpark(lane(), 6);  // nothing is left
}

TEST_F(ParkingTest, TheOddOneGoesToEachInTurn) {
    park(first(), 2);
    park(second(), 2);
    for (const std::size_t left : {1U, 0U}) {
        parking_.unpark(lane(), 1);
        parking_.unpark(lane(), 1);
        EXPECT_EQ(parked(first()), left);
        EXPECT_EQ(parked(second()), left);
    }
}

TEST_F(ParkingTest, WhatASiteHasForgottenIsLetIn) {
    park(first(), 3);
    const std::uint32_t number = lane();
    parking_.unpark_forgotten(2);
    EXPECT_EQ(first().index().parked_in(number), 3U) << "it has enough to do";
    life_.sites.stop();
    parking_.unpark_forgotten(2);
    EXPECT_EQ(first().index().parked_in(number), 1U);
}

}  // namespace
}  // namespace mxpost::deliver
