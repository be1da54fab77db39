#include "dns/interpret.h"

#include <gtest/gtest.h>

namespace mxpost::dns {
namespace {

namespace ip = boost::asio::ip;
using std::chrono::seconds;

Record a_record(const char* owner, const char* address, int ttl = 300) {
    return {owner, RecordType::a, seconds(ttl), ip::make_address(address)};
}

Record cname(std::string owner, std::string target, int ttl = 300) {
    return {std::move(owner), RecordType::cname, seconds(ttl), std::move(target)};
}

Reply reply_with(std::vector<Record> answers) {
    Reply reply;
    reply.code = ReplyCode::no_error;
    reply.answers = std::move(answers);
    return reply;
}

const Question kWww("www.example.org", RecordType::a);

TEST(Interpret, FollowsCnamesWhateverTheirOrderAndTakesTheLeastTtl) {
    const Finding found = interpret(
        reply_with(
            {a_record("c.example.net", "192.0.2.7", 900),
             cname("b.example.net", "c.example.net", 60),
             cname("www.example.org", "b.example.net", 600)}
        ),
        kWww
    );
    EXPECT_EQ(found.kind, Finding::Kind::records);
    ASSERT_EQ(found.records.size(), 1U);
    EXPECT_EQ(std::get<ip::address>(found.records[0]), ip::make_address("192.0.2.7"));
    EXPECT_EQ(found.ttl, seconds(60));
}

TEST(Interpret, IgnoresRecordsOfNamesThatWereNotAskedFor) {
    const Finding found = interpret(reply_with({a_record("bank.example", "192.0.2.66")}), kWww);
    EXPECT_EQ(found.kind, Finding::Kind::no_data);
    EXPECT_TRUE(found.records.empty());
}

TEST(Interpret, AsksOnWhereTheReplyStopsAtACname) {
    const Finding found =
        interpret(reply_with({cname("www.example.org", "cdn.example.net")}), kWww);
    EXPECT_EQ(found.kind, Finding::Kind::alias);
    EXPECT_EQ(found.alias, "cdn.example.net");
}

TEST(Interpret, BelievesTheSoaThatTheEndOfTheChainHasNoData) {
    Reply reply = reply_with({cname("www.example.org", "cdn.example.net", 600)});
    reply.negative_ttl = seconds(120);
    const Finding found = interpret(reply, kWww);
    EXPECT_EQ(found.kind, Finding::Kind::no_data);
    EXPECT_EQ(found.ttl, seconds(120));
}

TEST(Interpret, TakesNxDomainForTheLastNameOfTheChain) {
    Reply reply = reply_with({cname("www.example.org", "gone.example.net")});
    reply.code = ReplyCode::nx_domain;
    EXPECT_EQ(interpret(reply, kWww).kind, Finding::Kind::nx_domain);
}

TEST(Interpret, DoesNotKeepANegativeAnswerThatHasNoSoa) {
    EXPECT_EQ(interpret(reply_with({}), kWww).ttl, seconds(0));
}

TEST(Interpret, FindsACircleOfCnames) {
    const Finding found = interpret(
        reply_with(
            {cname("www.example.org", "a.example.org"), cname("a.example.org", "www.example.org")}
        ),
        kWww
    );
    EXPECT_EQ(found.kind, Finding::Kind::bad_chain);
}

TEST(Interpret, FollowsTenCnamesButNotEleven) {
    std::vector<Record> chain = {cname("www.example.org", "n1.example.org")};
    for (int i = 1; i < 10; ++i) {
        chain.push_back(cname(
            "n" + std::to_string(i) + ".example.org", "n" + std::to_string(i + 1) + ".example.org"
        ));
    }
    chain.push_back(a_record("n10.example.org", "192.0.2.1"));
    EXPECT_EQ(interpret(reply_with(chain), kWww).kind, Finding::Kind::records);
    chain.pop_back();
    chain.push_back(cname("n10.example.org", "n11.example.org"));
    chain.push_back(a_record("n11.example.org", "192.0.2.1"));
    EXPECT_EQ(interpret(reply_with(chain), kWww).kind, Finding::Kind::bad_chain);
}

}  // namespace
}  // namespace mxpost::dns
