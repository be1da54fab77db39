#include "dkim/signed_content.h"

#include <algorithm>
#include <utility>

namespace mxpost::dkim {

SignedContent::SignedContent(std::string fields, std::unique_ptr<mail::Content> content)
    : fields_(std::move(fields)), content_(std::move(content)) {}

Result<void> SignedContent::rewind() {
    given_ = 0;
    return content_->rewind();
}

/// A small message is one read all the same: its reader sends what one read gives at a time.
Result<std::size_t> SignedContent::read(std::span<char> buffer) {
    const std::size_t filled = std::min(buffer.size(), fields_.size() - given_);
    std::copy_n(fields_.data() + given_, filled, buffer.data());
    given_ += filled;
    if (filled == buffer.size()) {
        return filled;
    }
    const auto got = content_->read(buffer.subspan(filled));
    return got ? Result<std::size_t>(filled + *got) : got;
}

}  // namespace mxpost::dkim
