// Fuzzer: any octets as an MTA-STS policy file, as its TXT record, and as the file of policies in
// the state directory. Seeds: policies, records and state files, in corpus/sts_policy.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tls/sts_cache.h"
#include "tls/sts_policy.h"

namespace {

using namespace mxpost::tls;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_policy(std::string_view text) {
    const auto policy = parse_sts_policy(text);
    if (!policy) {
        require(!policy.error().message().empty());
        return;
    }
    require(policy->mode == StsMode::none || !policy->mx.empty());
    require(policy->max_age >= std::chrono::seconds(0) && policy->max_age <= kMaxStsAge);
    std::string again;
    for (const std::string& line : lines_of(*policy)) {
        require(line.find_first_of("\r\n") == std::string::npos);
        again += line + "\n";
    }
    const auto same = parse_sts_policy(again);
    require(same && *same == *policy);
    for (const std::string& pattern : policy->mx) {
        require(
            !is_named(*policy, "a." + pattern) || pattern.starts_with("*.") || policy->mx.size() > 1
        );
    }
    require(!is_named(*policy, ""));
}

void check_record(const std::string& text) {
    const std::vector<mxpost::dns::TxtRecord> records{mxpost::dns::TxtRecord(text)};
    const auto id = sts_id(records);
    require(!id || (!id->empty() && id->size() <= 32));
}

void check_entries(std::string_view text) {
    const StsEntries entries = decode_sts_entries(text);
    require(entries.size() <= kMaxStsEntries);
    for (const auto& [domain, entry] : entries) {
        require(is_host_name(domain));
    }
    require(decode_sts_entries(encode_sts_entries(entries)).size() == entries.size());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check_policy(text);
    check_record(text);
    check_entries(text);
    return 0;
}
