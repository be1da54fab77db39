#include "spool/request.h"

#include "spool_test.h"

namespace mxpost::spool {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(RequestTest, ItsNameSaysWhatIsWantedOfWhichMessage) {
    EXPECT_EQ((Request{kId, "retry"}).text(), ".ask-01hk2w7yz0c0000000-retry");
    EXPECT_EQ(Request::parse(".ask-01hk2w7yz0c0000000-retry"), (Request{kId, "retry"}));
    EXPECT_EQ(Request::parse(".ask-01hk2w7yz0c0000000-release"), (Request{kId, "release"}));
}

TEST(RequestTest, OtherNamesAreNoRequests) {
    for (const char* name :
         {"",
          ".ask-",
          ".ask-01hk2w7yz0c0000000",
          ".ask-01hk2w7yz0c0000000-",
          ".ask-01hk2w7yz0c000000-retry",
          ".ask-01hk2w7yz0c00000000-retry",
          ".ask-01hk2w7yz0c000000u-retry",
          ".ask-01hk2w7yz0c0000000-Retry",
          ".ask-01hk2w7yz0c0000000-re try",
          ".ask-01hk2w7yz0c0000000-re/../x",
          ".ask-01hk2w7yz0c0000000-seventeenletterss",
          ".Ask-01hk2w7yz0c0000000-retry",
          "01hk2w7yz0c0000000.1jt3f60",
          ".system",
          ".usage"}) {
        EXPECT_EQ(Request::parse(name), std::nullopt) << name;
    }
    EXPECT_EQ(EntryName::parse(".ask-01hk2w7yz0c0000000-re"), std::nullopt);
}

class BoxRequestTest : public SpoolTest {};

TEST_F(BoxRequestTest, AreListedApartFromTheMessages) {
    const EntryName name = commit_one();
    ASSERT_TRUE(store_.leave_request(kId, kRetryVerb));
    std::vector<EntryName> messages;
    std::vector<Request> requests;
    ASSERT_TRUE(store_.list(
        [&](const EntryName& found) { messages.push_back(found); },
        [&](Request found) { requests.push_back(std::move(found)); }
    ));
    EXPECT_THAT(messages, ElementsAre(name));
    EXPECT_THAT(requests, ElementsAre(Request{kId, "retry"}));
}

TEST_F(BoxRequestTest, AreNeverFollowedNorWaitedFor) {
    ASSERT_EQ(::symlink("target", (box_.path() + "/.ask-" + kId + "-retry").c_str()), 0);
    EXPECT_TRUE(store_.leave_request(kId, kRetryVerb));  // somebody asks already
    EXPECT_THAT(names(), UnorderedElementsAre(".ask-" + kId + "-retry"));
    EXPECT_TRUE(store_.take_request({kId, "retry"}));
    ASSERT_EQ(::mkfifo((box_.path() + "/.ask-" + kId + "-retry").c_str(), 0600), 0);
    EXPECT_TRUE(store_.leave_request(kId, kRetryVerb));
    EXPECT_TRUE(store_.take_request({kId, "retry"}));
    EXPECT_FALSE(store_.take_request({kId, "retry"}));
}

TEST_F(BoxRequestTest, SaysWhyOneCanNotBeLeft) {
    files_.fail(1, ENOSPC, "open");
    const auto left = store_.leave_request(kId, kRetryVerb);
    ASSERT_FALSE(left);
    EXPECT_TRUE(left.error().is(ENOSPC));
}

}  // namespace
}  // namespace mxpost::spool
