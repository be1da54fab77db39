// Fuzzer: any octets as the reply to "_25._tcp.mx.example.org TLSA" and "… TXT", through to what
// DANE demands. Seeds: replies with id 0x1234, in corpus/tlsa.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <variant>

#include "dns/interpret.h"
#include "dns/message.h"
#include "tls/dane.h"

namespace {

using namespace mxpost;

const char* const kBase = "mx.example.org";

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

/// The records of the reply, if it is one.
template <class T>
dns::Answer<T> answer_of(std::span<const std::uint8_t> wire, dns::RecordType type) {
    dns::Answer<T> answer;
    const dns::Question question(tls::tlsa_name(kBase), type);
    const auto reply = dns::decode_reply(wire, question, 0x1234);
    if (!reply || !*reply) {
        return answer;
    }
    for (const dns::RecordData& data : dns::interpret(**reply, question).records) {
        answer.status = dns::LookupStatus::ok;
        answer.is_secure = true;
        answer.records.push_back(std::get<T>(data));
    }
    return answer;
}

void check(const dns::Answer<dns::TlsaRecord>& answer) {
    tls::DaneDomain domain;
    domain.name = "example.org";
    domain.canonical_name = "example.net";
    domain.is_secure = true;
    const tls::DaneHost host(kBase, kBase, true);
    const auto verdict = tls::judge(domain, host, kBase, answer);
    require(verdict.has_value());
    if (answer.status != dns::LookupStatus::ok) {
        require(!verdict->problem.empty() && verdict->demand == nullptr);
        return;
    }
    // Records are never without effect: what can't be used still demands encryption.
    require(verdict->problem.empty() && verdict->demand != nullptr);
    const tls::Demand& demand = *verdict->demand;
    require((demand.use == tls::TlsUse::dane) == !demand.tlsa.empty());
    require(demand.use == tls::TlsUse::dane || demand.use == tls::TlsUse::encrypt);
    require(demand.use == tls::TlsUse::encrypt || demand.names.front() == kBase);
    const bool has_usable = std::ranges::any_of(answer.records, tls::is_usable);
    require(has_usable == !demand.tlsa.empty());
    require(std::ranges::all_of(demand.tlsa, tls::is_usable));
    require(tls::records_to_use(demand.tlsa) == demand.tlsa);
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span<const std::uint8_t> wire(data, size);
    check(answer_of<dns::TlsaRecord>(wire, dns::RecordType::tlsa));
    const auto text = answer_of<dns::TxtRecord>(wire, dns::RecordType::txt);
    for (const dns::TxtRecord& record : text.records) {
        require(record.text.size() <= size);
    }
    return 0;
}
