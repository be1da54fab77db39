// HostSuffixes: some hosts by the ends of their names.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::diagnose {

/// ".example.com" stands for every name below example.com, "mx.example.com" for that name only.
class HostSuffixes {
public:
    /// Pieces separated by white space or commas; at least one. An error says which is no host.
    static Result<HostSuffixes> parse(std::string_view text);

    /// Case doesn't matter; a dot at the end is passed over.
    bool contains(std::string_view host) const;

private:
    std::vector<std::string> suffixes_;  // lower case
};

}  // namespace mxpost::diagnose
