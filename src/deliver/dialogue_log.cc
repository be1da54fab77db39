#include "deliver/dialogue_log.h"

#include "base/text.h"

namespace mxpost::deliver {
namespace {

constexpr std::size_t kMaxLine = 600;
constexpr std::size_t kMaxHalf = 6000;

}  // namespace

void DialogueLog::add(std::string_view prefix, std::string_view line) {
    const std::string text = printable(line, kMaxLine);
    if (listener_) {
        listener_(std::string(prefix) + text);
    }
    const bool is_head = !is_cut_ && head_.size() + prefix.size() + text.size() < kMaxHalf;
    std::string& half = is_head ? head_ : tail_;
    half += prefix;
    half += text;
    half += '\n';
    if (is_head) {
        return;
    }
    is_cut_ = true;
    while (tail_.size() > kMaxHalf) {
        tail_.erase(0, tail_.find('\n') + 1);
    }
}

std::string DialogueLog::text() const {
    std::string all = head_ + tail_;
    if (!all.empty()) {
        all.pop_back();
    }
    return all;
}

}  // namespace mxpost::deliver
