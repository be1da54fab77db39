// ProgressLine: one line of a terminal that says how far something long has come, and leaves
// nothing behind. Where there is no terminal nothing is shown.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace mxpost::apps {

class ProgressLine {
public:
    /// On `fd`, if that is a terminal and `is_wanted`.
    explicit ProgressLine(int fd, bool is_wanted = true);
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { clear(); }

    bool is_shown() const { return is_terminal_; }
    /// Shows what `make_text` returns, which is called a few times a second at most. Not before
    /// half a second has passed: what is short needs none.
    void show(const std::function<std::string()>& make_text);
    /// Takes the line away.
    void clear();
    /// Takes the line away and leaves this instead, if there was one.
    void replace(const std::string& text);

private:
    int fd_;
    bool is_terminal_;
    bool is_there_ = false;
    std::chrono::steady_clock::time_point next_;
};

}  // namespace mxpost::apps
