#include "submit/recipients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> texts(const Recipients& recipients) {
    std::vector<std::string> result;
    for (const mail::Recipient& recipient : recipients.all()) {
        result.push_back(recipient.address.text());
    }
    return result;
}

Invocation operands(std::vector<std::string> words, bool has_mark = false) {
    Invocation invocation;
    invocation.operands = std::move(words);
    invocation.has_operand_mark = has_mark;
    return invocation;
}

TEST(Recipients, AreTakenOnceInTheOrderOfTheirFirstMention) {
    Recipients recipients("example.com");
    recipients.add_operands(operands({"a@x.test,b@Y.test", "bob", "A@x.test"}));
    recipients.add(mail::parse_address_list("Bob <bob@example.com>, b@y.TEST, c@z.test"));
    EXPECT_THAT(
        texts(recipients),
        ElementsAre("a@x.test", "b@Y.test", "bob@example.com", "A@x.test", "c@z.test")
    );
    EXPECT_FALSE(recipients.is_incomplete());
    EXPECT_THAT(recipients.bad(), IsEmpty());
}

TEST(Recipients, StayUnqualifiedWhereNoDomainIsKnown) {
    Recipients recipients("");
    recipients.add_operands(operands({"bob", "bob", "a@x.test"}));
    EXPECT_THAT(texts(recipients), ElementsAre("bob", "a@x.test"));
    EXPECT_TRUE(recipients.is_incomplete());
}

TEST(Recipients, MisplacedFlagsAreBadUnlessMarked) {
    Recipients recipients("");
    recipients.add_operands(operands({"r@a.test", "-f", "z@x.test", "-"}));
    EXPECT_THAT(texts(recipients), ElementsAre("r@a.test", "z@x.test"));
    ASSERT_EQ(recipients.bad().size(), 1U);  // "-" is nobody
    EXPECT_EQ(recipients.bad()[0].text, "-f");

    Recipients marked("");
    marked.add_operands(operands({"-x@a.test"}, true));
    EXPECT_THAT(texts(marked), ElementsAre("-x@a.test"));
    EXPECT_THAT(marked.bad(), IsEmpty());
}

TEST(Recipients, MisplacedFlagsAreNoOperandsOfAnyMode) {
    const Operands sorted = sort_operands(operands({"r@a.test", "-odi", "-", ""}));
    EXPECT_THAT(sorted.words, ElementsAre("r@a.test", ""));
    ASSERT_EQ(sorted.bad.size(), 1U);
    EXPECT_EQ(sorted.bad[0].text, "-odi");
    EXPECT_THAT(sort_operands(operands({"-odi", "-"}, true)).words, ElementsAre("-odi", "-"));
}

TEST(Recipients, BadOnesDontStopTheOthers) {
    Recipients recipients("");
    recipients.add_operands(operands({"a@x.test", "b@y@z", "c@x.test"}));
    EXPECT_THAT(texts(recipients), testing::Contains("c@x.test"));
    EXPECT_EQ(recipients.bad().size(), 1U);
}

TEST(Recipients, EmptyWordsAndEmptyGroupsAreNobody) {
    Recipients recipients("example.com");
    recipients.add_operands(operands({"", "undisclosed-recipients:;"}));
    EXPECT_THAT(texts(recipients), IsEmpty());
    EXPECT_THAT(recipients.bad(), IsEmpty());
}

}  // namespace
}  // namespace mxpost::submit
