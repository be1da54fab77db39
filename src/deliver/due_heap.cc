#include "deliver/due_heap.h"

#include <bit>
#include <tuple>

namespace mxpost::deliver {
namespace {

std::size_t parent(std::size_t at) {
    return (at - 1) / 2;
}

}  // namespace

bool DueHeap::is_min_level(std::size_t at) {
    return std::bit_width(at + 1) % 2 == 1;
}

bool DueHeap::is_before(const EntryTable& table, Number a, Number b) {
    const Entry& left = table[a];
    const Entry& right = table[b];
    if (left.from != right.from) {
        return left.from < right.from;
    }
    return left.id() < right.id();
}

bool DueHeap::is_better(const EntryTable& table, bool is_min, std::size_t a, std::size_t b) const {
    return is_min ? is_before(table, numbers_[a], numbers_[b])
                  : is_before(table, numbers_[b], numbers_[a]);
}

DueHeap::Number DueHeap::last(const EntryTable& table) const {
    if (numbers_.size() < 3) {
        return numbers_.back();
    }
    return is_before(table, numbers_[1], numbers_[2]) ? numbers_[2] : numbers_[1];
}

void DueHeap::put(EntryTable& table, std::size_t at, Number number) {
    numbers_[at] = number;
    table[number].set_position(at);
}

void DueHeap::swap(EntryTable& table, std::size_t a, std::size_t b) {
    const Number number = numbers_[a];
    put(table, a, numbers_[b]);
    put(table, b, number);
}

void DueHeap::push(EntryTable& table, Number number) {
    numbers_.push_back(number);
    put(table, numbers_.size() - 1, number);
    mend(table, numbers_.size() - 1);
}

void DueHeap::erase(EntryTable& table, Number number) {
    const std::size_t at = table[number].position;
    const Number moved = numbers_.back();
    numbers_.pop_back();
    if (at < numbers_.size()) {
        put(table, at, moved);
        mend(table, at);
    }
    if (numbers_.empty()) {
        numbers_ = {};  // a flood is over
    }
}

/// The entry at `at` is new there; all others are in order.
void DueHeap::mend(EntryTable& table, std::size_t at) {
    const bool is_min = is_min_level(at);
    if (at > 0 && is_better(table, !is_min, at, parent(at))) {
        swap(table, at, parent(at));
        rise(table, parent(at), !is_min);
        sink(table, at, is_min);  // the parent's old one: it may belong further down
    } else if (at > 2 && is_better(table, is_min, at, parent(parent(at)))) {
        rise(table, at, is_min);
    } else {
        sink(table, at, is_min);
    }
}

void DueHeap::rise(EntryTable& table, std::size_t at, bool is_min) {
    while (at > 2 && is_better(table, is_min, at, parent(parent(at)))) {
        swap(table, at, parent(parent(at)));
        at = parent(parent(at));
    }
}

void DueHeap::sink(EntryTable& table, std::size_t at, bool is_min) {
    const std::size_t size = numbers_.size();
    while (2 * at + 1 < size) {
        // The best of two children and four grandchildren.
        std::size_t best = 2 * at + 1;
        for (const std::size_t other :
             {2 * at + 2, 4 * at + 3, 4 * at + 4, 4 * at + 5, 4 * at + 6}) {
            if (other < size && is_better(table, is_min, other, best)) {
                best = other;
            }
        }
        if (!is_better(table, is_min, best, at)) {
            return;
        }
        swap(table, at, best);
        if (best <= 2 * at + 2) {
            return;
        }
        if (is_better(table, !is_min, best, parent(best))) {
            swap(table, best, parent(best));
        }
        at = best;
    }
}

}  // namespace mxpost::deliver
