// `mxpost queue`: the queue for people and programs.
#pragma once

#include <string>
#include <vector>

#include "base/exit_status.h"

namespace mxpost::apps {

/// Texts that ids, recipients or senders contain: see submit::QueueSelection.
struct QueueListCall {
    bool is_json = false;
    bool is_verbose = false;
    std::vector<std::string> ids;
    std::vector<std::string> recipients;
    std::vector<std::string> senders;
};

ExitStatus list_queue(const QueueListCall& call);

}  // namespace mxpost::apps
