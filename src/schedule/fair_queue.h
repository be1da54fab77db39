// FairQueue: what waits for one site, given in turns, so that nobody's flood keeps others waiting:
// one of each sender (uid) after the other, and within a sender one of each message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mxpost::schedule {

/// Whose turn it is when this item is given.
struct Turn {
    std::uint32_t owner = 0;  // uid
    std::string message;      // its id
};

template <class T>
class FairQueue {
public:
    void push(const Turn& turn, T item) { lane(turn).items.push_back(std::move(item)), ++size_; }

    /// What was taken and comes back undone: the next one of its message, and its message the next
    /// one of its owner.
    void push_front(const Turn& turn, T item) {
        Lane& found = lane(turn);
        found.items.push_front(std::move(item));
        ++size_;
        Owner& owner = owners_[turn.owner];
        owner.lanes.splice(owner.lanes.begin(), owner.lanes, owner.by_message.at(turn.message));
    }

    std::optional<T> pop() {
        if (turns_.empty()) {
            return std::nullopt;
        }
        const std::uint32_t uid = turns_.front();
        turns_.pop_front();
        const auto at = owners_.find(uid);
        Owner& owner = at->second;
        Lane& first = owner.lanes.front();
        std::optional<T> item(std::move(first.items.front()));
        first.items.pop_front();
        --size_;
        if (first.items.empty()) {
            owner.by_message.erase(first.message);
            owner.lanes.pop_front();
        } else {
            owner.lanes.splice(owner.lanes.end(), owner.lanes, owner.lanes.begin());
        }
        if (owner.lanes.empty()) {
            owners_.erase(at);
        } else {
            turns_.push_back(uid);
        }
        return item;
    }

    /// Those for which `is_unwanted` is true, taken out of their turn.
    template <class Predicate>
    std::vector<T> take_if(Predicate is_unwanted) {
        std::vector<T> taken;
        for (auto& [uid, owner] : owners_) {
            for (auto lane = owner.lanes.begin(); lane != owner.lanes.end();) {
                std::erase_if(lane->items, [&](const T& item) {
                    const bool is_taken = is_unwanted(item);
                    if (is_taken) {
                        taken.push_back(item);
                    }
                    return is_taken;
                });
                const auto next = std::next(lane);
                if (lane->items.empty()) {
                    owner.by_message.erase(lane->message);
                    owner.lanes.erase(lane);
                }
                lane = next;
            }
        }
        std::erase_if(owners_, [](const auto& entry) { return entry.second.lanes.empty(); });
        std::erase_if(turns_, [this](std::uint32_t uid) { return !owners_.contains(uid); });
        size_ -= taken.size();
        return taken;
    }

    std::size_t size() const { return size_; }
    bool is_empty() const { return size_ == 0; }

private:
    struct Lane {
        std::string message;
        std::deque<T> items;  // never empty, but for a moment
    };
    struct Owner {
        std::list<Lane> lanes;  // the next one first
        std::unordered_map<std::string, typename std::list<Lane>::iterator> by_message;
    };

    Lane& lane(const Turn& turn) {
        const auto [owner, is_new_owner] = owners_.try_emplace(turn.owner);
        if (is_new_owner) {
            turns_.push_back(turn.owner);
        }
        auto& known = owner->second;
        const auto found = known.by_message.find(turn.message);
        if (found != known.by_message.end()) {
            return *found->second;
        }
        known.lanes.push_back(Lane{turn.message, {}});
        known.by_message.emplace(turn.message, std::prev(known.lanes.end()));
        return known.lanes.back();
    }

    std::map<std::uint32_t, Owner> owners_;  // none without an item
    std::deque<std::uint32_t> turns_;        // each owner once
    std::size_t size_ = 0;
};

}  // namespace mxpost::schedule
