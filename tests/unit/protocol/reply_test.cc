#include "protocol/reply.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

struct Parsed {
    std::vector<Reply> replies;
    bool is_broken = false;
    std::string problem;
};

Parsed parse(std::string_view bytes, std::size_t piece = std::string_view::npos) {
    ReplyParser parser;
    Parsed parsed;
    while (!bytes.empty() && !parsed.is_broken) {
        std::string_view part = bytes.substr(0, piece);
        bytes.remove_prefix(part.size());
        while (!part.empty() && !parsed.is_broken) {
            switch (parser.parse(part)) {
                case ReplyParser::State::complete:
                    parsed.replies.push_back(parser.take());
                    break;
                case ReplyParser::State::broken:
                    parsed.is_broken = true;
                    break;
                case ReplyParser::State::needs_more:
                    break;
            }
        }
    }
    parsed.problem = parser.problem();
    return parsed;
}

TEST(ReplyParser, GivesTheSameRepliesHoweverTheStreamIsCut) {
    const std::string stream =
        "220 mx ESMTP\r\n250-mx\r\n250-SIZE 1000\r\n250 DSN\r\n550 5.1.1 who?\n421\r\n";
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        const auto parsed = parse(stream, piece);
        ASSERT_EQ(parsed.replies.size(), 4U) << piece;
        EXPECT_EQ(parsed.replies[0].code, 220);
        EXPECT_EQ(parsed.replies[0].text(), "mx ESMTP");
        EXPECT_EQ(parsed.replies[1].lines.size(), 3U);
        EXPECT_EQ(parsed.replies[1].lines[1], "250-SIZE 1000");
        EXPECT_EQ(parsed.replies[2].status.text(), "5.1.1");
        EXPECT_EQ(parsed.replies[3].code, 421);
        EXPECT_EQ(parsed.replies[3].text(), "");
        EXPECT_FALSE(parsed.is_broken);
    }
}

TEST(ReplyParser, LeavesWhatFollowsACompleteReply) {
    ReplyParser parser;
    std::string_view bytes = "250 one\r\n250 two\r\n";
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::complete);
    EXPECT_EQ(bytes, "250 two\r\n");
    EXPECT_EQ(parser.take().text(), "one");
    EXPECT_TRUE(parser.is_between_replies());
}

TEST(ReplyParser, JoinsLinesAndKeepsOneEnhancedStatus) {
    const auto parsed =
        parse("550-5.7.1 Our system has\r\n550-5.7.1  detected\r\n550 5.7.1 spam\r\n");
    ASSERT_EQ(parsed.replies.size(), 1U);
    EXPECT_EQ(parsed.replies[0].text(), "5.7.1 Our system has detected spam");
    EXPECT_EQ(parsed.replies[0].status.text(), "5.7.1");
}

TEST(ReplyParser, IgnoresAnEnhancedStatusOfAnotherClass) {
    const auto parsed = parse("450 5.1.1 greylisted\r\n250 4.0.0 queued\r\n354 2.0.0 go\r\n");
    ASSERT_EQ(parsed.replies.size(), 3U);
    for (const auto& reply : parsed.replies) {
        EXPECT_EQ(reply.status.klass, 0);
    }
}

TEST(ReplyParser, TakesAnotherCodeOfTheSameClassInOneReplyTheLastCounting) {
    const auto parsed = parse("550-no\r\n554 really\r\n");
    ASSERT_EQ(parsed.replies.size(), 1U);
    EXPECT_EQ(parsed.replies[0].code, 554);
}

TEST(ReplyParser, BreaksOnWhatIsNotSmtp) {
    const std::vector<std::string> streams = {
        "099 low\r\n",
        "199 low\r\n",
        "600 high\r\n",
        "999 high\r\n",
        "2x0 letter\r\n",
        "25\r\n",
        "\r\n",
        "\n",
        "250_ok\r\n",
        "2500 ok\r\n",
        "250-a\r\n450 b\r\n",
        "250-a\r\nb\r\n",
        "HTTP/1.0 400 Bad\r\n",
        "SSH-2.0-OpenSSH\r\n",
        std::string("\0\0\0\r\n", 5),
        "\x15\x03\x01\x00",
        " 250 ok\r\n",
        "\xef\xbb\xbf"
        "250 bom\r\n",
    };
    for (const auto& stream : streams) {
        for (const std::size_t piece : {std::string::npos, std::size_t{1}}) {
            const auto parsed = parse(stream, piece);
            EXPECT_TRUE(parsed.is_broken) << stream;
            EXPECT_TRUE(parsed.replies.empty()) << stream;
            EXPECT_FALSE(parsed.problem.empty());
        }
    }
}

TEST(ReplyParser, StaysBroken) {
    ReplyParser parser;
    std::string_view bytes = "oops\r\n250 ok\r\n";
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::broken);
    bytes = "250 ok\r\n";
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::broken);
}

TEST(ReplyParser, KeepsOddOctetsOfTheText) {
    const auto parsed = parse(std::string("250 a\0b\x1b[31m\xff\rc\r\n", 17));
    ASSERT_EQ(parsed.replies.size(), 1U);
    EXPECT_EQ(parsed.replies[0].text(), std::string("a\0b\x1b[31m\xff\rc", 11));
}

TEST(ReplyParser, BoundsALineWithoutEnd) {
    ReplyParser parser;
    std::string line = "250 ";
    std::string_view bytes = line;
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::needs_more);
    const std::string block(1000, 'x');
    for (int i = 0; i < 4; ++i) {
        bytes = block;
        ASSERT_EQ(parser.parse(bytes), ReplyParser::State::needs_more) << i;
    }
    bytes = block;
    EXPECT_EQ(parser.parse(bytes), ReplyParser::State::broken);
}

TEST(ReplyParser, TakesALineOfExactlyTheLimit) {
    const std::string line = "250 " + std::string(ReplyParser::kMaxLine - 5, 'x');
    EXPECT_EQ(parse(line + "\r\n").replies.size(), 1U);
    EXPECT_TRUE(parse(line + "xxx\r\n").is_broken);
}

TEST(ReplyParser, BoundsTheNumberOfLines) {
    std::string stream;
    for (int i = 0; i < 99; ++i) {
        stream += "250-x\r\n";
    }
    EXPECT_EQ(parse(stream + "250 x\r\n").replies.size(), 1U);
    EXPECT_TRUE(parse(stream + "250-x\r\n250 x\r\n").is_broken);
}

TEST(ReplyParser, BoundsTheOctetsOfAReply) {
    std::string stream;
    for (int i = 0; i < 17; ++i) {
        stream += "250-" + std::string(4000, 'x') + "\r\n";
    }
    const auto parsed = parse(stream + "250 x\r\n");
    EXPECT_TRUE(parsed.is_broken);
}

TEST(ReplyParser, StartsItsBoundsAnewWithEachReply) {
    std::string stream;
    for (int i = 0; i < 200; ++i) {
        stream += "250 " + std::string(4000, 'x') + "\r\n";
    }
    EXPECT_EQ(parse(stream).replies.size(), 200U);
}

TEST(Reply, TextIsBoundedForOutcomes) {
    std::string stream;
    for (int i = 0; i < 50; ++i) {
        stream += "550-" + std::string(300, 'a') + "\r\n";
    }
    const auto parsed = parse(stream + "550 end\r\n");
    ASSERT_EQ(parsed.replies.size(), 1U);
    EXPECT_EQ(parsed.replies[0].text().size(), mail::kMaxOutcomeText);
}

}  // namespace
}  // namespace mxpost::protocol
