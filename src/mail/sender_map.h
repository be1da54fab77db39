// The sender map: which sender addresses leave as which others (mxpost.conf's sender-map).
//
// A line is "PATTERN REPLACEMENT". Lines that can't be understood are left out and named, so that
// one mistake doesn't cost the rest, nor any mail.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "mail/address.h"

namespace mxpost::mail {

/// Case doesn't matter anywhere in a pattern. From the one that is looked for first:
///   user@domain    that address
///   user           that user of this host: without a domain, or with one of this host's own
///   user@*         that user of any domain
///   @domain        everybody in that domain ("*@domain" as well)
///   *              everybody ("@*" as well)
/// A replacement is an address, or "@domain", which keeps the user.
class SenderMap {
public:
    /// An error says what is wrong with the line: a pattern or a replacement that is none, or a
    /// pattern that was there before.
    Result<void> add(std::string_view pattern, std::string_view replacement);

    /// What `address` becomes; nothing when no pattern matches. `is_own`: its domain is this
    /// host's. An address without a domain is own, and in no domain.
    std::optional<Address> find(const Address& address, bool is_own) const;

    bool is_empty() const { return rules_.empty(); }

private:
    /// Patterns in one form: "user@domain", "user", "user@*", "@domain", "@*"; lower case.
    std::unordered_map<std::string, Address> rules_;  // an empty local part: keep the user
};

struct BadLine {
    std::size_t number = 0;  // from 1
    std::string reason;      // one printable line
};

struct ParsedSenderMap {
    SenderMap map;
    std::vector<BadLine> bad;
};

/// The whole text of a map: one pair a line, separated by white space; a colon behind the pattern
/// is passed over, '#' at the front of a line or behind white space begins a comment. Linear work.
ParsedSenderMap parse_sender_map(std::string_view text);

}  // namespace mxpost::mail
