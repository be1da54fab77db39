// The RFCs' signed messages: the same keys make the same signatures.
#include <gtest/gtest.h>

#include "dkim/canonical.h"
#include "dkim/signature.h"
#include "mail/base64.h"
#include "unit/dkim/keys.h"

namespace mxpost::dkim {
namespace {

constexpr std::string_view kFrom = "From: Joe SixPack <joe@football.example.com>";
constexpr std::string_view kTo = "To: Suzie Q <suzie@shopping.example.net>";
constexpr std::string_view kSubject = "Subject: Is dinner ready?";
constexpr std::string_view kDate = "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)";
constexpr std::string_view kMessageId =
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>";

std::string body_hash(Form form, std::string_view body) {
    Sha256 hash;
    CanonicalBody canonical(form, [&](std::string_view piece) { hash.add(piece); });
    canonical.feed(body);
    canonical.finish();
    return mail::base64_encoded(hash.finish());
}

/// b=
std::string signature(
    std::string_view key,
    Form form,
    const std::vector<std::string_view>& fields,
    std::string_view unsigned_field
) {
    const auto made =
        test::key_of(key)->sign(digest_of(hash_of(form, fields), form, unsigned_field));
    return mail::base64_encoded(made.value());
}

/// With one space in "game. Are", as erratum 3192 of RFC 6376 has it.
constexpr std::string_view kBody =
    "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";

TEST(RfcSamples, Rfc6376BodyHash) {
    EXPECT_EQ(body_hash(Form::simple, kBody), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    EXPECT_EQ(body_hash(Form::relaxed, kBody), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    // 3.4.3, 3.4.4: of an empty body
    EXPECT_EQ(body_hash(Form::simple, ""), "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=");
    EXPECT_EQ(body_hash(Form::relaxed, ""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

TEST(RfcSamples, Rfc6376SimpleRsa) {
    // A.2, indented as erratum 4926 has it.
    const std::string_view unsigned_field =
        "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
        "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
        "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
        "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        "      b=;";
    const std::string_view received =
        "Received: from client1.football.example.com  [192.0.2.1]\r\n"
        "      by submitserver.example.com with SUBMISSION;\r\n"
        "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)";
    EXPECT_EQ(
        signature(
            test::kRfc6376Key,
            Form::simple,
            {received, kFrom, kTo, kSubject, kDate, kMessageId},
            unsigned_field
        ),
        "AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE"
        "+NahM6L/LbvaHutKVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV4bmp/YzhwvcubU4="
    );
}

TEST(RfcSamples, Rfc8463Ed25519) {
    // A.3. What is named and not there adds nothing.
    const std::string_view unsigned_field =
        "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
        " d=football.example.com; i=@football.example.com;\r\n"
        " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
        " subject : date : message-id : from : subject : date;\r\n"
        " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        " b=";
    EXPECT_EQ(
        signature(
            test::kRfc8463Ed25519Key,
            Form::relaxed,
            {kFrom, kTo, kSubject, kDate, kMessageId},
            unsigned_field
        ),
        "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
    );
}

TEST(RfcSamples, Rfc8463Rsa) {
    const std::string_view unsigned_field =
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
        " d=football.example.com; i=@football.example.com;\r\n"
        " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
        " date : message-id : from : subject : date;\r\n"
        " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
        " b=";
    EXPECT_EQ(
        signature(
            test::kRfc8463RsaKey,
            Form::relaxed,
            {kFrom, kTo, kSubject, kDate, kMessageId},
            unsigned_field
        ),
        "F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFO"
        "eS9mPYQTnGdaSGsgeefOsk2JzdA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8="
    );
}

}  // namespace
}  // namespace mxpost::dkim
