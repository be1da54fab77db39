// The data files of this folder, as they were when the program was built (see embed.cmake).
#pragma once

#include <string_view>

namespace mxpost::diagnose {

extern const std::string_view kShippedReplies;
extern const std::string_view kShippedProviders;

}  // namespace mxpost::diagnose
