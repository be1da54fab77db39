#include "dsn/lines.h"

#include <gtest/gtest.h>

namespace mxpost::dsn {
namespace {

TEST(AsciiPrintable, OneQuestionMarkForEachCharacter) {
    EXPECT_EQ(
        ascii_printable("Gr\xC3\xBC\xC3\x9F"
                        "e \xE4\xBD\xA0 \xF0\x9F\x98\x80."),
        "Gr??e ? ?."
    );
    EXPECT_EQ(ascii_printable("a\r\nb\x1B[2J\x7F\xFF"), "a??b?[2J??");
}

TEST(FoldedField, FoldsAtSpacesBeforeColumn76) {
    EXPECT_EQ(folded_field("Status", "5.1.1"), "Status: 5.1.1\r\n");
    const std::string word(40, 'x');
    EXPECT_EQ(
        folded_field("Diagnostic-Code", "smtp; " + word + " " + word),
        "Diagnostic-Code: smtp; " + word + "\r\n " + word + "\r\n"
    );
}

TEST(FoldedField, NeverMakesALineOfWhiteSpaceOnly) {
    EXPECT_EQ(folded_field("A", std::string(500, ' ') + "b" + std::string(500, ' ')), "A: b\r\n");
    EXPECT_EQ(folded_field("A", ""), "A: \r\n");
}

TEST(FoldedField, KeepsALongWordWhole) {
    const std::string word(900, 'x');
    EXPECT_EQ(folded_field("A", word), "A: " + word + "\r\n");
}

TEST(Wrapped, IndentsEachLine) {
    EXPECT_EQ(
        wrapped(
            "The mail server answered with words that are so many that two lines are needed", 4
        ),
        "    The mail server answered with words that are so many that two lines\r\n"
        "    are needed\r\n"
    );
}

TEST(DecodeXtext, DecodesOrLeavesAlone) {
    EXPECT_EQ(decode_xtext("bob+2Bx+40example.org"), "bob+x@example.org");
    EXPECT_EQ(decode_xtext("bad+2"), "bad+2");
    EXPECT_EQ(decode_xtext("bad+2g"), "bad+2g");
    EXPECT_EQ(decode_xtext("line+0D+0Aend"), "line+0D+0Aend");
    EXPECT_EQ(decode_xtext(""), "");
}

}  // namespace
}  // namespace mxpost::dsn
