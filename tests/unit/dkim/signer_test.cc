#include "dkim/signer.h"

#include <cerrno>

#include <gtest/gtest.h>

#include "base/text.h"
#include "dkim/signature.h"
#include "mail/base64.h"
#include "support/string_content.h"
#include "unit/dkim/keys.h"

namespace mxpost::dkim {
namespace {

constexpr std::string_view kHeader =
    "Received: by host\r\n\tid 1\r\n"
    "From: Alice  <alice@example.com>\r\n"
    "To: bob@example.org,\r\n carol@example.org\r\n"
    "subject : two\twords \r\n";
constexpr std::string_view kBody = "Some  text \r\n\r\nand more\r\n\r\n";

std::vector<SigningKey> both_keys() {
    return {
        {"example.com", "r1", test::key_of(test::kRfc6376Key)},
        {"example.com", "e1", test::key_of(test::kRfc8463Ed25519Key)}};
}

SignOptions options(Canonicalization canonicalization = {}) {
    SignOptions options;
    options.canonicalization = canonicalization;
    options.now = std::chrono::sys_seconds(std::chrono::seconds(1700000000));
    return options;
}

std::string sign_pieces(const std::string& message, std::size_t size, const SignOptions& options) {
    Signer signer(options);
    for (std::size_t at = 0; at < message.size(); at += size) {
        signer.feed(std::string_view(message).substr(at, size));
    }
    return signer.finish(both_keys()).value();
}

/// The tag's value without white space.
std::string tag(std::string_view field, std::string_view name) {
    for (const std::string_view part : split(field.substr(field.find(':') + 1), ';')) {
        const std::string_view whole = trim(part);
        if (whole.starts_with(std::string(name) + "=")) {
            std::string value(whole.substr(name.size() + 1));
            std::erase_if(value, [](char c) {
                return std::string_view(" \t\r\n").find(c) != std::string_view::npos;
            });
            return value;
        }
    }
    return "(none)";
}

/// As RFC 6376 6.1.3 says, with everything in memory.
bool verifies(std::string_view field, std::string_view header, const PrivateKey& key) {
    const auto form = parse_canonicalization(tag(field, "c")).value().header;
    std::vector<std::string_view> left = split_fields(header);
    std::vector<std::string_view> covered;
    const std::string names = tag(field, "h");
    for (const std::string_view name : split(names, ':')) {
        const auto found = std::find_if(left.rbegin(), left.rend(), [&](std::string_view text) {
            return ascii_iequals(trim(text.substr(0, text.find(':'))), name);
        });
        if (found != left.rend()) {
            covered.push_back(*found);
            left.erase(std::next(found).base());
        }
    }
    const std::string_view unsigned_field = field.substr(0, field.rfind("\tb=") + 3);
    const std::string digest = digest_of(hash_of(form, covered), form, unsigned_field);
    return test::is_signed_by(
        key.type(), key.public_key(), digest, mail::base64_decoded(tag(field, "b")).value()
    );
}

TEST(Signer, MakesOneFieldForEachKey) {
    const std::string message = std::string(kHeader) + "\r\n" + std::string(kBody);
    const std::string result = sign_pieces(message, 1000, options());
    const auto fields = split_fields(result);
    ASSERT_EQ(fields.size(), 2U);
    EXPECT_EQ(tag(fields[0], "a"), "rsa-sha256");
    EXPECT_EQ(tag(fields[0], "s"), "r1");
    EXPECT_EQ(tag(fields[1], "a"), "ed25519-sha256");
    EXPECT_EQ(tag(fields[1], "d"), "example.com");
    EXPECT_TRUE(verifies(fields[0], kHeader, *test::key_of(test::kRfc6376Key)));
    EXPECT_TRUE(verifies(fields[1], kHeader, *test::key_of(test::kRfc8463Ed25519Key)));
}

TEST(Signer, CoversWhatNobodyMayChangeOrAdd) {
    const std::string message = std::string(kHeader) + "\r\n" + std::string(kBody);
    const std::string result = sign_pieces(message, 1000, options());
    const auto field = split_fields(result).front();
    const auto key = test::key_of(test::kRfc6376Key);
    const std::string header(kHeader);
    EXPECT_TRUE(verifies(field, "X-Seen: here\r\n" + header, *key));
    EXPECT_TRUE(verifies(field, "Received: there\r\nList-Id: x\r\n" + header, *key));
    for (const char* added :
         {"From: mallory@x",
          "Subject: x",
          "Reply-To: x",
          "Cc: x",
          "Date: x",
          "Content-Type: text/html",
          "MIME-Version: 1.0",
          "Message-ID: <x>"}) {
        EXPECT_FALSE(verifies(field, std::string(added) + "\r\n" + header, *key)) << added;
        EXPECT_FALSE(verifies(field, header + added + "\r\n", *key)) << added;
    }
}

TEST(Signer, DoesNotMindHowTheMessageIsCut) {
    const std::vector<std::string> messages = {
        std::string(kHeader) + "\r\n" + std::string(kBody),
        std::string(kHeader) + "\r\n",
        std::string(kHeader),
        "\r\nonly a body\r\n",
        ""};
    for (const Form header : {Form::simple, Form::relaxed}) {
        for (const Form body : {Form::simple, Form::relaxed}) {
            for (const std::string& message : messages) {
                const auto how = options({header, body});
                const std::string whole = sign_pieces(message, 10000, how);
                for (const std::size_t size : {1U, 2U, 3U, 5U, 64U}) {
                    EXPECT_EQ(sign_pieces(message, size, how), whole) << size;
                }
            }
        }
    }
}

TEST(Signer, FindsTheEndOfTheHeader) {
    const std::string header = "From: a@example.com\r\n";
    const auto hash = [&](const std::string& body) {
        return tag(sign_pieces(header + "\r\n" + body, 3, options()), "bh");
    };
    EXPECT_EQ(hash(""), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    EXPECT_EQ(hash("\r\n\r\n"), hash(""));
    EXPECT_EQ(tag(sign_pieces(header, 3, options()), "bh"), hash(""));
    EXPECT_NE(hash("\r\nFrom: b\r\n"), hash(""));
}

TEST(Sign, ReadsContentOnceAndRewindsIt) {
    const std::string message = std::string(kHeader) + "\r\n" + std::string(kBody);
    test::StringContent content(message);
    content.limit_reads(7);
    std::array<char, 10> some{};
    (void)content.read(some).value();
    const auto signed_once = sign(content, both_keys(), options());
    ASSERT_TRUE(signed_once);
    EXPECT_EQ(*signed_once, sign_pieces(message, 10000, options()));
    EXPECT_EQ(content.read(some).value(), 7U);
    EXPECT_EQ(std::string_view(some.data(), 7), "Receive");
}

TEST(Sign, PassesOnWhyContentCannotBeRead) {
    test::StringContent content(std::string(kHeader) + "\r\n" + std::string(kBody));
    content.fail_at(100);
    const auto result = sign(content, both_keys(), options());
    ASSERT_FALSE(result);
    EXPECT_TRUE(result.error().is(EIO));
}

}  // namespace
}  // namespace mxpost::dkim
