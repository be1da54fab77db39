// Name servers that mean harm, or serve somebody who does: what they say of others isn't believed,
// and what they say of themselves stays within bounds.
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dns/interpret.h"
#include "dns/message.h"
#include "unit/dns/stub_resolver_test.h"

namespace mxpost::dns {
namespace {

using asio::ip::make_address;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string kEvil("\xc0\x00\x02\x66", 4);  // 192.0.2.102

using HostileNameServer = StubResolverTest;

// RFC 2181 5.4.1, RFC 5452 6: whoever serves evil.example speaks for evil.example.
TEST_F(HostileNameServer, IsNotBelievedAboutNamesThatNobodyAskedItFor) {
    auto& server = add_server([](const DnsQuery& query) {
        if (query.type() == kA) {
            return answer_a(query);
        }
        auto reply = query.reply();
        reply.answer(query.name(), kMx, DnsPacket::mx_data(10, "mx.bank.example"));
        if (query.name() == "evil.example") {
            const std::string lie = DnsPacket::mx_data(1, "mx.evil.example");
            reply.answer("bank.example", kMx, lie).answer("mx.bank.example", kA, kEvil);
            reply.authority("bank.example", kMx, lie).authority("mx.bank.example", kA, kEvil);
            reply.additional("bank.example", kMx, lie).additional("mx.bank.example", kA, kEvil);
        }
        return one(reply);
    });
    EXPECT_THAT(mx("evil.example").records, ElementsAre(MxRecord(10, "mx.bank.example")));
    EXPECT_THAT(addresses("mx.bank.example").records, ElementsAre(make_address("192.0.2.1")));
    EXPECT_THAT(mx("bank.example").records, ElementsAre(MxRecord(10, "mx.bank.example")));
    EXPECT_EQ(server.queries().size(), 3U)
        << "something was taken from an answer to something else";
}

TEST_F(HostileNameServer, HasItsFloodOfWrongRepliesLookedAtForAWhileOnly) {
    add_server([](const DnsQuery& query) {
        DnsPacket wrong(static_cast<std::uint16_t>(query.id() + 1), 0x8080);
        wrong.question(query.name(), kA).answer(query.name(), kA, kEvil);
        return Replies(300, wrong.wire());
    });
    add_server(answer_a);
    conf_.timeout = seconds(60);  // more than there is for the whole look-up
    EXPECT_THAT(addresses("h.example").records, ElementsAre(make_address("192.0.2.1")));
}

TEST_F(HostileNameServer, HasAHundredOfItsFiveHundredAddressesKept) {
    add_server([](const DnsQuery& query) {
        if (!query.is_tcp) {
            return one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
        }
        DnsPacket packet = query.reply();
        for (std::uint32_t i = 0; i < 500; ++i) {
            packet.answer(query.name(), kA, DnsPacket::be32(0xcb007100U + i));
        }
        return one(packet);
    });
    EXPECT_EQ(addresses("many.example").records.size(), kMaxRecords);
}

TEST_F(HostileNameServer, GivesNothingWhereItSaysOverTcpTooThatThereIsMore) {
    auto& server = add_server([](const DnsQuery& query) {
        return one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated)
                       .answer(query.name(), kA, kEvil));
    });
    const auto answer = addresses("h.example");
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("wrong reply over TCP"));
    EXPECT_EQ(server.queries().size(), 2U);
}

TEST_F(HostileNameServer, GivesNothingByAWrongIdOverTcpEither) {
    add_server([](const DnsQuery& query) {
        if (!query.is_tcp) {
            return one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
        }
        DnsPacket wrong(static_cast<std::uint16_t>(query.id() + 1), 0x8080);
        wrong.question(query.name(), kA).answer(query.name(), kA, kEvil);
        return one(wrong);
    });
    EXPECT_EQ(addresses("h.example").status, LookupStatus::temporary);
}

/// A reply that is cut over UDP, and a connection that never says anything.
TEST_F(HostileNameServer, IsWaitedForOverTcpAsLongAsOverUdp) {
    add_server([](const DnsQuery& query) {
        return query.is_tcp ? Replies{}
                            : one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
    });
    conf_.timeout = milliseconds(100);
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = addresses("h.example");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(8));
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("no reply over TCP: Connection timed out"));
}

TEST_F(HostileNameServer, CannotNameAHostThatIsntOne) {
    // "127.0.0.1" as a name, a line break, an escape sequence, a label of dots.
    const std::string odd = std::string("\x04\x1b[2J\x03\r\nx", 9) + std::string("\x03...\0", 5);
    add_server([&](const DnsQuery& query) {
        return one(query.reply()
                       .answer(query.name(), kMx, DnsPacket::be16(10) + odd)
                       .answer(query.name(), kMx, DnsPacket::mx_data(20, "192.0.2.102")));
    });
    const auto answer = mx("evil.example");
    ASSERT_EQ(answer.records.size(), 2U);
    EXPECT_EQ(answer.records[0].exchange, "\\027\\0912j.\\013\\010x.\\046\\046\\046");
    EXPECT_FALSE(is_query_name(answer.records[0].exchange));
    EXPECT_EQ(addresses(answer.records[0].exchange).status, LookupStatus::nx_domain);
}

/// 64 KiB of records whose owners are one long name by pointers, each an alias of the next.
TEST(HostileReply, OfTheGreatestSizeIsSoonRead) {
    std::string label(63, 'x');
    label.insert(label.begin(), '\x3f');
    const std::string long_name = label + label + label + std::string("\0", 1);
    DnsPacket packet(7, DnsPacket::kReply | DnsPacket::kRecursive);
    packet.question("a.example", kA);
    const std::size_t name_at = packet.wire().size();
    packet.raw_answer(long_name, kCname, std::string("\xc0\x0c", 2));
    const std::string pointer = DnsPacket::be16(0xc000U | static_cast<std::uint32_t>(name_at));
    while (packet.wire().size() < 65000) {
        packet.raw_answer(pointer, kCname, pointer);
    }
    const std::string& wire = packet.wire();
    const Question question("a.example", RecordType::a);
    const auto begun = std::chrono::steady_clock::now();
    const auto reply = decode_reply(
        std::span(reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()), question, 7
    );
    ASSERT_TRUE(reply && *reply);
    EXPECT_GT((*reply)->answers.size(), 4000U);
    EXPECT_EQ(interpret(**reply, question).kind, Finding::Kind::no_data);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, seconds(4));
}

}  // namespace
}  // namespace mxpost::dns
