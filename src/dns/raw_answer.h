// RawAnswer: what resolvers work with before the type of the records matters, and the way from
// there to the Answer that was asked for.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "dns/answer.h"
#include "dns/message.h"

namespace mxpost::dns {

using RawAnswer = Answer<RecordData>;

/// nx_domain for what is_query_name() refuses; it may hold anything.
RawAnswer not_a_name(const std::string& name);

/// Lower-case, without the trailing dot: one name, one entry in the cache.
std::string normalised(const std::string& name);

/// Cuts to kMaxRecords; MX records by preference first, so that the best are kept.
void bound(std::vector<RecordData>& records);

/// `core->look_up(question)`, whose records are all of type T. `core` lives until the end.
template <class T, class Core>
boost::asio::awaitable<Answer<T>> look_up_as(std::shared_ptr<Core> core, Question question) {
    RawAnswer raw = co_await core->look_up(std::move(question));
    Answer<T> answer(raw.status, std::move(raw.reason));
    answer.ttl = raw.ttl;
    answer.is_secure = raw.is_secure;
    answer.name = std::move(raw.name);
    for (RecordData& data : raw.records) {
        answer.records.push_back(std::get<T>(std::move(data)));
    }
    co_return answer;
}

}  // namespace mxpost::dns
