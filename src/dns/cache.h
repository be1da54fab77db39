// Cache: answers kept for their TTL within this process, bounded in number, size and time.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "dns/answer.h"
#include "dns/message.h"

namespace mxpost::dns {

class Cache {
public:
    /// One answer may have 100 records of a kilobyte each, or 64 KiB of text: whoever has many
    /// names in one domain could fill the memory with a few thousand.
    static constexpr std::size_t kMaxOctets = std::size_t{4} << 20;

    explicit Cache(std::size_t max_entries) : max_entries_(max_entries) {}

    /// With the TTL that is left.
    std::optional<Answer<RecordData>> find(const Question& question, SteadyTime now);
    /// Keeps ok for at most an hour, no_data and nx_domain for at most five minutes (RFC 2308 5
    /// allows more, but who just mended a zone shouldn't wait for us), temporary not at all.
    /// Drops what was unused for longest where there is no room.
    void insert(const Question& question, const Answer<RecordData>& answer, SteadyTime now);
    void clear();
    std::size_t size() const { return index_.size(); }
    /// What the names and texts of all answers take, about.
    std::size_t octets() const { return octets_; }

private:
    using Key = std::pair<std::string, RecordType>;
    struct Entry {
        Key key;
        Answer<RecordData> answer;
        SteadyTime expires;
        std::size_t octets = 0;
    };

    void erase(std::list<Entry>::iterator entry);

    std::size_t max_entries_;
    std::size_t octets_ = 0;
    std::list<Entry> entries_;  // most recently used first
    std::map<Key, std::list<Entry>::iterator> index_;
};

}  // namespace mxpost::dns
