// The DKIM-Signature field (RFC 6376 3.5), and which fields of a message it covers.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "dkim/canonical.h"
#include "dkim/private_key.h"
#include "dkim/sha256.h"

namespace mxpost::dkim {

/// The fields of a header (RFC 5322 2.2) without their final CRLF. They point into `header`, which
/// ends before the empty line.
std::vector<std::string_view> split_fields(std::string_view header);

/// What h= names, and the fields that this means, in its order.
struct Coverage {
    std::vector<std::string_view> names;   // a name once more than it is there: oversigned
    std::vector<std::string_view> fields;  // of one name the last first (RFC 6376 5.4.2)
};

/// Signed are the fields that say what a message is, from whom, for whom, and how it is to be read
/// (RFC 6376 5.4.1, RFC 8058 4). Those that a reader takes for the message's own are named once
/// more than they are there, so that nobody can add another one (RFC 6376 8.15).
Coverage choose_coverage(const std::vector<std::string_view>& fields);

struct SignatureTags {
    KeyType type = KeyType::rsa;
    Canonicalization canonicalization;
    std::string domain;                   // d=
    std::string selector;                 // s=
    std::chrono::sys_seconds time;        // t=
    std::chrono::seconds lifetime{0};     // x= is t= and this; 0: none
    std::vector<std::string_view> names;  // h=
    std::string body_hash;                // bh=, octets
};

/// The field up to and with "b=", folded, without CRLF at its end.
std::string unsigned_field(const SignatureTags& tags);
/// The whole field with CRLF. `signature`: octets.
std::string signed_field(std::string unsigned_field, std::string_view signature);

/// The hash of the covered fields, to which digest_of() adds the signature's own.
Sha256 hash_of(Form form, const std::vector<std::string_view>& fields);
/// What is signed (RFC 6376 3.7). `unsigned_field`: with nothing behind "b=", without CRLF at its
/// end.
std::string digest_of(Sha256 fields, Form form, std::string_view unsigned_field);

}  // namespace mxpost::dkim
