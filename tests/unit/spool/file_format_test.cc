#include "spool/file_format.h"

#include <string>

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "spool/fields.h"

namespace mxpost::spool {
namespace {

Preamble make_preamble() {
    Preamble preamble;
    preamble.envelope_size = 0x01020304;
    preamble.header_size = 0x00050607;
    preamble.body_size = 0x0000010203040506;
    preamble.envelope_crc = 0xA1A2A3A4;
    preamble.header_crc = 0xB1B2B3B4;
    preamble.body_crc = 0xC1C2C3C4;
    preamble.has_long_lines = true;
    return preamble;
}

/// With a checksum that fits, as an owner could write it.
std::string forge(std::string octets) {
    octets.resize(kPreambleSize - 4);
    put_u32(octets, crc32c(0, octets));
    return octets;
}

TEST(Preamble, HasTheDocumentedLayout) {
    const std::string octets = make_preamble().encode();
    ASSERT_EQ(octets.size(), 64U);
    EXPECT_EQ(
        octets.substr(0, 40),
        std::string(
            "mxpost1\n"
            "\x04\x03\x02\x01"
            "\x07\x06\x05\x00"
            "\x06\x05\x04\x03\x02\x01\x00\x00"
            "\xA4\xA3\xA2\xA1"
            "\xB4\xB3\xB2\xB1"
            "\xC4\xC3\xC2\xC1"
            "\x02\x00\x00\x00",
            40
        )
    );
    EXPECT_EQ(octets.substr(40, 20), std::string(20, '\0'));
}

TEST(Preamble, RoundTrips) {
    const auto decoded = Preamble::decode(make_preamble().encode());
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->encode(), make_preamble().encode());
    EXPECT_EQ(decoded->body_offset(), 64U + 0x01020304 + 0x00050607);
}

TEST(Preamble, EveryFlippedBitIsSeen) {
    const std::string octets = make_preamble().encode();
    for (std::size_t bit = 0; bit < octets.size() * 8; ++bit) {
        std::string changed = octets;
        changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
        EXPECT_FALSE(Preamble::decode(changed)) << bit;
    }
}

TEST(Preamble, SizesBeyondAllLimitsAreRefused) {
    Preamble preamble;
    preamble.envelope_size = kMaxEnvelopeSize + 1;
    EXPECT_FALSE(Preamble::decode(preamble.encode()));
    preamble = {};
    preamble.header_size = kMaxHeaderSize + 1;
    EXPECT_FALSE(Preamble::decode(preamble.encode()));
    preamble = {};
    preamble.body_size = UINT64_MAX;
    EXPECT_FALSE(Preamble::decode(preamble.encode()));
}

TEST(Preamble, OtherVersionsAndLengthsAreRefused) {
    std::string other = make_preamble().encode();
    other[6] = '2';
    EXPECT_FALSE(Preamble::decode(forge(other)));
    EXPECT_FALSE(Preamble::decode(""));
    EXPECT_FALSE(Preamble::decode(make_preamble().encode() + "x"));
}

mail::Envelope full_envelope() {
    mail::Envelope envelope;
    envelope.sender = mail::Address("alice", "example.com");
    envelope.dsn_return = mail::DsnReturn::headers;
    envelope.envelope_id = "QQ314159";
    envelope.error_mode = mail::ErrorMode::quiet;
    envelope.arrival = WallTime(std::chrono::microseconds(1704110400123456));
    envelope.is_smtp_utf8 = true;
    envelope.requires_tls = true;
    envelope.is_followed = true;
    envelope.is_verbose = true;
    envelope.is_bounce = true;
    mail::Recipient recipient(mail::Address("\"bob smith\"", "example.org"));
    recipient.notify = 6;
    recipient.original_recipient = "rfc822;robert+40example.net";
    recipient.step = mail::LocalStep::programs;
    envelope.recipients.push_back(recipient);
    envelope.recipients.emplace_back(mail::Address("carol", "[192.0.2.1]"));
    return envelope;
}

TEST(Envelope, RoundTrips) {
    const mail::Envelope envelope = full_envelope();
    const auto decoded = decode_envelope(encode_envelope(envelope));
    ASSERT_TRUE(decoded) << decoded.error().message();
    EXPECT_EQ(decoded->sender, envelope.sender);
    EXPECT_EQ(decoded->dsn_return, envelope.dsn_return);
    EXPECT_EQ(decoded->envelope_id, envelope.envelope_id);
    EXPECT_EQ(decoded->error_mode, envelope.error_mode);
    EXPECT_EQ(decoded->arrival, envelope.arrival);
    EXPECT_TRUE(decoded->is_smtp_utf8);
    EXPECT_TRUE(decoded->requires_tls);
    EXPECT_TRUE(decoded->is_followed);
    EXPECT_TRUE(decoded->is_verbose);
    EXPECT_TRUE(decoded->is_bounce);
    EXPECT_FALSE(decoded->is_incomplete);
    ASSERT_EQ(decoded->recipients.size(), 2U);
    EXPECT_EQ(decoded->recipients[0].address.text(), "\"bob smith\"@example.org");
    EXPECT_EQ(decoded->recipients[0].notify, 6);
    EXPECT_EQ(decoded->recipients[0].original_recipient, "rfc822;robert+40example.net");
    EXPECT_EQ(decoded->recipients[0].step, mail::LocalStep::programs);
    EXPECT_EQ(decoded->recipients[1].address.text(), "carol@[192.0.2.1]");
}

TEST(Envelope, ANullSenderStaysNull) {
    mail::Envelope envelope = full_envelope();
    envelope.sender = std::nullopt;
    EXPECT_EQ(decode_envelope(encode_envelope(envelope))->sender, std::nullopt);
}

TEST(Envelope, EachCutIsRefusedOrLacksWholeFields) {
    const std::string octets = encode_envelope(full_envelope());
    for (std::size_t size = 0; size < octets.size(); ++size) {
        const auto decoded = decode_envelope(octets.substr(0, size));
        if (decoded) {
            EXPECT_EQ(decoded->recipients.size(), 1U) << size;
        }
    }
}

std::string envelope_with(std::string_view sender, std::string_view recipient) {
    std::string inner;
    FieldWriter(inner).text(1, recipient);
    std::string octets;
    FieldWriter writer(octets);
    writer.text(1, sender);
    writer.text(2, inner);
    return octets;
}

TEST(Envelope, HostileAddressesAreRefused) {
    EXPECT_TRUE(decode_envelope(envelope_with("a@example.com", "b@example.org")));
    for (const char* address :
         {"",
          "b",
          "b@",
          "@example.org",
          "b@example.org\r\nRCPT TO:<c@example.org>",
          "b@example.org> SIZE=1",
          "<b@example.org>",
          "b b@example.org",
          "b@exa mple.org",
          "\"b\r\n\"@example.org",
          "b@example..org",
          "b@[192.0.2.1",
          "b@\x01"}) {
        EXPECT_FALSE(decode_envelope(envelope_with("a@example.com", address))) << address;
        EXPECT_FALSE(decode_envelope(envelope_with(address, "b@example.org"))) << address;
    }
    EXPECT_FALSE(
        decode_envelope(envelope_with("a@example.com", std::string_view("b\0@example.org", 14)))
    );
}

TEST(Envelope, UnqualifiedAddressesNeedTheMarkOfSubmission) {
    mail::Envelope envelope;
    envelope.sender = mail::Address("root", "");
    envelope.recipients.emplace_back(mail::Address("alice", ""));
    EXPECT_FALSE(decode_envelope(encode_envelope(envelope)));
    envelope.is_incomplete = true;
    const auto decoded = decode_envelope(encode_envelope(envelope));
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->sender->text(), "root");
    EXPECT_FALSE(decoded->recipients[0].address.is_qualified());
}

TEST(Envelope, UnqualifiedAddressesNeedTheMarkThatCountsInTheEnd) {
    mail::Envelope envelope;
    envelope.sender = mail::Address("root", "");
    envelope.recipients.emplace_back(mail::Address("alice", ""));
    envelope.is_incomplete = true;
    std::string octets = encode_envelope(envelope);
    FieldWriter(octets).number(7, 0);  // flags, again
    EXPECT_FALSE(decode_envelope(octets));
}

TEST(Envelope, HostileParametersAreDropped) {
    mail::Envelope envelope = full_envelope();
    for (const std::string& hostile :
         {std::string("a b"),
          std::string("a\r\nDATA"),
          std::string(1001, 'x'),
          std::string("a\0b", 3),
          std::string("\xC3\xBC")}) {
        envelope.envelope_id = hostile;
        envelope.recipients[0].original_recipient = hostile;
        const auto decoded = decode_envelope(encode_envelope(envelope));
        ASSERT_TRUE(decoded);
        EXPECT_EQ(decoded->envelope_id, "");
        EXPECT_EQ(decoded->recipients[0].original_recipient, "");
    }
}

TEST(Envelope, HostileNumbersBecomeDefaults) {
    std::string octets = envelope_with("a@example.com", "b@example.org");
    FieldWriter writer(octets);
    writer.number(3, 77);          // RET
    writer.number(5, UINT64_MAX);  // error mode
    writer.number(6, UINT64_MAX);  // arrival
    writer.text(7, "short");       // flags
    writer.text(200, "a field of a later version");
    const auto decoded = decode_envelope(octets);
    ASSERT_TRUE(decoded);
    EXPECT_EQ(decoded->dsn_return, mail::DsnReturn::unset);
    EXPECT_EQ(decoded->error_mode, mail::ErrorMode::mail);
    EXPECT_LE(decoded->arrival, WallTime(std::chrono::hours(24 * 366 * 1200)));
    EXPECT_FALSE(decoded->is_bounce);
}

TEST(Envelope, NoRecipientOrTooManyIsRefused) {
    EXPECT_FALSE(decode_envelope(""));
    std::string inner;
    FieldWriter(inner).text(1, "b@example.org");
    std::string octets;
    for (std::size_t i = 0; i < kMaxRecipients; ++i) {
        FieldWriter(octets).text(2, inner);
    }
    EXPECT_TRUE(decode_envelope(octets));
    FieldWriter(octets).text(2, inner);
    EXPECT_FALSE(decode_envelope(octets));
}

TEST(FieldReader, ALengthPastTheEndBreaksOff) {
    std::string octets;
    FieldWriter(octets).text(1, "abc");
    for (std::size_t size = 1; size < octets.size(); ++size) {
        const std::string cut = octets.substr(0, size);
        FieldReader reader(cut);
        EXPECT_EQ(reader.next(), std::nullopt);
        EXPECT_TRUE(reader.is_broken());
    }
    const std::string huge(
        "\x01\xFF\xFF\xFF\xFF"
        "abc",
        8
    );
    FieldReader reader(huge);
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_TRUE(reader.is_broken());
}

}  // namespace
}  // namespace mxpost::spool
