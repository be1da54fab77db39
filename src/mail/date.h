// Dates as text. Local time comes as an offset: no time-zone look-up here.
#pragma once

#include <chrono>
#include <string>

namespace mxpost::mail {

/// RFC 5322 3.3: "Mon, 1 Jan 2024 13:05:09 +0100". Offsets of a day or more count as 0.
std::string date_text(std::chrono::sys_seconds time, std::chrono::minutes utc_offset);

/// UTC as "20240101120509", for ids.
std::string compact_time(std::chrono::sys_seconds time);

}  // namespace mxpost::mail
