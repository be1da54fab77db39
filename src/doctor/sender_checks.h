// What receivers ask about the sender's domain: SPF, DKIM, DMARC, and whether bounces can come
// back.
#pragma once

#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "doctor/context.h"
#include "doctor/report.h"
#include "spf/evaluator.h"

namespace mxpost::doctor {

struct SpfOfAddress {
    SpfOfAddress() = default;

    boost::asio::ip::address address;
    spf::Verdict verdict;
};

/// `local_part` and `domain` (A-labels) of the sender; `addresses`: ours, as receivers see them;
/// not looked at where all mail goes through the relay.
boost::asio::awaitable<Findings> check_sender(
    Context& context,
    std::string local_part,
    std::string domain,
    std::vector<boost::asio::ip::address> addresses
);

/// `record` (empty: there is none) with terms that let these addresses send, before all others.
/// Terms that are no SPF are left out. Pure.
std::string spf_record_with(
    const std::string& record, const std::vector<boost::asio::ip::address>& addresses
);

/// The domain below a public suffix ("example.co.uk" of "mail.example.co.uk"); itself where it is
/// one (RFC 7489 3.2).
std::string organizational_domain(const std::string& domain);

/// What a DMARC record says (RFC 7489 6.3); pure.
struct DmarcPolicy {
    DmarcPolicy() = default;

    std::string policy;            // "none", "quarantine", "reject"
    std::string subdomain_policy;  // the same
    bool is_dkim_strict = false;
};
std::optional<DmarcPolicy> parse_dmarc(std::string_view text);

}  // namespace mxpost::doctor
