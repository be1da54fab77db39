// SenderRewriter: the sender map and masquerading, applied to the envelope's sender and to the
// header alike, so that what leaves has one sender and passes SPF and DMARC (RFC 7489 3.1).
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "mail/address.h"
#include "mail/header.h"
#include "mail/sender_map.h"

namespace mxpost::mail {

/// mxpost.conf's masquerade-domains and masquerade-exceptions.
struct Masquerade {
    /// A name below one of them becomes it: host.example.com → example.com. The first that matches
    /// counts; "!example.com" in front of others: names there stay. Lower case.
    std::vector<std::string> domains;
    std::vector<std::string> exceptions;  // users whose addresses stay, any case
};

class SenderRewriter {
public:
    /// Changes nothing.
    SenderRewriter() = default;
    /// `own_domains`: this host's names and local domains, any case, for the map's bare users.
    SenderRewriter(
        SenderMap map, const std::vector<std::string>& own_domains, Masquerade masquerade
    );

    bool is_idle() const { return map_.is_empty() && masquerade_.domains.empty(); }
    /// The map, once, then masquerading. An address without a domain is this host's.
    Address rewrite(const Address& address) const;
    /// Masquerading alone.
    Address masquerade(const Address& address) const;

private:
    SenderMap map_;
    std::unordered_set<std::string> own_domains_;
    Masquerade masquerade_;
};

/// The same for a reverse-path; the null one stays null.
ReversePath rewrite(const SenderRewriter& rewriter, ReversePath path);

/// From, Sender, Resent-From and Resent-Sender are rewritten. Reply-To and Resent-Reply-To are only
/// masqueraded: a map's replacement may be an address that nobody reads, and whoever set Reply-To
/// wants to be answered there. Where From changes, X-Original-From keeps what it was, as text in
/// ASCII (one that was there before is removed). Says whether anything changed.
bool rewrite_senders(HeaderBlock& header, const SenderRewriter& rewriter);

}  // namespace mxpost::mail
