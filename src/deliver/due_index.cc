#include "deliver/due_index.h"

#include <algorithm>

namespace mxpost::deliver {

using State = Entry::State;

std::optional<DueIndex::Number> DueIndex::find(const spool::MessageId& id) const {
    const auto packed = spool::PackedId::of(id);
    return packed ? table_.find(*packed) : std::nullopt;
}

DueIndex::Number DueIndex::find_or_add(const spool::MessageId& id) {
    const auto packed = spool::PackedId::of(id).value_or(spool::PackedId());
    const auto known = table_.find(packed);
    return known ? *known : table_.add(packed);
}

void DueIndex::saw(const spool::EntryName& name) {
    const auto known = find(name.id);
    if (!known) {
        if (table_.size() >= limits_.messages) {
            has_left_out_ = true;
        } else {
            wait(find_or_add(name.id), name.due, Entry::seconds(name.due));
        }
        return;
    }
    Entry& entry = table_[*known];
    switch (entry.state()) {
        case State::active:
            // Somebody asked for an attempt now.
            entry.is_seen_again = 1;
            entry.set_from(Entry::seconds(name.due));
            break;
        case State::waiting:
            if (entry.due != Entry::seconds(name.due)) {
                take_out(*known);
                wait(*known, name.due, Entry::seconds(name.due));
            }
            break;
        case State::over_limits:
        case State::in_lane:
            entry.set_due(name.due);
            break;
        case State::unused:
            break;
    }
}

bool DueIndex::is_known_otherwise(const spool::EntryName& name) const {
    const auto known = find(name.id);
    return known && table_[*known].state() != State::active &&
           table_[*known].due != Entry::seconds(name.due);
}

/// For an entry that is nowhere else.
void DueIndex::wait(Number number, std::chrono::sys_seconds due, std::uint64_t from) {
    Entry& entry = table_[number];
    entry.set_due(due);
    entry.set_from(from);
    entry.is_new = spool::is_untried(entry.id(), due) ? 1 : 0;
    entry.set_state(State::waiting);
    DueHeap& heap = schedule(entry.is_new != 0);
    heap.push(table_, number);
    if (observer_ != nullptr && heap.first() == number) {
        observer_->has_news();
    }
}

/// From wherever it is; its weight still counts.
void DueIndex::take_out(Number number) {
    Entry& entry = table_[number];
    switch (entry.state()) {
        case State::waiting:
            schedule(entry.is_new != 0).erase(table_, number);
            break;
        case State::over_limits:
            over_limits_.erase(table_, number);
            break;
        case State::in_lane: {
            const auto lane_number = static_cast<std::uint32_t>(entry.from);
            entry.set_state(State::unused);
            const auto lane = lanes_.find(lane_number);
            --lane->second.size;
            tidy(lane->second, lane_number);
            if (lane->second.size == 0) {
                lanes_.erase(lane);
            }
            break;
        }
        case State::active:
            --active_;
            if (observer_ != nullptr) {
                observer_->active_changed(-1);
            }
            entry.is_seen_again = 0;
            break;
        case State::unused:
            break;
    }
    entry.set_state(State::unused);
}

void DueIndex::set_active(Number number) {
    take_out(number);
    Entry& entry = table_[number];
    entry.set_state(State::active);
    entry.is_seen_again = 0;
    ++active_;
    if (observer_ != nullptr) {
        observer_->active_changed(1);
    }
}

void DueIndex::reserve(const spool::MessageId& id) {
    set_active(find_or_add(id));
}

/// The schedule whose first entry is to be given, or null. Where the clock went back, the last one
/// of a schedule is the furthest off.
DueHeap* DueIndex::choose(std::chrono::sys_seconds now, const IsImplausible& is_implausible) {
    const auto is_ready = [&](const DueHeap& heap) {
        return !heap.is_empty() && (table_[heap.first()].from <= Entry::seconds(now) ||
                                    is_implausible(Entry::time(table_[heap.last(table_)].from)));
    };
    const bool may_be_new = is_ready(new_);
    const bool may_be_tried = is_ready(tried_);
    if (may_be_new && (!may_be_tried || !was_new_)) {
        return &new_;
    }
    return may_be_tried ? &tried_ : nullptr;
}

std::optional<spool::EntryName> DueIndex::take_due(
    std::chrono::sys_seconds now, const IsImplausible& is_implausible
) {
    DueHeap* const chosen = choose(now, is_implausible);
    if (chosen == nullptr) {
        return std::nullopt;
    }
    was_new_ = chosen == &new_;
    const Number first = chosen->first();
    const Number last = chosen->last(table_);
    const auto is_due = [&](Number number) { return table_[number].from <= Entry::seconds(now); };
    was_newest_ = was_new_ ? !was_newest_ : was_newest_;
    // What was let out of a lane (from 0) goes before all others.
    const bool wants_newest = was_new_ && was_newest_ && table_[first].from != 0;
    const bool takes_last = !is_due(first) || (wants_newest && is_due(last));
    const Number number = takes_last ? last : first;
    set_active(number);
    return table_[number].name();
}

bool DueIndex::admit(const spool::MessageId& id, const Weight& weight) {
    constexpr std::uint64_t kMostRecipients = (std::uint64_t{1} << 29) - 1;
    const auto known = find(id);
    if (!known || table_[*known].state() != State::active || table_[*known].octets != 0 ||
        table_[*known].recipients != 0) {
        return true;
    }
    const bool is_alone = octets_ == 0 && recipients_ == 0;
    const auto fits = [](std::uint64_t used, std::uint64_t more, std::uint64_t limit) {
        return used <= limit && more <= limit - used;
    };
    if (!is_alone && (!fits(octets_, weight.octets, limits_.octets) ||
                      !fits(recipients_, weight.recipients, limits_.recipients))) {
        return false;
    }
    Entry& entry = table_[*known];
    entry.octets = weight.octets;
    entry.recipients =
        std::min<std::uint64_t>(weight.recipients, kMostRecipients) & kMostRecipients;
    octets_ += entry.octets;
    recipients_ += entry.recipients;
    let_one_in();  // there may be room for that, too
    return true;
}

/// One at a time: when it is admitted, the next one gets its chance.
void DueIndex::let_one_in() {
    if (!over_limits_.is_empty()) {
        const Number number = over_limits_.first();
        const std::uint64_t due = table_[number].due;
        take_out(number);
        wait(number, Entry::time(due), due);
    }
}

void DueIndex::release_weight(Entry& entry) {
    octets_ -= entry.octets;
    recipients_ -= entry.recipients;
    entry.octets = 0;
    entry.recipients = 0;
}

void DueIndex::finish(const spool::MessageId& id, const std::optional<spool::EntryName>& next) {
    if (next) {
        const Number number = find_or_add(id);
        take_out(number);
        wait(number, next->due, Entry::seconds(next->due));
        return;
    }
    const auto known = find(id);
    if (!known || table_[*known].state() != State::active) {
        return;
    }
    Entry& entry = table_[*known];
    const std::uint64_t again = entry.is_seen_again != 0 ? std::uint64_t{entry.from} : 0;
    const bool is_counted = entry.octets != 0 || entry.recipients != 0;
    release_weight(entry);
    take_out(*known);
    table_.remove(*known);
    if (is_counted) {
        let_one_in();
    }
    if (again != 0) {
        // Gone under the name that we knew, seen under another: that other name may still be there.
        saw({id, Entry::time(again)});
    }
}

void DueIndex::finish_until(const spool::EntryName& name, std::chrono::sys_seconds at) {
    const Number number = find_or_add(name.id);
    take_out(number);
    wait(number, name.due, Entry::seconds(at));
}

void DueIndex::park(const spool::EntryName& name) {
    const Number number = find_or_add(name.id);
    take_out(number);
    Entry& entry = table_[number];
    release_weight(entry);
    entry.set_due(name.due);
    entry.set_from(0);
    entry.set_state(State::over_limits);
    over_limits_.push(table_, number);
}

void DueIndex::park_for(const spool::EntryName& name, std::uint32_t lane_number) {
    const Number number = find_or_add(name.id);
    take_out(number);
    Lane& lane = lanes_[lane_number];
    Entry& entry = table_[number];
    entry.set_due(name.due);
    entry.set_from(lane_number);
    entry.set_position(lane.numbers.size());
    entry.set_state(State::in_lane);
    lane.numbers.push_back(number);
    ++lane.size;
}

bool DueIndex::is_in(const Lane& lane, std::uint32_t number_of_lane, std::size_t index) const {
    const Entry& entry = table_[lane.numbers[index]];
    return entry.state() == State::in_lane && entry.from == number_of_lane &&
           entry.position == index;
}

/// Forgets those that have left, now and then.
void DueIndex::tidy(Lane& lane, std::uint32_t number_of_lane) {
    constexpr std::size_t kFew = 64;
    if (lane.numbers.size() <= 2 * lane.size + kFew) {
        return;
    }
    std::vector<Number> kept;
    kept.reserve(lane.size);
    for (std::size_t i = lane.head; i < lane.numbers.size(); ++i) {
        if (is_in(lane, number_of_lane, i)) {
            kept.push_back(lane.numbers[i]);
        }
    }
    for (std::size_t i = 0; i < kept.size(); ++i) {
        table_[kept[i]].set_position(i);
    }
    lane.numbers = std::move(kept);
    lane.head = 0;
}

std::size_t DueIndex::unpark(std::uint32_t lane_number, std::size_t most) {
    const auto found = lanes_.find(lane_number);
    if (found == lanes_.end()) {
        return 0;
    }
    Lane& lane = found->second;
    std::size_t count = 0;
    while (count < most && lane.size > 0) {
        const std::size_t index = lane.head++;
        if (!is_in(lane, lane_number, index)) {
            continue;
        }
        const Number number = lane.numbers[index];
        --lane.size;
        ++count;
        table_[number].set_state(State::unused);
        wait(number, Entry::time(table_[number].due), 0);
    }
    if (lane.size == 0) {
        lanes_.erase(found);
    } else {
        tidy(lane, lane_number);
    }
    return count;
}

std::size_t DueIndex::parked_in(std::uint32_t lane) const {
    const auto found = lanes_.find(lane);
    return found == lanes_.end() ? 0 : found->second.size;
}

bool DueIndex::hurry(const spool::MessageId& id, std::chrono::sys_seconds now) {
    const auto known = find(id);
    if (!known || table_[*known].state() == State::active) {
        return false;
    }
    const Entry& entry = table_[*known];
    const bool is_late = entry.state() == State::waiting && entry.from > Entry::seconds(now);
    if (is_late || entry.state() == State::in_lane) {
        const auto due = Entry::time(entry.due);
        take_out(*known);
        wait(*known, due, Entry::seconds(now));
    }
    return true;
}

void DueIndex::begin_scan() {
    had_left_out_ = leaves_out();
    has_left_out_ = false;
}

void DueIndex::end_scan(bool is_complete) {
    has_left_out_ |= !is_complete && had_left_out_;
    had_left_out_ = false;
}

std::size_t DueIndex::count_due(std::chrono::sys_seconds now) const {
    std::size_t count = 0;
    for (const DueHeap* heap : {&new_, &tried_}) {
        count +=
            static_cast<std::size_t>(std::ranges::count_if(heap->numbers(), [&](Number number) {
                return table_[number].from <= Entry::seconds(now);
            }));
    }
    return count;
}

bool DueIndex::is_incomplete() const {
    // Not for each one that goes: a scan costs more than that.
    const std::uint64_t known = table_.size();
    return has_left_out_ && known <= limits_.messages - limits_.messages / 8 - 1;
}

std::optional<std::chrono::sys_seconds> DueIndex::next_due() const {
    std::optional<std::chrono::sys_seconds> next;
    for (const DueHeap* heap : {&new_, &tried_}) {
        if (!heap->is_empty()) {
            const auto first = Entry::time(table_[heap->first()].from);
            next = next ? std::min(*next, first) : first;
        }
    }
    return next;
}

std::optional<std::chrono::sys_seconds> DueIndex::last_due() const {
    std::optional<std::chrono::sys_seconds> last;
    for (const DueHeap* heap : {&new_, &tried_}) {
        if (!heap->is_empty()) {
            const auto furthest = Entry::time(table_[heap->last(table_)].from);
            last = last ? std::max(*last, furthest) : furthest;
        }
    }
    return last;
}

}  // namespace mxpost::deliver
