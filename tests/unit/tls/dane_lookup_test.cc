#include "tls/dane_lookup.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"

namespace mxpost::tls {
namespace {

namespace asio = boost::asio;
using dns::TlsaRecord;
using test::FakeResolver;
using testing::ElementsAre;
using testing::IsEmpty;

TlsaRecord record(int usage, char octet) {
    TlsaRecord made;
    made.usage = static_cast<std::uint8_t>(usage);
    made.selector = 1;
    made.matching_type = 1;
    made.data = std::string(32, octet);
    return made;
}

std::vector<DaneVerdict> look_up(FakeResolver& resolver, const DaneDomain& domain) {
    asio::io_context context;
    std::optional<std::vector<DaneVerdict>> result;
    asio::co_spawn(
        context,
        look_up_dane(resolver, domain),
        [&](std::exception_ptr failure, std::vector<DaneVerdict> value) {
            EXPECT_FALSE(failure);
            result = std::move(value);
        }
    );
    context.run();
    return result.value_or(std::vector<DaneVerdict>());
}

DaneDomain domain_with(std::vector<DaneHost> hosts) {
    DaneDomain domain;
    domain.name = "example.org";
    domain.canonical_name = "example.org";
    domain.is_secure = true;
    domain.hosts = std::move(hosts);
    return domain;
}

/// One line a verdict, for tables.
std::string text_of(const DaneVerdict& verdict) {
    if (!verdict.problem.empty()) {
        return "not now";
    }
    if (!verdict.demand) {
        return "no DANE";
    }
    if (verdict.demand->use == TlsUse::encrypt) {
        return "encrypt";
    }
    return "DANE at " + verdict.demand->names.front();
}

const DaneHost kHost("mx.example.org", "mx.example.org", true);
const DaneHost kInsecureHost("mx.example.org", "mx.example.org", false);
const DaneHost kAlias("mx.example.org", "server.example.net", true);
const DaneHost kAliasOfInsecure("mx.example.org", "server.example.net", false);
const char* const kOwn = "_25._tcp.mx.example.org";
const char* const kTarget = "_25._tcp.server.example.net";

struct Row {
    const char* rule;
    DaneHost host;
    std::function<void(FakeResolver&)> zone;
    const char* expected;
    std::vector<std::string> questions;
};

std::vector<Row> rows_about_hosts() {
    return {
        {"RFC 7672 2.2.3: records of the host",
         kHost,
         [](FakeResolver& dns) { dns.add_tlsa(kOwn, record(3, 'a')); },
         "DANE at mx.example.org",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.3: the name doesn't exist",
         kHost,
         [](FakeResolver&) {},
         "no DANE",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.3: the name has no such record",
         kHost,
         [](FakeResolver& dns) { dns.exists(kOwn); },
         "no DANE",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.1.1: an insecure answer",
         kHost,
         [](FakeResolver& dns) {
             dns.add_tlsa(kOwn, record(3, 'a'));
             dns.set_insecure(kOwn);
         },
         "no DANE",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.1.3: a bogus answer, or none",
         kHost,
         [](FakeResolver& dns) { dns.fail_tlsa(kOwn, "SERVFAIL"); },
         "not now",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2: no record can be used",
         kHost,
         [](FakeResolver& dns) { dns.add_tlsa(kOwn, record(1, 'a')); },
         "encrypt",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.3: records behind an alias of their own",
         kHost,
         [](FakeResolver& dns) {
             dns.add_cname(kOwn, "tlsa.example.org");
             dns.add_tlsa("tlsa.example.org", record(2, 'a'));
         },
         "DANE at mx.example.org",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.3: … which is insecure",
         kHost,
         [](FakeResolver& dns) {
             dns.add_cname(kOwn, "tlsa.example.net");
             dns.add_tlsa("tlsa.example.net", record(2, 'a'));
             dns.set_insecure("tlsa.example.net");
         },
         "no DANE",
         {"TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.2: an insecure address isn't worth the question",
         kInsecureHost,
         [](FakeResolver& dns) { dns.add_tlsa(kOwn, record(3, 'a')); },
         "no DANE",
         {}},
    };
}

std::vector<Row> rows_about_aliases() {
    return {
        {"RFC 7672 2.2.2: the target of a secure alias first",
         kAlias,
         [](FakeResolver& dns) {
             dns.add_tlsa(kTarget, record(3, 'a'));
             dns.add_tlsa(kOwn, record(3, 'b'));
         },
         "DANE at server.example.net",
         {"TLSA _25._tcp.server.example.net"}},
        {"RFC 7672 2.2.2: then the alias",
         kAlias,
         [](FakeResolver& dns) { dns.add_tlsa(kOwn, record(3, 'b')); },
         "DANE at mx.example.org",
         {"TLSA _25._tcp.server.example.net", "TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.2: none at either",
         kAlias,
         [](FakeResolver&) {},
         "no DANE",
         {"TLSA _25._tcp.server.example.net", "TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.1.3: the first failing ends it",
         kAlias,
         [](FakeResolver& dns) {
             dns.fail_tlsa(kTarget, "bogus");
             dns.add_tlsa(kOwn, record(3, 'b'));
         },
         "not now",
         {"TLSA _25._tcp.server.example.net"}},
        {"RFC 7672 2.2.2: a secure alias of an insecure name is a base",
         kAliasOfInsecure,
         [](FakeResolver& dns) {
             dns.add_cname("mx.example.org", "server.example.net");
             dns.add_tlsa(kTarget, record(3, 'a'));
             dns.add_tlsa(kOwn, record(3, 'b'));
         },
         "DANE at mx.example.org",
         {"CNAME mx.example.org", "TLSA _25._tcp.mx.example.org"}},
        {"RFC 7672 2.2.2: an insecure alias isn't",
         kAliasOfInsecure,
         [](FakeResolver& dns) {
             dns.add_cname("mx.example.org", "server.example.net");
             dns.set_insecure("mx.example.org");
             dns.add_tlsa(kOwn, record(3, 'b'));
         },
         "no DANE",
         {"CNAME mx.example.org"}},
        {"RFC 7672 2.1.3: nobody knows whether it is",
         kAliasOfInsecure,
         [](FakeResolver& dns) { dns.fail_cname("mx.example.org", "timed out"); },
         "not now",
         {"CNAME mx.example.org"}},
    };
}

TEST(DaneLookup, FollowsTheRfcForOneHost) {
    std::vector<Row> rows = rows_about_hosts();
    for (Row& row : rows_about_aliases()) {
        rows.push_back(std::move(row));
    }
    for (const Row& row : rows) {
        FakeResolver resolver;
        resolver.set_secure(true);
        row.zone(resolver);
        const auto verdicts = look_up(resolver, domain_with({row.host}));
        ASSERT_EQ(verdicts.size(), 1U) << row.rule;
        EXPECT_EQ(text_of(verdicts.front()), row.expected) << row.rule;
        EXPECT_EQ(resolver.questions(), row.questions) << row.rule;
    }
}

// RFC 7672 2.2.1: who forges the MX records chooses the host, and its TLSA records with it.
TEST(DaneLookup, AsksNothingWhereTheMxRecordsAreInsecure) {
    FakeResolver resolver;
    resolver.set_secure(true);
    resolver.add_tlsa(kOwn, record(3, 'a'));
    DaneDomain domain = domain_with({kHost});
    domain.is_secure = false;
    const auto verdicts = look_up(resolver, domain);
    ASSERT_EQ(verdicts.size(), 1U);
    EXPECT_EQ(text_of(verdicts.front()), "no DANE");
    EXPECT_THAT(resolver.questions(), IsEmpty());
}

TEST(DaneLookup, JudgesEachHostByItself) {
    FakeResolver resolver;
    resolver.set_secure(true);
    resolver.fail_tlsa("_25._tcp.b.example.org", "bogus");
    resolver.add_tlsa("_25._tcp.d.example.org", record(3, 'a'));
    std::vector<DaneHost> hosts;
    for (const char* const name :
         {"a.example.org", "b.example.org", "c.example.org", "d.example.org"}) {
        hosts.emplace_back(name, name, std::string(name) != "c.example.org");
    }
    std::vector<std::string> texts;
    for (const DaneVerdict& verdict : look_up(resolver, domain_with(std::move(hosts)))) {
        texts.push_back(text_of(verdict));
    }
    EXPECT_THAT(texts, ElementsAre("no DANE", "not now", "no DANE", "DANE at d.example.org"));
}

}  // namespace
}  // namespace mxpost::tls
