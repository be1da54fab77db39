#include "route/sender_domain.h"

#include <optional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;
using testing::ElementsAre;
using testing::IsEmpty;

class SenderDomainTest : public testing::Test {
protected:
    std::string find(SenderDomain& domain) {
        asio::io_context context;
        std::optional<std::string> found;
        asio::co_spawn(context, domain.find(), [&](std::exception_ptr failure, std::string result) {
            EXPECT_FALSE(failure);
            found = std::move(result);
        });
        context.run();
        return found.value_or("nothing");
    }
    std::string find(const std::string& configured, std::vector<const char*> sources) {
        SenderDomain domain = make(configured, std::move(sources));
        return find(domain);
    }
    SenderDomain make(const std::string& configured, std::vector<const char*> sources) {
        return SenderDomain(
            configured,
            helo_name_,
            [sources] {
                std::vector<asio::ip::address> addresses;
                for (const char* source : sources) {
                    addresses.push_back(asio::ip::make_address(source));
                }
                return addresses;
            },
            resolver_,
            clock_
        );
    }

    std::string helo_name_;
    test::FakeResolver resolver_;
    test::ManualClock clock_;
};

TEST_F(SenderDomainTest, IsWhatIsConfigured) {
    EXPECT_EQ(find("example.com", {"192.0.2.1"}), "example.com");
    EXPECT_THAT(resolver_.questions(), IsEmpty());
}

TEST_F(SenderDomainTest, IsTheHeloNameForWantOfThatButNotForRecipients) {
    helo_name_ = "mail.example";
    SenderDomain domain = make("", {"192.0.2.1"});
    EXPECT_EQ(find(domain), "mail.example");
    EXPECT_EQ(domain.last(), "mail.example");
    EXPECT_FALSE(domain.is_configured());
    EXPECT_EQ(find("example.com", {}), "example.com");
    EXPECT_THAT(resolver_.questions(), IsEmpty());
}

TEST_F(SenderDomainTest, ALookUpThatFailedTakesNoNameAwayAndIsNoReasonForALiteral) {
    SenderDomain domain = make("", {"192.0.2.1"});
    resolver_.add_ptr("192.0.2.1", "web1.example");
    resolver_.add_address("web1.example", "192.0.2.1");
    EXPECT_EQ(find(domain), "web1.example");
    resolver_.fail_ptr("192.0.2.1", "no answer");
    clock_.advance(std::chrono::hours(2));
    EXPECT_EQ(find(domain), "web1.example");
    SenderDomain fresh = make("", {"192.0.2.1"});
    EXPECT_EQ(find(fresh), "[192.0.2.1]");
    resolver_.clear_ptr();
    resolver_.add_ptr("192.0.2.1", "web1.example");
    clock_.advance(std::chrono::minutes(2));
    EXPECT_EQ(find(fresh), "web1.example");
}

TEST_F(SenderDomainTest, IsThePtrNameThatLeadsBack) {
    resolver_.add_ptr("192.0.2.1", "3f2a9c");
    resolver_.add_ptr("192.0.2.1", "claimed.example");
    resolver_.add_address("claimed.example", "192.0.2.99");
    resolver_.add_ptr("192.0.2.1", "web1.example");
    resolver_.add_address("web1.example", "192.0.2.1");
    EXPECT_EQ(find("", {"192.0.2.1"}), "web1.example");
}

TEST_F(SenderDomainTest, PrefersANameOfAnyAddressToALiteral) {
    resolver_.add_ptr("2001:db8::1", "web1.example");
    resolver_.add_address("web1.example", "2001:db8::1");
    EXPECT_EQ(find("", {"192.0.2.1", "2001:db8::1"}), "web1.example");
}

TEST_F(SenderDomainTest, IsALiteralWhereNoNameLeadsBack) {
    resolver_.add_ptr("192.0.2.1", "claimed.example");
    resolver_.fail_addresses("claimed.example", dns::Family::ipv4, "no answer");
    EXPECT_EQ(find("", {"192.0.2.1", "2001:db8::1"}), "[192.0.2.1]");
    EXPECT_EQ(find("", {"2001:db8::1"}), "[IPv6:2001:db8::1]");
}

TEST_F(SenderDomainTest, TakesNothingFromAPrivateNet) {
    resolver_.add_ptr("172.17.0.2", "web.mynet");  // what Docker's resolver answers
    resolver_.add_address("web.mynet", "172.17.0.2");
    EXPECT_EQ(find("", {"172.17.0.2", "fd00::2"}), "");
    EXPECT_EQ(find("", {}), "");
    EXPECT_THAT(resolver_.questions(), IsEmpty());
}

TEST_F(SenderDomainTest, AsksAgainAfterAWhile) {
    SenderDomain domain = make("", {"192.0.2.1"});
    resolver_.add_ptr("192.0.2.1", "web1.example");
    resolver_.add_address("web1.example", "192.0.2.1");
    EXPECT_EQ(domain.last(), "");
    EXPECT_EQ(find(domain), "web1.example");
    EXPECT_EQ(find(domain), "web1.example");
    EXPECT_EQ(domain.last(), "web1.example");
    EXPECT_THAT(resolver_.questions(), ElementsAre("PTR 192.0.2.1", "A web1.example"));
    clock_.advance(std::chrono::hours(2));
    EXPECT_EQ(find(domain), "web1.example");
    EXPECT_EQ(resolver_.questions().size(), 4U);
}

TEST(IsKnownElsewhere, LeavesOutNetsOfOnesOwn) {
    for (const char* address :
         {"8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"}) {
        EXPECT_TRUE(is_known_elsewhere(asio::ip::make_address(address))) << address;
    }
    for (const char* address :
         {"127.0.0.1",
          "10.1.2.3",
          "172.31.255.255",
          "192.168.0.1",
          "100.64.0.1",
          "169.254.1.1",
          "::ffff:10.0.0.1",
          "240.0.0.1",
          "::1",
          "fe80::1",
          "fd00::1"}) {
        EXPECT_FALSE(is_known_elsewhere(asio::ip::make_address(address))) << address;
    }
}

}  // namespace
}  // namespace mxpost::route
