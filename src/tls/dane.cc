#include "tls/dane.h"

#include <algorithm>
#include <array>
#include <utility>

#include <openssl/err.h>
#include <openssl/x509.h>

#include "base/text.h"

namespace mxpost::tls {

using dns::LookupStatus;
using dns::TlsaRecord;

namespace {

// RFC 6698 2.1.1 to 2.1.3, names of RFC 7218.
constexpr std::uint8_t kDaneTa = 2;
constexpr std::uint8_t kDaneEe = 3;
constexpr std::uint8_t kWholeCertificate = 0;
constexpr std::uint8_t kPublicKey = 1;
constexpr std::uint8_t kFull = 0;
constexpr std::uint8_t kSha256 = 1;
constexpr std::uint8_t kSha512 = 2;

struct CertificateDeleter {
    void operator()(X509* certificate) const { X509_free(certificate); }
};
struct KeyDeleter {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

/// The data is what the selector names, all of it and nothing else. A leaf that can't be parsed
/// could never match, and an issuer can't be built into a chain.
bool is_parsable(std::uint8_t selector, const std::string& data) {
    const auto size = static_cast<long>(data.size());
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): OpenSSL reads octets
    const auto* const begin = reinterpret_cast<const unsigned char*>(data.data());
    const unsigned char* at = begin;
    if (selector == kWholeCertificate) {
        const std::unique_ptr<X509, CertificateDeleter> parsed(d2i_X509(nullptr, &at, size));
        // A certificate with a key of an algorithm that this library doesn't know is of no use.
        return parsed && at == begin + size && X509_get0_pubkey(parsed.get()) != nullptr;
    }
    const std::unique_ptr<EVP_PKEY, KeyDeleter> parsed(d2i_PUBKEY(nullptr, &at, size));
    return parsed && at == begin + size;
}

bool is_stronger_digest(const TlsaRecord& record, const TlsaRecord& than) {
    return record.usage == than.usage && record.selector == than.selector &&
           than.matching_type != kFull && record.matching_type > than.matching_type;
}

/// Which names the certificate may have (RFC 7672 3.2.2). Those of the domain count only because
/// DNSSEC leads from there to the host. The fewer the better: sessions with a host are shared by
/// those who demand the same of it.
std::vector<std::string> names_for(
    const DaneDomain& domain, const std::string& base_domain, const std::vector<TlsaRecord>& records
) {
    std::vector<std::string> names{base_domain};
    const bool has_issuer = std::ranges::any_of(records, [](const TlsaRecord& record) {
        return record.usage == kDaneTa;
    });
    for (const std::string& name : {domain.name, domain.canonical_name}) {
        if (has_issuer && !name.empty() && std::ranges::find(names, name) == names.end()) {
            names.push_back(name);
        }
    }
    return names;
}

}  // namespace

bool depends_on_alias(const DaneHost& host) {
    return !host.is_secure && !host.canonical_name.empty() && host.canonical_name != host.name;
}

std::vector<std::string> base_domains(const DaneHost& host, bool is_alias_secure) {
    if (!host.is_secure) {
        // Its own zone is signed, and may have TLSA records beside the CNAME that leads out of it.
        return depends_on_alias(host) && is_alias_secure ? std::vector{host.name}
                                                         : std::vector<std::string>();
    }
    if (host.canonical_name.empty() || host.canonical_name == host.name) {
        return {host.name};
    }
    return {host.canonical_name, host.name};
}

std::string tlsa_name(const std::string& base_domain) {
    return "_25._tcp." + base_domain;
}

bool is_usable(const TlsaRecord& record) {
    // PKIX-TA(0) and PKIX-EE(1) aren't for mail servers (RFC 7672 3.1.3).
    if (record.usage != kDaneTa && record.usage != kDaneEe) {
        return false;
    }
    if (record.selector != kWholeCertificate && record.selector != kPublicKey) {
        return false;
    }
    switch (record.matching_type) {
        case kFull: {
            const bool is_good = is_parsable(record.selector, record.data);
            ERR_clear_error();  // or a connection would find this failure, and take it for its own
            return is_good;
        }
        case kSha256:
            return record.data.size() == 32;
        case kSha512:
            return record.data.size() == 64;
        default:
            return false;
    }
}

std::vector<TlsaRecord> records_to_use(const std::vector<TlsaRecord>& records) {
    std::vector<TlsaRecord> usable;
    std::ranges::copy_if(records, std::back_inserter(usable), is_usable);
    std::vector<TlsaRecord> strongest;
    for (const TlsaRecord& record : usable) {
        const bool is_outdone = std::ranges::any_of(usable, [&](const TlsaRecord& other) {
            return is_stronger_digest(other, record);
        });
        if (!is_outdone) {
            strongest.push_back(record);
        }
    }
    return strongest;
}

std::optional<DaneVerdict> judge(
    const DaneDomain& domain,
    const DaneHost& host,
    const std::string& base_domain,
    const dns::Answer<TlsaRecord>& answer
) {
    if (answer.status == LookupStatus::temporary) {
        return DaneVerdict(
            Failure::dnssec_invalid,
            "the TLSA records of " + base_domain + " can't be looked up now" +
                (base_domain == host.name ? "" : " (for " + host.name + ")") + ": " +
                printable(answer.reason)
        );
    }
    if (answer.status != LookupStatus::ok || !answer.is_secure) {
        return std::nullopt;
    }
    Demand demand(TlsUse::dane);
    demand.source = "the TLSA records of " + base_domain;
    demand.tlsa = records_to_use(answer.records);
    if (demand.tlsa.empty()) {
        // RFC 7672 2.2: whoever publishes TLSA records has TLS, even if nothing can be verified.
        demand.use = TlsUse::encrypt;
        demand.source += ", none of which can be used";
        DaneVerdict verdict(std::make_shared<const Demand>(std::move(demand)));
        verdict.failure = Failure::tlsa_invalid;
        return verdict;
    }
    demand.names = names_for(domain, base_domain, demand.tlsa);
    return DaneVerdict(std::make_shared<const Demand>(std::move(demand)));
}

}  // namespace mxpost::tls
