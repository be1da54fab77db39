// Any header comes out well-formed, with the fields that it must have, once. First line of the
// input: the full name.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/text.h"
#include "canonical_message.h"
#include "mail/completion.h"
#include "mail/fix_up.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace mxpost;
    std::string_view input(reinterpret_cast<const char*>(data), size);
    mail::FixUpOptions options;
    options.full_name = input.substr(0, input.find('\n'));
    input.remove_prefix(std::min(input.size(), options.full_name.size() + 1));
    options.takes_recipients = true;
    options.domain = size % 2 == 0 ? "d.test" : "";
    options.sender = mail::Address("alice", "");
    options.id = "0abc";

    const fuzz::CanonicalMessage message = fuzz::canonical_message(input, {}, input.size() + 1);
    if (message.is_refused) {
        return 0;
    }
    const mail::FixUpResult result = mail::fix_up(mail::parse_header(message.header), options);
    const std::string text = result.header.text();
    const std::size_t longest = fuzz::require_canonical(text);
    fuzz::require(result.has_long_lines == (longest > mail::kMaxLineLength));
    fuzz::require(mail::parse_header(text).text() == text);
    fuzz::require(mail::parse_header(text).fields == result.header.fields);
    for (const char* name : {"Bcc", "Resent-Bcc", "Return-Path", "Content-Length"}) {
        fuzz::require(result.header.find(name) == nullptr);
    }
    for (const char* name : {"From", "Date", "Message-ID"}) {
        fuzz::require(result.header.count(name) == 1);
    }
    fuzz::require(result.header.count("Subject") <= 1);

    // What is beyond ASCII stands in addresses.
    for (const mail::HeaderField& field : result.header.fields) {
        fuzz::require(is_ascii(field.value) || mail::parse_address_list(field.value).bad.empty());
    }

    // Fixing up again changes nothing but one more Received.
    mail::FixUpOptions twice = options;
    twice.takes_recipients = false;
    mail::HeaderBlock again = mail::fix_up(result.header, twice).header;
    again.fields.erase(again.fields.begin());
    fuzz::require(again.fields == result.header.fields);

    const std::string completed = mail::complete_header(text, "late.test");
    fuzz::require_canonical(completed);
    fuzz::require(mail::complete_header(completed, "later.test") == completed);
    fuzz::require(result.is_incomplete || !options.domain.empty() || completed == text);
    return 0;
}
