#include "mail/date.h"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace mxpost::mail {
namespace {

constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<const char*, 12> kMonths = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

std::string date_text(std::chrono::sys_seconds time, std::chrono::minutes utc_offset) {
    if (std::chrono::abs(utc_offset) >= std::chrono::hours(24)) {
        utc_offset = std::chrono::minutes(0);
    }
    const auto local = time + utc_offset;
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(local - day);
    const auto offset = static_cast<long>(std::abs(utc_offset.count()));
    std::array<char, 64> text{};
    // Not strftime(): its names follow the locale.
    std::snprintf(
        text.data(),
        text.size(),
        "%s, %u %s %d %02ld:%02ld:%02ld %c%02ld%02ld",
        kDays.at(std::chrono::weekday(day).c_encoding()),
        static_cast<unsigned>(date.day()),
        kMonths.at(static_cast<unsigned>(date.month()) - 1),
        static_cast<int>(date.year()),
        static_cast<long>(clock.hours().count()),
        static_cast<long>(clock.minutes().count()),
        static_cast<long>(clock.seconds().count()),
        utc_offset.count() < 0 ? '-' : '+',
        offset / 60,
        offset % 60
    );
    return text.data();
}

std::string compact_time(std::chrono::sys_seconds time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(time - day);
    std::array<char, 64> text{};
    std::snprintf(
        text.data(),
        text.size(),
        "%04d%02u%02u%02ld%02ld%02ld",
        static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()),
        static_cast<unsigned>(date.day()),
        static_cast<long>(clock.hours().count()),
        static_cast<long>(clock.minutes().count()),
        static_cast<long>(clock.seconds().count())
    );
    return text.data();
}

}  // namespace mxpost::mail
