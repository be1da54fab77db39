#include "dkim/canonical.h"

#include <cstdint>
#include <random>

#include <gtest/gtest.h>

namespace mxpost::dkim {
namespace {

std::string field(Form form, std::string_view text) {
    std::string out;
    append_canonical_field(form, text, out);
    return out;
}

/// Fed in pieces of `size` octets.
std::string body(Form form, std::string_view text, std::size_t size = 1000) {
    std::string out;
    CanonicalBody canonical(form, [&](std::string_view piece) { out += piece; });
    for (std::size_t at = 0; at < text.size(); at += size) {
        canonical.feed(text.substr(at, size));
    }
    canonical.finish();
    return out;
}

/// RFC 6376 3.4.3 and 3.4.4 word by word, on the whole text.
std::string slow_body(Form form, std::string text) {
    const auto replace = [&](std::string_view from, std::string_view to) {
        for (std::size_t at = 0; (at = text.find(from)) != std::string::npos;) {
            text.replace(at, from.size(), to);
        }
    };
    if (form == Form::relaxed) {
        replace("\t", " ");
        replace("  ", " ");
        replace(" \r\n", "\r\n");
        if (text.ends_with(' ')) {
            text.pop_back();
        }
    }
    while (text.ends_with("\r\n")) {
        text.resize(text.size() - 2);
    }
    return text.empty() && form == Form::relaxed ? text : text + "\r\n";
}

TEST(CanonicalField, SimpleKeepsEachOctet) {
    EXPECT_EQ(field(Form::simple, "A: X\r\n\t Y "), "A: X\r\n\t Y ");
}

TEST(CanonicalField, RelaxedIsAsInRfc6376) {
    // 3.4.5
    EXPECT_EQ(field(Form::relaxed, "A: X"), "a:X");
    EXPECT_EQ(field(Form::relaxed, "B : Y\t\r\n\tZ  "), "b:Y Z");
    EXPECT_EQ(field(Form::relaxed, "SUBJECT:"), "subject:");
    EXPECT_EQ(field(Form::relaxed, "Subject:  \t "), "subject:");
    EXPECT_EQ(field(Form::relaxed, "X:a\r\n b\r\n  \r\n\tc"), "x:a b c");
    EXPECT_EQ(field(Form::relaxed, "X: \xC3\x84\x80: y"), "x:\xC3\x84\x80: y");
}

TEST(CanonicalBody, IsAsInRfc6376) {
    // 3.4.5
    const std::string text = " C \r\nD \t E\r\n\r\n\r\n";
    EXPECT_EQ(body(Form::relaxed, text), " C\r\nD E\r\n");
    EXPECT_EQ(body(Form::simple, text), " C \r\nD \t E\r\n");
    EXPECT_EQ(body(Form::simple, ""), "\r\n");
    EXPECT_EQ(body(Form::relaxed, ""), "");
    EXPECT_EQ(body(Form::simple, "\r\n\r\n"), "\r\n");
    EXPECT_EQ(body(Form::relaxed, "\r\n \t\r\n"), "");
    EXPECT_EQ(body(Form::relaxed, "no end"), "no end\r\n");
    EXPECT_EQ(body(Form::simple, "no end \r\n "), "no end \r\n \r\n");
}

TEST(CanonicalBody, LeavesLoneCarriageReturnsAndLineFeeds) {
    EXPECT_EQ(body(Form::relaxed, "a\rb\r\r\nc\nd\r"), "a\rb\r\r\nc\nd\r\r\n");
}

TEST(CanonicalBody, IsTheSameHoweverItIsCut) {
    std::mt19937 random(20260717);
    const std::string_view alphabet = "  \t\r\n\r\n\r\nab\xE4.";
    for (int round = 0; round < 20000; ++round) {
        std::string text;
        const std::size_t length = random() % 24;
        while (text.size() < length) {
            const std::size_t at = random() % alphabet.size();
            // Line ends mostly whole.
            text += alphabet[at] == '\r' || alphabet[at] == '\n' ? "\r\n"
                                                                 : std::string(1, alphabet[at]);
        }
        for (const Form form : {Form::simple, Form::relaxed}) {
            const std::string wanted = slow_body(form, text);
            for (const std::size_t size : {1U, 2U, 3U, 7U, 1000U}) {
                ASSERT_EQ(body(form, text, size), wanted)
                    << testing::PrintToString(text) << " in pieces of " << size;
            }
        }
    }
}

TEST(CanonicalBody, GivesBoundedPieces) {
    std::string text;
    for (int i = 0; i < 100000; ++i) {
        text += "\r\n";
    }
    text += "x \t y\r\n";
    std::size_t largest = 0;
    std::uint64_t total = 0;
    CanonicalBody canonical(Form::relaxed, [&](std::string_view piece) {
        largest = std::max(largest, piece.size());
        total += piece.size();
    });
    canonical.feed(text);
    canonical.finish();
    EXPECT_EQ(total, text.size() - 2);
    EXPECT_LE(largest, 16384U);
}

TEST(Canonicalization, IsWrittenAsInTheTag) {
    EXPECT_EQ(text_of(Canonicalization()), "relaxed/relaxed");
    const auto parsed = parse_canonicalization("simple/relaxed");
    ASSERT_TRUE(parsed);
    EXPECT_EQ(text_of(*parsed), "simple/relaxed");
    EXPECT_FALSE(parse_canonicalization("simple"));
    EXPECT_FALSE(parse_canonicalization("simple/relaxed/simple"));
    EXPECT_FALSE(parse_canonicalization("Simple/relaxed"));
}

}  // namespace
}  // namespace mxpost::dkim
