// What a look-up gives: records, a firm "there is none", or "ask again later".
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mxpost::dns {

enum class LookupStatus : std::uint8_t {
    ok,         // there are records
    no_data,    // the name exists, but has no record of this type
    nx_domain,  // the name does not exist (RFC 8020: nor does anything below it)
    temporary   // nobody knows at present: SERVFAIL, timeout, refused, lame
};

/// Copyable value. All names and texts in it were written by whoever runs the zone: names are in
/// presentation form (RFC 1035 5.1), lower-case, without trailing dot, odd octets as \DDD.
template <class T>
struct Answer {
    // Constructors on purpose: g++ 12 miscompiles aggregate temporaries in co_await expressions.
    Answer() = default;
    explicit Answer(LookupStatus status_, std::string reason_ = {})
        : status(status_), reason(std::move(reason_)) {}

    LookupStatus status = LookupStatus::temporary;
    std::vector<T> records;       // not empty exactly when status is ok; bounded
    std::chrono::seconds ttl{0};  // how long this may be kept
    bool is_secure = false;       // AD came from a resolver that is trusted to validate
    std::string name;             // ok, no_data: what was asked for, after its CNAMEs
    std::string reason;           // temporary: what went wrong with which server, one line
};

struct MxRecord {
    MxRecord() = default;
    MxRecord(std::uint16_t preference_, std::string exchange_)
        : preference(preference_), exchange(std::move(exchange_)) {}

    std::uint16_t preference = 0;  // lower is better
    std::string exchange;          // empty: the root, a null MX (RFC 7505)

    friend bool operator==(const MxRecord&, const MxRecord&) = default;
};

/// RFC 1035 3.3.14, its strings put together (RFC 7208 3.3, RFC 6376 3.6.2.2).
struct TxtRecord {
    TxtRecord() = default;
    explicit TxtRecord(std::string text_) : text(std::move(text_)) {}

    std::string text;  // any octets

    friend bool operator==(const TxtRecord&, const TxtRecord&) = default;
};

/// RFC 6698 2.1. Values that no RFC knows are possible.
struct TlsaRecord {
    TlsaRecord() = default;

    std::uint8_t usage = 0;
    std::uint8_t selector = 0;
    std::uint8_t matching_type = 0;
    std::string data;  // octets: of a certificate or key, or their digest

    friend bool operator==(const TlsaRecord&, const TlsaRecord&) = default;
};

inline constexpr std::size_t kMaxRecords = 100;  // kept of one answer

}  // namespace mxpost::dns
