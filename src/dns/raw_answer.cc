#include "dns/raw_answer.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::dns {

RawAnswer not_a_name(const std::string& name) {
    return RawAnswer(LookupStatus::nx_domain, printable(name, 255) + " is not a domain name");
}

std::string normalised(const std::string& name) {
    std::string lower = ascii_lower(name);
    if (lower.ends_with('.')) {
        lower.pop_back();
    }
    return lower;
}

void bound(std::vector<RecordData>& records) {
    std::stable_sort(records.begin(), records.end(), [](const auto& a, const auto& b) {
        const auto* left = std::get_if<MxRecord>(&a);
        const auto* right = std::get_if<MxRecord>(&b);
        return left != nullptr && right != nullptr && left->preference < right->preference;
    });
    if (records.size() > kMaxRecords) {
        records.resize(kMaxRecords);
    }
}

}  // namespace mxpost::dns
