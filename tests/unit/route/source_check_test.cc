#include "route/source_check.h"

#include <boost/asio.hpp>
#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;
using asio::ip::make_address;

TEST(SourceTo, IsTheKernelsChoice) {
    const auto loopback = make_address("127.0.0.1");
    EXPECT_EQ(source_to(loopback, std::nullopt), loopback);
}

TEST(SourceTo, IsWhatIsConfigured) {
    EXPECT_EQ(
        source_to(make_address("127.0.0.1"), make_address("127.0.0.2")), make_address("127.0.0.2")
    );
}

TEST(SourceTo, IsNothingWhereTheConfiguredAddressIsNotOurs) {
    EXPECT_FALSE(source_to(make_address("127.0.0.1"), make_address("203.0.113.77")));
}

TEST(SourceTo, IsNothingFromAnAddressOfTheOtherFamily) {
    EXPECT_FALSE(source_to(make_address("127.0.0.1"), make_address("::1")));
}

TEST(SourceCheck, AsksForTheNameOfTheSourceNotOfTheDestination) {
    test::FakeResolver resolver;
    test::ManualClock clock;
    ReverseNames names(resolver, clock);
    SourceCheck check(
        [](const asio::ip::address& to) {
            return to.is_v4() ? std::nullopt : std::optional(make_address("2001:db8::25"));
        },
        names
    );
    EXPECT_FALSE(check.has_way_to(make_address("192.0.2.1")));
    EXPECT_TRUE(check.has_way_to(make_address("2001:db8::1")));
    resolver.add_ptr("2001:db8::25", "us.example");
    resolver.add_address("us.example", "2001:db8::25");
    asio::io_context context;
    const auto is_confirmed_to = [&](const char* destination) {
        bool is_confirmed = false;
        asio::co_spawn(
            context,
            check.is_confirmed_to(make_address(destination)),
            [&](std::exception_ptr failure, bool result) {
                EXPECT_FALSE(failure);
                is_confirmed = result;
            }
        );
        context.restart();
        context.run();
        return is_confirmed;
    };
    EXPECT_FALSE(is_confirmed_to("192.0.2.1"));
    EXPECT_TRUE(is_confirmed_to("2001:db8::1"));
}

}  // namespace
}  // namespace mxpost::route
