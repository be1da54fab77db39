// Times as text in UTC (RFC 3339).
#pragma once

#include <chrono>
#include <string>

namespace mxpost {

/// "2024-01-01"
std::string iso_date(std::chrono::sys_days day);
/// "2024-01-01T12:05:09Z"
std::string iso_time(std::chrono::sys_seconds time);

}  // namespace mxpost
