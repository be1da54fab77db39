#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>

#include "base/text.h"
#include "mail/recode.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kBufferSize = std::size_t{32} * 1024;

/// Gives all of `content` to `take`, from its first octet.
template <class Take>
Result<void> read_all(Content& content, const Take& take) {
    if (Result<void> rewound = content.rewind(); !rewound) {
        return rewound;
    }
    std::string buffer(kBufferSize, '\0');
    while (true) {
        const Result<std::size_t> length = content.read(buffer);
        if (!length) {
            return length.error();
        }
        if (*length == 0) {
            return {};
        }
        take(std::string_view(buffer).substr(0, *length));
    }
}

class RecodedContent final : public Content {
public:
    RecodedContent(std::unique_ptr<Content> source, RecodePlan plan)
        : source_(std::move(source)), plan_(std::move(plan)), buffer_(kBufferSize, '\0') {}

    /// The pass that finds size and octets of the result.
    Result<void> measure() {
        Recoder recoder(plan_, [this](std::string_view piece) {
            size_ += piece.size();
            is_eight_bit_ = is_eight_bit_ || !is_ascii(piece);
        });
        Result<void> done =
            read_all(*source_, [&](std::string_view octets) { recoder.feed(octets); });
        recoder.finish();
        return done ? rewind() : done;
    }

    std::uint64_t size() const override { return size_; }
    bool is_eight_bit() const override { return is_eight_bit_; }

    Result<void> rewind() override {
        waiting_.clear();
        given_ = 0;
        is_finished_ = false;
        recoder_.emplace(plan_, [this](std::string_view piece) { waiting_ += piece; });
        return source_->rewind();
    }

    Result<std::size_t> read(std::span<char> buffer) override {
        while (given_ == waiting_.size() && !is_finished_) {
            waiting_.clear();
            given_ = 0;
            const Result<std::size_t> length = source_->read(buffer_);
            if (!length) {
                return length.error();
            }
            if (*length > 0) {
                recoder_->feed(std::string_view(buffer_).substr(0, *length));
            } else {
                recoder_->finish();
                is_finished_ = true;
            }
        }
        const std::size_t length = std::min(buffer.size(), waiting_.size() - given_);
        std::memcpy(buffer.data(), waiting_.data() + given_, length);
        given_ += length;
        return length;
    }

private:
    std::unique_ptr<Content> source_;
    RecodePlan plan_;
    std::string buffer_;
    std::optional<Recoder> recoder_;
    std::string waiting_;    // recoded, at most a few times what buffer_ holds
    std::size_t given_ = 0;  // of waiting_
    bool is_finished_ = false;
    std::uint64_t size_ = 0;
    bool is_eight_bit_ = false;
};

}  // namespace

Result<std::unique_ptr<Content>> recode(
    std::unique_ptr<Content> content, const RecodeOptions& options
) {
    RecodeScan scan(options);
    if (Result<void> done = read_all(*content, [&](std::string_view octets) { scan.feed(octets); });
        !done) {
        return done.error();
    }
    RecodePlan plan = scan.finish();
    if (!plan.is_needed) {
        if (Result<void> rewound = content->rewind(); !rewound) {
            return rewound.error();
        }
        return content;
    }
    auto recoded = std::make_unique<RecodedContent>(std::move(content), std::move(plan));
    if (Result<void> done = recoded->measure(); !done) {
        return done.error();
    }
    return std::unique_ptr<Content>(std::move(recoded));
}

}  // namespace mxpost::mail
