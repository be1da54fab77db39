#include "dkim/signer.h"

#include <algorithm>
#include <utility>

#include "dkim/signature.h"

namespace mxpost::dkim {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

}  // namespace

Signer::Signer(const SignOptions& options)
    : options_(options), body_(options.canonicalization.body, [this](std::string_view piece) {
          body_hash_.add(piece);
      }) {}

void Signer::feed(std::string_view octets) {
    if (is_in_body_) {
        body_.feed(octets);
    } else {
        feed_header(octets);
    }
}

void Signer::feed_header(std::string_view octets) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    const std::size_t from = header_.size() < kEnd.size() ? 0 : header_.size() - kEnd.size();
    header_ += octets;
    std::size_t end = header_.starts_with("\r\n") ? 0 : header_.find(kEnd, from);
    if (end == std::string::npos) {
        return;
    }
    end += end == 0 ? 0 : 2;  // with the last field's line end
    is_in_body_ = true;
    body_.feed(std::string_view(header_).substr(end + 2));
    header_.resize(end);
}

Result<std::string> Signer::finish(const std::vector<SigningKey>& keys) {
    body_.finish();
    const Coverage coverage = choose_coverage(split_fields(header_));
    const Form form = options_.canonicalization.header;
    const Sha256 fields = hash_of(form, coverage.fields);
    SignatureTags tags;
    tags.canonicalization = options_.canonicalization;
    tags.time = options_.now;
    tags.lifetime = options_.lifetime;
    tags.names = coverage.names;
    tags.body_hash = body_hash_.finish();
    std::string result;
    for (const SigningKey& key : keys) {
        tags.type = key.key->type();
        tags.domain = key.domain;
        tags.selector = key.selector;
        std::string field = unsigned_field(tags);
        const auto signature = key.key->sign(digest_of(fields, form, field));
        if (!signature) {
            return signature.error();
        }
        result += signed_field(std::move(field), *signature);
    }
    return result;
}

Result<std::string> sign(
    mail::Content& content, const std::vector<SigningKey>& keys, const SignOptions& options
) {
    if (const auto rewound = content.rewind(); !rewound) {
        return rewound.error();
    }
    Signer signer(options);
    // One octet more than a small message has: its end is seen by a second, short read.
    std::string buffer(
        static_cast<std::size_t>(std::min<std::uint64_t>(kBufferSize, content.size() + 1)), '\0'
    );
    while (true) {
        const auto size = content.read(buffer);
        if (!size) {
            return size.error();
        }
        if (*size == 0) {
            break;
        }
        signer.feed(std::string_view(buffer).substr(0, *size));
    }
    if (const auto rewound = content.rewind(); !rewound) {
        return rewound.error();
    }
    return signer.finish(keys);
}

}  // namespace mxpost::dkim
