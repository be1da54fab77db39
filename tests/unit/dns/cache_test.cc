#include "dns/cache.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

namespace mxpost::dns {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const SteadyTime kStart{hours(1000)};
const Question kQuestion("example.org", RecordType::mx);

Answer<RecordData> one_mx(seconds ttl) {
    Answer<RecordData> answer(LookupStatus::ok);
    answer.records.emplace_back(MxRecord(10, "mx.example.org"));
    answer.ttl = ttl;
    return answer;
}

TEST(Cache, GivesWhatIsLeftOfTheTtlAndForgetsAtItsEnd) {
    Cache cache(10);
    cache.insert(kQuestion, one_mx(seconds(300)), kStart);
    const auto found = cache.find(kQuestion, kStart + seconds(100));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->ttl, seconds(200));
    EXPECT_EQ(found->records.size(), 1U);
    EXPECT_FALSE(cache.find(kQuestion, kStart + seconds(300)));
    EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, TellsTypesOfOneNameApart) {
    Cache cache(10);
    cache.insert(kQuestion, one_mx(seconds(300)), kStart);
    EXPECT_FALSE(cache.find(Question("example.org", RecordType::a), kStart));
}

TEST(Cache, KeepsNoAnswerForMoreThanAnHour) {
    Cache cache(10);
    cache.insert(kQuestion, one_mx(hours(24)), kStart);
    EXPECT_TRUE(cache.find(kQuestion, kStart + minutes(59)));
    EXPECT_FALSE(cache.find(kQuestion, kStart + minutes(60)));
}

TEST(Cache, KeepsNoNegativeAnswerForMoreThanFiveMinutes) {
    Cache cache(10);
    Answer<RecordData> none(LookupStatus::nx_domain);
    none.ttl = hours(1);
    cache.insert(kQuestion, none, kStart);
    EXPECT_TRUE(cache.find(kQuestion, kStart + seconds(299)));
    EXPECT_FALSE(cache.find(kQuestion, kStart + seconds(300)));
}

TEST(Cache, NeverKeepsATemporaryFailureOrATtlOfZero) {
    Cache cache(10);
    Answer<RecordData> failure(LookupStatus::temporary);
    failure.ttl = hours(1);
    cache.insert(kQuestion, failure, kStart);
    EXPECT_EQ(cache.size(), 0U);
    cache.insert(kQuestion, one_mx(seconds(0)), kStart);
    EXPECT_EQ(cache.size(), 0U);
}

TEST(Cache, DropsWhatWasUnusedForLongestWhenFull) {
    Cache cache(2);
    const Question a("a.example", RecordType::mx);
    const Question b("b.example", RecordType::mx);
    const Question c("c.example", RecordType::mx);
    cache.insert(a, one_mx(seconds(300)), kStart);
    cache.insert(b, one_mx(seconds(300)), kStart);
    EXPECT_TRUE(cache.find(a, kStart));
    cache.insert(c, one_mx(seconds(300)), kStart);
    EXPECT_EQ(cache.size(), 2U);
    EXPECT_TRUE(cache.find(a, kStart));
    EXPECT_FALSE(cache.find(b, kStart));
    EXPECT_TRUE(cache.find(c, kStart));
}

TEST(Cache, IsBoundedInSizeHoweverLargeTheAnswersAre) {
    Cache cache(4096);
    std::size_t largest = 0;
    for (int i = 0; i < 1000; ++i) {
        Answer<RecordData> answer = one_mx(seconds(300));
        for (int j = 0; j < 99; ++j) {
            answer.records.emplace_back(MxRecord(10, std::string(1000, 'x')));
        }
        cache.insert(
            Question("x" + std::to_string(i) + ".example", RecordType::mx), answer, kStart
        );
        largest = std::max(largest, cache.octets());
    }
    EXPECT_LE(largest, Cache::kMaxOctets);
    EXPECT_GT(cache.size(), 30U);
    EXPECT_TRUE(cache.find(Question("x999.example", RecordType::mx), kStart));
    EXPECT_FALSE(cache.find(Question("x0.example", RecordType::mx), kStart));
    // What has expired, was replaced or dropped counts no more.
    for (int i = 0; i < 1000; ++i) {
        cache.insert(
            Question("x" + std::to_string(i) + ".example", RecordType::mx),
            one_mx(seconds(0)),
            kStart
        );
    }
    EXPECT_EQ(cache.size(), 0U);
    EXPECT_EQ(cache.octets(), 0U);
}

}  // namespace
}  // namespace mxpost::dns
