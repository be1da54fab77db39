// Demand: what TLS with one host must come to before mail may go there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dns/answer.h"

namespace mxpost::tls {

/// How much TLS a host gets.
enum class TlsUse : std::uint8_t {
    none,     // never
    may,      // when offered; in clear when it isn't or fails
    encrypt,  // always, whoever the server is
    verify,   // always, and its certificate must be good for its name (RFC 6125, RFC 9325)
    dane      // always, and its certificate must match TLSA records (RFC 7672)
};

/// A value, made by who knows the recipient's domain, kept by who connects.
struct Demand {
    Demand() = default;
    explicit Demand(TlsUse use_) : use(use_) {}

    TlsUse use = TlsUse::may;
    /// For `dane`: the usable ones (RFC 7672 3.1), not empty. Else empty.
    std::vector<dns::TlsaRecord> tlsa;
    /// The names, A-labels without final dot, one of which the certificate must be good for (the
    /// first is sent as SNI). Not looked at with DANE-EE(3) (RFC 7672 3.1.1). Empty: the host's.
    std::vector<std::string> names;
    bool is_configured = false;  // by this host's administrator: no sender's wish changes it
    std::string source;          // who demands it, for people: "the TLSA records of mx.example.com"

    friend bool operator==(const Demand&, const Demand&) = default;
};

}  // namespace mxpost::tls
