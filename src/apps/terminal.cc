#include "apps/terminal.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace mxpost::apps {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // alternate screen, no cursor
constexpr std::string_view kLeave = "\x1b[?25h\x1b[?1049l";
constexpr std::array<int, 6> kSignals = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

bool put(std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

bool Terminal::is_there() {
    const char* const name = std::getenv("TERM");
    return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1 && name != nullptr &&
           *name != '\0' && std::string_view(name) != "dumb";
}

Terminal::Terminal() {
    sigset_t wanted{};
    sigemptyset(&wanted);
    for (const int signal : kSignals) {
        sigaddset(&wanted, signal);
    }
    sigprocmask(SIG_BLOCK, &wanted, &old_mask_);
    signals_ = Fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
    has_modes_ = ::tcgetattr(STDIN_FILENO, &old_modes_) == 0;
    enter();
}

Terminal::~Terminal() {
    leave();
    // What came meanwhile takes its course now.
    sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
}

void Terminal::enter() {
    if (has_modes_) {
        termios modes = old_modes_;
        modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &modes);
    }
    put(kEnter);
}

void Terminal::leave() {
    put(kLeave);
    if (has_modes_) {
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &old_modes_);
    }
}

submit::ScreenSize Terminal::size() const {
    submit::ScreenSize size;
    winsize window{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_row > 0 &&
        window.ws_col > 0) {
        size.rows = window.ws_row;
        size.columns = window.ws_col;
    }
    return size;
}

bool Terminal::draw(const std::vector<std::string>& lines) const {
    // Each line over the old one and the rest of it cleared: no flicker.
    std::string text = "\x1b[H";
    for (std::size_t i = 0; i < lines.size(); ++i) {
        text += lines[i] + "\x1b[K" + (i + 1 < lines.size() ? "\r\n" : "");
    }
    return put(text + "\x1b[J");
}

Terminal::Happened Terminal::take_signal() {
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
        return {};
    }
    const auto signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGWINCH) {
        return {Event::new_size, 0, 0};
    }
    if (signal == SIGTSTP) {
        leave();
        ::raise(SIGSTOP);
        enter();
        return {Event::new_size, 0, 0};
    }
    return {Event::end, 0, signal};
}

Terminal::Happened Terminal::wait(std::chrono::milliseconds time) {
    std::array<pollfd, 2> sources = {{{STDIN_FILENO, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    const int ready = ::poll(sources.data(), sources.size(), static_cast<int>(time.count()));
    if (ready <= 0) {
        return {};
    }
    if (sources[1].revents != 0) {
        return take_signal();
    }
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1) {
        return {Event::end, 0, 0};  // the terminal has gone
    }
    return {Event::key, key, 0};
}

}  // namespace mxpost::apps
