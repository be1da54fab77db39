#include "dns/cache.h"

#include <algorithm>

namespace mxpost::dns {
namespace {

using std::chrono::seconds;

constexpr seconds kMaxTtl = std::chrono::hours(1);
constexpr seconds kMaxNegativeTtl = std::chrono::minutes(5);

seconds kept_for(const Answer<RecordData>& answer) {
    switch (answer.status) {
        case LookupStatus::ok:
            return std::min(answer.ttl, kMaxTtl);
        case LookupStatus::no_data:
        case LookupStatus::nx_domain:
            return std::min(answer.ttl, kMaxNegativeTtl);
        case LookupStatus::temporary:
            break;
    }
    return seconds(0);
}

}  // namespace

std::optional<Answer<RecordData>> Cache::find(const Question& question, SteadyTime now) {
    const auto found = index_.find({question.name, question.type});
    if (found == index_.end()) {
        return std::nullopt;
    }
    const auto entry = found->second;
    if (entry->expires <= now) {
        erase(entry);
        return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, entry);
    Answer<RecordData> answer = entry->answer;
    answer.ttl = std::chrono::ceil<seconds>(entry->expires - now);
    return answer;
}

void Cache::insert(const Question& question, const Answer<RecordData>& answer, SteadyTime now) {
    const Key key(question.name, question.type);
    if (const auto found = index_.find(key); found != index_.end()) {
        erase(found->second);
    }
    const seconds ttl = kept_for(answer);
    if (ttl <= seconds(0) || max_entries_ == 0) {
        return;
    }
    while (index_.size() >= max_entries_) {
        erase(std::prev(entries_.end()));
    }
    entries_.push_front({key, answer, now + ttl});
    index_.emplace(key, entries_.begin());
}

void Cache::clear() {
    index_.clear();
    entries_.clear();
}

void Cache::erase(std::list<Entry>::iterator entry) {
    index_.erase(entry->key);
    entries_.erase(entry);
}

}  // namespace mxpost::dns
