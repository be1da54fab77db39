#include "mail/parameters.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

/// Behind the part from `at` on: at the next semicolon that is in no quotes, or at the end.
std::size_t part_end(std::string_view value, std::size_t at) {
    bool is_quoted = false;
    for (; at < value.size(); ++at) {
        if (value[at] == '\\' && is_quoted) {
            ++at;
        } else if (value[at] == '"') {
            is_quoted = !is_quoted;
        } else if (value[at] == ';' && !is_quoted) {
            break;
        }
    }
    return std::min(at, value.size());
}

struct Parameter {
    std::string_view name;
    std::string value;  // without quotes and folding
};

std::string unquoted(std::string_view text) {
    std::string result;
    const bool is_quoted = text.size() > 1 && text.starts_with('"') && text.ends_with('"');
    if (!is_quoted) {
        return std::string(text);
    }
    text = text.substr(1, text.size() - 2);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
            ++i;
        }
        if (text[i] != '\r' && text[i] != '\n') {
            result += text[i];
        }
    }
    return result;
}

std::optional<Parameter> parse_parameter(std::string_view part) {
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) {
        return std::nullopt;
    }
    return Parameter{trim(part.substr(0, equals)), unquoted(trim(part.substr(equals + 1)))};
}

/// RFC 2231 7, attribute-char.
bool is_attribute_octet(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("!#$&+-.^_`{|}~").find(c) != std::string_view::npos;
}

std::string percent_encoded(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        if (is_attribute_octet(c)) {
            result += c;
        } else {
            result += {'%', kHex[octet >> 4U], kHex[octet & 15U]};
        }
    }
    return result;
}

std::string ascii_part(std::string_view part, std::string_view charset) {
    const auto parsed = is_ascii(part) ? std::nullopt : parse_parameter(part);
    if (!parsed || parsed->name.empty() || !is_ascii(parsed->name) || parsed->name.ends_with('*')) {
        return std::string(part);
    }
    const std::size_t start = std::min(part.find_first_not_of(" \t\r\n"), part.size());
    return std::string(part.substr(0, start)) + std::string(parsed->name) +
           "*=" + std::string(is_utf8(parsed->value) ? "utf-8" : charset) + "''" +
           percent_encoded(parsed->value);
}

}  // namespace

std::string parameter(std::string_view value, std::string_view name) {
    for (std::size_t at = part_end(value, 0); at < value.size();) {
        const std::size_t end = part_end(value, at + 1);
        const auto parsed = parse_parameter(value.substr(at + 1, end - at - 1));
        if (parsed && ascii_iequals(parsed->name, name)) {
            return parsed->value;
        }
        at = end;
    }
    return {};
}

std::string ascii_parameters(std::string_view value, std::string_view charset) {
    std::size_t at = part_end(value, 0);
    std::string result(value.substr(0, at));
    while (at < value.size()) {
        const std::size_t end = part_end(value, at + 1);
        result += ';';
        result += ascii_part(value.substr(at + 1, end - at - 1), charset);
        at = end;
    }
    return result;
}

}  // namespace mxpost::mail
