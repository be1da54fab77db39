// `mxpost queue watch`: the queue, live on a terminal, else a line at each look.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "apps/command.h"

namespace mxpost::apps {

struct WatchCall {
    bool is_json = false;
    std::chrono::seconds interval{2};
    std::optional<std::size_t> count;  // looks; nothing: until it is ended
};

/// "2", "30s", "5m"; throws boost::program_options::error for what is none, or no second.
std::chrono::seconds parse_interval(const std::string& text);

ExitStatus watch_queue(QueueTool& tool, const WatchCall& call);

}  // namespace mxpost::apps
