#include "base/text.h"

#include <gtest/gtest.h>

namespace mxpost {
namespace {

TEST(IsUtf8, FollowsTheUnicodeTable) {
    for (const char* good :
         {"",
          "plain",
          "\xC3\xBC",
          "\xE0\xA0\x80",
          "\xED\x9F\xBF",
          "\xEF\xBF\xBF",
          "\xF0\x90\x80\x80",
          "\xF4\x8F\xBF\xBF"}) {
        EXPECT_TRUE(is_utf8(good)) << good;
    }
    for (const char* bad :
         {"\x80",              // continuation alone
          "\xC0\xAF",          // overlong
          "\xC1\xBF",          // overlong
          "\xE0\x9F\xBF",      // overlong
          "\xED\xA0\x80",      // surrogate
          "\xF0\x8F\xBF\xBF",  // overlong
          "\xF4\x90\x80\x80",  // beyond U+10FFFF
          "\xF5\x80\x80\x80",  // no such lead octet
          "\xFF",
          "\xC3",  // cut short
          "\xE4\xBD",
          "\xF0\x9F\x98",
          "\xC3(",
          "\xE4\xBD(",
          "a\xC3"}) {
        EXPECT_FALSE(is_utf8(bad)) << bad;
    }
}

TEST(Printable, ReplacesControlsAndWhatIsNotUtf8) {
    EXPECT_EQ(printable("a\r\nb\tc\x1B[2J\x7F"), "a??b?c?[2J?");
    EXPECT_EQ(
        printable("\xC2\x9B"
                  "31m"),
        "?31m"
    );  // C1: CSI in one character
    EXPECT_EQ(printable("gr\xC3\xBC\xC3\x9F \xFF\xC3"), "gr\xC3\xBC\xC3\x9F ??");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

// CVE-2021-42574: what reads "sent" on a screen could be the end of a server's words.
TEST(Printable, ReplacesWhatChangesHowTheRestReads) {
    EXPECT_EQ(
        printable("a\xE2\x80\xAE"
                  "tnes\xE2\x80\xAC b"),
        "a?tnes? b"
    );
    EXPECT_EQ(
        printable("a\xE2\x81\xA6"
                  "b\xE2\x81\xA9"),
        "a?b?"
    );
    EXPECT_EQ(
        printable("a\xE2\x80\xA8"
                  "b\xE2\x80\xA9"),
        "a?b?"
    );
    const std::string neighbours = "\xE2\x80\xA7\xE2\x80\xAF\xE2\x81\xA5\xE2\x81\xAA\xE2\x82\xAC";
    EXPECT_EQ(printable(neighbours), neighbours);
}

TEST(Printable, CutsOnACharacterBoundary) {
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdefg", 6), "abcdef...");
    EXPECT_EQ(printable("ab\xC3\xBC", 3), "ab...");
    EXPECT_EQ(printable("a", 0), "...");
}

TEST(ParseUnsigned, TakesOnlyWholeDecimalNumbers) {
    EXPECT_EQ(parse_unsigned("0"), 0U);
    EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616", "1.5"}) {
        EXPECT_EQ(parse_unsigned(bad), std::nullopt) << bad;
    }
}

TEST(Split, KeepsEmptyParts) {
    EXPECT_EQ(split("a,,b,", ','), (std::vector<std::string_view>{"a", "", "b", ""}));
    EXPECT_EQ(split("", ','), (std::vector<std::string_view>{""}));
}

TEST(AsciiCase, LeavesOtherCharactersAlone) {
    EXPECT_EQ(ascii_lower("ABC\xC3\x9CZ[@"), "abc\xC3\x9Cz[@");
    EXPECT_TRUE(ascii_iequals("Content-TYPE", "content-type"));
    EXPECT_FALSE(ascii_iequals("@", "`"));
    EXPECT_FALSE(ascii_istarts_with("ab", "abc"));
    EXPECT_TRUE(ascii_istarts_with("ABC", "ab"));
}

TEST(Trim, TakesAllWhiteSpaceOffBothEnds) {
    EXPECT_EQ(trim(" \t\r\n a b \r\n"), "a b");
    EXPECT_EQ(trim(" \r\n"), "");
}

}  // namespace
}  // namespace mxpost
