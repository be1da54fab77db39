// Any message becomes one that SMTP can carry, and a single part decodes to what it was. First
// octet: options and cuts.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "canonical_message.h"
#include "mail/header.h"
#include "mail/recode.h"

namespace {

using namespace mxpost;
using Action = mail::RecodePlan::Action;

mail::RecodePlan scan(std::string_view message, bool to_seven_bit, std::size_t step) {
    mail::RecodeScan scan(mail::RecodeOptions{to_seven_bit});
    for (std::size_t i = 0; i < message.size(); i += step) {
        scan.feed(message.substr(i, step));
    }
    return scan.finish();
}

std::string recoded(std::string_view message, const mail::RecodePlan& plan, std::size_t step) {
    std::string out;
    mail::Recoder recoder(plan, [&](std::string_view piece) { out += piece; });
    for (std::size_t i = 0; i < message.size(); i += step) {
        recoder.feed(message.substr(i, step));
    }
    recoder.finish();
    return out;
}

int digit(std::string_view digits, char c) {
    const std::size_t at = digits.find(c);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

std::string quoted_printable_decoded(std::string_view text) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '=') {
            result += text[i];
        } else if (text.substr(i + 1).starts_with("\r\n")) {
            i += 2;
        } else {
            fuzz::require(i + 2 < text.size());
            result += static_cast<char>(digit(kHex, text[i + 1]) * 16 + digit(kHex, text[i + 2]));
            i += 2;
        }
    }
    return result;
}

std::string base64_decoded(std::string_view text) {
    constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string result;
    std::uint32_t bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const int value = digit(kDigits, c);
        if (value < 0) {
            fuzz::require(c == '=' || c == '\r' || c == '\n');
            continue;
        }
        bits = (bits << 6U) | static_cast<unsigned>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            result += static_cast<char>((bits >> count) & 0xFFU);
        }
    }
    return result;
}

std::string base64_octets(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool is_base64 = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                               (c >= 'a' && c <= 'z') || c == '+' || c == '/' || c == '=';
        result += is_base64 ? std::string(1, c) : std::string();
    }
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view input(reinterpret_cast<const char*>(data + 1), size - 1);
    const bool to_seven_bit = (data[0] & 1U) != 0;
    const std::size_t step = (data[0] >> 1U) + 1U;
    const fuzz::CanonicalMessage parsed = fuzz::canonical_message(input, {}, size);
    if (parsed.is_refused) {
        return 0;
    }
    const std::string message = parsed.header + "\r\n" + parsed.body;
    const mail::RecodePlan plan = scan(message, to_seven_bit, message.size());
    const std::string result = recoded(message, plan, message.size());
    fuzz::require(recoded(message, scan(message, to_seven_bit, step), step) == result);
    fuzz::require(fuzz::require_canonical(result) <= mail::kMaxLineLength);
    if (!plan.is_needed) {
        bool has_labels = false;
        for (const auto& part : plan.parts) {
            has_labels = has_labels || part.action != Action::keep;
        }
        fuzz::require(has_labels || result == message);
        return 0;
    }
    if (!parsed.facts.has_long_lines) {
        fuzz::require(!scan(result, to_seven_bit, step).is_needed);
    }
    if (plan.parts.size() == 1) {
        const std::string_view body = std::string_view(result).substr(result.find("\r\n\r\n") + 4);
        switch (plan.parts[0].action) {
            case Action::quoted_printable:
                fuzz::require(quoted_printable_decoded(body) == parsed.body);
                break;
            case Action::base64:
                fuzz::require(base64_decoded(body) == parsed.body);
                break;
            case Action::rewrap_base64:
                fuzz::require(base64_octets(body) == base64_octets(parsed.body));
                break;
            default:
                break;
        }
    }
    return 0;
}
