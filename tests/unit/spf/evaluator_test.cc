#include "spf/evaluator.h"

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::spf {
namespace {

namespace asio = boost::asio;
using testing::HasSubstr;

/// What becomes of mail from user@example.com at 192.0.2.1.
class EvaluatorTest : public testing::Test {
protected:
    Verdict check(const std::string& client = "192.0.2.1") {
        Evaluator evaluator(resolver, clock, "receiver.example");
        Question question;
        question.client = asio::ip::make_address(client);
        question.local_part = "user";
        question.domain = "example.com";
        question.helo = "mail.example.com";
        Verdict verdict;
        asio::io_context io;
        asio::co_spawn(
            io,
            evaluator.check(std::move(question)),
            [&](const std::exception_ptr& error, Verdict result) {
                ASSERT_FALSE(error);
                verdict = std::move(result);
            }
        );
        io.run();
        return verdict;
    }

    test::FakeResolver resolver;
    test::ManualClock clock;
};

TEST_F(EvaluatorTest, SaysWhatDecided) {
    resolver.add_txt("example.com", "v=spf1 include:_spf.example.net -all");
    resolver.add_txt("_spf.example.net", "v=spf1 ip4:198.51.100.0/24 -all");
    const Verdict verdict = check();
    EXPECT_EQ(verdict.result, Result::fail);
    EXPECT_EQ(verdict.reason, "\"-all\" of example.com");
    EXPECT_EQ(verdict.record, "v=spf1 include:_spf.example.net -all");
    EXPECT_EQ(verdict.look_ups, 1U);
    EXPECT_EQ(check("198.51.100.7").result, Result::pass);
    EXPECT_EQ(check("::ffff:198.51.100.7").result, Result::pass);
}

TEST_F(EvaluatorTest, AFaultIsNamed) {
    resolver.add_txt("example.com", "v=spf1 include:other.example -all");
    resolver.add_txt("other.example", "v=spf1 ipv4:192.0.2.1 -all");
    const Verdict verdict = check();
    EXPECT_EQ(verdict.result, Result::permerror);
    EXPECT_EQ(
        verdict.reason, "the SPF record of other.example: \"ipv4:192.0.2.1\": no such mechanism"
    );
}

TEST_F(EvaluatorTest, TheEleventhLookUpIsNamed) {
    for (int i = 0; i < 12; ++i) {
        const std::string name = i == 0 ? "example.com" : "s" + std::to_string(i) + ".example.com";
        resolver.add_txt(name, "v=spf1 include:s" + std::to_string(i + 1) + ".example.com -all");
    }
    const Verdict verdict = check();
    EXPECT_EQ(verdict.result, Result::permerror);
    EXPECT_THAT(verdict.reason, HasSubstr("include:s11.example.com"));
}

TEST_F(EvaluatorTest, TwoRecordsAreOneTooMany) {
    resolver.add_txt("example.com", "v=spf1 -all");
    resolver.add_txt("example.com", "v=spf1 +all");
    EXPECT_EQ(check().reason, "example.com has 2 SPF records");
    EXPECT_EQ(check().result, Result::permerror);
}

TEST_F(EvaluatorTest, ARecordThatIncludesItselfEnds) {
    resolver.add_txt("example.com", "v=spf1 include:example.com -all");
    EXPECT_EQ(check().result, Result::permerror);
    EXPECT_LE(resolver.questions().size(), 12U);
}

TEST_F(EvaluatorTest, NobodyAnswers) {
    resolver.fail_txt("example.com", "no answer from 192.0.2.53");
    const Verdict verdict = check();
    EXPECT_EQ(verdict.result, Result::temperror);
    EXPECT_THAT(verdict.reason, HasSubstr("no answer from 192.0.2.53"));
}

}  // namespace
}  // namespace mxpost::spf
