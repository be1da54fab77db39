// EntryTable: what DueIndex keeps of each message, found by the message's id, in forty octets and
// about ten for the way there. A million messages are usual enough (one flood, or one big sender)
// that a node and two strings for each would be the engine's largest part.
//
// Entries have numbers, which stay the same as long as they live; those of removed ones are used
// again.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "spool/entry_name.h"

namespace mxpost::deliver {

struct Entry {
    enum class State : std::uint8_t { unused, waiting, over_limits, in_lane, active };

    spool::PackedId id() const { return {id_time, id_random}; }
    spool::EntryName name() const;
    State state() const { return static_cast<State>(state_bits); }
    void set_state(State state) { state_bits = static_cast<std::uint8_t>(state) & 7U; }
    /// Times before 1970 or after 3058 are brought into that range, as in names.
    static std::uint64_t seconds(std::chrono::sys_seconds time);
    static std::chrono::sys_seconds time(std::uint64_t seconds) {
        return std::chrono::sys_seconds(std::chrono::seconds(static_cast<std::int64_t>(seconds)));
    }
    void set_due(std::chrono::sys_seconds at) { due = seconds(at) & kSecondsMask; }
    void set_from(std::uint64_t value) { from = value & kSecondsMask; }
    void set_position(std::size_t value) { position = value & kPositionMask; }

    static constexpr std::uint64_t kSecondsMask = (std::uint64_t{1} << 35) - 1;
    static constexpr std::uint64_t kPositionMask = (std::uint64_t{1} << 29) - 1;

    std::uint64_t id_time : 55 = 0;
    std::uint64_t state_bits : 3 = 0;
    std::uint64_t is_new : 1 = 0;         // waiting: in which of the two schedules
    std::uint64_t is_seen_again : 1 = 0;  // active: under another name, see `from`
    std::uint64_t id_random : 35 = 0;
    std::uint64_t recipients : 29 = 0;  // what it counts against the limits; 0, 0: not counted yet
    std::uint64_t octets = 0;           //
    std::uint64_t due : 35 = 0;         // seconds, as in the name
    std::uint64_t position : 29 = 0;    // in its heap, or in its lane
    // Waiting: given from then on. Active: the due time under which it was seen again. In a lane:
    // which one.
    std::uint64_t from : 35 = 0;
};
static_assert(sizeof(Entry) == 40);

class EntryTable {
public:
    using Number = std::uint32_t;

    /// `seed`: so that nobody can choose ids that make looking them up slow.
    explicit EntryTable(std::uint64_t seed) : seed_(seed) {}

    std::optional<Number> find(const spool::PackedId& id) const;
    /// For an id that isn't there yet.
    Number add(const spool::PackedId& id);
    void remove(Number number);

    Entry& operator[](Number number) { return (*chunks_[number / kChunk])[number % kChunk]; }
    const Entry& operator[](Number number) const {
        return (*chunks_[number / kChunk])[number % kChunk];
    }
    std::size_t size() const { return size_; }

private:
    static constexpr std::size_t kChunk = 1024;  // so that growing copies nothing
    static constexpr Number kNone = UINT32_MAX;

    std::size_t home(const spool::PackedId& id) const;
    std::size_t next(std::size_t slot) const { return (slot + 1) & (slots_.size() - 1); }
    void grow();
    void put(Number number);

    std::uint64_t seed_;
    std::vector<std::unique_ptr<std::array<Entry, kChunk>>> chunks_;
    std::vector<Number> unused_;
    std::size_t used_ = 0;       // numbers below have been used once
    std::vector<Number> slots_;  // open addressing; kNone: empty
    std::size_t size_ = 0;
};

}  // namespace mxpost::deliver
