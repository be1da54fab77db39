// What the settings demand of TLS with the servers of a domain.
#pragma once

#include <optional>
#include <string>

#include "config/settings.h"
#include "tls/demand.h"

namespace mxpost::deliver {

/// `no_downgrade` is TlsUse::may with every host of which nothing is known.
tls::TlsUse tls_use(config::TlsLevel level);

/// What tls-policy says of a recipient's domain (lower case, A-labels, or an address literal);
/// nullopt: nothing.
std::optional<config::TlsLevel> find_tls_policy(
    const config::Settings& settings, const std::string& domain
);

/// As it is written in the settings: "no-downgrade".
const char* name_of(config::TlsLevel level);

}  // namespace mxpost::deliver
