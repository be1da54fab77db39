#include "apps/watch_queue.h"

#include <algorithm>
#include <csignal>
#include <iostream>
#include <thread>

#include "apps/terminal.h"
#include "config/values.h"
#include "submit/queue_sample.h"
#include "submit/queue_watch.h"

namespace mxpost::apps {

namespace po = boost::program_options;

namespace {

using Milliseconds = std::chrono::milliseconds;

/// A queue that takes long to list is looked at less often: watching takes a tenth of one processor
/// at most.
constexpr int kShare = 9;

Milliseconds pause_after(SteadyTime begin, const Clock& clock, std::chrono::seconds interval) {
    const auto took = std::chrono::ceil<Milliseconds>(clock.steady_now() - begin);
    return std::max(Milliseconds(interval) - took, took * kShare);
}

ExitStatus print_lines(QueueTool& tool, const WatchCall& call) {
    submit::QueueSample sample(tool.around());
    for (std::size_t done = 0; !call.count || done < *call.count; ++done) {
        const SteadyTime begin = tool.clock().steady_now();
        const auto figures = sample.look(complain_line);
        print_line(call.is_json ? submit::watch_json(figures) : submit::watch_line(figures));
        if (!std::cout.flush()) {
            return ExitStatus::io_error;
        }
        if (!call.count || done + 1 < *call.count) {
            std::this_thread::sleep_for(pause_after(begin, tool.clock(), call.interval));
        }
    }
    return ExitStatus::ok;
}

/// The terminal's part: returns the signal that ended it, 0 for none.
class LiveWatch {
public:
    LiveWatch(QueueTool& tool, const WatchCall& call)
        : tool_(tool), call_(call), sample_(tool.around()) {}

    int run() {
        for (std::size_t done = 0; !call_.count || done < *call_.count; ++done) {
            const SteadyTime begin = tool_.clock().steady_now();
            // What can't be read would spoil the screen: it is told at the end.
            figures_ = sample_.look([this](std::string_view line) { problem_ = line; });
            next_ = tool_.clock().steady_now() + pause_after(begin, tool_.clock(), call_.interval);
            if (!terminal_.draw(submit::watch_screen(figures_, terminal_.size())) || !pass_time()) {
                break;
            }
        }
        return signal_;
    }
    const std::string& problem() const { return problem_; }

private:
    /// Until the next look. False: the end.
    bool pass_time() {
        while (true) {
            const auto left = std::chrono::ceil<Milliseconds>(next_ - tool_.clock().steady_now());
            if (left <= Milliseconds(0)) {
                return true;
            }
            const auto happened =
                terminal_.wait(std::min<Milliseconds>(left, std::chrono::hours(1)));
            switch (happened.event) {
                case Terminal::Event::time_over:
                    break;
                case Terminal::Event::new_size:
                    if (!terminal_.draw(submit::watch_screen(figures_, terminal_.size()))) {
                        return false;
                    }
                    break;
                case Terminal::Event::key:
                    if (happened.key == 'q' || happened.key == 'Q') {
                        return false;
                    }
                    if (happened.key == ' ') {
                        return true;  // a look now
                    }
                    break;
                case Terminal::Event::end:
                    signal_ = happened.signal;
                    return false;
            }
        }
    }

    QueueTool& tool_;
    const WatchCall& call_;
    submit::QueueSample sample_;
    submit::QueueFigures figures_;
    SteadyTime next_;
    std::string problem_;
    int signal_ = 0;
    Terminal terminal_;
};

}  // namespace

std::chrono::seconds parse_interval(const std::string& text) {
    const auto interval = config::parse_duration(text, std::chrono::seconds(1));
    if (!interval || *interval < std::chrono::seconds(1)) {
        throw po::error("--interval wants a time from one second on, such as 2 or 30s");
    }
    return *interval;
}

ExitStatus watch_queue(QueueTool& tool, const WatchCall& call) {
    if (call.is_json || !Terminal::is_there()) {
        return print_lines(tool, call);
    }
    int signal = 0;
    std::string problem;
    {
        LiveWatch watch(tool, call);
        signal = watch.run();
        problem = watch.problem();
    }
    if (!problem.empty()) {
        complain_line(problem);
    }
    if (signal != 0 && signal != SIGINT) {
        // As if this had never been in its way; ^C is how one ends a display.
        (void)std::signal(signal, SIG_DFL);
        (void)std::raise(signal);
    }
    return ExitStatus::ok;
}

}  // namespace mxpost::apps
