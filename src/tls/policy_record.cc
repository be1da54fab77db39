#include "tls/policy_record.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace mxpost::tls {
namespace {

constexpr std::size_t kMaxRecord = 8192;

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// RFC 8461 3.1: sts-ext-name.
bool is_key(std::string_view text) {
    return !text.empty() && text.size() <= 32 && is_letter_or_digit(text.front()) &&
           std::ranges::all_of(text, [](char c) {
               return is_letter_or_digit(c) || c == '_' || c == '-' || c == '.';
           });
}

/// Without spaces and tabs around it.
std::string_view without_space(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) {
        return {};
    }
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool has_version(std::string_view text, std::string_view version) {
    const auto end = text.find(';');
    return end != std::string_view::npos && text.starts_with("v=") &&
           without_space(text.substr(0, end)).substr(2) == version;
}

}  // namespace

std::optional<std::vector<RecordField>> policy_record(
    const std::vector<dns::TxtRecord>& records, std::string_view version
) {
    const auto is_ours = [&](const dns::TxtRecord& record) {
        return has_version(record.text, version);
    };
    const auto found = std::ranges::find_if(records, is_ours);
    if (found == records.end() ||
        std::find_if(found + 1, records.end(), is_ours) != records.end() ||
        found->text.size() > kMaxRecord) {
        return std::nullopt;
    }
    const auto parts = split(found->text, ';');
    std::vector<RecordField> fields;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        const std::string_view part = without_space(parts[i]);
        if (part.empty() && i + 1 == parts.size()) {
            break;  // a delimiter at the end is allowed
        }
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || !is_key(part.substr(0, equals))) {
            return std::nullopt;
        }
        const std::string_view value = part.substr(equals + 1);
        const bool is_visible = std::ranges::all_of(value, [](char c) {
            return c == ' ' || c == '\t' || (c > 0x20 && c < 0x7f);
        });
        if (value.empty() || !is_visible) {
            return std::nullopt;
        }
        fields.push_back({std::string(part.substr(0, equals)), std::string(value)});
    }
    return fields;
}

const std::string* find_field(const std::vector<RecordField>& fields, std::string_view key) {
    const auto found = std::ranges::find(fields, key, &RecordField::key);
    return found == fields.end() ? nullptr : &found->value;
}

}  // namespace mxpost::tls
