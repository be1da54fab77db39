// DNS messages on the wire: ldns encodes and decodes, and its types stay in message.cc.
//
// Whatever arrives is hostile: a reply is matched against its question before anything in it
// counts, and records that don't have the shape of their type are left out.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "base/result.h"
#include "dns/answer.h"

namespace mxpost::dns {

enum class RecordType : std::uint16_t {
    a = 1,
    cname = 5,
    ptr = 12,
    mx = 15,
    txt = 16,
    aaaa = 28,
    tlsa = 52
};

struct Question {
    Question() = default;
    Question(std::string name_, RecordType type_) : name(std::move(name_)), type(type_) {}

    std::string name;  // lower-case, no trailing dot
    RecordType type = RecordType::a;

    friend bool operator==(const Question&, const Question&) = default;
};

/// The data of a record that mxpost has a use for; the string is the name of CNAME and PTR.
using RecordData =
    std::variant<boost::asio::ip::address, MxRecord, std::string, TxtRecord, TlsaRecord>;

struct Record {
    std::string owner;
    RecordType type = RecordType::a;
    std::chrono::seconds ttl{0};
    RecordData data;
};

enum class ReplyCode : std::uint8_t {
    no_error,
    format_error,  // also BADVERS: in both cases EDNS may be the reason
    server_failure,
    nx_domain,
    not_implemented,
    refused,
    other
};

/// "SERVFAIL" and so on, for people.
std::string_view name_of(ReplyCode code);

struct Reply {
    ReplyCode code = ReplyCode::other;
    bool is_truncated = false;
    bool is_authentic = false;      // the AD bit as received
    bool is_authoritative = false;  // AA
    bool is_recursive = false;      // RA
    std::vector<Record> answers;    // the types above, class IN, in the order received
    std::optional<std::chrono::seconds> negative_ttl;  // of the SOA in the authority section
};

/// A name that can be asked for: labels of LDH and underscore, 1 to 63 octets, 253 in all.
bool is_query_name(std::string_view name);

/// The wire form of a query with RD set. Fails for what is_query_name() refuses.
Result<std::string> encode_query(
    const Question& question, std::uint16_t id, bool with_edns, bool wants_ad
);

/// Nothing: not a reply to this query (other id, other question, no reply at all): wait on.
/// Error: it claims to be the reply but can't be decoded. One that says it was cut (TC) may be cut
/// anywhere: without records then, it is good for asking again over TCP.
Result<std::optional<Reply>> decode_reply(
    std::span<const std::uint8_t> wire, const Question& question, std::uint16_t id
);

/// "1.2.0.192.in-addr.arpa" (RFC 1035 3.5), nibbles and "ip6.arpa" (RFC 3596 2.5).
std::string reverse_name(const boost::asio::ip::address& address);

}  // namespace mxpost::dns
