#include "dkim/signed_content.h"

#include <gtest/gtest.h>

#include "support/string_content.h"

namespace mxpost::dkim {
namespace {

std::string read_all(mail::Content& content, std::size_t size) {
    std::string all;
    std::string buffer(size, '\0');
    while (true) {
        const std::size_t got = content.read(buffer).value();
        if (got == 0) {
            return all;
        }
        all.append(buffer, 0, got);
    }
}

TEST(SignedContent, PutsTheFieldsInFront) {
    SignedContent content(
        "DKIM-Signature: x\r\n", std::make_unique<test::StringContent>("A: \xE4\r\n\r\nbody\r\n")
    );
    EXPECT_EQ(content.size(), 19U + 14U);
    EXPECT_TRUE(content.is_eight_bit());
    for (const std::size_t size : {1U, 2U, 18U, 19U, 20U, 33U, 34U, 100U}) {
        ASSERT_TRUE(content.rewind());
        EXPECT_EQ(read_all(content, size), "DKIM-Signature: x\r\nA: \xE4\r\n\r\nbody\r\n");
    }
}

TEST(SignedContent, GivesASmallMessageInOneRead) {
    SignedContent content("F: x\r\n", std::make_unique<test::StringContent>("A: b\r\n\r\n"));
    std::string buffer(100, '\0');
    EXPECT_EQ(content.read(buffer).value(), content.size());
}

TEST(SignedContent, PassesErrorsOn) {
    auto source = std::make_unique<test::StringContent>("A: b\r\n\r\nbody\r\n");
    source->fail_at(3);
    SignedContent content("F: x\r\n", std::move(source));
    std::string buffer(100, '\0');
    EXPECT_FALSE(content.read(buffer));
}

}  // namespace
}  // namespace mxpost::dkim
