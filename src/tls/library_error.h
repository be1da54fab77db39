// OpenSSL's error queue as an Error.
#pragma once

#include <string_view>

#include "base/result.h"

namespace mxpost::tls {

/// The oldest error of OpenSSL's queue, which is emptied.
Error library_error(std::string_view doing);

}  // namespace mxpost::tls
