#include "base/crc32c.h"

#include <string>

#include <gtest/gtest.h>

namespace mxpost {
namespace {

// RFC 3720 appendix B.4 gives the octets of the checksum in the order of the wire: little-endian.
TEST(Crc32c, AgreesWithRfc3720) {
    EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(0, std::string(32, '\xFF')), 0x62A8AB43U);
    std::string ascending;
    for (int i = 0; i < 32; ++i) {
        ascending.push_back(static_cast<char>(i));
    }
    EXPECT_EQ(crc32c(0, ascending), 0x46DD794EU);
    const std::string descending(ascending.rbegin(), ascending.rend());
    EXPECT_EQ(crc32c(0, descending), 0x113FDB5CU);
    EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(0, ""), 0U);
}

TEST(Crc32c, CanBeContinuedAtAnyOctet) {
    const std::string text = "The quick brown fox jumps over the lazy dog";
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        EXPECT_EQ(crc32c(crc32c(0, text.substr(0, cut)), text.substr(cut)), crc32c(0, text));
    }
}

// Large texts are a matter of the processor's instruction where it has one.
TEST(Crc32c, IsTheSameForLargeTexts) {
    std::string text;
    for (std::uint32_t i = 0; text.size() < 20'000; ++i) {
        text += static_cast<char>(i * i >> 5U & 0xFFU);
    }
    for (std::size_t size = text.size() - 20; size <= text.size(); ++size) {
        const std::string_view part = std::string_view(text).substr(0, size);
        EXPECT_EQ(crc32c(7, part), crc32c_by_tables(7, part));
        EXPECT_EQ(crc32c(7, part), crc32c(crc32c(7, part.substr(0, 100)), part.substr(100)));
    }
}

}  // namespace
}  // namespace mxpost
