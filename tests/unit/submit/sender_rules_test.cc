#include "submit/sender_rules.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace mxpost::submit {
namespace {

class SenderRulesTest : public testing::Test {
protected:
    void write_map(std::string_view text) {
        settings_.sender_map = directory_ / "senders";
        std::ofstream(settings_.sender_map) << text;
    }
    SenderRules load() { return load_sender_rules(files_, settings_, names_); }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    config::Settings settings_;
    HostNames names_{"example.com", "web1.example.net"};
};

TEST_F(SenderRulesTest, AreIdleWithoutSettings) {
    const SenderRules rules = load();
    EXPECT_TRUE(rules.rewriter.is_idle());
    EXPECT_TRUE(rules.problems.empty());
}

TEST_F(SenderRulesTest, KnowEveryNameOfThisHost) {
    write_map("root ops@out.example\n");
    settings_.local_domains = {"intern.example"};
    const SenderRules rules = load();
    for (const char* domain :
         {"", "example.com", "web1.example.net", "localhost", "intern.example"}) {
        EXPECT_EQ(rules.rewriter.rewrite({"root", domain}).text(), "ops@out.example") << domain;
    }
    EXPECT_EQ(rules.rewriter.rewrite({"root", "example.net"}).text(), "root@example.net");
}

TEST_F(SenderRulesTest, NameBadLinesWithFileAndLine) {
    write_map("# senders\nroot\nalice a@out.example\n");
    const SenderRules rules = load();
    ASSERT_EQ(rules.problems.size(), 1U);
    EXPECT_EQ(rules.problems[0], settings_.sender_map + ":2: \"root\" has no address to become");
    EXPECT_EQ(rules.rewriter.rewrite({"alice", ""}).text(), "a@out.example");
}

TEST_F(SenderRulesTest, AMapThatCantBeReadCostsNoMasquerading) {
    settings_.sender_map = directory_ / "none";
    settings_.masquerade_domains = {"example.net"};
    const SenderRules rules = load();
    ASSERT_EQ(rules.problems.size(), 1U);
    EXPECT_EQ(
        rules.problems[0],
        "sender-map: open " + settings_.sender_map + ": No such file or directory"
    );
    EXPECT_EQ(rules.rewriter.rewrite({"a", "web1.example.net"}).text(), "a@example.net");
}

TEST_F(SenderRulesTest, AMapIsBounded) {
    write_map(std::string(5U << 20U, '#'));
    ASSERT_EQ(load().problems.size(), 1U);
}

}  // namespace
}  // namespace mxpost::submit
