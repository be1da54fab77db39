// A key record is understood or not, without harm; and whatever a message is, its signature fields
// are header fields of lines that can be sent. The input: a record, an empty line, a message.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "canonical_message.h"
#include "dkim/canonical.h"
#include "dkim/key_record.h"
#include "dkim/key_ring.h"
#include "dkim/signature.h"
#include "mail/header.h"

namespace {

using namespace mxpost;

std::string body_form(dkim::Form form, std::string_view body, std::size_t piece) {
    std::string out;
    dkim::CanonicalBody canonical(form, [&](std::string_view text) { out += text; });
    for (std::size_t at = 0; at < body.size(); at += piece) {
        canonical.feed(body.substr(at, piece));
    }
    canonical.finish();
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::size_t end = std::min(input.find("\n\n"), input.size());
    if (const auto record = dkim::parse_key_record(input.substr(0, end))) {
        fuzz::require(record->public_key.size() <= end);
    }
    const std::string_view message = input.substr(end);
    (void)dkim::from_domain(message);
    const auto fields = dkim::split_fields(message);
    const auto coverage = dkim::choose_coverage(fields);
    fuzz::require(coverage.names.size() >= coverage.fields.size() + 10);
    dkim::SignatureTags tags;
    tags.domain = "example.com";
    tags.selector = "s1";
    tags.names = coverage.names;
    const std::string field =
        dkim::signed_field(dkim::unsigned_field(tags), message.substr(0, 300));
    fuzz::require(fuzz::require_canonical(field) <= 78);
    fuzz::require(mail::parse_header(field).fields.size() == 1);
    for (const dkim::Form form : {dkim::Form::simple, dkim::Form::relaxed}) {
        const std::string whole = body_form(form, message, message.size() + 1);
        fuzz::require(whole == body_form(form, message, 1 + size % 7));
        fuzz::require(whole.empty() || whole.ends_with("\r\n"));
    }
    return 0;
}
