#include "config/values.h"

#include <array>
#include <limits>
#include <optional>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/text.h"
#include "config/host_port.h"
#include "mail/address.h"

namespace mxpost::config {
namespace {

constexpr std::uint64_t kLongestSeconds = 10ULL * 366 * 24 * 3600;

std::optional<std::uint64_t> seconds_of_unit(char unit) {
    switch (unit) {
        case 's':
        case 'S':
            return 1;
        case 'm':
        case 'M':
            return 60;
        case 'h':
        case 'H':
            return 3600;
        case 'd':
        case 'D':
            return 24 * 3600;
        case 'w':
        case 'W':
            return 7 * 24 * 3600;
        default:
            return std::nullopt;
    }
}

/// The digits at the front of `text`, which loses them.
std::optional<std::uint64_t> take_number(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] >= '0' && text[length] <= '9') {
        ++length;
    }
    const auto number = parse_unsigned(text.substr(0, length));
    text.remove_prefix(length);
    return number;
}

std::optional<unsigned> shift_of_unit(std::string_view unit) {
    const std::string lower = ascii_lower(unit);
    for (const auto& [letter, shift] : {std::pair{'k', 10U}, {'m', 20U}, {'g', 30U}, {'t', 40U}}) {
        if (lower == std::string(1, letter) || lower == std::string(1, letter) + "b" ||
            lower == std::string(1, letter) + "ib") {
            return shift;
        }
    }
    return lower.empty() || lower == "b" ? std::optional<unsigned>(0U) : std::nullopt;
}

bool is_ip(int family, std::string_view text) {
    in6_addr address{};
    return ::inet_pton(family, std::string(text).c_str(), &address) == 1;
}

/// Each word of `text` through `parse`.
template <class T = std::string, class Parse>
Result<std::vector<T>> parse_words(std::string_view text, Parse parse) {
    std::vector<T> words;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(", \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(", \t", at), text.size());
        auto word = parse(text.substr(at, end - at));
        if (!word) {
            return word.error();
        }
        words.push_back(std::move(*word));
        at = end;
    }
    return words;
}

Result<std::string> parse_domain_pattern(std::string_view word) {
    const bool is_below = word.starts_with('.');
    auto domain = parse_domain(word.substr(is_below ? 1 : 0));
    return domain && is_below ? Result<std::string>("." + *domain) : domain;
}

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text, std::chrono::seconds bare_unit) {
    Error bad = Error::invalid("a time such as 90s, 15m, 4h, 5d, 1w or 1h30m");
    if (text == "0") {
        return std::chrono::seconds(0);
    }
    std::uint64_t total = 0;
    do {
        const auto number = take_number(text);
        auto unit = static_cast<std::uint64_t>(bare_unit.count());
        if (!text.empty()) {
            unit = seconds_of_unit(text.front()).value_or(0);
            text.remove_prefix(1);
        }
        if (!number || unit == 0 || *number > kLongestSeconds) {
            return bad;
        }
        total += *number * unit;
        if (total > kLongestSeconds) {
            return bad;
        }
    } while (!text.empty());
    return std::chrono::seconds(total);
}

Result<std::uint64_t> parse_size(std::string_view text) {
    const auto number = take_number(text);
    const auto shift = shift_of_unit(trim(text));
    if (!number || !shift ||
        *number > (std::numeric_limits<std::uint64_t>::max() >> 1U >> *shift)) {
        return Error::invalid("a size such as 4096, 64k, 50M or 2G");
    }
    return *number << *shift;
}

Result<std::uint64_t> parse_count(std::string_view text) {
    const auto number = parse_unsigned(text);
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max()) {
        return Error::invalid("a number from 1 on");
    }
    return *number;
}

Result<std::string> parse_text(std::string_view text) {
    if (text.empty() || printable(text, text.size()) != text) {
        return Error::invalid("a word");
    }
    return std::string(text);
}

Result<std::string> parse_path(std::string_view text) {
    if (!text.starts_with('/') || (std::string(text) + "/").find("/../") != std::string::npos ||
        text.size() > 4000 || printable(text, text.size()) != text) {
        return Error::invalid("an absolute path");
    }
    while (text.size() > 1 && text.ends_with('/')) {
        text.remove_suffix(1);
    }
    return std::string(text);
}

Result<std::string> parse_log_target(std::string_view text) {
    if (text == "syslog" || text == "stderr") {
        return std::string(text);
    }
    auto path = parse_path(text);
    return path ? path : Result<std::string>(Error::invalid("syslog, stderr or an absolute path"));
}

Result<std::string> parse_domain(std::string_view text) {
    if (text.ends_with('.')) {
        text.remove_suffix(1);
    }
    if (!mail::is_domain_name(text)) {
        return Error::invalid("a domain name");
    }
    return ascii_lower(text);
}

Result<std::string> parse_address(std::string_view text) {
    const auto address = mail::parse_smtp_address(text);
    if (!address || !address->is_qualified()) {
        return Error::invalid("a mail address such as ops@example.com");
    }
    return address->text();
}

Result<std::string> parse_helo_name(std::string_view text) {
    if (text.starts_with('[') && text.ends_with(']')) {
        const std::string_view inside = text.substr(1, text.size() - 2);
        if (is_ip(AF_INET, inside) ||
            (ascii_istarts_with(inside, "IPv6:") && is_ip(AF_INET6, inside.substr(5)))) {
            return std::string(text);
        }
    } else if (auto domain = parse_domain(text)) {
        return domain;
    }
    return Error::invalid("a domain name or an address literal such as [192.0.2.1]");
}

Result<std::string> parse_ipv4(std::string_view text) {
    return is_ip(AF_INET, text) ? Result<std::string>(std::string(text))
                                : Error::invalid("an IPv4 address");
}

Result<std::string> parse_ipv6(std::string_view text) {
    return is_ip(AF_INET6, text) ? Result<std::string>(std::string(text))
                                 : Error::invalid("an IPv6 address");
}

Result<std::vector<std::string>> parse_domains(std::string_view text) {
    return parse_words(text, parse_domain);
}

Result<std::vector<std::string>> parse_masquerade_domains(std::string_view text) {
    return parse_words(text, [](std::string_view word) {
        const bool is_excluded = word.starts_with('!');
        auto domain = parse_domain(word.substr(is_excluded ? 1 : 0));
        return domain && is_excluded ? Result<std::string>("!" + *domain) : domain;
    });
}

Result<std::vector<std::string>> parse_users(std::string_view text) {
    return parse_words(text, [](std::string_view word) -> Result<std::string> {
        const auto user = mail::parse_smtp_address(word);
        if (!user || user->is_qualified()) {
            return Error::invalid("names of users, without a domain");
        }
        return user->local_part();
    });
}

Result<std::vector<std::string>> parse_paths(std::string_view text) {
    return parse_words(text, parse_path);
}

Result<std::vector<std::string>> parse_domain_patterns(std::string_view text) {
    return parse_words(text, parse_domain_pattern);
}

Result<TlsLevel> parse_tls_level(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, TlsLevel>, 6> kLevels{{
        {"none", TlsLevel::none},
        {"may", TlsLevel::may},
        {"no-downgrade", TlsLevel::no_downgrade},
        {"encrypt", TlsLevel::encrypt},
        {"verify", TlsLevel::verify},
        {"dane", TlsLevel::dane},
    }};
    for (const auto& [name, level] : kLevels) {
        if (text == name) {
            return level;
        }
    }
    return Error::invalid("none, may, no-downgrade, encrypt, verify or dane");
}

Result<std::vector<TlsPolicy>> parse_tls_policies(std::string_view text) {
    return parse_words<TlsPolicy>(text, [](std::string_view word) -> Result<TlsPolicy> {
        const auto colon = word.rfind(':');
        if (colon == std::string_view::npos) {
            return Error::invalid("domain:level, such as example.com:verify");
        }
        TlsPolicy policy;
        auto level = parse_tls_level(word.substr(colon + 1));
        if (!level) {
            return level.error();
        }
        policy.level = *level;
        const std::string_view domain = word.substr(0, colon);
        if (domain.starts_with('[') && domain.ends_with(']')) {
            policy.domain = ascii_lower(domain);
        } else {
            auto pattern = parse_domain_pattern(domain);
            if (!pattern) {
                return pattern.error();
            }
            policy.domain = *pattern;
        }
        return policy;
    });
}

Result<std::string> parse_relay(std::string_view text) {
    const auto server = HostPort::parse(text);
    return server ? Result<std::string>(std::string(text)) : server.error();
}

Result<std::vector<std::string>> parse_mechanisms(std::string_view text) {
    return parse_words(text, [](std::string_view word) -> Result<std::string> {
        std::string name = ascii_lower(word);
        for (const char* known : {"scram-sha-256", "cram-md5", "plain", "login", "xoauth2"}) {
            if (name == known) {
                return name;
            }
        }
        return Error::invalid("scram-sha-256, cram-md5, plain, login or xoauth2");
    });
}

Result<std::vector<std::string>> parse_ip_addresses(std::string_view text) {
    return parse_words(text, [](std::string_view word) {
        return is_ip(AF_INET, word) || is_ip(AF_INET6, word)
                   ? Result<std::string>(std::string(word))
                   : Error::invalid("IP addresses, separated by commas");
    });
}

Result<ResolverChoice> parse_resolver(std::string_view text) {
    constexpr std::string_view kValidating = "validating";
    auto words = parse_words(text, [&](std::string_view word) {
        return word == kValidating || is_ip(AF_INET, word) || is_ip(AF_INET6, word)
                   ? Result<std::string>(std::string(word))
                   : Error::invalid("IP addresses, separated by commas, or validating");
    });
    if (!words) {
        return words.error();
    }
    ResolverChoice choice;
    choice.is_validating = std::erase(*words, kValidating) > 0;
    choice.servers = std::move(*words);
    return choice;
}

}  // namespace mxpost::config
