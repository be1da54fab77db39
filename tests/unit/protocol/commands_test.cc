#include "protocol/commands.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

TEST(IsSafeAddress, RefusesWhatCouldEndOrChangeACommand) {
    const std::vector<mail::Address> bad = {
        {"a\r\nRCPT TO:<b@c>", "d"},
        {"a", "d\r\nDATA"},
        {"a\n", "d"},
        {"a\r", "d"},
        {std::string("a\0b", 3), "d"},
        {"a", std::string("d\0", 2)},
        {"a> SIZE=1 <b", "d"},
        {"a", "d> NOTIFY=NEVER"},
        {"a b", "d"},
        {"a", "d e"},
        {"<a", "d"},
        {"\"a", "d"},
        {"a\\", "d"},
        {"\"a\\\"", "d"},
        {"a\x7f", "d"},
        {"", "d"},
        {"", ""},
        {"unqualified", ""},
        {"a@b", "d"},
        {"a", "b@d"},
        {std::string(513, 'a'), "d"},
    };
    for (const auto& address : bad) {
        EXPECT_FALSE(is_safe_address(address)) << address.text();
    }
}

TEST(IsSafeAddress, TakesWhatSmtpKnows) {
    const std::vector<mail::Address> good = {
        {"a", "d"},
        {"\"john > doe\"", "d.example"},
        {"\"a\\\"b@c\"", "d"},
        {"a.b+c=d/e", "[192.0.2.1]"},
        {"a", "[IPv6:2001:db8::1]"},
        {"Postmaster", ""},
        {"\xc3\xa4", "d\xc3\xb6.example"},
    };
    for (const auto& address : good) {
        EXPECT_TRUE(is_safe_address(address)) << address.text();
    }
}

TEST(IsSafeHeloName, RefusesControlsAndSpaces) {
    EXPECT_FALSE(is_safe_helo_name(""));
    EXPECT_FALSE(is_safe_helo_name("a b"));
    EXPECT_FALSE(is_safe_helo_name("a\r\nMAIL"));
    EXPECT_FALSE(is_safe_helo_name(std::string(256, 'a')));
    EXPECT_TRUE(is_safe_helo_name("[IPv6:2001:db8::1]"));
}

TEST(MailCommand, WritesEachParameterOnce) {
    Transaction transaction(mail::Address("a", "b.example"), {});
    transaction.content_size = 1234;
    transaction.dsn_return = mail::DsnReturn::headers;
    transaction.envelope_id = "QQ+3D1";
    MailParameters all;
    all.has_size = all.has_body = all.has_smtp_utf8 = all.has_dsn = true;
    EXPECT_EQ(
        mail_command(transaction, all),
        "MAIL FROM:<a@b.example> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=QQ+3D1"
    );
    EXPECT_EQ(mail_command(Transaction(), MailParameters()), "MAIL FROM:<>");
}

TEST(MailCommand, DropsAnEnvelopeIdThatIsNoXtext) {
    MailParameters parameters;
    parameters.has_dsn = true;
    for (const auto& id :
         {std::string("a b"),
          std::string("a\r\nRSET"),
          std::string(101, 'a'),
          std::string("\xc3\xa4"),
          std::string("a=b")}) {
        Transaction transaction;
        transaction.envelope_id = id;
        EXPECT_EQ(mail_command(transaction, parameters), "MAIL FROM:<>") << id;
    }
}

TEST(RcptCommand, PassesDsnParametersOnlyWhenOffered) {
    mail::Recipient recipient(mail::Address("a", "b.example"));
    recipient.notify = static_cast<mail::NotifySet>(mail::Notify::success) |
                       static_cast<mail::NotifySet>(mail::Notify::delay);
    recipient.original_recipient = "rfc822;c@d";
    EXPECT_EQ(
        rcpt_command(recipient, true), "RCPT TO:<a@b.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;c@d"
    );
    EXPECT_EQ(rcpt_command(recipient, false), "RCPT TO:<a@b.example>");
    recipient.notify = 0xff;
    recipient.original_recipient = "rfc822;c@d\r\nDATA";
    EXPECT_EQ(rcpt_command(recipient, true), "RCPT TO:<a@b.example> NOTIFY=NEVER");
}

}  // namespace
}  // namespace mxpost::protocol
