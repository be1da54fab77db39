// Addresses out of any text: none may hold what could break a protocol line, and each must be what
// the strict parser of spool files accepts.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mail/address.h"

namespace {

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

void check(const mxpost::mail::Address& address) {
    const std::string text = address.text();
    for (const char c : text) {
        require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    }
    const auto parsed = mxpost::mail::parse_smtp_address(text);
    require(parsed.has_value() && *parsed == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto list = mxpost::mail::parse_address_list(text);
    for (const auto& address : list.addresses) {
        check(address);
    }
    const auto path = mxpost::mail::parse_reverse_path(text);
    if (path && *path) {
        check(**path);
    }
    const auto smtp = mxpost::mail::parse_smtp_address(text);
    if (smtp) {
        check(*smtp);
    }

    const std::string qualified = mxpost::mail::qualify_address_field(text, "d.test");
    const auto again = mxpost::mail::parse_address_list(qualified);
    if (list.bad.empty()) {
        require(again.bad.empty() && again.addresses.size() == list.addresses.size());
        for (std::size_t i = 0; i < again.addresses.size(); ++i) {
            const auto& before = list.addresses[i];
            require(again.addresses[i].local_part() == before.local_part());
            require(
                again.addresses[i].domain() == (before.is_qualified() ? before.domain() : "d.test")
            );
        }
        require(mxpost::mail::qualify_address_field(qualified, "d.test") == qualified);
    } else {
        require(qualified == text);
    }
    return 0;
}
