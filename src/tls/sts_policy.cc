#include "tls/sts_policy.h"

#include <algorithm>

#include "base/text.h"
#include "tls/policy_record.h"

namespace mxpost::tls {
namespace {

constexpr std::size_t kMaxDomain = 253;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// What a policy file says, before it is known whether it says everything.
class PolicyReader {
public:
    /// Why the line is no part of a policy; empty: it is.
    std::string take(std::string_view line) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || colon == 0) {
            return "a line is no \"key: value\"";
        }
        const std::string_view key = line.substr(0, colon);
        const std::string_view value = trim(line.substr(colon + 1));
        if (key == "mx") {
            return take_mx(value);
        }
        // RFC 8461 3.2: of a field that stands there twice the first counts, unknown ones are
        // ignored.
        if (key == "version" && version_.empty()) {
            version_ = value;
        } else if (key == "mode" && mode_.empty()) {
            mode_ = value;
        } else if (key == "max_age" && max_age_.empty()) {
            max_age_ = value;
        }
        return {};
    }

    Result<StsPolicy> finish() {
        if (version_ != "STSv1") {
            return Error::invalid("its version isn't STSv1");
        }
        if (mode_ == text_of(StsMode::enforce)) {
            policy_.mode = StsMode::enforce;
        } else if (mode_ == text_of(StsMode::testing)) {
            policy_.mode = StsMode::testing;
        } else if (mode_ != text_of(StsMode::none)) {
            return Error::invalid("its mode is none of enforce, testing and none");
        }
        const auto age = parse_unsigned(max_age_);
        if (!age || max_age_.size() > 10) {
            return Error::invalid("its max_age is no number of seconds");
        }
        policy_.max_age = std::min(kMaxStsAge, std::chrono::seconds(*age));
        if (policy_.mx.empty() && policy_.mode != StsMode::none) {
            return Error::invalid("it names no mx");
        }
        return std::move(policy_);
    }

private:
    std::string take_mx(std::string_view value) {
        if (value.ends_with('.')) {
            value.remove_suffix(1);
        }
        if (!is_host_name(value.starts_with("*.") ? value.substr(2) : value)) {
            return "an mx is no host name";
        }
        if (policy_.mx.size() >= kMaxStsPatterns) {
            return "it has too many mx";
        }
        policy_.mx.push_back(ascii_lower(value));
        return {};
    }

    std::string version_;
    std::string mode_;
    std::string max_age_;
    StsPolicy policy_;
};

}  // namespace

std::string_view text_of(StsMode mode) {
    switch (mode) {
        case StsMode::enforce:
            return "enforce";
        case StsMode::testing:
            return "testing";
        case StsMode::none:
            break;
    }
    return "none";
}

bool is_host_name(std::string_view text) {
    if (text.empty() || text.size() > kMaxDomain) {
        return false;
    }
    return std::ranges::all_of(split(text, '.'), [](std::string_view label) {
        return !label.empty() && label.size() <= 63 && std::ranges::all_of(label, [](char c) {
            return is_letter_or_digit(c) || c == '-' || c == '_';
        });
    });
}

std::optional<std::string> sts_id(const std::vector<dns::TxtRecord>& records) {
    const auto fields = policy_record(records, "STSv1");
    const std::string* const id = fields ? find_field(*fields, "id") : nullptr;
    const bool is_id = id != nullptr && !id->empty() && id->size() <= 32 &&
                       std::ranges::all_of(*id, is_letter_or_digit);
    return is_id ? std::optional(*id) : std::nullopt;
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
    if (text.size() > kMaxStsText) {
        return Error::invalid("it is larger than 64 KiB");
    }
    if (!is_utf8(text)) {
        return Error::invalid("it isn't UTF-8");
    }
    PolicyReader reader;
    for (std::string_view line : split(text, '\n')) {
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        const bool has_control = std::ranges::any_of(line, [](char c) {
            return c != '\t' && ((c >= 0 && c < ' ') || c == 0x7f);
        });
        if (has_control) {
            return Error::invalid("it has control characters");
        }
        // Empty lines aren't in the grammar, but at the end of many a file.
        if (trim(line).empty()) {
            continue;
        }
        if (const std::string fault = reader.take(line); !fault.empty()) {
            return Error::invalid(fault);
        }
    }
    return reader.finish();
}

std::vector<std::string> lines_of(const StsPolicy& policy) {
    std::vector<std::string> lines{"version: STSv1", "mode: " + std::string(text_of(policy.mode))};
    for (const std::string& pattern : policy.mx) {
        lines.push_back("mx: " + pattern);
    }
    lines.push_back("max_age: " + std::to_string(policy.max_age.count()));
    return lines;
}

bool is_named(const StsPolicy& policy, std::string_view host) {
    return std::ranges::any_of(policy.mx, [&](const std::string& pattern) {
        if (!pattern.starts_with("*.")) {
            return ascii_iequals(pattern, host);
        }
        // The whole left-most label, and no other.
        const auto dot = host.find('.');
        return dot != std::string_view::npos && dot > 0 &&
               ascii_iequals(std::string_view(pattern).substr(2), host.substr(dot + 1));
    });
}

}  // namespace mxpost::tls
