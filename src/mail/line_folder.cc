#include "mail/line_folder.h"

#include <algorithm>
#include <string_view>

#include "mail/header.h"

namespace mxpost::mail {
namespace {

constexpr std::string_view kSpace = " \t";

/// Offset of the first octet that is neither the field's name nor white space.
std::size_t content_start(std::string_view line) {
    const std::string_view name = field_name(line);
    const std::size_t value = name.empty() ? 0 : line.find(':') + 1;
    return std::min(line.find_first_not_of(kSpace, value), line.size());
}

bool is_continuation_octet(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

void LineFolder::put(const LinePiece& piece, std::string& out) {
    line_ += piece.text;
    while (line_.size() > kMaxLineLength) {
        fold(out);
    }
    if (!piece.is_last) {
        return;
    }
    if (!is_folded_ || line_.find_first_not_of(kSpace) != std::string::npos) {
        out.append(line_).append("\r\n");
    }
    line_.clear();
    is_folded_ = false;
}

void LineFolder::fold(std::string& out) {
    const std::size_t start = content_start(line_);
    if (start >= kMaxLineLength) {
        const std::size_t first = line_.find_last_not_of(kSpace, start - 1) + 1;
        if (start > first + 1) {
            // More white space than a line has room for, and nothing before it: one is as good.
            line_.erase(first, start - first - 1);
            return;
        }
    }
    std::size_t end = line_.find_last_of(kSpace, kMaxLineLength);
    const bool is_at_space = end != std::string::npos && end > start;
    if (!is_at_space) {
        end = line_.find_last_of(",;", kMaxLineLength - 1) + 1;
        if (end <= start + 1) {
            end = kMaxLineLength;
            for (int i = 0; i < 3 && is_continuation_octet(line_[end]); ++i) {
                --end;
            }
        }
    }
    out.append(line_, 0, end).append("\r\n");
    line_.erase(0, end);
    if (!is_at_space) {
        line_.insert(line_.begin(), ' ');
    }
    is_folded_ = true;
}

}  // namespace mxpost::mail
