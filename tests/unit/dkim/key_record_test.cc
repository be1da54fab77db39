#include "dkim/key_record.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "unit/dkim/keys.h"

namespace mxpost::dkim {
namespace {

std::string why_not(std::string_view text) {
    const auto record = parse_key_record(text);
    return record ? "" : record.error().message();
}

TEST(KeyRecord, OfOurKeysIsUnderstood) {
    for (const char* pem : {test::kRfc6376Key, test::kRfc8463Ed25519Key}) {
        const auto key = test::key_of(pem);
        const auto record = parse_key_record(record_text(*key)).value();
        EXPECT_EQ(record.public_key, key->public_key());
        EXPECT_EQ(mismatch(record, *key), "");
    }
}

TEST(KeyRecord, MayBeWrittenInManyWays) {
    const auto record =
        parse_key_record(
            " h = SHA256 : sha1 ; t=y:s; n=a note; unknown=x; p = 11qYAYKxCrfVS/7TyWQH \r\n\t"
            "Og7hcvPapiMlrwIaaPcHURo= ; k=ed25519; "
        )
            .value();
    EXPECT_EQ(record.type, "ed25519");
    EXPECT_EQ(record.hashes, (std::vector<std::string>{"sha256", "sha1"}));
    EXPECT_TRUE(record.is_testing);
    EXPECT_TRUE(record.is_strict);
    EXPECT_EQ(mismatch(record, *test::key_of(test::kRfc8463Ed25519Key)), "");
}

TEST(KeyRecord, SaysWhyReceiversRejectIt) {
    EXPECT_EQ(why_not("v=DKIM2; p="), "its v= isn't DKIM1 at the front");
    EXPECT_EQ(why_not("p=; v=DKIM1"), "its v= isn't DKIM1 at the front");
    EXPECT_EQ(why_not("v=DKIM1; k=rsa"), "it has no p=");
    EXPECT_EQ(why_not(""), "it has no p=");
    EXPECT_EQ(why_not("v=DKIM1; p=?!?"), "its p= isn't base64");
    EXPECT_EQ(why_not("v=DKIM1; p=; p="), "it has a tag twice, or too many");
    EXPECT_EQ(why_not("v=spf1 -all"), "its v= isn't DKIM1 at the front");
    EXPECT_EQ(why_not("hello"), "it isn't a list of tags (\"k=rsa; p=…\")");
}

TEST(KeyRecord, MismatchSaysWhat) {
    const auto rsa = test::key_of(test::kRfc6376Key);
    const auto other = test::key_of(test::kRfc8463RsaKey);
    const auto ed25519 = test::key_of(test::kRfc8463Ed25519Key);
    const auto against = [&](const std::string& text, const PrivateKey& key) {
        return mismatch(parse_key_record(text).value(), key);
    };
    EXPECT_EQ(against("v=DKIM1; p=", *rsa), "the key is revoked (its p= is empty)");
    EXPECT_EQ(against(record_text(*other), *rsa), "it has another public key");
    EXPECT_EQ(against(record_text(*rsa), *ed25519), "it is for a key of type rsa, not ed25519");
    EXPECT_EQ(against(record_text(*rsa) + "; h=sha1", *rsa), "its h= doesn't allow sha256");
}

TEST(KeyRecord, ZoneLineHasShortStrings) {
    const auto key = PrivateKey::generate(KeyType::rsa).value();
    const std::string line = zone_line(record_name("s1", "example.com"), record_text(key));
    EXPECT_TRUE(line.starts_with("s1._domainkey.example.com. IN TXT ( \"v=DKIM1; k=rsa; p=MII"));
    std::string text;
    const auto parts = split(line, '"');
    ASSERT_EQ(parts.size(), 5U);  // two strings
    for (std::size_t i = 1; i < parts.size(); i += 2) {
        EXPECT_LE(parts[i].size(), 255U);
        text += parts[i];
    }
    EXPECT_EQ(text, record_text(key));
}

}  // namespace
}  // namespace mxpost::dkim
