#include "dns/validating_resolver.h"

#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/dns_server.h"
#include "support/signed_zone.h"
#include "support/temporary_directory.h"

namespace mxpost::dns {
namespace {

namespace asio = boost::asio;
using test::DnsQuery;
using Replies = std::vector<std::string>;
using testing::ElementsAre;
using testing::HasSubstr;

/// The resolver asks a name server of the test's, whose zone is the whole DNS.
class ValidatingResolverTest : public testing::Test {
protected:
    ValidatingResolverTest()
        : server_(context_, "127.0.0.1", [this](const DnsQuery& query) {
              return query.name() == silent_ ? Replies() : Replies{answer(query)};
          }) {
        settings_.trust_anchor = directory_.path() + "/root.key";
        settings_.max_duration = std::chrono::seconds(20);
        std::ofstream(settings_.trust_anchor) << zone_.anchor() << "\n";
    }

    std::string answer(const DnsQuery& query) const {
        if (unsigned_.contains(query.name()) && query.type() == 1) {
            const std::string address("\xc0\x00\x02\x07", 4);  // 192.0.2.7
            return query.reply().answer(query.name(), 1, address).wire();
        }
        return strips_signatures_ ? query.reply().wire() : zone_.answer(query);
    }

    std::unique_ptr<ValidatingResolver> make() {
        ResolvConf conf;
        conf.servers.push_back(server_.endpoint());
        auto made = ValidatingResolver::make(
            context_.get_executor(), [conf] { return conf; }, settings_, clock_
        );
        EXPECT_TRUE(made) << made.error().message();
        return std::move(*made);
    }

    template <class T>
    Answer<T> run(asio::awaitable<Answer<T>> look_up) {
        std::optional<Answer<T>> result;
        asio::co_spawn(
            context_,
            std::move(look_up),
            [&](std::exception_ptr failure, Answer<T> answer) {
                EXPECT_FALSE(failure);
                result = std::move(answer);
            }
        );
        context_.restart();
        while (!result && context_.run_one() > 0) {
        }
        return result.value_or(Answer<T>());
    }

    test::TemporaryDirectory directory_;
    test::SignedZone zone_;
    std::string silent_ = "-";        // who asks for this name gets no answer (the root has none)
    std::set<std::string> unsigned_;  // names that have the address 192.0.2.7, without signature
    bool strips_signatures_ = false;
    asio::io_context context_;
    test::ScriptedDnsServer server_;
    ValidatingSettings settings_;
    SystemClock clock_;
};

TEST_F(ValidatingResolverTest, CallsSecureWhatIsSigned) {
    zone_.add({"example.org. 60 IN MX 20 b.example.org.", "example.org. 60 IN MX 10 a.example.org."}
    );
    const auto resolver = make();
    const auto answer = run(resolver->mx("Example.org."));
    ASSERT_EQ(answer.status, LookupStatus::ok) << answer.reason;
    EXPECT_TRUE(answer.is_secure);
    EXPECT_EQ(answer.name, "example.org");
    EXPECT_THAT(
        answer.records, ElementsAre(MxRecord(10, "a.example.org"), MxRecord(20, "b.example.org"))
    );
    EXPECT_GT(answer.ttl.count(), 0);
}

TEST_F(ValidatingResolverTest, FollowsSignedAliases) {
    zone_.add({"mx.example.org. 60 IN CNAME server.example.net."});
    zone_.add({"server.example.net. 60 IN A 192.0.2.1"});
    const auto resolver = make();
    const auto address = run(resolver->addresses("mx.example.org", Family::ipv4));
    ASSERT_EQ(address.status, LookupStatus::ok) << address.reason;
    EXPECT_TRUE(address.is_secure);
    EXPECT_EQ(address.name, "server.example.net");
    const auto alias = run(resolver->cname("mx.example.org"));
    EXPECT_TRUE(alias.is_secure);
    EXPECT_THAT(alias.records, ElementsAre("server.example.net"));
}

TEST_F(ValidatingResolverTest, PutsOffWhatIsForged) {
    zone_.add_forged(
        {"_25._tcp.mx.example.org. 60 IN TLSA 3 1 1 " + std::string(64, 'a')},
        {"_25._tcp.mx.example.org. 60 IN TLSA 3 1 1 " + std::string(64, 'b')}
    );
    const auto resolver = make();
    const auto answer = run(resolver->tlsa("_25._tcp.mx.example.org"));
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_FALSE(answer.is_secure);
    EXPECT_TRUE(answer.records.empty());
    EXPECT_THAT(answer.reason, HasSubstr("_25._tcp.mx.example.org fails DNSSEC validation"));
}

// An absence without proof could be anybody's.
TEST_F(ValidatingResolverTest, PutsOffWhatIsNotProvenToBeAbsent) {
    const auto resolver = make();
    EXPECT_EQ(run(resolver->txt("nothing.example.org")).status, LookupStatus::temporary);
}

// The root says that there is nothing, and so does the library of two of them.
TEST_F(ValidatingResolverTest, AsksTheNetsOwnServersForNamesThatOnlyTheyKnow) {
    unsigned_ = {"nas.home.arpa", "printer.test", "server.lan", "a.corp", "mx.mail.internal"};
    for (const bool strips_signatures : {false, true}) {
        SCOPED_TRACE(strips_signatures);
        strips_signatures_ = strips_signatures;
        settings_.max_duration = std::chrono::seconds(5);  // the DNS's own servers don't answer
        const auto resolver = make();
        for (const std::string& name : unsigned_) {
            const auto answer = run(resolver->addresses(name, Family::ipv4));
            EXPECT_EQ(answer.status, LookupStatus::ok) << name << ": " << answer.reason;
            EXPECT_FALSE(answer.is_secure);
            EXPECT_THAT(answer.records, ElementsAre(asio::ip::make_address("192.0.2.7")));
        }
    }
}

TEST_F(ValidatingResolverTest, PutsOffWhatIsNotSignedElsewhere) {
    unsigned_ = {"server.example"};
    const auto resolver = make();
    EXPECT_EQ(
        run(resolver->addresses("server.example", Family::ipv4)).status, LookupStatus::temporary
    );
}

TEST_F(ValidatingResolverTest, EndsInTime) {
    silent_ = "slow.example.org";
    settings_.max_duration = std::chrono::milliseconds(300);
    const auto resolver = make();
    const auto answer = run(resolver->mx("slow.example.org"));
    EXPECT_EQ(answer.status, LookupStatus::temporary);
    EXPECT_THAT(answer.reason, HasSubstr("slow.example.org in time"));
}

TEST_F(ValidatingResolverTest, AnswersThoseWhoWaitWhenItGoes) {
    silent_ = "slow.example.org";
    zone_.add({"example.org. 60 IN MX 10 mx.example.org."});
    auto resolver = make();
    run(resolver->mx("example.org"));
    std::optional<Answer<MxRecord>> result;
    asio::co_spawn(
        context_,
        resolver->mx("slow.example.org"),
        [&](std::exception_ptr, Answer<MxRecord> answer) { result = std::move(answer); }
    );
    context_.poll();
    resolver.reset();
    while (!result && context_.run_one() > 0) {
    }
    ASSERT_TRUE(result);
    EXPECT_EQ(result->status, LookupStatus::temporary);
}

TEST_F(ValidatingResolverTest, ManyAskAtOnce) {
    for (int i = 0; i < 200; ++i) {
        zone_.add({"host" + std::to_string(i) + ".example. 60 IN A 192.0.2.1"});
    }
    const auto resolver = make();
    int secure = 0;
    int pending = 200;
    for (int i = 0; i < 200; ++i) {
        asio::co_spawn(
            context_,
            resolver->addresses("host" + std::to_string(i) + ".example", Family::ipv4),
            [&](std::exception_ptr, const Answer<asio::ip::address>& answer) {
                secure += answer.is_secure ? 1 : 0;
                --pending;
            }
        );
    }
    while (pending > 0 && context_.run_one() > 0) {
    }
    EXPECT_EQ(secure, 200);
}

TEST_F(ValidatingResolverTest, AsksNothingThatIsNoName) {
    const auto resolver = make();
    EXPECT_EQ(run(resolver->mx("a b")).status, LookupStatus::nx_domain);
    EXPECT_TRUE(server_.queries().empty());
}

TEST_F(ValidatingResolverTest, NeedsTheKeysOfTheRoot) {
    settings_.trust_anchor = directory_.path() + "/none";
    const auto missing = ValidatingResolver::make(
        context_.get_executor(), [] { return ResolvConf(); }, settings_, clock_
    );
    ASSERT_FALSE(missing);
    EXPECT_THAT(missing.error().message(), HasSubstr(settings_.trust_anchor));
    std::ofstream(settings_.trust_anchor) << "; nothing\n";
    EXPECT_FALSE(check_trust_anchor(settings_.trust_anchor));
}

}  // namespace
}  // namespace mxpost::dns
