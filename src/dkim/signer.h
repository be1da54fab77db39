// Signer: the signatures of a message, by one pass over its octets as they leave.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dkim/canonical.h"
#include "dkim/private_key.h"
#include "dkim/sha256.h"
#include "mail/content.h"

namespace mxpost::dkim {

struct SigningKey {
    std::string domain;    // d=, A-labels
    std::string selector;  // s=
    std::shared_ptr<const PrivateKey> key;
};

struct SignOptions {
    Canonicalization canonicalization;
    std::chrono::sys_seconds now;
    std::chrono::seconds lifetime{0};  // of the signatures; 0: for ever
};

/// Holds the header and no more than a piece of the body.
class Signer {
public:
    explicit Signer(const SignOptions& options);
    Signer(const Signer&) = delete;
    Signer& operator=(const Signer&) = delete;

    /// Header, empty line and body with CRLF, cut anywhere.
    void feed(std::string_view octets);
    /// One DKIM-Signature field for each key, with CRLF: they go in front of the header.
    Result<std::string> finish(const std::vector<SigningKey>& keys);

private:
    void feed_header(std::string_view octets);

    SignOptions options_;
    std::string header_;  // without the empty line
    bool is_in_body_ = false;
    Sha256 body_hash_;
    CanonicalBody body_;
};

/// The same for `content`, which is read from its start and rewound. Errors: those of `content`,
/// or a key that doesn't sign.
Result<std::string> sign(
    mail::Content& content, const std::vector<SigningKey>& keys, const SignOptions& options
);

}  // namespace mxpost::dkim
