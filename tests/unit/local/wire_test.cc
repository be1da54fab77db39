#include "local/wire.h"

#include <gmock/gmock.h>

namespace mxpost::local {

namespace {

using mail::OutcomeKind;
using ::testing::ElementsAre;
using ::testing::SizeIs;

Request request() {
    Request request;
    request.kind = RequestKind::alias_entry;
    request.name = "list";
    request.recipient = "list@host.example";
    request.original_recipient = "root@host.example";
    request.sender = "";
    request.message_id = "0ABC";
    request.done = {1, 0xfedcba9876543210U};
    return request;
}

Answer answer() {
    Answer answer;
    answer.outcome = mail::RecipientOutcome(OutcomeKind::failed, {5, 1, 1}, "no such user");
    answer.forwards = {mail::Address("bob", "example.com"), mail::Address("carol", "")};
    answer.wants_mailbox = true;
    answer.done = {7};
    return answer;
}

TEST(Wire, KeepsARequest) {
    const auto copy = decode_request(*encode(request()));
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->kind, RequestKind::alias_entry);
    EXPECT_EQ(copy->name, "list");
    EXPECT_EQ(copy->recipient, "list@host.example");
    EXPECT_EQ(copy->original_recipient, "root@host.example");
    EXPECT_EQ(copy->message_id, "0ABC");
    EXPECT_THAT(copy->done, ElementsAre(1, 0xfedcba9876543210U));
}

TEST(Wire, KeepsAnAnswer) {
    const auto copy = decode_answer(encode(answer()));
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->outcome.kind, OutcomeKind::failed);
    EXPECT_EQ(copy->outcome.status.text(), "5.1.1");
    EXPECT_EQ(copy->outcome.text, "no such user");
    EXPECT_THAT(
        copy->forwards, ElementsAre(mail::Address("bob", "example.com"), mail::Address("carol", ""))
    );
    EXPECT_TRUE(copy->wants_mailbox);
    EXPECT_THAT(copy->done, ElementsAre(7));
}

TEST(Wire, TakesNoPartAndNoMore) {
    const std::string packet = *encode(request());
    for (std::size_t size = 0; size < packet.size(); ++size) {
        EXPECT_FALSE(decode_request(packet.substr(0, size))) << size;
    }
    EXPECT_FALSE(decode_request(packet + "x"));
    const std::string reply = encode(answer());
    for (std::size_t size = 0; size < reply.size(); ++size) {
        EXPECT_FALSE(decode_answer(reply.substr(0, size))) << size;
    }
    EXPECT_FALSE(decode_answer(reply + "x"));
}

TEST(Wire, RefusesRequestsOutOfBounds) {
    for (const auto& change : std::vector<void (*)(Request&)>{
             [](Request& bad) { bad.name.clear(); },
             [](Request& bad) { bad.name = std::string(kMaxName + 1, 'a'); },
             [](Request& bad) { bad.name = "a\nb"; },
             [](Request& bad) { bad.sender = std::string("a\0b", 3); },
             [](Request& bad) { bad.recipient = std::string(kMaxAddress + 1, 'a'); },
             [](Request& bad) { bad.recipient = std::string(70'000, 'a'); },
             [](Request& bad) { bad.message_id = std::string(65, 'a'); }}) {
        Request bad = request();
        change(bad);
        EXPECT_FALSE(encode(bad));
    }
    std::string kind = *encode(request());
    kind[4] = 9;
    EXPECT_FALSE(decode_request(kind));
}

TEST(Wire, RefusesAnswersThatContradictThemselves) {
    Answer bad = answer();
    bad.outcome.status = {2, 0, 0};
    EXPECT_FALSE(decode_answer(encode(bad)));
    bad = answer();
    bad.forwards = {mail::Address("two words", "")};
    EXPECT_FALSE(decode_answer(encode(bad)));
}

TEST(Wire, SaysWhenAUserForwardsToTooMany) {
    Answer large = answer();
    large.forwards.assign(kMaxForwards + 1, mail::Address("bob", "example.com"));
    auto copy = decode_answer(encode(large));
    ASSERT_TRUE(copy);
    EXPECT_EQ(copy->outcome.status.text(), "5.2.4");
    EXPECT_THAT(copy->forwards, SizeIs(0));
    large.forwards.assign(300, mail::Address(std::string(60, 'b'), std::string(900, 'c')));
    const std::string packet = encode(large);
    EXPECT_LE(packet.size(), kMaxAnswerPacket);
    EXPECT_EQ(decode_answer(packet)->outcome.status.text(), "5.2.4");
}

TEST(Wire, MakesTextOfOthersPrintable) {
    Answer loud = answer();
    loud.outcome.text = "a\r\nb" + std::string(2000, 'x');
    const auto copy = decode_answer(encode(loud));
    ASSERT_TRUE(copy);
    EXPECT_TRUE(copy->outcome.text.starts_with("a??b"));
    EXPECT_LE(copy->outcome.text.size(), mail::kMaxOutcomeText);
}

}  // namespace

}  // namespace mxpost::local
