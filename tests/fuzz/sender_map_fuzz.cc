// A sender map, and addresses that go through it: what comes out is an address that can stand in a
// protocol line, and a header that is rewritten stays a header.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "mail/sender_map.h"
#include "mail/sender_rewriter.h"

namespace {

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

}  // namespace

/// Up to the first empty line the map, then a header.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    namespace mail = mxpost::mail;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = std::min(text.find("\n\n"), text.size());
    const mail::SenderRewriter rewriter(
        mail::parse_sender_map(text.substr(0, cut)).map, {"own.example"}, {{"example.com"}, {}}
    );
    mail::HeaderBlock header = mail::parse_header(text.substr(cut));
    for (const mail::HeaderField& field : header.fields) {
        for (const mail::Address& address : mail::parse_address_list(field.value).addresses) {
            const mail::Address rewritten = rewriter.rewrite(address);
            const auto parsed = mail::parse_smtp_address(rewritten.text());
            require(parsed.has_value() && *parsed == rewritten);
        }
    }
    const std::size_t count = header.fields.size();
    mail::rewrite_senders(header, rewriter);
    require(header.fields.size() <= count + 1);
    require(mail::parse_header(header.text()).fields.size() == header.fields.size());
    return 0;
}
