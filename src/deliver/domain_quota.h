// DomainQuota: how many domains' recipients one session to a server may still have.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace mxpost::deliver {

/// RFC 9422 RCPTDOMAINMAX: different domains of recipients in one session. No limit: all are
/// admitted.
class DomainQuota {
public:
    DomainQuota() = default;
    explicit DomainQuota(std::optional<std::uint32_t> limit) : limit_(limit) {}

    /// Counts `domain`, unless it has been counted. False: it would be one too many.
    bool admits(std::string_view domain) {
        if (!limit_) {
            return true;
        }
        std::string name = ascii_lower(domain);
        if (domains_.size() >= *limit_ && !domains_.contains(name)) {
            return false;
        }
        domains_.insert(std::move(name));
        return true;
    }

private:
    std::optional<std::uint32_t> limit_;
    std::set<std::string> domains_;
};

}  // namespace mxpost::deliver
