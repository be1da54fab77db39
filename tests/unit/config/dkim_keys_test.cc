#include "config/dkim_keys.h"

#include <gtest/gtest.h>

namespace mxpost::config {
namespace {

TEST(DkimKeys, AreListed) {
    EXPECT_EQ(
        parse_dkim_keys("Example.com S1 /etc/k1.pem,*.example.org\ts2  /etc/k2.pem ,\n"
                        "example.com s3.a /etc/k3.pem,")
            .value(),
        (std::vector<DkimKey>{
            {"example.com", false, "s1", "/etc/k1.pem"},
            {"example.org", true, "s2", "/etc/k2.pem"},
            {"example.com", false, "s3.a", "/etc/k3.pem"}})
    );
    EXPECT_TRUE(parse_dkim_keys("").value().empty());
}

TEST(DkimKeys, NeedThreeGoodWords) {
    for (const char* text :
         {"example.com",
          "example.com s1",
          "example.com s1 /k more",
          "example.com s1 relative.pem",
          "example.com s1 /etc/../k",
          "example_com! s1 /k",
          "* s1 /k",
          "*.* s1 /k",
          "example.com s_! /k",
          "example.com b\xC3\xBC /k",
          "/k s1 example.com"}) {
        EXPECT_FALSE(parse_dkim_keys(text)) << text;
    }
    EXPECT_FALSE(parse_dkim_keys("example.com s1 /a, example.com s1 /b"));
    EXPECT_TRUE(parse_dkim_keys("example.com s1 /a, *.example.com s1 /a"));
}

TEST(DkimCanonicalization, IsOneOfFour) {
    EXPECT_EQ(parse_dkim_canonicalization("relaxed/simple").value(), "relaxed/simple");
    EXPECT_FALSE(parse_dkim_canonicalization("relaxed"));
    EXPECT_FALSE(parse_dkim_canonicalization("nofws/simple"));
}

}  // namespace
}  // namespace mxpost::config
