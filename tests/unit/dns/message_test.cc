#include "dns/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/dns_packet.h"

namespace mxpost::dns {
namespace {

namespace ip = boost::asio::ip;
using std::chrono::seconds;
using test::DnsPacket;
using testing::ElementsAre;

constexpr std::uint16_t kId = 0x1234;
constexpr std::uint16_t kOk = DnsPacket::kReply | DnsPacket::kRecursive;
const Question kMx("example.org", RecordType::mx);

Result<std::optional<Reply>> decode(const std::string& wire, const Question& question = kMx) {
    // A copy of exactly this size, so that ASan sees a read past its end.
    const std::vector<std::uint8_t> exact(wire.begin(), wire.end());
    return decode_reply(exact, question, kId);
}

Reply decoded(const DnsPacket& packet, const Question& question = kMx) {
    auto reply = decode(packet.wire(), question);
    if (!reply || !*reply) {
        ADD_FAILURE() << (reply ? "not ours" : reply.error().message());
        return {};
    }
    return **reply;
}

TEST(EncodeQuery, WritesExactlyTheseOctets) {
    const auto query = encode_query(kMx, kId, false, false);
    ASSERT_TRUE(query);
    EXPECT_EQ(*query, DnsPacket(kId, 0x0100).question("example.org", 15).wire());
}

TEST(EncodeQuery, AddsEdnsWith1232OctetsAndTheAdBit) {
    const auto query = encode_query(kMx, kId, true, true);
    ASSERT_TRUE(query);
    std::string expected = DnsPacket(kId, 0x0120).question("example.org", 15).wire();
    expected[11] = 1;  // one additional record: OPT
    expected += std::string("\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
    EXPECT_EQ(*query, expected);
}

TEST(EncodeQuery, RefusesWhatIsNoDomainName) {
    const std::string label64(64, 'a');
    std::string long_name = "a";
    while (long_name.size() < 254) {
        long_name += ".a";
    }
    for (const std::string& name :
         {std::string(),
          std::string("."),
          std::string("a..b"),
          std::string(".a"),
          std::string("a b"),
          std::string("a\\.b"),
          std::string("b\xc3\xbc.example"),
          std::string("a\0b", 3),
          label64 + ".org",
          long_name}) {
        EXPECT_FALSE(encode_query(Question(name, RecordType::a), kId, true, false)) << name;
    }
    EXPECT_TRUE(encode_query(Question("_smtp._tcp.example.org", RecordType::a), kId, true, false));
}

TEST(DecodeReply, ReadsMxRecordsInLowerCase) {
    const Reply reply =
        decoded(DnsPacket(kId, kOk)
                    .question("example.org", 15)
                    .answer("Example.ORG", 15, DnsPacket::mx_data(10, "MX1.Example.org"))
                    .answer("example.org", 15, DnsPacket::mx_data(65535, "")));
    EXPECT_EQ(reply.code, ReplyCode::no_error);
    EXPECT_TRUE(reply.is_recursive);
    EXPECT_FALSE(reply.is_authentic);
    ASSERT_EQ(reply.answers.size(), 2U);
    EXPECT_EQ(reply.answers[0].owner, "example.org");
    EXPECT_EQ(reply.answers[0].ttl, seconds(300));
    EXPECT_EQ(std::get<MxRecord>(reply.answers[0].data), MxRecord(10, "mx1.example.org"));
    EXPECT_EQ(std::get<MxRecord>(reply.answers[1].data), MxRecord(65535, ""));
}

TEST(DecodeReply, ReadsAddressesOfBothFamilies) {
    const Question question("h.example", RecordType::a);
    const Reply reply = decoded(
        DnsPacket(kId, kOk)
            .question("h.example", 1)
            .answer("h.example", 1, std::string("\xc0\x00\x02\x01", 4))
            .answer(
                "h.example", 28, std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x09"
            ),
        question
    );
    ASSERT_EQ(reply.answers.size(), 2U);
    EXPECT_EQ(std::get<ip::address>(reply.answers[0].data), ip::make_address("192.0.2.1"));
    EXPECT_EQ(std::get<ip::address>(reply.answers[1].data), ip::make_address("2001:db8::9"));
}

TEST(DecodeReply, FollowsCompressionPointers) {
    const Reply reply =
        decoded(DnsPacket(kId, kOk)
                    .question("example.org", 15)
                    .raw_answer("\xc0\x0c", 15, std::string("\0\x05\x03mx1\xc0\x0c", 8)));
    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(std::get<MxRecord>(reply.answers[0].data), MxRecord(5, "mx1.example.org"));
}

TEST(DecodeReply, PutsTheStringsOfATxtRecordTogether) {
    const Question question("t.example", RecordType::txt);
    const Reply reply = decoded(
        DnsPacket(kId, kOk)
            .question("t.example", 16)
            .answer("t.example", 16, std::string("\x04v=ST\x00\x03S\x00v", 10)),
        question
    );
    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(std::get<TxtRecord>(reply.answers[0].data).text, std::string("v=STS\0v", 7));
}

TEST(DecodeReply, ReadsTlsaRecords) {
    const Question question("_25._tcp.mx.example", RecordType::tlsa);
    const Reply reply = decoded(
        DnsPacket(kId, kOk)
            .question("_25._tcp.mx.example", 52)
            .answer("_25._tcp.mx.example", 52, std::string("\x03\x01\x01\x00\xff", 5))
            .answer("_25._tcp.mx.example", 52, std::string("\x03\x01", 2)),
        question
    );
    ASSERT_EQ(reply.answers.size(), 1U) << "what is too short is left out";
    const auto& record = std::get<TlsaRecord>(reply.answers[0].data);
    EXPECT_EQ(record.usage, 3);
    EXPECT_EQ(record.selector, 1);
    EXPECT_EQ(record.matching_type, 1);
    EXPECT_EQ(record.data, std::string("\0\xff", 2));
}

TEST(DecodeReply, EscapesOddOctetsSoThatNoNamePassesForAnother) {
    const std::string odd = std::string("\0\x0a\x05", 3) + "a.b c" + std::string("\x03\r\n\0", 4) +
                            std::string("\0", 1);
    const Reply reply =
        decoded(DnsPacket(kId, kOk).question("example.org", 15).answer("example.org", 15, odd));
    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(std::get<MxRecord>(reply.answers[0].data).exchange, "a\\046b\\032c.\\013\\010\\000");
}

TEST(DecodeReply, WaitsOnForAnotherIdAnotherQuestionAndWhatIsNoReply) {
    const auto is_stray = [](const DnsPacket& packet) {
        const auto reply = decode(packet.wire());
        return reply && !*reply;
    };
    EXPECT_TRUE(is_stray(DnsPacket(0x1235, kOk).question("example.org", 15)));
    EXPECT_TRUE(is_stray(DnsPacket(kId, 0x0100).question("example.org", 15)));
    EXPECT_TRUE(is_stray(DnsPacket(kId, kOk).question("example.net", 15)));
    EXPECT_TRUE(is_stray(DnsPacket(kId, kOk).question("example.org", 1)));
    EXPECT_TRUE(is_stray(DnsPacket(kId, kOk)));
    EXPECT_TRUE(is_stray(DnsPacket(kId, kOk).question("example.org", 15).question("example.org", 15)
    ));
    EXPECT_TRUE(is_stray(DnsPacket(kId, kOk | 0x2000).question("example.org", 15)));
    EXPECT_FALSE(is_stray(DnsPacket(kId, kOk).question("EXAMPLE.org", 15)));
}

TEST(DecodeReply, TakesAComplaintWithoutQuestion) {
    EXPECT_EQ(decoded(DnsPacket(kId, DnsPacket::kReply | 1)).code, ReplyCode::format_error);
}

TEST(DecodeReply, CountsBadversFromTheOptRecordAsAFormatError) {
    DnsPacket packet = DnsPacket(kId, kOk).question("example.org", 15);
    packet.raw(std::string("\0\0\x29\x04\xd0\x01\0\0\0\0\0", 11));
    std::string wire = packet.wire();
    wire[11] = 1;
    const auto reply = decode(wire);
    ASSERT_TRUE(reply && *reply);
    EXPECT_EQ((*reply)->code, ReplyCode::format_error);
}

TEST(DecodeReply, LeavesOutRecordsOfTheWrongShapeOrClass) {
    DnsPacket packet = DnsPacket(kId, kOk).question("h.example", 1);
    packet.answer("h.example", 1, std::string("\xc0\x00\x02\x01", 4));
    std::string chaos = DnsPacket::name("h.example") + DnsPacket::be16(1) + DnsPacket::be16(3) +
                        DnsPacket::be32(1) + DnsPacket::be16(4) + "abcd";
    packet.raw(chaos);
    std::string wire = packet.wire();
    wire[7] = 2;
    const auto reply = decode(wire, Question("h.example", RecordType::a));
    ASSERT_TRUE(reply && *reply);
    EXPECT_EQ((*reply)->answers.size(), 1U);
}

TEST(DecodeReply, NeverTakesAnAddressThatIsTooShort) {
    const Question question("h.example", RecordType::a);
    for (const std::string& data : {std::string(), std::string("abc")}) {
        const auto reply = decode(
            DnsPacket(kId, kOk).question("h.example", 1).answer("h.example", 1, data).wire(),
            question
        );
        EXPECT_TRUE(!reply || !*reply || (*reply)->answers.empty());
    }
}

TEST(DecodeReply, TakesTheLesserOfTheSoasTtlAndMinimum) {
    DnsPacket packet(kId, kOk | 3);
    packet.question("example.org", 15).authority("org", 6, DnsPacket::soa_data(90), 3600);
    const Reply reply = decoded(packet);
    EXPECT_EQ(reply.code, ReplyCode::nx_domain);
    EXPECT_EQ(reply.negative_ttl, seconds(90));
}

TEST(DecodeReply, CountsATtlWithTheTopBitAsZero) {
    const Reply reply =
        decoded(DnsPacket(kId, kOk)
                    .question("example.org", 15)
                    .answer("example.org", 15, DnsPacket::mx_data(1, "a.example"), 0x80000001U));
    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(reply.answers[0].ttl, seconds(0));
}

TEST(DecodeReply, SurvivesEveryCutAndEveryFlippedOctet) {
    DnsPacket packet(kId, kOk);
    packet.question("example.org", 15)
        .raw_answer("\xc0\x0c", 15, std::string("\0\x05\x03mx1\xc0\x0c", 8))
        .answer("example.org", 5, DnsPacket::name("alias.example"))
        .answer("example.org", 1, "abcd")
        .authority("org", 6, DnsPacket::soa_data(90));
    const std::string& wire = packet.wire();
    for (std::size_t size = 0; size < wire.size(); ++size) {
        const auto reply = decode(wire.substr(0, size));
        EXPECT_FALSE(reply && *reply) << "cut at " << size;
    }
    for (std::size_t at = 0; at < wire.size(); ++at) {
        for (const char flip : {'\x01', '\x80', '\xc0', '\xff'}) {
            std::string bent = wire;
            bent[at] = static_cast<char>(bent[at] ^ flip);
            const auto reply = decode(bent);
            EXPECT_TRUE(!reply || !*reply || (*reply)->answers.size() <= 3U);
        }
    }
}

// RFC 2181 9
TEST(DecodeReply, TakesWhatIsCutAnywhereBehindItsQuestionForTruncated) {
    DnsPacket packet(kId, kOk | DnsPacket::kTruncated);
    packet.question("example.org", 15);
    const std::size_t least = packet.wire().size();
    packet.answer("example.org", 15, DnsPacket::mx_data(10, "mx.example.org"));
    const std::string& wire = packet.wire();
    for (std::size_t size = least; size < wire.size(); ++size) {
        const auto reply = decode(wire.substr(0, size));
        ASSERT_TRUE(reply && *reply) << "cut at " << size;
        EXPECT_TRUE((*reply)->is_truncated);
        EXPECT_TRUE((*reply)->answers.empty());
    }
    const auto cut_in_question = decode(wire.substr(0, least - 1));
    EXPECT_FALSE(cut_in_question && *cut_in_question) << "it may be anybody's";
    const auto of_another = decode(wire.substr(0, wire.size() - 1), Question("b", RecordType::mx));
    EXPECT_FALSE(of_another && *of_another);
}

TEST(DecodeReply, EndsOnACompressionPointerToItself) {
    const auto reply = decode(DnsPacket(kId, kOk)
                                  .question("example.org", 15)
                                  .raw_answer("\xc0\x1d", 15, DnsPacket::mx_data(1, "a"))
                                  .wire());
    EXPECT_FALSE(reply && *reply);
}

TEST(ReverseName, CoversBothFamilies) {
    EXPECT_EQ(reverse_name(ip::make_address("192.0.2.1")), "1.2.0.192.in-addr.arpa");
    EXPECT_EQ(
        reverse_name(ip::make_address("2001:db8::567:89ab")),
        "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    );
}

}  // namespace
}  // namespace mxpost::dns
