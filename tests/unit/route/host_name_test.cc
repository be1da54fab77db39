#include "route/host_name.h"

#include <optional>

#include <gtest/gtest.h>

#include "support/fake_resolver.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;

std::string helo(
    test::FakeResolver& resolver,
    const std::string& configured,
    const std::string& host_name,
    const char* source = "192.0.2.25"
) {
    asio::io_context context;
    std::optional<std::string> name;
    asio::co_spawn(
        context,
        helo_name(configured, host_name, asio::ip::make_address(source), resolver),
        [&](std::exception_ptr failure, std::string result) {
            EXPECT_FALSE(failure);
            name = std::move(result);
        }
    );
    context.run();
    return name.value_or("");
}

TEST(IsValidHeloName, TakesFullyQualifiedNamesOnly) {
    for (const char* good :
         {"mail.example.org", "a.b", "xn--bcher-kva.example", "3com.example", "1.2.3.x"}) {
        EXPECT_TRUE(is_valid_helo_name(good)) << good;
    }
    for (const char* bad :
         {"",
          "mail",
          "3f2a9c81d4e7",
          "localhost",
          "localhost.localdomain",
          "www.LocalDomain",
          "a.localhost",
          "my_host.example",
          "-a.example",
          "a-.example",
          "a..example",
          ".example",
          "example.",
          "192.0.2.1",
          "12.34",
          "b\xc3\xbc"
          "cher.example",
          "a b.example",
          "a.example\r\nRSET"}) {
        EXPECT_FALSE(is_valid_helo_name(bad)) << bad;
    }
    std::string long_label(64, 'a');
    long_label.append(".example");
    EXPECT_FALSE(is_valid_helo_name(long_label));
}

TEST(HeloName, PrefersWhatIsConfigured) {
    test::FakeResolver resolver;
    EXPECT_EQ(helo(resolver, "out.example.org", "web1.example.org"), "out.example.org");
    EXPECT_EQ(helo(resolver, "[192.0.2.9]", "web1.example.org"), "[192.0.2.9]");
    EXPECT_TRUE(resolver.questions().empty());
}

TEST(HeloName, NeverUsesAnInvalidConfiguredName) {
    test::FakeResolver resolver;
    EXPECT_EQ(helo(resolver, "not valid", "web1.example.org"), "web1.example.org");
}

TEST(HeloName, TakesTheHostsOwnFullName) {
    test::FakeResolver resolver;
    EXPECT_EQ(helo(resolver, "", "web1.example.org."), "web1.example.org");
}

TEST(HeloName, TakesThePtrOfTheSourceInsteadOfAContainerId) {
    test::FakeResolver resolver;
    resolver.add_ptr("192.0.2.25", "zz.example.org");
    resolver.add_ptr("192.0.2.25", "bad_name.example.org");
    resolver.add_ptr("192.0.2.25", "host25.example.org");
    EXPECT_EQ(helo(resolver, "", "3f2a9c81d4e7"), "host25.example.org");
}

TEST(HeloName, EndsWithTheAddressLiteral) {
    test::FakeResolver resolver;
    resolver.add_ptr("192.0.2.25", "localhost");
    EXPECT_EQ(helo(resolver, "", "localhost.localdomain"), "[192.0.2.25]");
    EXPECT_EQ(helo(resolver, "", "box", "2001:db8::25"), "[IPv6:2001:db8::25]");
}

}  // namespace
}  // namespace mxpost::route
