#include "dkim/private_key.h"

#include <gtest/gtest.h>

#include "mail/base64.h"
#include "unit/dkim/keys.h"

namespace mxpost::dkim {
namespace {

std::string why_not(std::string_view pem) {
    const auto key = PrivateKey::from_pem(pem);
    return key ? "" : key.error().message();
}

TEST(PrivateKey, TakesPkcs1AndPkcs8) {
    EXPECT_EQ(test::key_of(test::kRfc6376Key)->type(), KeyType::rsa);
    EXPECT_EQ(test::key_of(test::kRfc6376Key)->bits(), 1024);
    const auto key = test::key_of(test::kRfc8463Ed25519Key);
    EXPECT_EQ(key->type(), KeyType::ed25519);
    // RFC 8463 A.2
    EXPECT_EQ(
        mail::base64_encoded(key->public_key()), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    );
    EXPECT_EQ(
        mail::base64_encoded(test::key_of(test::kRfc8463RsaKey)->public_key()),
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/"
        "J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLz"
        "BfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
    );
}

TEST(PrivateKey, IsMadeAndReadAgain) {
    for (const KeyType type : {KeyType::rsa, KeyType::ed25519}) {
        const auto key = PrivateKey::generate(type).value();
        EXPECT_EQ(key.type(), type);
        EXPECT_EQ(key.bits(), type == KeyType::rsa ? kUsualRsaBits : 256);
        const Secret pem = key.pem();
        EXPECT_TRUE(pem.view().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        const auto again = PrivateKey::from_pem(pem.view()).value();
        EXPECT_EQ(again.public_key(), key.public_key());
        const std::string digest(32, 'd');
        EXPECT_TRUE(test::is_signed_by(type, key.public_key(), digest, again.sign(digest).value()));
        EXPECT_FALSE(test::is_signed_by(
            type, key.public_key(), std::string(32, 'e'), again.sign(digest).value()
        ));
    }
}

TEST(PrivateKey, RefusesWhatReceiversWould) {
    const auto weak = PrivateKey::generate(KeyType::rsa, 512);
    ASSERT_FALSE(weak);
    EXPECT_EQ(
        weak.error().message(),
        "is an RSA key of 512 bits, which receivers don't accept (1024 to 4096)"
    );
    EXPECT_EQ(
        why_not("-----BEGIN PRIVATE KEY-----\n"
                "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
                "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
                "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
                "-----END PRIVATE KEY-----\n"),
        "is neither an RSA nor an Ed25519 key"
    );
}

TEST(PrivateKey, SaysWhatIsWrongWithAFile) {
    EXPECT_EQ(why_not(""), "holds no private key in PEM form");
    EXPECT_EQ(
        why_not("-----BEGIN PUBLIC KEY-----\n"
                "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                "-----END PUBLIC KEY-----\n"),
        "holds no private key in PEM form"
    );
    EXPECT_EQ(
        why_not("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjs\n"
                "-----END ENCRYPTED PRIVATE KEY-----\n"),
        "is protected by a passphrase, which nobody could enter"
    );
}

}  // namespace
}  // namespace mxpost::dkim
