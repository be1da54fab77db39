#include "diagnose/text_pattern.h"

#include <gtest/gtest.h>

#include "mail/outcome.h"

namespace mxpost::diagnose {
namespace {

bool is_found(std::string_view pattern, std::string_view text) {
    return TextPattern(pattern).is_in(search_form(text));
}

TEST(TextPattern, IsFoundAnywhereWhateverTheCase) {
    EXPECT_TRUE(is_found("[tss04]", "4.7.0 [TSS04] Messages"));
    EXPECT_TRUE(is_found("Try   Again", "please try\r\n\tagain"));
    EXPECT_FALSE(is_found("[TSS04]", "TSS04"));
    EXPECT_FALSE(is_found("a.c", "abc"));
}

TEST(TextPattern, AStarStandsForAnything) {
    EXPECT_TRUE(is_found("listed * rbl", "it is listed in some RBL"));
    EXPECT_TRUE(is_found("blocked*using", "blockedusing"));
    EXPECT_FALSE(is_found("rbl * listed", "listed in rbl"));
    EXPECT_FALSE(is_found("aa*aa", "aaa"));
    EXPECT_TRUE(is_found("*x*", "x"));
}

TEST(TextPattern, WithoutWordsIsEmpty) {
    EXPECT_TRUE(TextPattern("").is_empty());
    EXPECT_TRUE(TextPattern(" ** * ").is_empty());
    EXPECT_FALSE(TextPattern("a").is_empty());
}

TEST(TextPattern, TakesLinearTimeForWhatMakesOthersBacktrack) {
    std::string pattern;
    for (int i = 0; i < 200; ++i) {
        pattern += "a*";
    }
    EXPECT_FALSE(is_found(pattern + "b", std::string(1U << 20U, 'a')));
}

TEST(SearchForm, IsBoundedAndWithoutControlCharacters) {
    EXPECT_EQ(
        search_form(" A\t\n\x01"
                    "b\x7f"),
        "a b "
    );
    EXPECT_EQ(search_form(std::string(10000, 'A')), std::string(mail::kMaxOutcomeText, 'a'));
}

}  // namespace
}  // namespace mxpost::diagnose
