#include "tls/report_record.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "tls/policy_record.h"
#include "tls/sts_policy.h"

namespace mxpost::tls {
namespace {

constexpr std::size_t kMaxUri = 1000;

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// RFC 3986 2.1. Nothing where a '%' isn't followed by two digits, or what results isn't visible.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            decoded += text[i];
            continue;
        }
        if (i + 2 >= text.size()) {
            return std::nullopt;
        }
        const int high = hex_digit(text[i + 1]);
        const int low = hex_digit(text[i + 2]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        decoded += static_cast<char>(high * 16 + low);
        i += 2;
    }
    const bool is_visible =
        std::ranges::all_of(decoded, [](char c) { return c > 0x20 && c < 0x7f; });
    return is_visible ? std::optional(decoded) : std::nullopt;
}

std::optional<ReportDestination> mail_destination(std::string_view rest) {
    const auto mailbox = percent_decoded(rest.substr(0, rest.find('?')));
    if (!mailbox || mailbox->find('@') == std::string::npos) {
        return std::nullopt;
    }
    ReportDestination destination;
    destination.mailbox = *mailbox;
    return destination;
}

std::optional<ReportDestination> https_destination(std::string_view rest) {
    const auto end = rest.find_first_of("/?");
    const std::string_view authority = rest.substr(0, end);
    const std::string_view path = end == std::string_view::npos ? "" : rest.substr(end);
    ReportDestination destination;
    const auto colon = authority.find(':');
    if (colon != std::string_view::npos) {
        const auto port = parse_unsigned(authority.substr(colon + 1));
        if (!port || *port == 0 || *port > 65535) {
            return std::nullopt;
        }
        destination.port = static_cast<std::uint16_t>(*port);
    }
    destination.host = ascii_lower(authority.substr(0, colon));
    destination.path = path.starts_with('/') ? std::string(path) : "/" + std::string(path);
    destination.path.erase(std::min(destination.path.find('#'), destination.path.size()));
    if (!is_host_name(destination.host)) {
        return std::nullopt;
    }
    return destination;
}

std::optional<ReportDestination> destination_of(std::string_view uri) {
    constexpr std::string_view kMail = "mailto:";
    constexpr std::string_view kHttps = "https://";
    const bool is_visible = std::ranges::all_of(uri, [](char c) { return c > 0x20 && c < 0x7f; });
    if (uri.size() > kMaxUri || !is_visible) {
        return std::nullopt;
    }
    if (ascii_istarts_with(uri, kMail)) {
        return mail_destination(uri.substr(kMail.size()));
    }
    if (ascii_istarts_with(uri, kHttps)) {
        return https_destination(uri.substr(kHttps.size()));
    }
    return std::nullopt;  // RFC 8460 3: other schemes are ignored
}

}  // namespace

std::vector<ReportDestination> report_destinations(const std::vector<dns::TxtRecord>& records) {
    const auto fields = policy_record(records, "TLSRPTv1");
    const std::string* const rua = fields ? find_field(*fields, "rua") : nullptr;
    std::vector<ReportDestination> destinations;
    if (rua == nullptr) {
        return destinations;
    }
    for (const std::string_view uri : split(*rua, ',')) {
        auto destination = destination_of(trim(uri));
        if (destination && destinations.size() < kMaxReportDestinations &&
            std::ranges::find(destinations, *destination) == destinations.end()) {
            destinations.push_back(std::move(*destination));
        }
    }
    return destinations;
}

}  // namespace mxpost::tls
