#include "local/alias_expansion.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::local {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// Alias files out of strings.
class Source final : public AliasSource {
public:
    explicit Source(std::string_view aliases) : table_(aliases) {}

    Result<const Alias*> find(const std::string& name) override {
        if (!trouble.empty()) {
            return Error::invalid(trouble);
        }
        const Alias* const alias = table_.find(name);
        return alias != nullptr && !alias->fault.empty()
                   ? Result<const Alias*>(Error::invalid("aliases:1: " + alias->fault))
                   : Result<const Alias*>(alias);
    }
    Result<std::vector<AliasTarget>> include(const std::string& path) override {
        const auto found = includes.find(path);
        if (found == includes.end()) {
            return Error::invalid("can't read " + path);
        }
        return parse_target_file(found->second).targets;
    }
    void refresh() override {}
    bool has_just_changed() const override { return is_changing; }

    std::map<std::string, std::string> includes;
    std::string trouble;
    bool is_changing = false;

private:
    AliasTable table_;
};

bool is_local(const mail::Address& address) {
    return !address.is_qualified() || address.domain() == "host.test" ||
           address.domain() == "localhost";
}

Expansion expand(Source& source, const std::string& recipient, std::size_t max_leaves = 100) {
    const auto list = mail::parse_address_list(recipient);
    return AliasExpander(source, is_local, max_leaves).expand(list.addresses.at(0));
}

/// "elsewhere ops@a.test", and behind it the owned list.
std::vector<std::string> leaves(const Expansion& expansion) {
    const std::map<Leaf::Kind, std::string> kinds = {
        {Leaf::Kind::elsewhere, "elsewhere"},
        {Leaf::Kind::user, "user"},
        {Leaf::Kind::mailbox, "mailbox"},
        {Leaf::Kind::programs, "programs"},
        {Leaf::Kind::discard, "discard"}};
    std::vector<std::string> result;
    for (const Leaf& leaf : expansion.leaves) {
        result.push_back(
            kinds.at(leaf.kind) + " " + leaf.address.text() +
            (leaf.list.empty() ? "" : " of " + leaf.list)
        );
    }
    return result;
}

std::vector<std::string> leaves(std::string_view aliases, const std::string& recipient) {
    Source source(aliases);
    const Expansion expansion = expand(source, recipient);
    EXPECT_FALSE(expansion.problem) << expansion.problem->text;
    return leaves(expansion);
}

TEST(AliasExpansion, WithoutAliasARecipientIsAUser) {
    Source source("root: x@a.test");
    const Expansion expansion = expand(source, "Bob@host.test");
    EXPECT_FALSE(expansion.is_alias);
    EXPECT_THAT(leaves(expansion), ElementsAre("user Bob@host.test"));
}

TEST(AliasExpansion, AliasesAreFollowedToTheEnd) {
    EXPECT_THAT(
        leaves(
            "root: admins, x@a.test\nadmins: ann, Bob@localhost.\nbob: b@b.test", "ROOT@host.test"
        ),
        ElementsAre("user ann@host.test", "elsewhere b@b.test", "elsewhere x@a.test")
    );
}

TEST(AliasExpansion, EachLeafAndEachAliasCountsOnce) {
    EXPECT_THAT(
        leaves("all: a, b, x@A.test\na: c, x@a.test\nb: c, y@a.test, c\nc: z", "all@host.test"),
        ElementsAre("user z@host.test", "elsewhere x@a.test", "elsewhere y@a.test")
    );
}

TEST(AliasExpansion, APlusDetailIsTriedFirst) {
    EXPECT_THAT(
        leaves("ann+x: x@a.test\nann: a@a.test", "ann+x@host.test"),
        ElementsAre("elsewhere x@a.test")
    );
    EXPECT_THAT(leaves("ann: a@a.test", "ann+y@host.test"), ElementsAre("elsewhere a@a.test"));
}

TEST(AliasExpansion, ANameWithDomainGoesBeforeTheName) {
    const std::string aliases = "info@host.test: h@a.test\ninfo: i@a.test\n*@localhost: l@a.test";
    EXPECT_THAT(leaves(aliases, "info@host.test"), ElementsAre("elsewhere h@a.test"));
    EXPECT_THAT(leaves(aliases, "info@localhost"), ElementsAre("elsewhere i@a.test"));
    EXPECT_THAT(leaves(aliases, "any@localhost"), ElementsAre("elsewhere l@a.test"));
    EXPECT_THAT(leaves(aliases, "any@host.test"), ElementsAre("user any@host.test"));
}

TEST(AliasExpansion, TheCatchAllIsForRecipientsNotForTargets) {
    const std::string aliases = "root: ann\n*: ops@a.test";
    EXPECT_THAT(leaves(aliases, "nobody@host.test"), ElementsAre("elsewhere ops@a.test"));
    EXPECT_THAT(leaves(aliases, "root@host.test"), ElementsAre("user ann@host.test"));
}

TEST(AliasExpansion, PostmasterIsRootWhereItHasNoAlias) {
    EXPECT_THAT(
        leaves("root: o@a.test", "Postmaster@host.test"), ElementsAre("elsewhere o@a.test")
    );
    EXPECT_THAT(leaves("root: o@a.test", "MAILER-DAEMON"), ElementsAre("elsewhere o@a.test"));
    EXPECT_THAT(
        leaves("postmaster: p@a.test\nroot: o@a.test", "mailer-daemon@host.test"),
        ElementsAre("elsewhere p@a.test")
    );
    EXPECT_THAT(leaves("", "postmaster@host.test"), ElementsAre("user root@host.test"));
}

TEST(AliasExpansion, OnesOwnNameInTheListIsTheMailbox) {
    EXPECT_THAT(
        leaves("ann: ann, x@a.test\nbob: \\bob, y@a.test", "ann@host.test"),
        ElementsAre("mailbox ann@host.test", "elsewhere x@a.test")
    );
    EXPECT_THAT(
        leaves("bob: \\bob, y@a.test", "bob"), ElementsAre("mailbox bob", "elsewhere y@a.test")
    );
}

TEST(AliasExpansion, ALoopIsNamedAndTheRestIsDelivered) {
    Source source("a: b, x@a.test\nb: c\nc: a");
    const Expansion expansion = expand(source, "a@host.test");
    EXPECT_FALSE(expansion.problem);
    EXPECT_THAT(leaves(expansion), ElementsAre("elsewhere x@a.test"));
    EXPECT_THAT(expansion.warnings, ElementsAre("alias loop: a -> b -> c -> a"));
}

TEST(AliasExpansion, ALoopThatLeadsNowhereFails) {
    Source source("a: b\nb: a");
    const Expansion expansion = expand(source, "a@host.test");
    ASSERT_TRUE(expansion.problem);
    EXPECT_EQ(expansion.problem->kind, mail::OutcomeKind::failed);
    EXPECT_EQ(expansion.problem->status, (mail::EnhancedStatus{5, 4, 6}));
    EXPECT_EQ(expansion.problem->text, "alias loop: a -> b -> a");
}

TEST(AliasExpansion, ProgramsAreNamedByTheirAliasNotByTheirText) {
    EXPECT_THAT(
        leaves(
            "log: |/bin/a, \"|/bin/b\", /var/log/x, arch@host.test\narch: /srv/y", "Log@host.test"
        ),
        ElementsAre("programs Log@host.test", "programs arch@host.test")
    );
    EXPECT_THAT(
        leaves("nobody: /dev/null", "nobody@host.test"), ElementsAre("discard nobody@host.test")
    );
    EXPECT_THAT(leaves("*: |/bin/a", "any@host.test"), ElementsAre("programs *@host.test"));
}

TEST(AliasExpansion, AnOwnedListIsNamedAtItsMembers) {
    EXPECT_THAT(
        leaves(
            "staff: ann, devs, x@a.test\nowner-staff: boss\ndevs: y@a.test, plain\n"
            "owner-devs: lead\nplain: z@a.test\nowner-owner-staff: q\n",
            "staff@host.test"
        ),
        ElementsAre(
            "user ann@host.test of staff",
            "elsewhere y@a.test of devs",
            "elsewhere z@a.test of devs",
            "elsewhere x@a.test of staff"
        )
    );
    EXPECT_THAT(
        leaves("owner-staff: boss@a.test\nowner-owner-staff: q", "owner-staff@host.test"),
        ElementsAre("elsewhere boss@a.test")
    );
}

TEST(AliasExpansion, AnIncludedFileHoldsAddressesOnly) {
    Source source("list: :include:/etc/list, |/bin/a");
    source.includes["/etc/list"] =
        "x@a.test\n|/bin/evil\n/etc/passwd\n:include:/etc/shadow\n\\ann\n";
    const Expansion expansion = expand(source, "list@host.test");
    EXPECT_THAT(
        leaves(expansion),
        ElementsAre("elsewhere x@a.test", "mailbox ann@host.test", "programs list@host.test")
    );
    EXPECT_EQ(expansion.warnings.size(), 3U);
    EXPECT_THAT(expansion.warnings[0], HasSubstr("/etc/list: commands, files and :include:"));
}

TEST(AliasExpansion, WhatCantBeKnownNowDefersAll) {
    Source source("list: x@a.test, :include:/gone\nbad: good\ngood: \"\nempty: :include:/none");
    source.includes["/none"] = "# nobody\n";
    for (const auto& [recipient, text] : std::map<std::string, std::string>{
             {"list", "can't read /gone"},
             {"bad", "aliases:1: unbalanced quote"},
             {"empty", "empty expands to nobody"}}) {
        const Expansion expansion = expand(source, recipient);
        ASSERT_TRUE(expansion.problem) << recipient;
        EXPECT_EQ(expansion.problem->kind, mail::OutcomeKind::deferred) << recipient;
        EXPECT_EQ(expansion.problem->text, text);
        EXPECT_THAT(expansion.leaves, IsEmpty());
    }
    source.trouble = "can't read /etc/aliases: Permission denied";
    ASSERT_TRUE(expand(source, "who").problem);
    EXPECT_EQ(expand(source, "who").problem->text, source.trouble);
}

TEST(AliasExpansion, AnUnknownNameIsNotFinalWhileSomebodyWrites) {
    Source source("ann: x@a.test");
    source.is_changing = true;
    EXPECT_TRUE(expand(source, "bob").may_become_alias);
    EXPECT_FALSE(expand(source, "ann").may_become_alias);
}

TEST(AliasExpansion, DepthAndNumberAreBounded) {
    std::string chain;
    for (int i = 0; i < 200; ++i) {
        chain += "a" + std::to_string(i) + ": a" + std::to_string(i + 1) + "\n";
    }
    Source deep(chain);
    ASSERT_TRUE(expand(deep, "a0").problem);
    EXPECT_THAT(expand(deep, "a0").problem->text, HasSubstr("nested too deeply"));

    Source wide("many: a@a.test, b@a.test, c@a.test");
    EXPECT_EQ(expand(wide, "many", 3).leaves.size(), 3U);
    ASSERT_TRUE(expand(wide, "many", 2).problem);
    EXPECT_EQ(expand(wide, "many", 2).problem->status, (mail::EnhancedStatus{4, 5, 3}));
}

}  // namespace
}  // namespace mxpost::local
