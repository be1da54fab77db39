#include "mail/xtext.h"

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

TEST(Xtext, KnowsItsOwn) {
    EXPECT_TRUE(is_xtext("a+20b"));
    EXPECT_FALSE(is_xtext("a+2b"));
    EXPECT_FALSE(is_xtext("a+"));
    EXPECT_FALSE(is_xtext("a=b"));
    EXPECT_FALSE(is_xtext("a b"));
    EXPECT_FALSE(is_xtext("\xC3\xBC"));
    EXPECT_FALSE(is_xtext(""));
}

TEST(Xtext, EveryOctetComesBack) {
    std::string octets;
    for (int i = 0; i < 256; ++i) {
        octets += static_cast<char>(i);
    }
    EXPECT_EQ(to_xtext("a+b=c d\n"), "a+2Bb+3Dc+20d+0A");
    EXPECT_EQ(from_xtext(to_xtext(octets)), octets);
    EXPECT_EQ(from_xtext("a+2"), std::nullopt);
    EXPECT_EQ(from_xtext("a b"), std::nullopt);
}

TEST(Utf8AddressXtext, EmbedsWhatIsNotPlain) {
    EXPECT_EQ(to_utf8_address_xtext("j\xC3\xB6rg@example.org"), "j\\x{F6}rg@example.org");
    EXPECT_EQ(
        to_utf8_address_xtext("\xF0\x9F\x98\x80+a=b\\ c"),
        "\\x{1F600}\\x{2B}a\\x{3D}b\\x{5C}\\x{20}c"
    );
    EXPECT_EQ(to_utf8_address_xtext("\xE4\xBD\xA0\x07"), "\\x{4F60}\\x{07}");
    EXPECT_TRUE(is_xtext(to_utf8_address_xtext("\xFF\xC3\x80\xF0\x9F")));
}

TEST(Utf8Xtext, LeavesWhatIsEncodedAlready) {
    EXPECT_EQ(to_utf8_xtext("j\xC3\xB6rg\\x{2B}@example.org"), "j\\x{F6}rg\\x{2B}@example.org");
}

TEST(Utf8AddressXtext, ComesBack) {
    const std::string address = "\xF0\x9F\x98\x80\xE4\xBD\xA0\xC3\xB6+a=b\\ c@x";
    EXPECT_EQ(from_utf8_address_xtext(to_utf8_address_xtext(address)), address);
    EXPECT_EQ(from_utf8_address_xtext("j\xC3\xB6rg\\x{F6}@x"), "j\xC3\xB6rg\xC3\xB6@x");
    EXPECT_EQ(from_utf8_address_xtext("a\\b"), "a\\b");
    for (const char* bad :
         {"\\x{}",
          "\\x{F6",
          "\\x{6}",
          "\\x{0D}",
          "\\x{0A}",
          "\\x{85}",
          "\\x{D800}",
          "\\x{110000}",
          "\\x{1234567}",
          "\\x{-1}"}) {
        EXPECT_EQ(from_utf8_address_xtext(bad), std::nullopt) << bad;
    }
}

TEST(OriginalRecipient, HasTheTypeThatFits) {
    EXPECT_EQ(original_recipient_of(Address("a+b", "example.org")), "rfc822;a+2Bb@example.org");
    EXPECT_EQ(original_recipient_of(Address("\"a b\"", "x.org")), "rfc822;\"a+20b\"@x.org");
    EXPECT_EQ(
        original_recipient_of(Address("j\xC3\xB6rg", "example.org")), "utf-8;j\\x{F6}rg@example.org"
    );
}

TEST(OriginalRecipient, IsCheckedBeforeItIsSent) {
    EXPECT_TRUE(is_original_recipient("rfc822;bob@example.org"));
    EXPECT_TRUE(is_original_recipient("utf-8;j\\x{F6}rg@example.org"));
    for (const char* bad :
         {"",
          ";",
          "rfc822",
          ";bob",
          "rfc822;",
          "rfc822;a b",
          "rfc822;a+2",
          "rfc822;a=b",
          "rfc 822;a",
          "rfc822;a\r\nQUIT",
          "rf@c;a",
          "utf-8;j\xC3\xB6rg"}) {
        EXPECT_FALSE(is_original_recipient(bad)) << bad;
    }
    EXPECT_TRUE(is_original_recipient("rfc822;" + std::string(493, 'a')));
    EXPECT_FALSE(is_original_recipient("rfc822;" + std::string(494, 'a')));
}

}  // namespace
}  // namespace mxpost::mail
