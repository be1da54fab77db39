#include "dns/cache.h"

#include <algorithm>
#include <variant>

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

std::size_t octets_of(const RecordData& record) {
    std::size_t text = 0;
    if (const auto* mx = std::get_if<MxRecord>(&record)) {
        text = mx->exchange.size();
    } else if (const auto* name = std::get_if<std::string>(&record)) {
        text = name->size();
    } else if (const auto* txt = std::get_if<TxtRecord>(&record)) {
        text = txt->text.size();
    } else if (const auto* tlsa = std::get_if<TlsaRecord>(&record)) {
        text = tlsa->data.size();
    }
    return sizeof(RecordData) + text;
}

std::size_t octets_of(const Question& question, const Answer<RecordData>& answer) {
    std::size_t octets = 2 * question.name.size() + answer.name.size();
    for (const RecordData& record : answer.records) {
        octets += octets_of(record);
    }
    return octets;
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
    const std::size_t octets = octets_of(question, answer);
    while (!index_.empty() && (index_.size() >= max_entries_ || octets_ + octets > kMaxOctets)) {
        erase(std::prev(entries_.end()));
    }
    entries_.push_front({key, answer, now + ttl, octets});
    index_.emplace(key, entries_.begin());
    octets_ += octets;
}

void Cache::clear() {
    index_.clear();
    entries_.clear();
    octets_ = 0;
}

void Cache::erase(std::list<Entry>::iterator entry) {
    octets_ -= entry->octets;
    index_.erase(entry->key);
    entries_.erase(entry);
}

}  // namespace mxpost::dns
