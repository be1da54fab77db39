#include "apps/run_progress.h"

#include <algorithm>
#include <string>

#include <unistd.h>

namespace mxpost::apps {

RunProgress::RunProgress(deliver::Engine& engine, const Clock& clock)
    : engine_(engine), clock_(clock), line_(STDERR_FILENO), begin_(clock.steady_now()) {
    if (line_.is_shown()) {
        engine_.observe([this] { look(); });
    }
}

void RunProgress::look() {
    line_.show([this] {
        const deliver::RunFigures figures = engine_.figures();
        const auto seconds = std::chrono::duration<double>(clock_.steady_now() - begin_).count();
        const auto rate = static_cast<std::uint64_t>(
            static_cast<double>(figures.gone + figures.kept) / std::max(seconds, 0.001)
        );
        return "messages: " + std::to_string(figures.left) + " left (" +
               std::to_string(figures.active) + " under way), " + std::to_string(figures.gone) +
               " done, " + std::to_string(figures.kept) + " deferred, " + std::to_string(rate) +
               "/s";
    });
}

void RunProgress::finish() {
    const deliver::RunFigures figures = engine_.figures();
    line_.replace(
        "messages: " + std::to_string(figures.gone) + " done, " + std::to_string(figures.kept) +
        " deferred"
    );
}

}  // namespace mxpost::apps
