// Fuzzer: any octets as the reply to "example.org MX" and to "example.org A". Seeds: replies with
// id 0x1234, in corpus/dns_answer.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "dns/interpret.h"
#include "dns/message.h"

namespace {

using namespace mxpost::dns;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// Presentation form: nothing in it can end a line, a word or a C string.
bool is_harmless(const std::string& name) {
    for (const char c : name) {
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return name.size() <= 255 * 4;
}

bool is_harmless(const RecordData& data) {
    if (const auto* mx = std::get_if<MxRecord>(&data)) {
        return is_harmless(mx->exchange);
    }
    const auto* name = std::get_if<std::string>(&data);
    return name == nullptr || is_harmless(*name);
}

void check(std::span<const std::uint8_t> wire, const Question& question) {
    const auto reply = decode_reply(wire, question, 0x1234);
    if (!reply || !*reply) {
        return;
    }
    for (const Record& record : (*reply)->answers) {
        require(is_harmless(record.owner) && is_harmless(record.data));
        require(record.ttl >= std::chrono::seconds(0));
    }
    const Finding finding = interpret(**reply, question);
    require((finding.kind == Finding::Kind::records) == !finding.records.empty());
    for (const RecordData& data : finding.records) {
        require(std::holds_alternative<MxRecord>(data) == (question.type == RecordType::mx));
    }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> wire(data, size);
    check(wire, Question("example.org", RecordType::mx));
    check(wire, Question("example.org", RecordType::a));
    return 0;
}
