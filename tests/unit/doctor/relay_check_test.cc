#include "doctor/relay_check.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class RelayCheckTest : public DoctorTest {
protected:
    RelayCheckTest() {
        relay_.text = "relay.example:587";
        relay_.host = "relay.example";
        relay_.port = 587;
        relay_.credentials = "/etc/mxpost.credentials";
        probe_.peer = smtp::Peer("relay.example", ip("203.0.113.1"));
        probe_.is_connected = true;
    }
    Findings judge() {
        RelayProbe probed;
        probed.probes = {probe_};
        return judge_relay(probed, relay_, rules);
    }
    void trouble(std::uint16_t code, mail::Step step, const std::string& text) {
        probe_.trouble = mail::RecipientOutcome(mail::OutcomeKind::deferred, {4, 0, 0}, text);
        probe_.trouble->reply_code = code;
        probe_.trouble->step = step;
    }

    Relay relay_;
    Probe probe_;
};

TEST_F(RelayCheckTest, OneThatTakesThePassword) {
    probe_.tls = "TLSv1.3 X verified";
    EXPECT_THAT(judge()[0].text, HasSubstr("TLSv1.3 X verified"));
    EXPECT_THAT(blamed(judge()), IsEmpty());
}

TEST_F(RelayCheckTest, OneThatDoesNot) {
    trouble(535, mail::Step::auth, "5.7.8 no");
    probe_.are_credentials_refused = true;
    EXPECT_THAT(blamed(judge()), ElementsAre("relay problem"));
    EXPECT_EQ(
        judge()[0].text, "it refuses the user or password in /etc/mxpost.credentials: 535 5.7.8 no"
    );
}

TEST_F(RelayCheckTest, OneThatCannotBeReachedAndWhatToDo) {
    trouble(0, mail::Step::connect, "connection timed out");
    probe_.is_connected = false;
    probe_.error = boost::asio::error::timed_out;
    EXPECT_EQ(judge()[0].text, "it doesn't answer on port 587");
    EXPECT_THAT(remedies(judge())[0], HasSubstr("outgoing TCP connections to port 587"));
}

TEST_F(RelayCheckTest, APasswordThatOnlyRootCanReadIsNoProblemOfTheRelay) {
    relay_.credentials_problem = "can't be read";
    relay_.is_for_root_to_read = true;
    EXPECT_THAT(blamed(judge()), ElementsAre("relay warning"));
    relay_.is_for_root_to_read = false;
    EXPECT_THAT(blamed(judge()), ElementsAre("relay problem"));
}

TEST_F(RelayCheckTest, OneThatIsNowhere) {
    const RelayProbe probed = run(probe_relay(context(), relay_));
    EXPECT_THAT(probed.probes, IsEmpty());
    EXPECT_THAT(blamed(judge_relay(probed, relay_, rules)), ElementsAre("relay problem"));
}

}  // namespace
}  // namespace mxpost::doctor
