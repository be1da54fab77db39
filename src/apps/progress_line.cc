#include "apps/progress_line.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace mxpost::apps {
namespace {

constexpr std::chrono::milliseconds kFirst{500};
constexpr std::chrono::milliseconds kInterval{200};

/// Whoever looks on may have gone: then there is nothing to do about it.
void put(int fd, const std::string& text) {
    (void)!::write(fd, text.data(), text.size());
}

std::size_t columns(int fd) {
    winsize size{};
    const bool is_known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    return is_known ? size.ws_col : 80;
}

}  // namespace

ProgressLine::ProgressLine(int fd, bool is_wanted)
    : fd_(fd),
      is_terminal_(is_wanted && ::isatty(fd) == 1),
      next_(std::chrono::steady_clock::now() + kFirst) {}

void ProgressLine::show(const std::function<std::string()>& make_text) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal_ || now < next_) {
        return;
    }
    next_ = now + kInterval;
    // A line that wraps could not be taken away again.
    put(fd_, "\r\x1b[K" + printable(make_text()).substr(0, columns(fd_) - 1));
    is_there_ = true;
}

void ProgressLine::clear() {
    if (is_there_) {
        put(fd_, "\r\x1b[K");
        is_there_ = false;
    }
}

void ProgressLine::replace(const std::string& text) {
    if (is_there_) {
        clear();
        put(fd_, text + "\n");
    }
}

}  // namespace mxpost::apps
