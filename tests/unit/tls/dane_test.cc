#include "tls/dane.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/certificate.h"

namespace mxpost::tls {
namespace {

using dns::TlsaRecord;
using testing::ElementsAre;
using testing::IsEmpty;

TlsaRecord record(int usage, int selector, int matching_type, std::string data) {
    TlsaRecord made;
    made.usage = static_cast<std::uint8_t>(usage);
    made.selector = static_cast<std::uint8_t>(selector);
    made.matching_type = static_cast<std::uint8_t>(matching_type);
    made.data = std::move(data);
    return made;
}

std::string octets(std::size_t count) {
    return std::string(count, '\x5a');
}

struct UsableRow {
    const char* rule;
    TlsaRecord record;
    bool is_usable;
};

std::vector<UsableRow> usable_rows() {
    const test::Certificate certificate("DNS:mx.example.org");
    const std::string whole = certificate.der();
    const std::string key = certificate.key_der();
    return {
        {"RFC 7672 3.1.1: DANE-EE with a digest of the key", record(3, 1, 1, octets(32)), true},
        {"RFC 7672 3.1.1: of the certificate", record(3, 0, 1, octets(32)), true},
        {"RFC 7672 3.1.2: DANE-TA", record(2, 0, 1, octets(32)), true},
        {"RFC 7672 3.1.2: DANE-TA of a key", record(2, 1, 2, octets(64)), true},
        {"RFC 7672 3.1.3: PKIX-TA isn't for mail", record(0, 1, 1, octets(32)), false},
        {"RFC 7672 3.1.3: nor is PKIX-EE", record(1, 1, 1, octets(32)), false},
        {"RFC 6698 2.1.1: private use", record(255, 1, 1, octets(32)), false},
        {"RFC 6698 2.1.1: not assigned", record(4, 1, 1, octets(32)), false},
        {"RFC 6698 2.1.2: a selector not assigned", record(3, 2, 1, octets(32)), false},
        {"RFC 6698 2.1.3: a matching type not assigned", record(3, 1, 3, octets(48)), false},
        {"RFC 6698 2.1.3: SHA-256 is 32 octets", record(3, 1, 1, octets(31)), false},
        {"RFC 6698 2.1.3: and no more", record(3, 1, 1, octets(64)), false},
        {"RFC 6698 2.1.3: SHA-512 is 64 octets", record(3, 1, 2, octets(32)), false},
        {"RFC 7671 10.1.2: nothing is no digest", record(3, 1, 1, ""), false},
        {"RFC 6698 2.1.3: a whole certificate", record(3, 0, 0, whole), true},
        {"RFC 6698 2.1.3: a whole key", record(2, 1, 0, key), true},
        {"RFC 7671 10.1.2: a key where a certificate belongs", record(3, 0, 0, key), false},
        {"RFC 7671 10.1.2: a certificate where a key belongs", record(3, 1, 0, whole), false},
        {"RFC 7671 10.1.2: something behind it", record(3, 0, 0, whole + "x"), false},
        {"RFC 7671 10.1.2: cut off", record(2, 1, 0, key.substr(0, 20)), false},
        {"RFC 7671 10.1.2: no data at all", record(2, 0, 0, ""), false},
    };
}

TEST(TlsaRecord, IsUsableWhereTheRfcsSaySo) {
    for (const UsableRow& row : usable_rows()) {
        EXPECT_EQ(is_usable(row.record), row.is_usable) << row.rule;
    }
}

// RFC 7671 9: within a usage and selector, the strongest digest alone; what is no digest stays.
TEST(TlsaRecords, AreThinnedToTheStrongestDigest) {
    const test::Certificate certificate("DNS:mx.example.org");
    const TlsaRecord weak = record(3, 1, 1, octets(32));
    const TlsaRecord strong = record(3, 1, 2, octets(64));
    const TlsaRecord other_strong = record(3, 1, 2, std::string(64, 'b'));
    const TlsaRecord other_selector = record(3, 0, 1, octets(32));
    const TlsaRecord other_usage = record(2, 1, 1, octets(32));
    const TlsaRecord whole = record(3, 1, 0, certificate.key_der());
    EXPECT_THAT(
        records_to_use({weak, other_selector, strong, other_usage, whole, other_strong}),
        ElementsAre(other_selector, strong, other_usage, whole, other_strong)
    );
}

TEST(TlsaRecords, AreNotOutdoneByOnesThatCannotBeUsed) {
    const TlsaRecord weak = record(3, 1, 1, octets(32));
    EXPECT_THAT(records_to_use({record(3, 1, 2, octets(63)), weak}), ElementsAre(weak));
}

struct BaseRow {
    const char* rule;
    DaneHost host;
    bool is_alias_secure;
    std::vector<std::string> bases;
};

TEST(BaseDomains, AreThoseOfTheRfc) {
    const std::vector<BaseRow> rows = {
        {"RFC 7672 2.2.2: the host itself",
         {"mx.example.org", "mx.example.org", true},
         false,
         {"mx.example.org"}},
        {"RFC 7672 2.2.2: a secure alias, its target first",
         {"mx.example.org", "server.example.net", true},
         true,
         {"server.example.net", "mx.example.org"}},
        {"RFC 7672 2.2.2: an insecure address",
         {"mx.example.org", "mx.example.org", false},
         false,
         {}},
        {"RFC 7672 2.2.2: a secure alias of an insecure name",
         {"mx.example.org", "server.example.net", false},
         true,
         {"mx.example.org"}},
        {"RFC 7672 2.2.2: an insecure alias",
         {"mx.example.org", "server.example.net", false},
         false,
         {}},
    };
    for (const BaseRow& row : rows) {
        EXPECT_EQ(base_domains(row.host, row.is_alias_secure), row.bases) << row.rule;
    }
}

TEST(BaseDomains, DependOnTheAliasOnlyWhereTheAddressIsInsecure) {
    EXPECT_TRUE(depends_on_alias({"mx.example.org", "server.example.net", false}));
    EXPECT_FALSE(depends_on_alias({"mx.example.org", "server.example.net", true}));
    EXPECT_FALSE(depends_on_alias({"mx.example.org", "mx.example.org", false}));
    EXPECT_FALSE(depends_on_alias({"mx.example.org", "", false}));
}

class JudgeTest : public testing::Test {
protected:
    JudgeTest() {
        domain_.name = "example.org";
        domain_.canonical_name = "example.org";
        domain_.is_secure = true;
        answer_.status = dns::LookupStatus::ok;
        answer_.is_secure = true;
    }
    DaneVerdict judged(const std::string& base = "mx.example.org") {
        const DaneHost host("mx.example.org", "mx.example.org", true);
        const auto verdict = judge(domain_, host, base, answer_);
        EXPECT_TRUE(verdict);
        return verdict.value_or(DaneVerdict());
    }

    DaneDomain domain_;
    dns::Answer<TlsaRecord> answer_;
};

// RFC 7672 3.1.1: names don't count, and who shares the host demands the same of it.
TEST_F(JudgeTest, NamesOnlyTheBaseForDaneEe) {
    answer_.records = {record(3, 1, 1, octets(32))};
    const auto verdict = judged();
    ASSERT_TRUE(verdict.demand);
    EXPECT_EQ(verdict.demand->use, TlsUse::dane);
    EXPECT_THAT(verdict.demand->names, ElementsAre("mx.example.org"));
    EXPECT_EQ(verdict.demand->tlsa, answer_.records);
    EXPECT_EQ(verdict.failure, Failure::none);
}

// RFC 7672 3.2.2.
TEST_F(JudgeTest, NamesBaseAndDomainsForDaneTa) {
    answer_.records = {record(3, 1, 1, octets(32)), record(2, 0, 1, octets(32))};
    EXPECT_THAT(judged().demand->names, ElementsAre("mx.example.org", "example.org"));
    domain_.canonical_name = "real.example.net";
    EXPECT_THAT(
        judged("server.example.net").demand->names,
        ElementsAre("server.example.net", "example.org", "real.example.net")
    );
    domain_.name = "mx.example.org";  // an implicit MX
    domain_.canonical_name = "mx.example.org";
    EXPECT_THAT(judged().demand->names, ElementsAre("mx.example.org"));
}

// RFC 7672 2.2: TLS without authentication.
TEST_F(JudgeTest, EncryptsWhereNoRecordCanBeUsed) {
    answer_.records = {record(1, 1, 1, octets(32)), record(3, 1, 1, octets(3))};
    const auto verdict = judged();
    ASSERT_TRUE(verdict.demand);
    EXPECT_EQ(verdict.demand->use, TlsUse::encrypt);
    EXPECT_THAT(verdict.demand->tlsa, IsEmpty());
    EXPECT_THAT(verdict.demand->names, IsEmpty());
    EXPECT_EQ(verdict.failure, Failure::tlsa_invalid);
}

TEST_F(JudgeTest, SaysWhoseLookUpFailedInOneHarmlessLine) {
    answer_ = dns::Answer<TlsaRecord>(dns::LookupStatus::temporary, "SERVFAIL\r\n");
    EXPECT_EQ(
        judged("server.example.net").problem,
        "the TLSA records of server.example.net can't be looked up now (for mx.example.org): "
        "SERVFAIL??"
    );
    EXPECT_EQ(judged().failure, Failure::dnssec_invalid);
    EXPECT_FALSE(judged().demand);
}

}  // namespace
}  // namespace mxpost::tls
