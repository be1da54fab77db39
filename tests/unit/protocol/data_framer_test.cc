#include "protocol/data_framer.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "support/scripted_peer.h"

namespace mxpost::protocol {
namespace {

struct Framed {
    std::string out;
    bool is_good = true;
    std::string problem;
};

Framed frame(const std::vector<std::string_view>& chunks) {
    DataFramer framer;
    Framed framed;
    for (const auto chunk : chunks) {
        const auto result = framer.append(chunk, framed.out);
        if (!result) {
            framed.is_good = false;
            framed.problem = result.error().message();
            return framed;
        }
    }
    const auto result = framer.finish(framed.out);
    framed.is_good = result.has_value();
    framed.problem = result ? "" : result.error().message();
    return framed;
}

TEST(DataFramer, StuffsDotsAtLineStartsOnly) {
    EXPECT_EQ(
        frame({".\r\n..\r\na.b\r\n.c.\r\n\r\n.\r\n"}).out,
        "..\r\n...\r\na.b\r\n..c.\r\n\r\n..\r\n.\r\n"
    );
}

TEST(DataFramer, IsTheSameForEveryCut) {
    const std::string content = ".\r\n.\r\n\r\n..x\r\nSubject: .\r\n.\r\n";
    const std::string expected = test::ScriptedPeer::framed(content) + ".\r\n";
    for (std::size_t i = 0; i <= content.size(); ++i) {
        for (std::size_t j = i; j <= content.size(); ++j) {
            const std::string_view all = content;
            const auto framed = frame({all.substr(0, i), all.substr(i, j - i), all.substr(j)});
            ASSERT_TRUE(framed.is_good) << framed.problem << i << " " << j;
            ASSERT_EQ(framed.out, expected) << i << " " << j;
        }
    }
}

TEST(DataFramer, RefusesWhateverAReceiverMightTakeForAnEnd) {
    const std::vector<std::string> contents = {
        "a\n.\r\n",
        "a\r\n.\nb\r\n",
        "a\r\n.\r\rb\r\n",
        "a\r.\rb\r\n",
        "a\n.\nb\r\n",
        "\n",
        "a\r\r\n",
        "\r\r\n",
        "a\r",
        "\r",
        "a\r\nb\rc\r\n",
        "a\n\r\n",
        "a\r\n\n.\r\n",
        "\n.\r\n",
    };
    for (const auto& content : contents) {
        const std::string_view all = content;
        for (std::size_t i = 0; i <= all.size(); ++i) {
            EXPECT_FALSE(frame({all.substr(0, i), all.substr(i)}).is_good) << content << " " << i;
        }
    }
}

TEST(DataFramer, RefusesNul) {
    EXPECT_FALSE(frame({std::string_view("a\0b\r\n", 5)}).is_good);
}

TEST(DataFramer, RefusesContentWithoutAnEndOfLine) {
    EXPECT_FALSE(frame({"a\r\nb"}).is_good);
    EXPECT_FALSE(frame({"a\r\nb\r"}).is_good);
    EXPECT_FALSE(frame({"."}).is_good);
}

TEST(DataFramer, EmptyContentIsALoneDot) {
    EXPECT_EQ(frame({}).out, ".\r\n");
    EXPECT_EQ(frame({"", ""}).out, ".\r\n");
}

TEST(DataFramer, CountsLinesAcrossChunks) {
    const std::string half(499, 'x');
    EXPECT_TRUE(frame({half, half, "\r\n"}).is_good);
    EXPECT_TRUE(frame({half, half + "\r", "\n"}).is_good);
    EXPECT_FALSE(frame({half, half, "x", "\r\n"}).is_good);
    // The stuffed dot isn't part of the line (RFC 5321 4.5.3.1.6).
    EXPECT_TRUE(frame({"." + std::string(997, 'x') + "\r\n"}).is_good);
}

TEST(DataFramer, CountsOctetsOfContentNotOfTheWire) {
    DataFramer framer;
    std::string out;
    EXPECT_TRUE(framer.append("..\r\n.\r\n", out));
    EXPECT_EQ(framer.octets(), 7U);
}

TEST(DataFramer, PassesEightBitOctets) {
    EXPECT_EQ(frame({"\xff\xfe\x80\r\n"}).out, "\xff\xfe\x80\r\n.\r\n");
}

}  // namespace
}  // namespace mxpost::protocol
