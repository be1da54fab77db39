#include "mail/header.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

TEST(HeaderLine, IsAFieldWhenAColonFollowsTheName) {
    for (const std::string_view line :
         {"To: x",
          "To:x",
          "To:",
          "Note : x",
          "BCC\t : x",
          "12:30 meeting",
          "http://foo: bar",
          "From : a@x",
          "!#$%&'*+-/=?^_`{|}~.\"(): x"}) {
        EXPECT_EQ(classify_header_line(line), HeaderLine::field) << line;
    }
}

TEST(HeaderLine, IsBodyTextWhenTheNameIsNone) {
    for (const std::string_view line :
         {"foo bar: x", "hello", ": x", "M\xC3\xBCller: x", "a\x7F: x", ".", "Fromage: no\tx"}) {
        const HeaderLine expected =
            line.starts_with("Fromage") ? HeaderLine::field : HeaderLine::other;
        EXPECT_EQ(classify_header_line(line), expected) << line;
    }
    EXPECT_EQ(classify_header_line(std::string(kMaxFieldName, 'n') + ": x"), HeaderLine::field);
    EXPECT_EQ(classify_header_line(std::string(kMaxFieldName + 1, 'n') + ": x"), HeaderLine::other);
}

TEST(HeaderLine, TellsSeparatorsContinuationsAndMboxLinesApart) {
    EXPECT_EQ(classify_header_line(""), HeaderLine::blank);
    EXPECT_EQ(classify_header_line(" \t "), HeaderLine::blank);
    EXPECT_EQ(classify_header_line(" x"), HeaderLine::continuation);
    EXPECT_EQ(classify_header_line("\tx: y"), HeaderLine::continuation);
    EXPECT_EQ(classify_header_line("From a@x Mon Jan  1 10:00:00 2024"), HeaderLine::mbox_from);
    EXPECT_EQ(classify_header_line(">From a@x Mon Jan"), HeaderLine::mbox_from);
    EXPECT_EQ(classify_header_line("from a@x Mon"), HeaderLine::other);
}

TEST(HeaderBlock, KeepsTheOctetsOfEachField) {
    const std::string text = "To:  a@x,\r\n\tb@y \r\nX-Empty:\r\nsubject: \xC3\xA4 :\r\n";
    const HeaderBlock header = parse_header(text);
    ASSERT_EQ(header.fields.size(), 3U);
    EXPECT_EQ(header.fields[0].name, "To");
    EXPECT_EQ(header.fields[0].value, "  a@x,\r\n\tb@y ");
    EXPECT_EQ(header.fields[0].text(), "a@x,\tb@y");
    EXPECT_EQ(header.fields[1].value, "");
    EXPECT_EQ(header.text(), text);
}

TEST(HeaderBlock, DropsOnlyTheSpaceBeforeTheColon) {
    EXPECT_EQ(parse_header("BCC \t: x\r\n y\r\n").text(), "BCC: x\r\n y\r\n");
}

TEST(HeaderBlock, FindsFieldsWithoutCase) {
    const HeaderBlock header = parse_header("TO: a\r\nTo: b\r\nTopic: c\r\n");
    ASSERT_NE(header.find("to"), nullptr);
    EXPECT_EQ(header.find("to")->value, " a");
    EXPECT_EQ(header.count("To"), 2U);
    EXPECT_EQ(header.find("Cc"), nullptr);
}

TEST(HeaderBlock, LeavesOutWhatIsNoField) {
    EXPECT_EQ(
        parse_header(" lost\r\nTo: a\r\nno field\r\nCc: b\n\r\nBody: x\r\n").text(),
        "To: a\r\nCc: b\r\n"
    );
}

}  // namespace
}  // namespace mxpost::mail
