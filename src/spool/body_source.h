// BodySource: the body of a new message that comes in pieces.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/result.h"

namespace mxpost::spool {

/// Gives the next octets (lines with CRLF), 0 at the end.
using BodySource = std::function<Result<std::size_t>(std::span<char> buffer)>;

}  // namespace mxpost::spool
