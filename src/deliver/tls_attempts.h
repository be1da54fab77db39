// What the opening of a session tells the reports of RFC 8460.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "deliver/next_hop.h"
#include "mail/outcome.h"
#include "smtp/peer.h"
#include "tls/client_context.h"
#include "tls/dane.h"
#include "tls/report_log.h"

namespace mxpost::deliver {

/// How TLS with a peer went.
struct OpeningResult {
    OpeningResult() = default;

    std::optional<tls::Established> tls;  // a handshake ended
    std::string tls_failure;              // TLS failed, and the session went on in clear, or didn't
    std::string local_address;            // empty: not known any more
    std::optional<mail::RecipientOutcome> trouble;  // why there is no session
};

/// Nothing where TLS isn't the question: nobody wanted it, there was no connection, or the server
/// had other reasons.
std::optional<tls::TlsAttempt> tls_attempt(
    const NextHop& hop, const smtp::Peer& peer, const OpeningResult& result
);

/// A host that gets no mail because of its TLSA records (RFC 7672 2.1.3).
tls::TlsAttempt refused_attempt(
    const std::string& domain, const std::string& host, const tls::DaneVerdict& verdict
);

/// For a host whose TLSA records are all of no use (RFC 8460 4.3.2.1); null for any other. Its
/// sessions count as failed because of that, though encryption is all that is asked of them.
std::shared_ptr<const tls::AppliedPolicy> unusable_policy(
    const std::string& domain, const tls::DaneVerdict& verdict
);

}  // namespace mxpost::deliver
