// Providers: how much the large receivers take at a time, by their MX hosts' names, from a file
// that administrators can read and edit (mxpost-replies(5)).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnose/host_suffixes.h"
#include "diagnose/site_limits.h"

namespace mxpost::diagnose {

struct Provider {
    std::string name;
    HostSuffixes hosts;
    SiteLimits limits;
};

class Providers {
public:
    /// Those that come with the program.
    static Providers shipped();
    /// Those of `text` before the shipped ones; where both have one name, only that of `text`. An
    /// error is one line: "FILE:LINE: WHAT".
    static Result<Providers> make(const std::string& file, std::string_view text);

    /// The first provider that has one of a site's hosts; of hosts at several providers the
    /// stricter limits. Without any: no limits.
    SiteLimits limits_for(std::span<const std::string> mx_hosts) const;

    std::size_t size() const { return providers_.size(); }

private:
    explicit Providers(std::vector<Provider> providers) : providers_(std::move(providers)) {}

    std::vector<Provider> providers_;
};

}  // namespace mxpost::diagnose
