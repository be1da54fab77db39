#include "protocol/path_command.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

std::string mail(std::string_view argument) {
    const ParsedMail parsed = parse_mail(argument);
    return parsed.refusal ? std::to_string(parsed.refusal->code) + " " + parsed.refusal->text
                          : "<" + mail::path_text(parsed.command.sender) + ">";
}

std::string recipient(std::string_view argument, bool is_smtp_utf8 = false) {
    const ParsedRecipient parsed = parse_recipient(argument, is_smtp_utf8);
    return parsed.refusal ? std::to_string(parsed.refusal->code) + " " + parsed.refusal->text
                          : "<" + parsed.recipient.address.text() + ">";
}

TEST(PathCommand, TakesThePathsThatClientsWrite) {
    EXPECT_EQ(mail("FROM:<a@x.test>"), "<a@x.test>");
    EXPECT_EQ(mail("from: <a@x.test> "), "<a@x.test>");
    EXPECT_EQ(mail("FROM:a@x.test"), "<a@x.test>");
    EXPECT_EQ(mail("FROM:<>"), "<>");
    EXPECT_EQ(mail("FROM:<bob>"), "<bob>");
    EXPECT_EQ(mail("FROM:<@r1.test,@r2.test:a@x.test>"), "<a@x.test>");
    EXPECT_EQ(mail("FROM:<\"a> b\\\"\"@x.test>"), "<\"a> b\\\"\"@x.test>");
    EXPECT_EQ(mail("FROM:<a..b@x.test>"), "<\"a..b\"@x.test>");
    EXPECT_EQ(mail("FROM:<.a@x.test>"), "<\".a\"@x.test>");
    EXPECT_EQ(mail("FROM:<a@[IPv6:2001:db8::1]>"), "<a@[IPv6:2001:db8::1]>");
    EXPECT_EQ(recipient("TO:<postmaster>"), "<postmaster>");
    EXPECT_EQ(recipient("TO:<Postmaster@x.test>"), "<Postmaster@x.test>");
}

TEST(PathCommand, RefusesWhatIsNoPath) {
    const std::string syntax = "501 5.5.4 syntax: MAIL FROM:<address> [parameters]";
    for (const char* argument :
         {"",
          "FROM",
          "FROM:",
          "FROM: ",
          "TO:<a@x.test>",
          "FROM:<a@x.test",
          "FROM:<a@x.test>x",
          "FROM:<a@x.test>SIZE=1",
          "FROM:<\"a@x.test>"}) {
        EXPECT_EQ(mail(argument), syntax) << argument;
    }
    for (const char* argument :
         {"FROM:<a b@x.test>",
          "FROM:<a@x@y>",
          "FROM:<a@>",
          "FROM:<@x.test>",
          "FROM:<a@x.test,b@x.test>",
          "FROM:<a@x..test>",
          "FROM:<Joe<a@x.test>>",
          "FROM:<a@[1.2.3]>",
          "FROM:< a@x.test>",
          "FROM:<(c)a@x.test>",
          "FROM:a@x.test;b@x.test"}) {
        EXPECT_TRUE(mail(argument).starts_with("501 5.")) << argument << ": " << mail(argument);
    }
    EXPECT_EQ(recipient("TO:<>"), "501 5.1.3 bad recipient address");
    EXPECT_EQ(recipient("TO:<a@x@y>"), "501 5.1.3 bad recipient address");
    EXPECT_EQ(recipient("FROM:<a@x.test>"), "501 5.5.4 syntax: RCPT TO:<address> [parameters]");
}

TEST(PathCommand, TakesEveryMailParameter) {
    const auto parsed =
        parse_mail("FROM:<a@x.test> SIZE=12345 body=8bitmime SMTPUTF8  ret=hdrs ENVID=a+2Bb-c");
    ASSERT_FALSE(parsed.refusal) << parsed.refusal->text;
    EXPECT_EQ(parsed.command.size, 12345U);
    EXPECT_TRUE(parsed.command.is_smtp_utf8);
    EXPECT_EQ(parsed.command.dsn_return, mail::DsnReturn::headers);
    EXPECT_EQ(parsed.command.envelope_id, "a+2Bb-c");
    EXPECT_FALSE(parsed.command.requires_tls);
    EXPECT_TRUE(parse_mail("FROM:<a@x.test> requiretls").command.requires_tls);
}

TEST(PathCommand, RefusesBadMailParameters) {
    const std::vector<std::pair<std::string, std::string>> all = {
        {"SIZE", "501 5.5.4 bad SIZE parameter"},
        {"SIZE=", "501 5.5.4 bad SIZE parameter"},
        {"SIZE=-1", "501 5.5.4 bad SIZE parameter"},
        {"SIZE=1x", "501 5.5.4 bad SIZE parameter"},
        {"SIZE=99999999999999999999", "501 5.5.4 bad SIZE parameter"},
        {"BODY=9BIT", "501 5.5.4 bad BODY parameter"},
        {"BODY=BINARYMIME", "504 5.5.4 BINARYMIME isn't offered"},
        {"SMTPUTF8=yes", "501 5.5.4 bad SMTPUTF8 parameter"},
        {"REQUIRETLS=yes", "501 5.5.4 bad REQUIRETLS parameter"},
        {"RET=ALL", "501 5.5.4 bad RET parameter"},
        {"ENVID=", "501 5.5.4 bad ENVID parameter"},
        {"ENVID=a+2", "501 5.5.4 bad ENVID parameter"},
        {"ENVID=a=b", "501 5.5.4 bad ENVID parameter"},
        {"ENVID=" + std::string(101, 'x'), "501 5.5.4 bad ENVID parameter"},
        {"AUTH=<>", "555 5.5.4 unknown parameter AUTH"},
        {"X\xff=1", "555 5.5.4 unknown parameter "},
        {"RET=FULL RET=FULL", "501 5.5.4 syntax: MAIL FROM:<address> [parameters]"},
    };
    for (const auto& [parameters, reply] : all) {
        EXPECT_EQ(mail("FROM:<a@x.test> " + parameters), reply) << parameters;
    }
    EXPECT_EQ(mail("FROM:<a@x.test> ENVID=" + std::string(100, 'x')), "<a@x.test>");
}

TEST(PathCommand, TakesDeliveryReportWishes) {
    const auto parsed =
        parse_recipient("TO:<a@x.test> NOTIFY=success,DELAY ORCPT=rfc822;b+40x", false);
    ASSERT_FALSE(parsed.refusal);
    EXPECT_EQ(parsed.recipient.notify, 2 | 8);
    EXPECT_EQ(parsed.recipient.original_recipient, "rfc822;b+40x");
    EXPECT_EQ(parse_recipient("TO:<a@x.test> NOTIFY=NEVER", false).recipient.notify, 1);
}

TEST(PathCommand, RefusesBadDeliveryReportWishes) {
    for (const char* wish :
         {"NOTIFY", "NOTIFY=", "NOTIFY=NEVER,DELAY", "NOTIFY=DELAY,", "NOTIFY=MAYBE"}) {
        EXPECT_EQ(
            recipient(std::string("TO:<a@x.test> ") + wish), "501 5.5.4 bad NOTIFY parameter"
        );
    }
    for (const std::string& wish :
         {std::string("ORCPT"),
          std::string("ORCPT=b"),
          std::string("ORCPT=;b"),
          std::string("ORCPT=rfc822;"),
          std::string("ORCPT=rfc822;b+4"),
          std::string("ORCPT=r c;b"),
          "ORCPT=rfc822;" + std::string(500, 'x'),
          std::string("ORCPT=rfc822;b\xc3\xa4")}) {
        EXPECT_TRUE(recipient("TO:<a@x.test> " + wish).starts_with("5")) << wish;
    }
    EXPECT_EQ(recipient("TO:<a@x.test> X=1"), "555 5.5.4 unknown parameter X");
}

TEST(PathCommand, AddressesBeyondAsciiNeedSmtpUtf8) {
    EXPECT_EQ(mail("FROM:<\xc3\xa4@x.test>"), "550 5.6.7 such a sender needs SMTPUTF8");
    EXPECT_EQ(mail("FROM:<\xc3\xa4@x.test> SMTPUTF8"), "<\xc3\xa4@x.test>");
    EXPECT_EQ(mail("FROM:<\xe4@x.test> SMTPUTF8"), "501 5.1.7 bad sender address");
    EXPECT_EQ(recipient("TO:<\xc3\xa4@x.test>"), "553 5.6.7 such a recipient needs SMTPUTF8");
    EXPECT_EQ(recipient("TO:<\xc3\xa4@x.test>", true), "<\xc3\xa4@x.test>");
    const auto parsed =
        parse_recipient("TO:<\xc3\xa4@x.test> ORCPT=utf-8;\xc3\xa4\xf0\x9f\x93\xa8@x", true);
    EXPECT_EQ(parsed.recipient.original_recipient, "utf-8;\\x{E4}\\x{1F4E8}@x");
}

}  // namespace
}  // namespace mxpost::protocol
