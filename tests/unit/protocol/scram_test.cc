// SCRAM-SHA-256 against servers that don't keep to it. The good case: auth_dialogue_test.cc.
#include "protocol/scram.h"

#include <string>

#include <gtest/gtest.h>

#include "tls/openssl_digests.h"

namespace mxpost::protocol {
namespace {

class ScramTest : public ::testing::Test {
protected:
    static Credentials make() {
        Credentials credentials;
        credentials.user = "user";
        credentials.secret = Secret("pencil");
        return credentials;
    }
    std::string first(const std::string& challenge) {
        Scram scram(credentials_, digests_, "abc");
        (void)scram.initial_response();
        const auto response = scram.respond(challenge);
        return response ? *response : "error: " + response.error().message();
    }

    Credentials credentials_ = make();
    tls::OpensslDigests digests_;
};

TEST_F(ScramTest, EscapesTheUserName) {
    credentials_.user = "a=b,c";
    Scram scram(credentials_, digests_, "abc");
    EXPECT_EQ(scram.initial_response(), "n,,n=a=3Db=2Cc,r=abc");
}

TEST_F(ScramTest, TakesOptionalExtensionsButNoMandatoryOnes) {
    EXPECT_TRUE(first("r=abcd,s=QSXCR+Q6sek8bf92,i=4096,x=y").starts_with("c=biws,r=abcd,p="));
    EXPECT_TRUE(first("m=ext,r=abcd,s=QSXCR+Q6sek8bf92,i=4096").starts_with("error: "));
}

TEST_F(ScramTest, TakesNoNonceThatIsNotItsOwnAndTheServers) {
    EXPECT_TRUE(first("r=abc,s=QSXCR+Q6sek8bf92,i=4096").starts_with("error: "));
    EXPECT_TRUE(first("r=xyzabc,s=QSXCR+Q6sek8bf92,i=4096").starts_with("error: "));
    EXPECT_TRUE(first("r=,s=QSXCR+Q6sek8bf92,i=4096").starts_with("error: "));
}

TEST_F(ScramTest, TakesNoCountThatIsTooSmallOrTooLarge) {
    for (const char* count : {"0", "1", "4095", "600001", "99999999999999999999", "-1", "x", ""}) {
        EXPECT_TRUE(
            first("r=abcd,s=QSXCR+Q6sek8bf92,i=" + std::string(count)).starts_with("error: ")
        ) << count;
    }
}

TEST_F(ScramTest, TakesNoOtherText) {
    for (const char* text :
         {"",
          ",",
          ",,",
          "r=abcd",
          "r=abcd,s=,i=4096",
          "r=abcd,s=?,i=4096",
          "s=QSXCR+Q6sek8bf92,r=abcd,i=4096",
          "e=invalid-proof"}) {
        EXPECT_TRUE(first(text).starts_with("error: ")) << text;
    }
}

TEST_F(ScramTest, WantsTheServersSignature) {
    for (const char* last :
         {"",
          "v=",
          "v=AAAA",
          "e=invalid-proof",
          "x=y",
          "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5="}) {
        Scram scram(credentials_, digests_, "rOprNGfwEbeRWgbNEkqO");
        (void)scram.initial_response();
        ASSERT_TRUE(
            scram.respond("r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                          "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
        );
        EXPECT_FALSE(scram.respond(last)) << last;
        EXPECT_FALSE(scram.accepted());
    }
}

}  // namespace
}  // namespace mxpost::protocol
