#include "route/own_addresses.h"

#include <boost/asio.hpp>
#include <gtest/gtest.h>

namespace mxpost::route {
namespace {

namespace asio = boost::asio;

TEST(InterfaceAddresses, HasTheAddressThatThisHostWouldSendFrom) {
    asio::io_context context;
    asio::ip::udp::socket socket(context, asio::ip::udp::v4());
    boost::system::error_code error;
    // Connecting a UDP socket sends nothing; it asks the kernel for a route.
    socket.connect({asio::ip::make_address("192.0.2.1"), 9}, error);
    if (error) {
        GTEST_SKIP() << "no route out of this host: " << error.message();
    }
    SystemClock clock;
    InterfaceAddresses own(clock);
    EXPECT_TRUE(own.contains(socket.local_endpoint().address()));
}

TEST(InterfaceAddresses, HasNeitherLoopbackNorStrangers) {
    SystemClock clock;
    InterfaceAddresses own(clock);
    EXPECT_FALSE(own.contains(asio::ip::make_address("127.0.0.1")));
    EXPECT_FALSE(own.contains(asio::ip::make_address("::1")));
    EXPECT_FALSE(own.contains(asio::ip::make_address("203.0.113.77")));
}

}  // namespace
}  // namespace mxpost::route
