#include "spool/entry_name.h"

#include <algorithm>

#include "base/base32.h"

namespace mxpost::spool {
namespace {

constexpr std::size_t kTimeDigits = 11;   // 55 bits of microseconds: until the year 3111
constexpr std::size_t kRandomDigits = 7;  // 35 bits, within one microsecond
constexpr std::size_t kDueDigits = 7;     // 35 bits of seconds: until the year 3058
static_assert(kTimeDigits + kRandomDigits == kMessageIdSize);
constexpr std::chrono::seconds kAskedForBefore{60};

std::chrono::sys_seconds submission_of(const PackedId& id) {
    return to_seconds(WallTime(std::chrono::microseconds(static_cast<std::int64_t>(id.time))));
}

}  // namespace

MessageId make_message_id(WallTime now, Random& random) {
    const auto microseconds = std::max<std::int64_t>(0, now.time_since_epoch().count());
    return to_base32(static_cast<std::uint64_t>(microseconds), kTimeDigits) +
           to_base32(random.bits(), kRandomDigits);
}

std::chrono::sys_seconds submission_time(const MessageId& id) {
    return submission_of(PackedId::of(id).value_or(PackedId()));
}

bool is_message_id(std::string_view text) {
    return PackedId::of(text).has_value();
}

std::optional<PackedId> PackedId::of(std::string_view id) {
    if (id.size() != kMessageIdSize) {
        return std::nullopt;
    }
    const auto time = from_base32(id.substr(0, kTimeDigits));
    const auto random = from_base32(id.substr(kTimeDigits));
    return time && random ? std::optional(PackedId{*time, *random}) : std::nullopt;
}

MessageId PackedId::text() const {
    return to_base32(time, kTimeDigits) + to_base32(random, kRandomDigits);
}

std::chrono::sys_seconds asked_for_due(const MessageId& id) {
    return submission_time(id) - kAskedForBefore;
}

bool is_asked_for(const EntryName& name) {
    return name.due <= asked_for_due(name.id);
}

bool is_untried(const EntryName& name) {
    return is_untried(PackedId::of(name.id).value_or(PackedId()), name.due);
}

bool is_untried(const PackedId& id, std::chrono::sys_seconds due) {
    const auto submission = submission_of(id);
    // The two clock readings of a submission may lie on both sides of a full second.
    return due <= submission + std::chrono::seconds(1) && due > submission - kAskedForBefore;
}

std::string EntryName::text() const {
    const auto seconds = std::max<std::int64_t>(0, due.time_since_epoch().count());
    return id + "." + to_base32(static_cast<std::uint64_t>(seconds), kDueDigits);
}

std::optional<EntryName> EntryName::parse(std::string_view name) {
    if (name.size() != kMessageIdSize + 1 + kDueDigits || name[kMessageIdSize] != '.' ||
        !is_message_id(name.substr(0, kMessageIdSize))) {
        return std::nullopt;
    }
    const auto seconds = from_base32(name.substr(kMessageIdSize + 1));
    if (!seconds) {
        return std::nullopt;
    }
    return EntryName{
        MessageId(name.substr(0, kMessageIdSize)),
        std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(*seconds)))};
}

std::optional<PackedName> PackedName::of(const EntryName& name) {
    const auto id = PackedId::of(name.id);
    return id ? std::optional(PackedName{*id, name.due}) : std::nullopt;
}

}  // namespace mxpost::spool
