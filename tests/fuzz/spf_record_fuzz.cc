// SPF records and the macro strings in them: whatever a stranger's zone has, parsing ends, and what
// parses can be expanded.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "spf/macro.h"
#include "spf/record.h"

using namespace mxpost::spf;

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    MacroValues values;
    values.local_part = "user+tag";
    values.sender_domain = "mail.example.com";
    values.domain = "example.com";
    values.helo = "host.example.net";
    values.validated = "unknown";
    values.client = boost::asio::ip::make_address("2001:db8::1");
    const auto use = [&](const std::string& macro) {
        if (!is_domain_spec(macro) || !is_macro_string(macro, MacroUse::domain)) {
            std::abort();
        }
        const std::string name = shortened(expand(macro, values));
        if (name.size() > 253 && name.find('.') != std::string::npos) {
            std::abort();
        }
    };
    if (is_macro_string(text, MacroUse::explanation)) {
        (void)expand(text, values);
    }
    (void)has_macro(text, 'p');
    if (!is_spf_record(text)) {
        return 0;
    }
    const auto record = parse_record(text);
    if (!record) {
        return 0;
    }
    for (const Directive& directive : record->directives) {
        if (!directive.domain.empty()) {
            use(directive.domain);
        }
        if (directive.prefix4 > 32 || directive.prefix6 > 128) {
            std::abort();
        }
    }
    for (const auto& modifier : {record->redirect, record->explanation}) {
        if (modifier) {
            use(*modifier);
        }
    }
    return 0;
}
