#include "mail/encoded_word.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/text.h"

namespace mxpost::mail {
namespace {

TEST(DisplayName, StaysBareOrIsQuoted) {
    EXPECT_EQ(display_name(""), "");
    EXPECT_EQ(display_name("Alice Tester"), "Alice Tester");
    EXPECT_EQ(display_name("Alice Q. Tester"), "\"Alice Q. Tester\"");
    EXPECT_EQ(display_name("O\"B, (x)"), "\"O\\\"B, (x)\"");
    EXPECT_EQ(display_name("a\\b"), "\"a\\\\b\"");
    EXPECT_EQ(display_name("a  b"), "\"a  b\"");
    EXPECT_EQ(display_name("x@y <z>"), "\"x@y <z>\"");
}

TEST(DisplayName, NeverHoldsALineEnd) {
    EXPECT_EQ(display_name("A\nX-Injected: 1\r\n"), "\"A X-Injected: 1\"");
    EXPECT_EQ(display_name(std::string_view("A\0B", 3)), "A B");
    EXPECT_EQ(display_name("\n"), "");
}

TEST(DisplayName, IsEncodedWhenNotAscii) {
    EXPECT_EQ(display_name("J\xC3\xBCrgen M"), "=?utf-8?Q?J=C3=BCrgen_M?=");
    EXPECT_EQ(display_name("J\xFCrgen"), "=?unknown-8bit?Q?J=FCrgen?=");
    EXPECT_EQ(display_name("=?utf-8?q?x?="), "=?utf-8?Q?=3D=3Futf-8=3Fq=3Fx=3F=3D?=");
}

TEST(EncodeWords, KeepsReadableTextReadable) {
    EXPECT_EQ(
        encode_words(
            "Gr\xC3\xBC\xC3\x9F"
            "e an alle",
            9
        ),
        "=?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?="
    );
    EXPECT_EQ(encode_words("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E", 9), "=?utf-8?B?5pel5pys6Kqe?=");
}

TEST(EncodeWords, CutsBetweenCharactersAndStaysInItsLines) {
    for (const std::string_view unit : {"\xE6\x97\xA5", "\xC3\xA4 bc", "\xF0\x9F\x90\x8C"}) {
        for (const std::size_t column : {0U, 6U, 40U, 70U, 1000U}) {
            std::string text;
            for (int i = 0; i < 100; ++i) {
                text += unit;
            }
            const std::string encoded = encode_words(text, column);
            bool is_first = true;
            for (std::string_view line : split(encoded, '\n')) {
                line = trim(line);
                EXPECT_LE(line.size(), 75U);
                EXPECT_TRUE(line.starts_with("=?utf-8?") && line.ends_with("?=")) << line;
                if (is_first && column <= 40) {
                    EXPECT_LE(column + line.size(), 76U);
                }
                is_first = false;
            }
        }
    }
    // 45 octets of base64 payload fit once; the cut falls between two three-octet characters.
    EXPECT_EQ(
        encode_words(
            "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5"
            "\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5\xE6\x97\xA5"
            "\xE6\x97\xA5\xE6\x97\xA5",
            9
        ),
        "=?utf-8?B?5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel5pel?=\r\n"
        " =?utf-8?B?5pel5pel5pel?="
    );
}

}  // namespace
}  // namespace mxpost::mail
