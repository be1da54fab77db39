// What a reply means for the question: follows the CNAMEs in it and picks the records. Pure.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "dns/message.h"

namespace mxpost::dns {

inline constexpr int kMaxCnames = 10;  // on the way from the question to the records

struct Finding {
    enum class Kind : std::uint8_t {
        records,    // `records` is not empty
        no_data,    // the name at the end of the chain has none
        nx_domain,  // … or doesn't exist
        alias,      // the chain leads to `alias`, of which the reply says nothing: ask for it
        bad_chain   // CNAMEs go round in a circle, or on for too long
    };

    Kind kind = Kind::no_data;
    std::vector<RecordData> records;
    std::string alias;
    std::string name;             // records, no_data: whose
    std::chrono::seconds ttl{0};  // of everything used; 0: don't keep
};

/// `reply` is NOERROR or NXDOMAIN. Records of other names than the question's and its aliases'
/// are not looked at: whoever answers for one domain can't plant those of another.
Finding interpret(const Reply& reply, const Question& question);

}  // namespace mxpost::dns
