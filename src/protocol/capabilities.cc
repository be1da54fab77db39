#include "protocol/capabilities.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace mxpost::protocol {
namespace {

struct Flag {
    std::string_view keyword;
    bool Capabilities::*member;
};

constexpr std::array kFlags = {
    Flag{"PIPELINING", &Capabilities::has_pipelining},
    Flag{"SIZE", &Capabilities::has_size},
    Flag{"8BITMIME", &Capabilities::has_eight_bit_mime},
    Flag{"STARTTLS", &Capabilities::has_start_tls},
    Flag{"ENHANCEDSTATUSCODES", &Capabilities::has_enhanced_status},
    Flag{"SMTPUTF8", &Capabilities::has_smtp_utf8},
    Flag{"DSN", &Capabilities::has_dsn},
    Flag{"CHUNKING", &Capabilities::has_chunking},
    Flag{"REQUIRETLS", &Capabilities::has_require_tls},
};

/// Takes the next word off the front of `text`; empty at the end.
std::string_view next_word(std::string_view& text) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
        text = {};
        return {};
    }
    text.remove_prefix(start);
    const auto word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    return word;
}

/// RFC 1870 3: 0 and no parameter both mean "no fixed limit"; what isn't a number says nothing.
void parse_size(std::string_view parameters, Capabilities& capabilities) {
    const auto limit = parse_unsigned(next_word(parameters)).value_or(0);
    if (limit != 0 && (capabilities.size_limit == 0 || limit < capabilities.size_limit)) {
        capabilities.size_limit = limit;
    }
}

void set_limit(std::string_view value, std::optional<std::uint32_t>& limit) {
    const auto number = parse_unsigned(value);
    if (!number || *number == 0 || *number > 999999) {
        return;
    }
    const auto bounded = static_cast<std::uint32_t>(*number);
    limit = limit ? std::min(*limit, bounded) : bounded;
}

/// RFC 9422 4: NAME=VALUE …
void parse_limits(std::string_view parameters, Capabilities& capabilities) {
    for (auto word = next_word(parameters); !word.empty(); word = next_word(parameters)) {
        const auto equals = word.find('=');
        if (equals == std::string_view::npos) {
            continue;
        }
        const auto name = word.substr(0, equals);
        if (ascii_iequals(name, "RCPTMAX")) {
            set_limit(word.substr(equals + 1), capabilities.recipients_max);
        } else if (ascii_iequals(name, "MAILMAX")) {
            set_limit(word.substr(equals + 1), capabilities.mails_max);
        } else if (ascii_iequals(name, "RCPTDOMAINMAX")) {
            set_limit(word.substr(equals + 1), capabilities.recipient_domains_max);
        }
    }
}

/// RFC 4954 3, "AUTH PLAIN …", and "AUTH=PLAIN …" as it was before it.
void parse_auth(std::string_view parameters, Capabilities& capabilities) {
    for (auto word = next_word(parameters); !word.empty(); word = next_word(parameters)) {
        if (const auto mechanism = find_mechanism(word)) {
            capabilities.auth.add(*mechanism);
        }
    }
}

}  // namespace

Capabilities parse_capabilities(const Reply& reply) {
    Capabilities capabilities;
    for (std::size_t i = 1; i < reply.lines.size(); ++i) {
        std::string_view rest = reply.words(i);
        const auto keyword = next_word(rest);
        for (const auto& flag : kFlags) {
            if (ascii_iequals(keyword, flag.keyword)) {
                capabilities.*flag.member = true;
            }
        }
        if (ascii_iequals(keyword, "SIZE")) {
            parse_size(rest, capabilities);
        } else if (ascii_iequals(keyword, "LIMITS")) {
            parse_limits(rest, capabilities);
        } else if (ascii_iequals(keyword, "AUTH")) {
            parse_auth(rest, capabilities);
        } else if (ascii_istarts_with(keyword, "AUTH=")) {
            parse_auth(keyword.substr(5), capabilities);
            parse_auth(rest, capabilities);
        }
    }
    return capabilities;
}

}  // namespace mxpost::protocol
