#include "deliver/entry_table.h"

#include <algorithm>
#include <utility>

namespace mxpost::deliver {

spool::EntryName Entry::name() const {
    return {id().text(), time(due)};
}

std::uint64_t Entry::seconds(std::chrono::sys_seconds time) {
    return std::min(
        kSecondsMask,
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.time_since_epoch().count()))
    );
}

std::size_t EntryTable::home(const spool::PackedId& id) const {
    std::uint64_t hash = (id.time ^ seed_) * 0x9e3779b97f4a7c15U;
    hash ^= hash >> 32;
    hash = (hash + (id.random ^ (seed_ >> 29))) * 0xbf58476d1ce4e5b9U;
    hash ^= hash >> 32;
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
}

std::optional<EntryTable::Number> EntryTable::find(const spool::PackedId& id) const {
    if (slots_.empty()) {
        return std::nullopt;
    }
    for (std::size_t slot = home(id); slots_[slot] != kNone; slot = next(slot)) {
        if ((*this)[slots_[slot]].id() == id) {
            return slots_[slot];
        }
    }
    return std::nullopt;
}

EntryTable::Number EntryTable::add(const spool::PackedId& id) {
    if ((size_ + 1) * 8 > slots_.size() * 7) {
        grow();
    }
    Number number = 0;
    if (!unused_.empty()) {
        number = unused_.back();
        unused_.pop_back();
    } else {
        if (used_ == chunks_.size() * kChunk) {
            chunks_.push_back(std::make_unique<std::array<Entry, kChunk>>());
        }
        number = static_cast<Number>(used_++);
    }
    Entry& entry = (*this)[number];
    entry = Entry();
    entry.id_time = id.time & ((std::uint64_t{1} << 55) - 1);
    entry.id_random = id.random & ((std::uint64_t{1} << 35) - 1);
    put(number);
    ++size_;
    return number;
}

void EntryTable::put(Number number) {
    std::size_t slot = home((*this)[number].id());
    while (slots_[slot] != kNone) {
        slot = next(slot);
    }
    slots_[slot] = number;
}

void EntryTable::grow() {
    constexpr std::size_t kFewest = 16;
    const std::vector<Number> old =
        std::exchange(slots_, std::vector<Number>(std::max(kFewest, slots_.size() * 2), kNone));
    for (const Number number : old) {
        if (number != kNone) {
            put(number);
        }
    }
}

void EntryTable::remove(Number number) {
    std::size_t hole = home((*this)[number].id());
    while (slots_[hole] != number) {
        hole = next(hole);
    }
    // Those behind it must be found without it: whoever may move nearer to its home does.
    for (std::size_t slot = next(hole); slots_[slot] != kNone; slot = next(slot)) {
        const std::size_t wanted = home((*this)[slots_[slot]].id());
        const std::size_t mask = slots_.size() - 1;
        if (((slot - wanted) & mask) >= ((slot - hole) & mask)) {
            slots_[hole] = slots_[slot];
            hole = slot;
        }
    }
    slots_[hole] = kNone;
    (*this)[number] = Entry();
    if (--size_ > 0) {
        unused_.push_back(number);
        return;
    }
    // A flood is over: give its memory back.
    chunks_.clear();
    unused_ = {};
    slots_ = {};
    used_ = 0;
}

}  // namespace mxpost::deliver
