#include "local/alias_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> names(const AliasTable& table) {
    std::vector<std::string> result;
    for (const Alias& alias : table.aliases()) {
        result.push_back(alias.name);
    }
    return result;
}

std::vector<std::string> addresses(const AliasTable& table, const std::string& name) {
    std::vector<std::string> result;
    if (const Alias* const alias = table.find(name)) {
        for (const AliasTarget& target : alias->targets) {
            result.push_back(target.address.text());
        }
    }
    return result;
}

TEST(AliasTable, LinesThatBeginWithWhiteSpaceContinueTheOneBefore) {
    const AliasTable table(
        "# the administrators\n"
        "root: ops@a.test,\n"
        "\talice,\n"
        "\n"
        "  # not today: bob,\n"
        "  carol\n"
        "daemon:root\r\n"
        "   # a comment\n"
        "bin:    root"
    );
    EXPECT_THAT(table.bad_lines(), IsEmpty());
    EXPECT_THAT(addresses(table, "root"), ElementsAre("ops@a.test", "alice", "carol"));
    EXPECT_THAT(addresses(table, "daemon"), ElementsAre("root"));
    EXPECT_THAT(addresses(table, "bin"), ElementsAre("root"));
    EXPECT_EQ(table.find("root")->line, 2U);
    EXPECT_EQ(table.find("daemon")->line, 7U);
}

TEST(AliasTable, ABackslashAtTheLineEndContinuesIt) {
    const AliasTable table("root: ann,\\\nbob\nlast: x");
    EXPECT_THAT(addresses(table, "root"), ElementsAre("ann", "bob"));
    EXPECT_THAT(addresses(table, "last"), ElementsAre("x"));
}

TEST(AliasTable, NamesLoseQuotesAndCase) {
    const AliasTable table(
        "Root: a\n\"John Doe\": b\nsales@Shop.Example : c\n*: d\n*@x.test: e\n\"a:b\": f\n"
    );
    EXPECT_THAT(table.bad_lines(), IsEmpty());
    EXPECT_THAT(
        names(table), ElementsAre("root", "john doe", "sales@shop.example", "*", "*@x.test", "a:b")
    );
}

TEST(AliasTable, ABadLineIsNamedAndTheOthersCount) {
    const AliasTable table(
        "  stray\n"
        "ann: a@a.test\n"
        "no colon here\n"
        "bob: \"unfinished\n"
        "two words: x\n"
        "@a.test: x\n"
        ": x\n"
        "carol: c@a.test\n"
    );
    EXPECT_THAT(
        table.bad_lines(),
        ElementsAre(
            BadLine(1, "white space before the first name: it continues nothing"),
            BadLine(3, "no colon behind the name"),
            BadLine(4, "unbalanced quote"),
            BadLine(5, "bad name \"two words\" (quote it)"),
            BadLine(6, "\"@a.test\": a whole domain is written *@a.test"),
            BadLine(7, "no name before the colon")
        )
    );
    EXPECT_THAT(addresses(table, "ann"), ElementsAre("a@a.test"));
    EXPECT_THAT(addresses(table, "carol"), ElementsAre("c@a.test"));
    EXPECT_EQ(table.find("bob")->fault, "unbalanced quote");
}

TEST(AliasTable, AnEmptyListIsAFault) {
    const AliasTable table("root:\nx: # nobody\n");
    EXPECT_THAT(table.find("root")->fault, HasSubstr("leads nowhere"));
    EXPECT_THAT(table.find("x")->fault, HasSubstr("leads nowhere"));
}

TEST(AliasTable, TheFirstOfTwoWithOneNameCounts) {
    const AliasTable table("root: ann\nROOT: bob\n");
    EXPECT_THAT(addresses(table, "root"), ElementsAre("ann"));
    EXPECT_THAT(
        table.bad_lines(), ElementsAre(BadLine(2, "\"root\" is in line 1 already, which counts"))
    );
}

TEST(AliasTable, BadLinesAreCountedButNotAllKept) {
    std::string text;
    for (int i = 0; i < 5000; ++i) {
        text += "nonsense\n";
    }
    const AliasTable table(text);
    EXPECT_EQ(table.bad_count(), 5000U);
    EXPECT_EQ(table.bad_lines().size(), kMaxBadLines);
}

TEST(AliasTable, AnEmptyFileHasNoAliases) {
    EXPECT_THAT(AliasTable("").aliases(), IsEmpty());
    EXPECT_THAT(AliasTable("\n\n#\n").aliases(), IsEmpty());
    EXPECT_EQ(AliasTable("").find("root"), nullptr);
}

}  // namespace
}  // namespace mxpost::local
