#include "dkim/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"

namespace mxpost::dkim {
namespace {

using testing::ElementsAre;

TEST(SplitFields, KeepsFoldedLinesTogether) {
    EXPECT_THAT(
        split_fields("A: 1\r\nB: 2\r\n\t3\r\n 4\r\nC:\r\n"),
        ElementsAre("A: 1", "B: 2\r\n\t3\r\n 4", "C:")
    );
    EXPECT_THAT(split_fields(""), ElementsAre());
    EXPECT_THAT(split_fields("A: 1"), ElementsAre("A: 1"));
}

std::string joined(const std::vector<std::string_view>& names) {
    std::string text;
    for (const std::string_view name : names) {
        text += (text.empty() ? "" : ":") + std::string(name);
    }
    return text;
}

TEST(Coverage, NamesOnceMoreWhatMustNotBeAdded) {
    const auto coverage = choose_coverage({"From: a", "subject : b", "X-Other: c"});
    EXPECT_EQ(
        joined(coverage.names),
        "From:From:Reply-To:Subject:Subject:Date:To:Cc:Message-ID:MIME-Version:Content-Type:"
        "Content-Transfer-Encoding"
    );
    EXPECT_THAT(coverage.fields, ElementsAre("From: a", "subject : b"));
}

TEST(Coverage, TakesTheLastOfSeveralFirst) {
    const auto coverage = choose_coverage(
        {"List-Unsubscribe: <x>", "References: 1", "To: 1", "TO: 2", "References: 2"}
    );
    EXPECT_THAT(
        coverage.fields,
        ElementsAre("TO: 2", "To: 1", "References: 2", "References: 1", "List-Unsubscribe: <x>")
    );
    // What lists and forwarders add may be added.
    EXPECT_THAT(
        joined(coverage.names), testing::EndsWith(":References:References:List-Unsubscribe")
    );
    EXPECT_THAT(joined(coverage.names), testing::HasSubstr(":To:To:To:"));
}

SignatureTags tags() {
    SignatureTags tags;
    tags.domain = "example.com";
    tags.selector = "s1";
    tags.time = std::chrono::sys_seconds(std::chrono::seconds(1700000000));
    tags.names = {"From", "From"};
    tags.body_hash = std::string(32, 'h');
    return tags;
}

TEST(SignatureField, HasTheTagsInLinesOfTheUsualLength) {
    EXPECT_EQ(
        signed_field(unsigned_field(tags()), std::string(256, 's')),
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;\r\n"
        "\tt=1700000000; h=From:From; bh=aGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGhoaGg=;\r\n"
        "\tb=c3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc\r\n"
        "\t3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nz\r\n"
        "\tc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3N\r\n"
        "\tzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3\r\n"
        "\tNzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzc3Nzcw==\r\n"
    );
}

TEST(SignatureField, SaysWhenItIsOver) {
    SignatureTags with_end = tags();
    with_end.type = KeyType::ed25519;
    with_end.lifetime = std::chrono::hours(24);
    const std::string field = unsigned_field(with_end);
    EXPECT_THAT(field, testing::HasSubstr("t=1700000000; x=1700086400;"));
    EXPECT_THAT(field, testing::HasSubstr("a=ed25519-sha256;"));
}

TEST(SignatureField, FoldsWithoutBreakingAName) {
    SignatureTags many = tags();
    many.names.assign(100, "Content-Transfer-Encoding");
    many.domain = std::string(63, 'd') + "." + std::string(63, 'e') + ".example";
    const std::string field = unsigned_field(many);
    for (const std::string_view line : split(field, '\n')) {
        const bool is_domain = line.starts_with("\td=");
        EXPECT_LE(trim(line).size(), is_domain ? 150U : 76U) << line;
        EXPECT_FALSE(line.starts_with("\t-")) << line;
    }
}

}  // namespace
}  // namespace mxpost::dkim
