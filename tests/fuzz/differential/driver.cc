// What mxpost makes of addresses and header fields, for differential.py to compare with what others
// make of them.
//
// Input: records of one letter (what to do), four octets (length, big-endian) and that many octets.
// Output: a line for each, words of "tag:hex:hex…" with a space between them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "../canonical_message.h"
#include "mail/address.h"
#include "mail/ascii_header.h"
#include "mail/encoded_word.h"
#include "mail/fix_up.h"
#include "mail/header.h"

namespace {

using namespace mxpost;

std::string hex(std::string_view octets) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string result;
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        result += {kDigits[octet >> 4U], kDigits[octet & 15U]};
    }
    return result;
}

std::string shown(const mail::AddressList& list) {
    std::string line;
    for (const mail::Address& address : list.addresses) {
        line += "address:" + hex(address.local_part()) + ":" + hex(address.domain()) + " ";
    }
    for (const mail::BadAddress& bad : list.bad) {
        line += "bad:" + hex(bad.reason) + ":" + hex(bad.text) + " ";
    }
    return line;
}

std::string shown(const mail::HeaderBlock& header) {
    std::string line;
    for (const mail::HeaderField& field : header.fields) {
        line += "field:" + hex(field.name) + ":" + hex(field.text()) + " ";
    }
    return line;
}

std::string value(std::string_view octets) {
    return "value:" + hex(octets);
}

/// One field, "Name:value", without what is beyond ASCII.
std::string ascii_field(std::string_view input) {
    const std::size_t colon = std::min(input.find(':'), input.size() - 1);
    mail::HeaderBlock header;
    header.fields.emplace_back(
        std::string(input.substr(0, colon)), std::string(input.substr(colon + 1))
    );
    mail::make_ascii(header);
    return value(header.fields.front().value);
}

/// As with -i: no line of one dot ends it.
fuzz::CanonicalMessage canonical(std::string_view input) {
    mail::InputOptions options;
    options.ends_at_dot = false;
    return fuzz::canonical_message(input, options, input.size() + 1);
}

std::string message(std::string_view input) {
    const fuzz::CanonicalMessage parsed = canonical(input);
    return parsed.is_refused
               ? "refused:"
               : shown(mail::parse_header(parsed.header)) + "body:" + hex(parsed.body);
}

/// The header as it is sent, and for whom -t sends it.
std::string fixed_message(std::string_view input) {
    const fuzz::CanonicalMessage parsed = canonical(input);
    if (parsed.is_refused) {
        return "refused:";
    }
    mail::FixUpOptions options;
    options.takes_recipients = true;
    options.domain = "d.test";
    options.sender = mail::Address("alice", "d.test");
    options.id = "0";
    const mail::FixUpResult result = mail::fix_up(mail::parse_header(parsed.header), options);
    return shown(result.recipients) + value(result.header.text());
}

std::string answer(char kind, std::string_view input) {
    switch (kind) {
        case 'a':
            return shown(mail::parse_address_list(input));
        case 'd':
            return value(mail::display_name(input));
        case 'f':
            return fixed_message(input);
        case 'm':
            return message(input);
        case 'q':
            return value(mail::qualify_address_field(input, "d.test"));
        case 'v':
            return ascii_field(input);
        default:
            return "unknown:";
    }
}

bool read_exactly(char* to, std::size_t size) {
    return std::fread(to, 1, size, stdin) == size;
}

}  // namespace

int main() {
    std::array<char, 5> head{};
    while (read_exactly(head.data(), head.size())) {
        std::size_t size = 0;
        for (std::size_t i = 1; i < head.size(); ++i) {
            size = size << 8U | static_cast<unsigned char>(head[i]);
        }
        std::string input(size, '\0');
        if (!read_exactly(input.data(), size)) {
            return 1;
        }
        std::puts(answer(head[0], input).c_str());
        std::fflush(stdout);
    }
    return 0;
}
