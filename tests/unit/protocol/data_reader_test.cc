#include "protocol/data_reader.h"

#include <string>

#include <gtest/gtest.h>

namespace mxpost::protocol {
namespace {

struct Taken {
    std::string content;
    std::string rest;
    bool is_ended = false;
    bool has_bare_line_feed = false;

    friend bool operator==(const Taken&, const Taken&) = default;
};

void PrintTo(const Taken& taken, std::ostream* out) {
    *out << testing::PrintToString(taken.content) << (taken.is_ended ? " ended, rest " : " open ")
         << testing::PrintToString(taken.rest) << (taken.has_bare_line_feed ? ", bare LF" : "");
}

Taken take(std::string_view octets, std::size_t piece, LineEnds line_ends) {
    Taken taken;
    DataReader reader(line_ends);
    const auto sink = [&](std::string_view part) { taken.content += part; };
    while (!octets.empty() && !reader.is_ended()) {
        std::string_view part = octets.substr(0, piece);
        const std::size_t size = part.size();
        reader.take(part, sink);
        octets.remove_prefix(size - part.size());
    }
    taken.rest = octets;
    taken.is_ended = reader.is_ended();
    taken.has_bare_line_feed = reader.has_bare_line_feed();
    return taken;
}

/// The same by the letter of RFC 5321 4.5.2, and slowly: find the end, cut into lines, take a
/// leading dot off each. Only for input that has an end.
Taken slowly(const std::string& octets, std::string_view line_end) {
    Taken taken;
    const std::string text = std::string(line_end) + octets;
    const std::string mark = std::string(line_end) + "." + std::string(line_end);
    const std::size_t end = text.find(mark);
    taken.is_ended = true;
    taken.rest = text.substr(end + mark.size());
    // With the CRLF that belongs to the last line.
    std::string lines = text.substr(line_end.size(), end);
    while (!lines.empty()) {
        const std::size_t next = lines.find(line_end) + line_end.size();
        std::string line = lines.substr(0, next);
        lines.erase(0, next);
        if (line.front() == '.') {
            line.erase(0, 1);
        }
        taken.content += line;
        for (std::size_t i = 0; i < line.size(); ++i) {
            const bool is_bare = line[i] == '\n' && (i == 0 || line[i - 1] != '\r');
            taken.has_bare_line_feed |= is_bare && line_end == "\r\n";
        }
    }
    return taken;
}

/// Every text of six octets out of those that matter, in front of a true end: no other end is
/// seen, whatever the pieces.
void compare_all(LineEnds line_ends, std::string_view line_end) {
    constexpr std::string_view kOctets("\r\n.x\0", 5);
    constexpr int kLength = 6;
    const std::string end = std::string(line_end) + "." + std::string(line_end) + "QUIT";
    for (int number = 0; number < 15625; ++number) {
        std::string text;
        for (int i = 0, rest = number; i < kLength; ++i, rest /= 5) {
            text += kOctets[static_cast<std::size_t>(rest % 5)];
        }
        text += end;
        const Taken expected = slowly(text, line_end);
        for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, text.size()}) {
            ASSERT_EQ(take(text, piece, line_ends), expected)
                << testing::PrintToString(text) << " in pieces of " << piece;
        }
    }
}

TEST(DataReader, OnlyCrlfDotCrlfEndsAMessage) {
    compare_all(LineEnds::crlf, "\r\n");
}

TEST(DataReader, OnlyLfDotLfEndsOneOfLineFeeds) {
    compare_all(LineEnds::line_feed, "\n");
}

TEST(DataReader, NothingThatOthersTakeForTheEndIsOne) {
    for (const std::string_view end :
         {"\n.\n",
          "\n.\r\n",
          "\r\n.\n",
          "\r.\r\n",
          "\r\n.\r",
          "\r.\r",
          "\r\n.\r\r\n",
          "\n\r.\r\n",
          "\r\n..\r\n",
          "\r\n .\r\n",
          "\r\n.\0\r\n",
          "\r\r\n\r.\r\n"}) {
        const Taken taken = take("x" + std::string(end) + "QUIT\r\n", 100, LineEnds::crlf);
        EXPECT_FALSE(taken.is_ended) << testing::PrintToString(end);
    }
}

TEST(DataReader, ChunksAreOnlyLookedAt) {
    DataReader reader(LineEnds::crlf);
    reader.look_at("x\r");
    reader.look_at("\n.\r\n\r");
    EXPECT_FALSE(reader.has_bare_line_feed());
    EXPECT_FALSE(reader.is_ended());
    reader.look_at("x");
    reader.look_at("\n");
    EXPECT_TRUE(reader.has_bare_line_feed());
}

TEST(DataReader, AChunkMayBeginInTheMiddleOfALineEnd) {
    DataReader reader(LineEnds::crlf);
    reader.look_at("");
    reader.look_at("\n");
    EXPECT_TRUE(reader.has_bare_line_feed());
}

}  // namespace
}  // namespace mxpost::protocol
