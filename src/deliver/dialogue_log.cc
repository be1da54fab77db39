#include "deliver/dialogue_log.h"

#include "base/text.h"

namespace mxpost::deliver {
namespace {

constexpr std::size_t kMaxLine = 600;
constexpr std::size_t kMaxHalf = 6000;

}  // namespace

void DialogueLog::add(std::string_view prefix, std::string_view line) {
    const std::string text = std::string(prefix) + printable(line, kMaxLine);
    if (listener_) {
        listener_(text);
    }
    if (!is_cut_ && head_.size() + text.size() < kMaxHalf) {
        head_ += text + "\n";
        return;
    }
    is_cut_ = true;
    tail_ += text + "\n";
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
