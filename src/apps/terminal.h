// Terminal: the screen of `mxpost queue watch`. It is the alternate one, in ANSI sequences that
// every terminal since the VT100 knows, and what was there before is back when this ends, however
// it ends (but for SIGKILL).
#pragma once

#include <chrono>
#include <string>
#include <termios.h>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "submit/queue_watch.h"

namespace mxpost::apps {

class Terminal {
public:
    /// Standard input and output are a terminal that can do this.
    static bool is_there();

    /// Takes the screen, and the signals that end or stop a process or tell of a new size, for as
    /// long as it lives.
    Terminal();
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
    ~Terminal();

    submit::ScreenSize size() const;
    /// Lines without control characters. False: the terminal has gone.
    bool draw(const std::vector<std::string>& lines) const;

    enum class Event { time_over, new_size, key, end };
    struct Happened {
        Event event = Event::time_over;
        char key = 0;
        int signal = 0;  // that ended it, to be passed on
    };
    Happened wait(std::chrono::milliseconds time);

private:
    void enter();
    void leave();
    Happened take_signal();

    sigset_t old_mask_{};
    termios old_modes_{};
    Fd signals_;
    bool has_modes_ = false;
};

}  // namespace mxpost::apps
