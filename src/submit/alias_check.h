// newaliases (-bi): there is no data base to build, so it checks the alias files instead.
#pragma once

#include <functional>
#include <string_view>

#include "base/exit_status.h"
#include "submit/surroundings.h"

namespace mxpost::submit {

/// Prints each bad line with its number, what can't be included, and loops; data_error then. A
/// file that isn't there is none of these: package scripts call newaliases on every host.
ExitStatus check_aliases(
    const Surroundings& around,
    const std::function<void(std::string_view)>& say,
    const std::function<void(std::string_view)>& complain
);

}  // namespace mxpost::submit
