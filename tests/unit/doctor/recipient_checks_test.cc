#include "doctor/recipient_checks.h"

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RecipientChecksTest : public DoctorTest {
protected:
    Findings check(const std::string& domain) {
        return judge_domain(
            run(probe_domain(context(), domain, RecipientQuestion())), rules, false
        );
    }
};

TEST_F(RecipientChecksTest, DomainsThatGetNoMail) {
    resolver.add_mx("null.test", 0, "");
    resolver.fail_mx("silent.test", "no answer from 192.0.2.53");
    resolver.exists("empty.test");
    resolver.add_mx("homeless.test", 10, "mx.homeless.test");
    EXPECT_THAT(check("null.test")[0].text, HasSubstr("null MX"));
    EXPECT_THAT(check("silent.test")[0].text, HasSubstr("no answer from 192.0.2.53"));
    EXPECT_EQ(check("none.test")[0].text, "there is no such domain");
    EXPECT_EQ(check("empty.test")[0].text, "it has neither MX nor address records");
    EXPECT_EQ(check("homeless.test")[0].text, "it has no address");
}

/// A server that was reached.
Probe reached(const std::string& tls, const std::string& problem) {
    Probe probe;
    probe.peer = smtp::Peer("mx.test", ip("203.0.113.1"));
    probe.is_connected = true;
    probe.tls = tls;
    probe.tls_problem = problem;
    return probe;
}

Findings judged(const Probe& probe, const tls::StsVerdict& sts = {}) {
    DomainProbe probed;
    probed.domain = "example.com";
    probed.probes = {probe};
    probed.sts = sts;
    probed.has_sts = sts.policy != nullptr;
    return judge_domain(probed, diagnose::RuleBook::shipped(), false);
}

TEST(JudgeDomain, Certificates) {
    EXPECT_THAT(blamed(judged(reached("TLSv1.3 X verified", ""))), ElementsAre());
    EXPECT_THAT(blamed(judged(reached("", ""))), ElementsAre());
    const Findings expired = judged(reached("TLSv1.3 X untrusted", "certificate has expired"));
    EXPECT_THAT(blamed(expired), ElementsAre("tls warning"));
    EXPECT_THAT(expired[1].text, HasSubstr("certificate has expired"));
    EXPECT_THAT(blamed(judged(reached("", "wrong version number"))), ElementsAre("tls warning"));
}

TEST(JudgeDomain, AnEnforcedPolicyMakesThemAProblem) {
    auto policy = std::make_shared<tls::StsPolicy>();
    policy->mode = tls::StsMode::enforce;
    policy->mx = {"mx.test"};
    tls::StsVerdict sts;
    sts.policy = policy;
    EXPECT_THAT(
        blamed(judged(reached("TLSv1.3 X untrusted", "self-signed certificate"), sts)),
        ElementsAre("tls problem")
    );
    policy->mx = {"other.test"};
    EXPECT_THAT(
        blamed(judged(reached("TLSv1.3 X verified", ""), sts)), ElementsAre("mta-sts problem")
    );
    policy->mode = tls::StsMode::testing;
    EXPECT_THAT(
        blamed(judged(reached("TLSv1.3 X verified", ""), sts)), ElementsAre("mta-sts warning")
    );
}

TEST(JudgeDomain, RefusalsAreExplained) {
    Probe probe = reached("", "");
    probe.trouble = mail::RecipientOutcome(
        mail::OutcomeKind::failed,
        {5, 7, 1},
        "5.7.1 Service unavailable, client host [192.0.2.1] blocked using zen.spamhaus.org"
    );
    probe.trouble->reply_code = 554;
    const Findings findings = judged(probe);
    EXPECT_THAT(blamed(findings), ElementsAre("greeting problem"));
    EXPECT_THAT(remedies(findings), ElementsAre(HasSubstr("block list")));
}

TEST(JudgeDomain, RecipientsThatWereAskedAbout) {
    Probe probe = reached("", "");
    const auto answer = [&](mail::OutcomeKind kind, std::uint16_t code, const std::string& text) {
        mail::RecipientOutcome outcome(kind, mail::EnhancedStatus::parse_prefix(text), text);
        outcome.reply_code = code;
        outcome.step = mail::Step::recipient;
        probe.recipients.push_back(outcome);
    };
    answer(mail::OutcomeKind::deferred, 250, "2.1.5 Ok");
    answer(mail::OutcomeKind::deferred, 450, "4.2.0 Greylisted, try again in 5 minutes");
    EXPECT_THAT(blamed(judged(probe)), ElementsAre());
    answer(mail::OutcomeKind::failed, 550, "5.1.1 no such user");
    EXPECT_THAT(blamed(judged(probe)), ElementsAre("rcpt problem"));
}

TEST(JudgeDomain, AServerThatIsDown) {
    Probe probe = reached("", "");
    probe.is_connected = false;
    probe.error = boost::asio::error::timed_out;
    EXPECT_EQ(judged(probe)[0].text, "it doesn't answer on port 25");
    EXPECT_THAT(remedies(judged(probe)), ElementsAre(HasSubstr("Nothing to mend here")));
    DomainProbe probed;
    probed.probes = {probe};
    // No more than that, and no section without a line.
    const Findings blocked = judge_domain(probed, diagnose::RuleBook::shipped(), true);
    EXPECT_THAT(blamed(blocked), ElementsAre());
    ASSERT_EQ(blocked.size(), 1U);
    EXPECT_THAT(blocked[0].text, HasSubstr("not checked"));
}

}  // namespace
}  // namespace mxpost::doctor
