// WatchedContent: remembers why reading failed: a disk that can't be read now is no reason to set a
// message aside.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "mail/content.h"

namespace mxpost::deliver {

class WatchedContent final : public mail::Content {
public:
    explicit WatchedContent(std::unique_ptr<mail::Content> content)
        : content_(std::move(content)) {}

    std::uint64_t size() const override { return content_->size(); }
    bool is_eight_bit() const override { return content_->is_eight_bit(); }
    Result<void> rewind() override {
        auto done = content_->rewind();
        if (!done) {
            error_ = done.error();
        }
        return done;
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        auto got = content_->read(buffer);
        if (!got) {
            error_ = got.error();
        }
        return got;
    }
    const std::optional<Error>& error() const { return error_; }

private:
    std::unique_ptr<mail::Content> content_;
    std::optional<Error> error_;
};

}  // namespace mxpost::deliver
