#include "spool/entry_name.h"

#include <algorithm>

#include "base/base32.h"

namespace mxpost::spool {
namespace {

constexpr std::size_t kTimeDigits = 11;   // 55 bits of microseconds: until the year 3111
constexpr std::size_t kRandomDigits = 7;  // 35 bits, within one microsecond
constexpr std::size_t kDueDigits = 7;     // 35 bits of seconds: until the year 3058
constexpr std::size_t kIdSize = kTimeDigits + kRandomDigits;

}  // namespace

MessageId make_message_id(WallTime now, Random& random) {
    const auto microseconds = std::max<std::int64_t>(0, now.time_since_epoch().count());
    return to_base32(static_cast<std::uint64_t>(microseconds), kTimeDigits) +
           to_base32(random.bits(), kRandomDigits);
}

bool is_message_id(std::string_view text) {
    return text.size() == kIdSize && from_base32(text.substr(0, kTimeDigits)) &&
           from_base32(text.substr(kTimeDigits));
}

std::string EntryName::text() const {
    const auto seconds = std::max<std::int64_t>(0, due.time_since_epoch().count());
    return id + "." + to_base32(static_cast<std::uint64_t>(seconds), kDueDigits);
}

std::optional<EntryName> EntryName::parse(std::string_view name) {
    if (name.size() != kIdSize + 1 + kDueDigits || name[kIdSize] != '.' ||
        !is_message_id(name.substr(0, kIdSize))) {
        return std::nullopt;
    }
    const auto seconds = from_base32(name.substr(kIdSize + 1));
    if (!seconds) {
        return std::nullopt;
    }
    return EntryName{
        MessageId(name.substr(0, kIdSize)),
        std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(*seconds)))};
}

}  // namespace mxpost::spool
