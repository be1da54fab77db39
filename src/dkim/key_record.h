// Key records (RFC 6376 3.6.1): what a domain publishes of a key, and whether it is that of ours.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dkim/private_key.h"

namespace mxpost::dkim {

/// As published: nothing in it is sure.
struct KeyRecord {
    std::string type = "rsa";         // k=
    std::vector<std::string> hashes;  // h=, lower case; empty: any
    bool is_testing = false;          // t=y: receivers should act as if there were no signature
    bool is_strict = false;           // t=s: i= must have the very domain of d=
    std::string public_key;           // p=, octets; empty: revoked
};

/// Of the record's text, its strings put together. An error says why receivers reject it.
Result<KeyRecord> parse_key_record(std::string_view text);

/// "" when receivers verify with `record` what `key` signs; else what is wrong with it.
std::string mismatch(const KeyRecord& record, const PrivateKey& key);

/// Where the record stands: "s1._domainkey.example.com".
std::string record_name(std::string_view selector, std::string_view domain);
/// Its text: "v=DKIM1; k=rsa; p=…".
std::string record_text(const PrivateKey& key);
/// A line of a zone file, the text in strings of at most 255 octets (RFC 1035 3.3).
std::string zone_line(std::string_view name, std::string_view text);

}  // namespace mxpost::dkim
