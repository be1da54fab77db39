// A message's content from memory, which can be made to fail.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

#include "mail/content.h"

namespace mxpost::test {

class StringContent final : public mail::Content {
public:
    explicit StringContent(std::string text) : text_(std::move(text)) {}

    /// Reading fails before this octet.
    void fail_at(std::size_t position) { fail_at_ = position; }
    /// At most that many octets a read.
    void limit_reads(std::size_t octets) { read_limit_ = octets; }

    std::uint64_t size() const override { return text_.size(); }
    bool is_eight_bit() const override {
        return std::any_of(text_.begin(), text_.end(), [](char c) {
            return static_cast<unsigned char>(c) > 127;
        });
    }
    Result<void> rewind() override {
        position_ = 0;
        return {};
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t count = std::min({buffer.size(), read_limit_, text_.size() - position_});
        if (position_ + count > fail_at_) {
            return Error::from_errno(EIO, "read");
        }
        std::copy_n(text_.data() + position_, count, buffer.data());
        position_ += count;
        return count;
    }

private:
    std::string text_;
    std::size_t position_ = 0;
    std::size_t fail_at_ = SIZE_MAX;
    std::size_t read_limit_ = SIZE_MAX;
};

}  // namespace mxpost::test
