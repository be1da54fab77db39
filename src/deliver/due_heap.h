// DueHeap: entries of an EntryTable in the order of `from`, then of their ids. Both ends are at
// hand: a min-max heap (Atkinson, Sack, Santoro, Strothotte 1986), four octets an entry.
//
// On even levels an entry is the first of all below it, on odd levels the last of them.
#pragma once

#include <cstddef>
#include <vector>

#include "deliver/entry_table.h"

namespace mxpost::deliver {

class DueHeap {
public:
    using Number = EntryTable::Number;

    bool is_empty() const { return numbers_.empty(); }
    std::size_t size() const { return numbers_.size(); }
    /// In no order.
    const std::vector<Number>& numbers() const { return numbers_; }
    /// Of a heap that isn't empty.
    Number first() const { return numbers_.front(); }
    Number last(const EntryTable& table) const;

    /// Notes each entry's place in its `position`. What it is ordered by mustn't change while it is
    /// in here.
    void push(EntryTable& table, Number number);
    void erase(EntryTable& table, Number number);

private:
    static bool is_min_level(std::size_t at);
    static bool is_before(const EntryTable& table, Number a, Number b);
    void put(EntryTable& table, std::size_t at, Number number);
    void swap(EntryTable& table, std::size_t a, std::size_t b);
    /// `a` is nearer to the end that this level is for.
    bool is_better(const EntryTable& table, bool is_min, std::size_t a, std::size_t b) const;
    void mend(EntryTable& table, std::size_t at);
    void rise(EntryTable& table, std::size_t at, bool is_min);
    void sink(EntryTable& table, std::size_t at, bool is_min);

    std::vector<Number> numbers_;
};

}  // namespace mxpost::deliver
