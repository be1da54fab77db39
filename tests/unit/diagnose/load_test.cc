#include "diagnose/load.h"

#include <fstream>

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace mxpost::diagnose {
namespace {

class Load : public ::testing::Test {
protected:
    std::string write(const std::string& text) {
        const std::string path = directory_.path() + "/file";
        std::ofstream(path) << text;
        return path;
    }
    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
};

TEST_F(Load, WithoutAFileThereAreTheShippedOnes) {
    for (const std::string& path :
         {std::string(), directory_.path() + "/none", directory_.path() + "/none/none"}) {
        EXPECT_EQ(load_rules(files_, path)->size(), RuleBook::shipped().size());
        EXPECT_EQ(load_providers(files_, path)->size(), Providers::shipped().size());
    }
}

TEST_F(Load, AddsWhatTheFileSays) {
    const auto rules = load_rules(files_, write("rule a\n code 5xx\n scope site\n"));
    EXPECT_EQ(rules->size(), RuleBook::shipped().size() + 1);
    const auto providers = load_providers(files_, write("provider a\n host .a.example\n"));
    EXPECT_EQ(providers->size(), Providers::shipped().size() + 1);
}

TEST_F(Load, ErrorsNameTheFile) {
    const std::string path = write("nonsense\n");
    EXPECT_EQ(
        load_rules(files_, path).error().message(),
        path + ":1: \"nonsense\" stands before the first \"rule\" line"
    );
    EXPECT_EQ(
        load_providers(files_, path).error().message(),
        path + ":1: \"nonsense\" stands before the first \"provider\" line"
    );
    EXPECT_FALSE(load_rules(files_, directory_.path()));
    EXPECT_FALSE(load_rules(files_, write(std::string(2U << 20U, '#'))));
}

}  // namespace
}  // namespace mxpost::diagnose
