// DANE for mail servers (RFC 7672, RFC 7671): what TLSA records demand of TLS with a host.
// Decisions only: dane_lookup.h asks the DNS, ClientContext verifies.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dns/answer.h"
#include "tls/demand.h"
#include "tls/failure.h"

namespace mxpost::tls {

/// A host that takes a domain's mail, as routing found it. Names here and below are A-labels, lower
/// case, without final dot.
struct DaneHost {
    DaneHost() = default;
    DaneHost(std::string name_, std::string canonical_name_, bool is_secure_)
        : name(std::move(name_)),
          canonical_name(std::move(canonical_name_)),
          is_secure(is_secure_) {}

    std::string name;            // as the MX record has it, or, without MX, the domain
    std::string canonical_name;  // after its CNAMEs
    bool is_secure = false;      // DNSSEC covers its CNAMEs and addresses
};

struct DaneDomain {
    DaneDomain() = default;

    std::string name;            // what follows the @ of the recipients
    std::string canonical_name;  // after its CNAMEs, on the way to its MX records
    bool is_secure = false;      // DNSSEC covers these CNAMEs and the MX records, or their absence
    std::vector<DaneHost> hosts;
};

/// What DANE says about one host. A value.
struct DaneVerdict {
    DaneVerdict() = default;
    explicit DaneVerdict(std::shared_ptr<const Demand> demand_) : demand(std::move(demand_)) {}
    DaneVerdict(Failure failure_, std::string problem_)
        : problem(std::move(problem_)), failure(failure_) {}

    std::shared_ptr<const Demand> demand;  // null: none, so what else is demanded applies
    /// Not empty: no mail may go to this host now, and why, one line: who keeps TLSA records from
    /// us must not gain by it (RFC 7672 2.1.3).
    std::string problem;
    Failure failure = Failure::none;  // for reports; with `problem`, or where no record is usable
};

/// True: whether DNSSEC covers the CNAME of `host` itself decides about its base domains.
bool depends_on_alias(const DaneHost& host);

/// The names at which TLSA records may be, in the order to ask (RFC 7672 2.2.2, 2.2.3). None: DANE
/// doesn't apply. `is_alias_secure`: DNSSEC covers the CNAME record that host.name has.
std::vector<std::string> base_domains(const DaneHost& host, bool is_alias_secure);

/// "_25._tcp.mx.example.com" (RFC 7672 2.2.3).
std::string tlsa_name(const std::string& base_domain);

/// A combination of fields that a client of mail servers acts on, with data of the right form (RFC
/// 7672 3.1, RFC 7671 10.1.2).
bool is_usable(const dns::TlsaRecord& record);

/// The usable ones, and of these for each usage and selector the strongest digest (RFC 7671 9), in
/// the order given. Full data is no digest and stays.
std::vector<dns::TlsaRecord> records_to_use(const std::vector<dns::TlsaRecord>& records);

/// What the answer about tlsa_name(`base_domain`) means; nothing: it has none, the next base domain
/// is to be asked, or DANE doesn't apply.
std::optional<DaneVerdict> judge(
    const DaneDomain& domain,
    const DaneHost& host,
    const std::string& base_domain,
    const dns::Answer<dns::TlsaRecord>& answer
);

}  // namespace mxpost::tls
