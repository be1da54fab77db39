#include "dns/stub_resolver.h"

#include <filesystem>
#include <optional>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/dns/stub_resolver_test.h"

namespace mxpost::dns {
namespace {

using asio::ip::make_address;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(StubResolverTest, GivesMxRecordsByPreference) {
    add_server([](const DnsQuery& query) {
        return one(query.reply()
                       .answer(query.name(), kMx, DnsPacket::mx_data(20, "b.example"), 60)
                       .answer(query.name(), kMx, DnsPacket::mx_data(10, "A.example"), 90));
    });
    const auto answer = mx("Example.org.");
    EXPECT_EQ(answer.status, LookupStatus::ok);
    EXPECT_THAT(answer.records, ElementsAre(MxRecord(10, "a.example"), MxRecord(20, "b.example")));
    EXPECT_EQ(answer.ttl, seconds(60));
    EXPECT_FALSE(answer.is_secure);
    EXPECT_EQ(servers_[0]->queries()[0].name(), "example.org");
}

TEST_F(StubResolverTest, IgnoresRepliesWithAWrongIdOrAWrongQuestion) {
    add_server([](const DnsQuery& query) {
        const std::string evil("\xc0\x00\x02\x66", 4);
        DnsPacket wrong_id(static_cast<std::uint16_t>(query.id() + 1), 0x8080);
        wrong_id.question(query.name(), kA).answer(query.name(), kA, evil);
        DnsPacket wrong_name(query.id(), 0x8080);
        wrong_name.question("other.example", kA).answer(query.name(), kA, evil);
        return Replies{wrong_id.wire(), wrong_name.wire(), "x", answer_a(query)[0]};
    });
    EXPECT_THAT(addresses("h.example").records, ElementsAre(make_address("192.0.2.1")));
}

TEST_F(StubResolverTest, UsesTcpWhereTheReplyIsTruncated) {
    auto& server = add_server([](const DnsQuery& query) {
        return query.is_tcp ? answer_a(query)
                            : one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
    });
    EXPECT_THAT(addresses("h.example").records, ElementsAre(make_address("192.0.2.1")));
    ASSERT_EQ(server.queries().size(), 2U);
    EXPECT_TRUE(server.queries()[1].is_tcp);
}

TEST_F(StubResolverTest, UsesTcpWhereTheReplyIsCutInARecord) {
    add_server([](const DnsQuery& query) {
        if (query.is_tcp) {
            return answer_a(query);
        }
        DnsPacket packet = query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated);
        const std::string wire = packet.answer(query.name(), kA, kAddress).wire();
        return Replies{wire.substr(0, wire.size() - 2)};
    });
    EXPECT_THAT(addresses("h.example").records, ElementsAre(make_address("192.0.2.1")));
}

TEST_F(StubResolverTest, AsksTheNextServerWhereTcpGivesNothing) {
    add_server([](const DnsQuery& query) {
        return query.is_tcp ? Replies{"short"}
                            : one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
    });
    add_server(answer_a);
    conf_.timeout = milliseconds(100);
    EXPECT_EQ(addresses("h.example").status, LookupStatus::ok);
}

TEST_F(StubResolverTest, AsksWithoutEdnsWhereTheServerDoesntKnowIt) {
    auto& server = add_server([](const DnsQuery& query) {
        return query.has_edns() ? one(DnsPacket(query.id(), DnsPacket::kReply | 1))
                                : answer_a(query);
    });
    EXPECT_EQ(addresses("h.example").status, LookupStatus::ok);
    ASSERT_EQ(server.queries().size(), 2U);
    EXPECT_TRUE(server.queries()[0].has_edns());
}

TEST_F(StubResolverTest, AsksTheSecondServerAfterServfailRefusedGarbageAndLameness) {
    const std::vector<ScriptedDnsServer::Script> useless = {
        [](const DnsQuery& query) { return one(query.reply(0x0082)); },
        [](const DnsQuery& query) { return one(query.reply(0x0005)); },
        [](const DnsQuery& query) { return Replies{query.reply().wire().substr(0, 20)}; },
        [](const DnsQuery& query) { return one(query.reply(0)); }};
    for (const auto& script : useless) {
        servers_.clear();
        conf_.servers.clear();
        resolver_.reset();
        auto& first = add_server(script);
        add_server(answer_a);
        EXPECT_EQ(addresses("h.example").status, LookupStatus::ok);
        EXPECT_EQ(first.queries().size(), 1U);
    }
}

TEST_F(StubResolverTest, SaysWhatEachServerDidWhenNoneHelps) {
    add_server([](const DnsQuery& query) { return one(query.reply(0x0082)); });
    add_server([](const DnsQuery&) { return Replies{}; });
    conf_.timeout = milliseconds(20);
    const auto answer = addresses("h.example");
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("127.0.0.1 answered SERVFAIL"));
    EXPECT_THAT(answer.reason, HasSubstr("127.0.0.2: no reply over UDP: Connection timed out"));
    // Silence is asked again, a firm refusal is not.
    EXPECT_EQ(servers_[0]->queries().size(), 1U);
    ASSERT_EQ(servers_[1]->queries().size(), 2U);
    EXPECT_FALSE(servers_[1]->queries()[1].has_edns());
}

TEST_F(StubResolverTest, AsksASilentServerLastFromThenOn) {
    auto& silent = add_server([](const DnsQuery&) { return Replies{}; });
    add_server(answer_a);
    conf_.timeout = milliseconds(20);
    EXPECT_EQ(addresses("a.example").status, LookupStatus::ok);
    EXPECT_EQ(addresses("b.example").status, LookupStatus::ok);
    EXPECT_EQ(silent.queries().size(), 1U);
}

TEST_F(StubResolverTest, EndsInTimeWhateverTheSettingsOfResolvConf) {
    auto& silent = add_server([](const DnsQuery&) { return Replies{}; });
    conf_.timeout = std::chrono::seconds(30);
    conf_.attempts = 5;
    settings_.max_duration = milliseconds(30);
    EXPECT_EQ(addresses("a.example").status, LookupStatus::temporary);
    EXPECT_EQ(silent.queries().size(), 1U);
}

TEST_F(StubResolverTest, ReportsAPortWhereNobodyListensAsTemporary) {
    conf_.servers.push_back(add_server(answer_a).endpoint());
    servers_.clear();
    const auto answer = addresses("h.example");
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("Connection refused"));
}

TEST_F(StubResolverTest, TellsNoDataFromNoSuchName) {
    add_server([](const DnsQuery& query) {
        const std::uint16_t code = query.name() == "gone.example" ? 3 : 0;
        return one(query.reply(static_cast<std::uint16_t>(DnsPacket::kRecursive | code))
                       .authority("example", kSoa, DnsPacket::soa_data(60)));
    });
    EXPECT_EQ(mx("gone.example").status, LookupStatus::nx_domain);
    EXPECT_EQ(mx("here.example").status, LookupStatus::no_data);
}

TEST_F(StubResolverTest, FollowsACnameByAskingAgain) {
    add_server([](const DnsQuery& query) {
        if (query.name() == "www.example") {
            return one(query.reply().answer("www.example", kCname, DnsPacket::name("b.example")));
        }
        return answer_a(query);
    });
    EXPECT_THAT(addresses("www.example").records, ElementsAre(make_address("192.0.2.1")));
}

TEST_F(StubResolverTest, EndsACircleOfCnamesAcrossReplies) {
    auto& server = add_server([](const DnsQuery& query) {
        const std::string next = query.name() == "a.example" ? "b.example" : "a.example";
        return one(query.reply().answer(query.name(), kCname, DnsPacket::name(next)));
    });
    const auto answer = addresses("a.example");
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("alias of an alias without end"));
    EXPECT_EQ(server.queries().size(), 2U);
}

TEST_F(StubResolverTest, EndsAChainOfCnamesThatNeverStops) {
    auto& server = add_server([](const DnsQuery& query) {
        return one(query.reply().answer(query.name(), kCname, DnsPacket::name("x." + query.name()))
        );
    });
    EXPECT_EQ(addresses("a.example").status, LookupStatus::temporary);
    EXPECT_LE(server.queries().size(), 11U);
}

TEST_F(StubResolverTest, KeepsTheHundredBestOfFiveHundredMxRecords) {
    add_server([](const DnsQuery& query) {
        if (!query.is_tcp) {
            return one(query.reply(DnsPacket::kRecursive | DnsPacket::kTruncated));
        }
        DnsPacket packet = query.reply();
        for (int i = 500; i > 0; --i) {
            const auto preference = static_cast<std::uint16_t>(i);
            packet.answer(
                query.name(),
                kMx,
                DnsPacket::mx_data(preference, "mx" + std::to_string(i) + ".example")
            );
        }
        return one(packet);
    });
    const auto answer = mx("many.example");
    ASSERT_EQ(answer.records.size(), 100U);
    EXPECT_EQ(answer.records.front(), MxRecord(1, "mx1.example"));
    EXPECT_EQ(answer.records.back(), MxRecord(100, "mx100.example"));
}

Replies answer_authentic(const DnsQuery& query) {
    return one(query.reply(DnsPacket::kRecursive | DnsPacket::kAuthentic)
                   .answer(query.name(), kA, kAddress));
}

TEST_F(StubResolverTest, DoesNotBelieveAdOfAServerJustBecauseItIsLocal) {
    auto& server = add_server(answer_authentic);
    EXPECT_FALSE(addresses("h.example").is_secure);
    EXPECT_FALSE(server.queries()[0].wants_ad());
}

TEST_F(StubResolverTest, BelievesAdWithTrustAdAndAsksForIt) {
    auto& server = add_server(answer_authentic);
    conf_.trusts_ad = true;
    EXPECT_TRUE(addresses("h.example").is_secure);
    EXPECT_TRUE(server.queries()[0].wants_ad());
}

TEST_F(StubResolverTest, BelievesAdOfANamedResolverOnly) {
    add_server(answer_authentic);
    settings_.trusted_resolvers = {make_address("127.0.0.1")};
    EXPECT_TRUE(addresses("h.example").is_secure);
    resolver_.reset();
    settings_.trusted_resolvers = {make_address("127.0.0.9")};
    EXPECT_FALSE(addresses("h.example").is_secure);
}

// RFC 7672 2.1.2, 2.1.3: what the trusted one takes for forged, or doesn't answer, others would
// pass on as if nobody had signed it.
TEST_F(StubResolverTest, AsksNobodyElseWhereANamedResolverIsTrusted) {
    add_server([](const DnsQuery& query) {
        return query.name() == "slow.example" ? Replies{} : one(query.reply(0x0082));
    });
    auto& other = add_server(answer_authentic);
    settings_.trusted_resolvers = {make_address("127.0.0.1")};
    conf_.timeout = milliseconds(20);
    EXPECT_EQ(addresses("forged.example").status, LookupStatus::temporary);
    EXPECT_EQ(addresses("slow.example").status, LookupStatus::temporary);
    EXPECT_EQ(addresses("forged.example").status, LookupStatus::temporary)
        << "also when the trusted one was silent a moment ago";
    EXPECT_TRUE(other.queries().empty());
}

TEST_F(StubResolverTest, AsksTheNextOfThoseThatAreTrusted) {
    add_server(answer_a);
    add_server([](const DnsQuery& query) { return one(query.reply(0x0082)); });
    add_server(answer_authentic);
    settings_.trusted_resolvers = {make_address("127.0.0.2"), make_address("127.0.0.3")};
    EXPECT_TRUE(addresses("h.example").is_secure);
    EXPECT_TRUE(servers_[0]->queries().empty());
    EXPECT_EQ(servers_[1]->queries().size(), 1U);
}

TEST_F(StubResolverTest, CountsAChainAsSecureOnlyWhereEachReplyIs) {
    add_server([](const DnsQuery& query) {
        if (query.name() == "www.example") {
            return one(query.reply().answer("www.example", kCname, DnsPacket::name("b.example")));
        }
        return answer_authentic(query);
    });
    conf_.trusts_ad = true;
    EXPECT_FALSE(addresses("www.example").is_secure);
    EXPECT_TRUE(addresses("b.example").is_secure);
}

TEST_F(StubResolverTest, AsksOnceWithinTheTtlAndAgainAfterResolvConfChanged) {
    auto& server = add_server(answer_a);
    EXPECT_EQ(addresses("h.example").status, LookupStatus::ok);
    EXPECT_EQ(addresses("H.example.").status, LookupStatus::ok);
    EXPECT_EQ(server.queries().size(), 1U);
    conf_.attempts = 3;
    EXPECT_EQ(addresses("h.example").status, LookupStatus::ok);
    EXPECT_EQ(server.queries().size(), 2U);
}

TEST_F(StubResolverTest, UsesARandomIdForEachQueryAndSoonAnotherPort) {
    auto& server = add_server(answer_a);
    std::set<std::uint16_t> ids;
    for (int i = 0; i < 160; ++i) {
        addresses("h" + std::to_string(i) + ".example");
        ids.insert(server.queries().back().id());
    }
    const std::set<std::uint16_t> ports(server.source_ports().begin(), server.source_ports().end());
    EXPECT_GT(ids.size(), 150U);
    EXPECT_GE(ports.size(), 9U);  // sixteen questions each, see UdpSockets
}

TEST_F(StubResolverTest, IgnoresTheLateReplyToAnEarlierQuestionOnTheSamePort) {
    // Each reply comes twice: the second one waits in the socket of the next question.
    std::set<std::uint16_t> ports;
    auto& server = add_server([](const DnsQuery& query) {
        Replies replies = answer_a(query);
        replies.push_back(replies.front());
        return replies;
    });
    for (int i = 0; i < 10; ++i) {
        EXPECT_EQ(addresses("h" + std::to_string(i) + ".example").status, LookupStatus::ok);
    }
    ports.insert(server.source_ports().begin(), server.source_ports().end());
    EXPECT_EQ(ports.size(), 1U);
    EXPECT_EQ(server.queries().size(), 10U);
}

TEST_F(StubResolverTest, SendsTheSameQuestionAskedTwiceAtATimeOnce) {
    auto& server = add_server(answer_a);
    int answered = 0;
    for (int i = 0; i < 3; ++i) {
        asio::co_spawn(
            context_,
            resolver().addresses("h.example", Family::ipv4),
            [&](std::exception_ptr, const Answer<asio::ip::address>& answer) {
                answered += answer.status == LookupStatus::ok ? 1 : 0;
                if (answered == 3) {
                    context_.stop();
                }
            }
        );
    }
    context_.run();
    EXPECT_EQ(answered, 3);
    EXPECT_EQ(server.queries().size(), 1U);
}

TEST_F(StubResolverTest, HasNoMoreQuestionsOutThanAllowedAndAnswersAllOfThem) {
    // The server answers the first query only when a second one is there: with two at a time it
    // works; a third that came before the answers would be seen in `most`.
    std::vector<DnsQuery> held;
    std::size_t most = 0;
    add_server([&](const DnsQuery& query) -> Replies {
        held.push_back(query);
        most = std::max(most, held.size());
        return {};
    });
    settings_.max_parallel = 2;
    conf_.timeout = milliseconds(20);
    conf_.attempts = 1;
    int answered = 0;
    for (int i = 0; i < 6; ++i) {
        asio::co_spawn(
            context_,
            resolver().addresses("h" + std::to_string(i) + ".example", Family::ipv4),
            [&](std::exception_ptr, const Answer<asio::ip::address>&) {
                // Queries seen so far: at most those answered and two more.
                EXPECT_LE(held.size(), static_cast<std::size_t>(answered) + 2U);
                if (++answered == 6) {
                    context_.stop();
                }
            }
        );
    }
    context_.run();
    EXPECT_EQ(answered, 6);
    EXPECT_EQ(most, 6U);
}

TEST_F(StubResolverTest, KeepsNoMoreThanOneSocketAfterABurst) {
    const auto open_descriptors = [] {
        const std::filesystem::directory_iterator all("/proc/self/fd");
        return std::distance(begin(all), end(all));
    };
    add_server(answer_a);
    resolver();
    const auto before = open_descriptors();
    constexpr int kBurst = 10;
    int answered = 0;
    for (int i = 0; i < kBurst; ++i) {
        asio::co_spawn(
            context_,
            resolver().addresses("h" + std::to_string(i) + ".example", Family::ipv4),
            [&](std::exception_ptr, const Answer<asio::ip::address>& answer) {
                EXPECT_EQ(answer.status, LookupStatus::ok);
                if (++answered == kBurst) {
                    context_.stop();
                }
            }
        );
    }
    context_.run();
    EXPECT_EQ(answered, kBurst);
    EXPECT_LE(open_descriptors(), before + 1);
}

TEST_F(StubResolverTest, RefusesWhatIsNoNameWithoutAsking) {
    auto& server = add_server(answer_a);
    EXPECT_EQ(addresses("").status, LookupStatus::nx_domain);
    EXPECT_EQ(addresses("a..b").status, LookupStatus::nx_domain);
    EXPECT_EQ(addresses("a\nb").reason, "a?b is not a domain name");
    EXPECT_TRUE(server.queries().empty());
}

TEST_F(StubResolverTest, FindsTheNamesOfAnAddress) {
    auto& server = add_server([](const DnsQuery& query) {
        return one(query.reply().answer(query.name(), 12, DnsPacket::name("mail.example.org")));
    });
    const auto answer = run(resolver().ptr(make_address("192.0.2.1")));
    EXPECT_THAT(answer.records, ElementsAre("mail.example.org"));
    EXPECT_EQ(server.queries()[0].name(), "1.2.0.192.in-addr.arpa");
}

TEST_F(StubResolverTest, FindsTextsTlsaRecordsAndTheNameAtTheEndOfAnAlias) {
    auto& server = add_server([](const DnsQuery& query) {
        auto reply = query.reply();
        if (query.type() == 5) {
            return one(reply.answer(query.name(), 5, DnsPacket::name("real.example")));
        }
        if (query.type() == 16) {
            return one(reply.answer(query.name(), 16, "\x02hi"));
        }
        return one(reply.answer(query.name(), 5, DnsPacket::name("real.example"))
                       .answer("real.example", 52, std::string("\x03\x01\x01\xaa", 4)));
    });
    const auto text = run(resolver().txt("T.example."));
    ASSERT_EQ(text.records.size(), 1U);
    EXPECT_EQ(text.records[0].text, "hi");
    EXPECT_EQ(text.name, "t.example");
    const auto tlsa = run(resolver().tlsa("_25._tcp.mx.example"));
    ASSERT_EQ(tlsa.records.size(), 1U);
    EXPECT_EQ(tlsa.records[0].data, "\xaa");
    EXPECT_EQ(tlsa.name, "real.example");
    EXPECT_THAT(run(resolver().cname("mx.example")).records, ElementsAre("real.example"));
    EXPECT_EQ(server.queries().size(), 3U) << "a CNAME that was asked for isn't followed";
}

TEST_F(StubResolverTest, AnswersThoseWhoWaitWhenItIsDestroyed) {
    add_server([this](const DnsQuery&) {
        resolver_.reset();  // in the middle of the look-up, with others queued behind it
        return Replies{};
    });
    settings_.max_parallel = 1;
    std::vector<LookupStatus> statuses;
    for (const char* host : {"a.example", "a.example", "b.example"}) {
        asio::co_spawn(
            context_,
            resolver().addresses(host, Family::ipv4),
            [&](std::exception_ptr failure, const Answer<asio::ip::address>& answer) {
                EXPECT_FALSE(failure);
                statuses.push_back(answer.status);
                if (statuses.size() == 3) {
                    context_.stop();
                }
            }
        );
    }
    context_.run();
    EXPECT_THAT(
        statuses,
        ElementsAre(LookupStatus::temporary, LookupStatus::temporary, LookupStatus::temporary)
    );
    // What is left of the cancelled look-ups runs out without touching the resolver.
    servers_.clear();
    context_.restart();
    context_.run();
}

TEST_F(StubResolverTest, SurvivesAnEventLoopThatEndsWithLookUpsInFlight) {
    add_server([this](const DnsQuery&) {
        context_.stop();
        return Replies{};
    });
    asio::co_spawn(context_, resolver().addresses("a.example", Family::ipv4), asio::detached);
    context_.run();
    resolver_.reset();
}

TEST_F(StubResolverTest, LetsOneWhoWaitsGoAndTheOthersGetTheirAnswer) {
    asio::cancellation_signal signal;
    std::optional<LookupStatus> cancelled;
    std::optional<LookupStatus> kept;
    add_server([&](const DnsQuery& query) {
        signal.emit(asio::cancellation_type::terminal);
        return answer_a(query);
    });
    asio::co_spawn(
        context_,
        resolver().addresses("a.example", Family::ipv4),
        asio::bind_cancellation_slot(
            signal.slot(),
            [&](std::exception_ptr, const Answer<asio::ip::address>& answer) {
                cancelled = answer.status;
            }
        )
    );
    asio::co_spawn(
        context_,
        resolver().addresses("a.example", Family::ipv4),
        [&](std::exception_ptr, const Answer<asio::ip::address>& answer) {
            kept = answer.status;
            context_.stop();
        }
    );
    context_.run();
    EXPECT_EQ(cancelled, LookupStatus::temporary);
    EXPECT_EQ(kept, LookupStatus::ok);
}

}  // namespace
}  // namespace mxpost::dns
