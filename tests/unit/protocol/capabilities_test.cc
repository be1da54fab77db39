#include "protocol/capabilities.h"

#include <string_view>

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

Capabilities parse(std::string_view bytes) {
    ReplyParser parser;
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::complete);
    return parse_capabilities(parser.take());
}

TEST(Capabilities, ReadsAModernServersList) {
    const auto capabilities = parse(
        "250-mx.example at your service\r\n250-SIZE 157286400\r\n250-8BITMIME\r\n250-STARTTLS\r\n"
        "250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-DSN\r\n250-REQUIRETLS\r\n"
        "250-LIMITS RCPTMAX=20 MAILMAX=5 RCPTDOMAINMAX=1\r\n250 SMTPUTF8\r\n"
    );
    EXPECT_TRUE(capabilities.has_size);
    EXPECT_EQ(capabilities.size_limit, 157286400U);
    EXPECT_TRUE(capabilities.has_eight_bit_mime);
    EXPECT_TRUE(capabilities.has_start_tls);
    EXPECT_TRUE(capabilities.has_enhanced_status);
    EXPECT_TRUE(capabilities.has_pipelining);
    EXPECT_TRUE(capabilities.has_chunking);
    EXPECT_TRUE(capabilities.has_dsn);
    EXPECT_TRUE(capabilities.has_require_tls);
    EXPECT_TRUE(capabilities.has_smtp_utf8);
    EXPECT_EQ(capabilities.recipients_max, 20U);
    EXPECT_EQ(capabilities.mails_max, 5U);
}

TEST(Capabilities, TheFirstLineIsTheServersName) {
    EXPECT_FALSE(parse("250 PIPELINING\r\n").has_pipelining);
    EXPECT_FALSE(parse("250-STARTTLS\r\n250 DSN\r\n").has_start_tls);
}

TEST(Capabilities, CaseAndSpacesDoNotMatter) {
    const auto capabilities =
        parse("250-mx\r\n250-  pipelining \r\n250-Size\t 10\r\n250 starttls x\r\n");
    EXPECT_TRUE(capabilities.has_pipelining);
    EXPECT_EQ(capabilities.size_limit, 10U);
    EXPECT_TRUE(capabilities.has_start_tls);
}

TEST(Capabilities, KeywordsAreWholeWords) {
    const auto capabilities =
        parse("250-mx\r\n250-PIPELININGX\r\n250-XSTARTTLS\r\n250-SIZE=5\r\n250 DSN,SMTPUTF8\r\n");
    EXPECT_FALSE(capabilities.has_pipelining);
    EXPECT_FALSE(capabilities.has_start_tls);
    EXPECT_FALSE(capabilities.has_size);
    EXPECT_FALSE(capabilities.has_dsn);
}

TEST(Capabilities, ReadsAuthInAnyCaseAndInItsOldForm) {
    const auto capabilities = parse(
        "250-mx\r\n250-aUtH plain X-\x1b[31m Cram-MD5\r\n250-AUTH=LOGIN scram-sha-256\r\n250 "
        "AUTH\r\n"
    );
    EXPECT_EQ(
        capabilities.auth.all(),
        (std::vector<Mechanism>{
            Mechanism::scram_sha_256, Mechanism::cram_md5, Mechanism::plain, Mechanism::login})
    );
    EXPECT_TRUE(parse("250-mx\r\n250 AUTHPLAIN\r\n").auth.is_empty());
}

TEST(Capabilities, ASizeThatIsNoNumberIsNoLimit) {
    for (const auto* line :
         {"250-mx\r\n250 SIZE\r\n",
          "250-mx\r\n250 SIZE 0\r\n",
          "250-mx\r\n250 SIZE -1\r\n",
          "250-mx\r\n250 SIZE 99999999999999999999999\r\n",
          "250-mx\r\n250 SIZE 10M\r\n"}) {
        const auto capabilities = parse(line);
        EXPECT_TRUE(capabilities.has_size) << line;
        EXPECT_EQ(capabilities.size_limit, 0U) << line;
    }
}

TEST(Capabilities, OfRepeatedLimitsTheSmallestCounts) {
    const auto capabilities = parse(
        "250-mx\r\n250-SIZE 100\r\n250-SIZE 50\r\n250-SIZE 70\r\n250-SIZE\r\n"
        "250-LIMITS RCPTMAX=7 rcptmax=3 RcptDomainMax=4 RCPTDOMAINMAX=2\r\n"
        "250 LIMITS RCPTMAX=9\r\n"
    );
    EXPECT_EQ(capabilities.size_limit, 50U);
    EXPECT_EQ(capabilities.recipients_max, 3U);
    EXPECT_EQ(capabilities.recipient_domains_max, 2U);
}

TEST(Capabilities, BadLimitsArePassedOver) {
    const auto capabilities = parse(
        "250-mx\r\n250 LIMITS RCPTMAX=0 RCPTMAX= RCPTMAX MAILMAX=1000000 MAILMAX=-3 =5 "
        "RCPTMAX=x RCPTDOMAINMAX=0 RCPTDOMAINMAX=1x\r\n"
    );
    EXPECT_FALSE(capabilities.recipients_max);
    EXPECT_FALSE(capabilities.recipient_domains_max);
    EXPECT_FALSE(capabilities.mails_max);
}

}  // namespace
}  // namespace mxpost::protocol
