#include "mail/completion.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mail/address.h"
#include "mail/ascii_header.h"

namespace mxpost::mail {
namespace {

// Each also as "Resent-…".
constexpr std::array<std::string_view, 6> kAddressFields = {
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc"};
constexpr std::size_t kTimeDigits = 14;  // compact_time()

bool is_address_field(const HeaderField& field) {
    std::string_view name = field.name;
    if (ascii_istarts_with(name, "Resent-")) {
        name.remove_prefix(7);
    }
    return std::any_of(kAddressFields.begin(), kAddressFields.end(), [&](std::string_view known) {
        return ascii_iequals(name, known);
    });
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_id_octet(char c) {
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
}

}  // namespace

bool qualify_fields(HeaderBlock& header, std::string_view domain) {
    bool is_changed = false;
    for (HeaderField& field : header.fields) {
        if (is_address_field(field)) {
            std::string value = qualify_address_field(field.value, domain);
            is_changed = is_changed || value != field.value;
            field.value = std::move(value);
        }
    }
    return is_changed;
}

void change_fields(
    HeaderBlock& header, const std::function<std::optional<Address>(const Address&)>& change
) {
    for (HeaderField& field : header.fields) {
        if (has_addresses(field) || field.is("Delivered-To")) {
            field.value = rewrite_address_field(field.value, change);
        }
    }
}

bool is_incomplete_message_id(std::string_view value) {
    value = trim(value);
    if (value.size() < kTimeDigits + 4 || value.front() != '<' || value.back() != '>') {
        return false;
    }
    value = value.substr(1, value.size() - 2);
    const std::string_view time = value.substr(0, kTimeDigits);
    return std::all_of(time.begin(), time.end(), is_digit) && value[kTimeDigits] == '.' &&
           std::all_of(value.begin(), value.end(), is_id_octet);
}

std::string complete_header(std::string_view header, std::string_view domain) {
    if (!is_domain_name(domain) && !parse_smtp_address("x@" + std::string(domain))) {
        return std::string(header);
    }
    HeaderBlock block = parse_header(header);
    qualify_fields(block, domain);
    for (HeaderField& field : block.fields) {
        const bool is_message_id = field.is("Message-ID") || field.is("Resent-Message-ID");
        if (is_message_id && is_incomplete_message_id(field.value)) {
            field.value.insert(field.value.rfind('>'), "@" + std::string(domain));
        }
    }
    return block.text();
}

}  // namespace mxpost::mail
