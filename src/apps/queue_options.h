// The options by which the queue commands select messages.
#pragma once

#include "apps/command.h"
#include "submit/queue_selection.h"

namespace mxpost::apps {

/// --id, --sender, --recipient, --domain, --older-than, --newer-than, --held, --all, and ids as
/// operands ("ids").
void add_selection_options(boost::program_options::options_description& options);
inline constexpr const char* kIdOperand = "ids";

struct ParsedSelection {
    submit::QueueSelection selection;
    Arguments ids;         // that were given whole
    bool is_told = false;  // something was said of which messages are meant, if only "all"
};

/// Throws boost::program_options::error for what is no id or age, and for an empty text.
ParsedSelection parse_selection(const boost::program_options::variables_map& values, WallTime now);

}  // namespace mxpost::apps
