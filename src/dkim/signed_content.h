// SignedContent: a message with its signatures in front.
#pragma once

#include <memory>
#include <string>

#include "mail/content.h"

namespace mxpost::dkim {

class SignedContent final : public mail::Content {
public:
    /// `fields`: whole header fields with CRLF, ASCII, computed over the octets of `content`.
    SignedContent(std::string fields, std::unique_ptr<mail::Content> content);

    std::uint64_t size() const override { return fields_.size() + content_->size(); }
    bool is_eight_bit() const override { return content_->is_eight_bit(); }
    Result<void> rewind() override;
    Result<std::size_t> read(std::span<char> buffer) override;

private:
    std::string fields_;
    std::size_t given_ = 0;  // of them
    std::unique_ptr<mail::Content> content_;
};

}  // namespace mxpost::dkim
