// RunProgress: how far a queue run (`mxpost run --once`, `sendmail -qf`) has come, on a terminal.
#pragma once

#include "apps/progress_line.h"
#include "base/clock.h"
#include "deliver/engine.h"

namespace mxpost::apps {

class RunProgress {
public:
    /// On standard error, if that is a terminal. References must outlive it.
    RunProgress(deliver::Engine& engine, const Clock& clock);
    /// Says what came of the run.
    void finish();

private:
    void look();

    deliver::Engine& engine_;
    const Clock& clock_;
    ProgressLine line_;
    SteadyTime begin_;
};

}  // namespace mxpost::apps
