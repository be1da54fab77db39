// Names of message files: "ID.DUE". Listing a box's names is reading its schedule.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"

namespace mxpost::spool {

/// A message's id: 18 characters of base32.h's digits, 11 for the time of submission in
/// microseconds, 7 random. Ids sort by time. It is what logs, mailq and Received fields show.
using MessageId = std::string;

MessageId make_message_id(WallTime now, Random& random);
bool is_message_id(std::string_view text);
inline constexpr std::size_t kMessageIdSize = 18;
/// The time in it.
std::chrono::sys_seconds submission_time(const MessageId& id);

/// An id in two numbers, in the same order, for those who keep very many.
struct PackedId {
    std::uint64_t time = 0;    // of submission, microseconds since 1970; 55 bits
    std::uint64_t random = 0;  // 35 bits

    /// Nothing for what is no id.
    static std::optional<PackedId> of(std::string_view id);
    MessageId text() const;  // NOLINTNEXTLINE(modernize-use-nullptr): the compiler's own 0
    friend auto operator<=>(const PackedId&, const PackedId&) = default;
};

struct EntryName {
    MessageId id;
    std::chrono::sys_seconds
        due;  // the next attempt; a hint: an older one only means an early attempt

    /// "ID.DUE", DUE in seconds, 7 digits.
    std::string text() const;
    /// Nothing for any other name (other entries of a box start with a dot or are "corrupt").
    static std::optional<EntryName> parse(std::string_view name);
    friend bool operator==(const EntryName&, const EntryName&) = default;
};

/// The same for those who keep very many.
struct PackedName {
    PackedId id;
    std::chrono::sys_seconds due;

    EntryName name() const { return {id.text(), due}; }
    static std::optional<PackedName> of(const EntryName& name);
};

/// The due time by which a message says that somebody wants an attempt now, whatever delays and
/// rests there are: a minute before it was submitted, which nothing else leaves.
std::chrono::sys_seconds asked_for_due(const MessageId& id);
bool is_asked_for(const EntryName& name);

/// No attempt was made yet, as far as the name tells: a new message is due when it came, which is
/// the time in its id, and each attempt leaves a later one.
bool is_untried(const EntryName& name);
bool is_untried(const PackedId& id, std::chrono::sys_seconds due);

}  // namespace mxpost::spool
