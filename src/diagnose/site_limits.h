// What a site (a set of MX hosts) takes at most.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/result.h"

namespace mxpost::diagnose {

struct Rate {
    std::uint32_t messages = 0;        // at least 1
    std::chrono::seconds interval{1};  // at least 1

    friend bool operator==(const Rate&, const Rate&) = default;
};

/// A value. What isn't set has no limit of its own.
struct SiteLimits {
    std::optional<std::uint32_t> max_sessions;
    std::optional<std::uint32_t> messages_per_session;
    std::optional<std::uint32_t> recipients_per_transaction;
    std::optional<Rate> rate;

    friend bool operator==(const SiteLimits&, const SiteLimits&) = default;
    bool is_empty() const { return *this == SiteLimits(); }
    /// Of each limit the stricter one.
    void tighten(const SiteLimits& other);
    /// Sets what `key` names: sessions, messages, recipients (numbers) or rate ("10/1m"). False: it
    /// names none.
    Result<bool> set(std::string_view key, std::string_view value);
};

}  // namespace mxpost::diagnose
