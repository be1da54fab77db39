#include "route/domain_name.h"

#include <algorithm>
#include <memory>

#include <idn2.h>

#include "base/text.h"
#include "mail/address.h"
#include "mail/completion.h"
#include "mail/header.h"

namespace mxpost::route {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kMaxUtf8Domain = 1024;  // longer than any that fits 253 octets of A-labels
constexpr std::size_t kMaxName = 253;

struct IdnDeleter {
    void operator()(char* text) const { idn2_free(text); }
};

Result<std::string> idn_to_ascii(std::string_view domain) {
    const std::string shown = printable(domain, 255);
    if (domain.size() > kMaxUtf8Domain || domain.find('\0') != std::string_view::npos ||
        !is_utf8(domain)) {
        return Error::invalid(shown + " is not a domain name");
    }
    char* ascii = nullptr;
    const int status = idn2_to_ascii_8z(
        std::string(domain).c_str(), &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL
    );
    const std::unique_ptr<char, IdnDeleter> owner(ascii);
    if (status != IDN2_OK) {
        return Error::invalid(shown + " is not a domain name: " + idn2_strerror(status));
    }
    return std::string(ascii);
}

/// The domains in a Message-ID or Received field; local parts and what is no domain stay.
std::string text_with_a_labels(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of(" \t\r\n<>()[];,@"), text.size());
        const std::string_view word = text.substr(0, end);
        const std::string_view behind = text.substr(end, 1);
        const bool is_local_part = behind == "@";
        if (is_ascii(word) || is_local_part) {
            result += word;
        } else {
            result += to_a_labels(word).value_or(std::string(word));
        }
        result += behind;
        text.remove_prefix(end + behind.size());
    }
    return result;
}

}  // namespace

Result<std::string> to_a_labels(std::string_view domain) {
    std::string name(domain);
    if (!is_ascii(domain)) {
        Result<std::string> ascii = idn_to_ascii(domain);
        if (!ascii) {
            return ascii;
        }
        name = std::move(*ascii);
    }
    name = ascii_lower(name);
    if (name.ends_with('.')) {
        name.pop_back();
    }
    if (name.size() > kMaxName || !mail::is_domain_name(name)) {
        return Error::invalid(printable(domain, 255) + " is not a domain name");
    }
    return name;
}

mail::Address with_a_labels(const mail::Address& address) {
    if (!is_ascii(address.domain()) && !address.needs_smtp_utf8()) {
        if (const auto domain = to_a_labels(address.domain())) {
            return {address.local_part(), *domain};
        }
    }
    return address;
}

std::string header_with_a_labels(std::string header) {
    if (is_ascii(header)) {
        return header;
    }
    mail::HeaderBlock block = mail::parse_header(header);
    mail::change_fields(block, [](const mail::Address& address) -> std::optional<mail::Address> {
        mail::Address changed = with_a_labels(address);
        return changed == address ? std::nullopt : std::optional(std::move(changed));
    });
    for (mail::HeaderField& field : block.fields) {
        if (field.is("Message-ID") || field.is("Resent-Message-ID") || field.is("Received")) {
            field.value = text_with_a_labels(field.value);
        }
    }
    std::string changed = block.text();
    return is_ascii(changed) ? changed : header;
}

bool is_address_literal(std::string_view domain) {
    return domain.starts_with('[') && domain.ends_with(']');
}

std::optional<ip::address> parse_address_literal(std::string_view domain) {
    static constexpr std::string_view kIpv6 = "IPv6:";
    if (!is_address_literal(domain)) {
        return std::nullopt;
    }
    const std::string_view inner = domain.substr(1, domain.size() - 2);
    boost::system::error_code error;
    if (!ascii_istarts_with(inner, kIpv6)) {
        const auto address = ip::make_address_v4(inner, error);
        return error ? std::nullopt : std::optional<ip::address>(address);
    }
    const std::string_view text = inner.substr(kIpv6.size());
    if (text.find('%') != std::string_view::npos) {
        return std::nullopt;  // a scope names one of our interfaces: not for strangers to choose
    }
    const auto address = ip::make_address_v6(text, error);
    return error ? std::nullopt : std::optional<ip::address>(address);
}

std::string address_literal(const ip::address& address) {
    if (address.is_v4()) {
        return "[" + address.to_string() + "]";
    }
    return "[IPv6:" + ip::address_v6(address.to_v6().to_bytes()).to_string() + "]";
}

}  // namespace mxpost::route
