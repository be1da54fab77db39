// ResolverChoice: who is asked about names, and who validates the answers.
#pragma once

#include <string>
#include <vector>

namespace mxpost::config {

struct ResolverChoice {
    ResolverChoice() = default;

    bool is_validating = false;        // by DNSSEC, in the engine itself
    std::vector<std::string> servers;  // IP addresses; empty: /etc/resolv.conf's

    friend bool operator==(const ResolverChoice&, const ResolverChoice&) = default;
};

}  // namespace mxpost::config
