// Addresses: RFC 5322 3.4 as found in header fields and on command lines, RFC 5321 4.1.2 on the
// wire.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::mail {

/// An addr-spec in the form that SMTP wants. No CR, LF, NUL or other control character can be in
/// it.
class Address {
public:
    Address() = default;
    /// Both parts in SMTP form already (parsers make them so).
    Address(std::string local_part, std::string domain)
        : local_part_(std::move(local_part)), domain_(std::move(domain)) {}

    /// Quoted where RFC 5321 4.1.2 demands it ("john doe"), bare otherwise; case kept.
    const std::string& local_part() const { return local_part_; }
    /// As written, without trailing dot; an address literal keeps its brackets ("[192.0.2.1]",
    /// "[IPv6:2001:db8::1]"); may be UTF-8 (U-labels); empty: unqualified.
    const std::string& domain() const { return domain_; }
    bool is_qualified() const { return !domain_.empty(); }
    /// "local@domain", or "local" when unqualified. No angle brackets.
    std::string text() const { return domain_.empty() ? local_part_ : local_part_ + "@" + domain_; }
    /// True when the local part is not ASCII: RFC 6531 is needed. (A domain can become A-labels.)
    bool needs_smtp_utf8() const;
    /// For removing duplicates: same local part octet by octet, same domain but for ASCII case.
    bool is_same(const Address& other) const;

    friend bool operator==(const Address&, const Address&) = default;

private:
    std::string local_part_;
    std::string domain_;
};

/// nullopt is the null reverse-path "<>".
using ReversePath = std::optional<Address>;

/// "local@domain" without brackets, or "" for the null path.
std::string path_text(const ReversePath& path);

struct BadAddress {
    std::string text;    // as written, printable, bounded
    std::string reason;  // "unbalanced quote"
};

struct AddressList {
    std::vector<Address> addresses;  // in order, duplicates kept, possibly unqualified
    std::vector<BadAddress> bad;     // the good ones beside them are in `addresses` all the same
};

/// Parses an address list as it stands in a To field or a command-line argument: comments, folded
/// white space, display names, groups, quoted local parts, source routes (dropped), address
/// literals, UTF-8, and the old forms that callers use: newlines and plain spaces as separators
/// ("a@x b@y"), semicolons, "host!user" (user@host), a trailing dot of the domain (dropped),
/// ".r@x" and "a..b@x" (quoted). An empty group ("undisclosed-recipients:;") and empty elements
/// give nothing and are no error. Bounded work: at most linear in the size of `text`.
AddressList parse_address_list(std::string_view text);

/// One address for the envelope sender: as an element of the list above (display form reduced to
/// its address). "" and "<>" are the null path. More than one address, or none: error.
Result<ReversePath> parse_reverse_path(std::string_view text);

/// The SMTP form in angle brackets as found in MAIL FROM and RCPT TO (RFC 5321 4.1.2), strict;
/// `text` without the brackets. Source routes are dropped. For validating what a spool file says.
Result<Address> parse_smtp_address(std::string_view text);

/// True for a domain name whose labels are LDH, underscore or UTF-8, 1 to 63 octets, 255 in all.
bool is_domain_name(std::string_view text);

/// Rewrites the value of an address field (To, Cc, From, Sender, Reply-To …): unqualified addresses
/// get "@domain", source routes are dropped; everything else (names, comments, folding, groups)
/// keeps its bytes. Where the value can't be parsed it is returned unchanged.
std::string qualify_address_field(std::string_view value, std::string_view domain);

/// The value with each address for which `change` has another one replaced by that: only the
/// addr-spec (with comments inside of it), so that names, comments, folding and groups keep their
/// bytes. Where the value can't be parsed it is returned unchanged.
std::string rewrite_address_field(
    std::string_view value, const std::function<std::optional<Address>(const Address&)>& change
);

}  // namespace mxpost::mail
