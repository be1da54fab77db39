#include "route/host_name.h"

#include <optional>

#include <gtest/gtest.h>

#include "support/fake_resolver.h"
#include "support/manual_clock.h"

namespace mxpost::route {
namespace {

namespace asio = boost::asio;

class HeloNameTest : public testing::Test {
protected:
    std::string helo(
        const std::string& configured,
        const std::string& host_name,
        const std::string& source = "192.0.2.25"
    ) {
        ReverseNames names(resolver_, clock_);
        HeloName finder(configured, host_name, names);
        asio::io_context context;
        std::optional<std::string> name;
        asio::co_spawn(
            context,
            finder.find(asio::ip::make_address(source)),
            [&](std::exception_ptr failure, std::string result) {
                EXPECT_FALSE(failure);
                name = std::move(result);
            }
        );
        context.run();
        return name.value_or("");
    }

    test::FakeResolver resolver_;
    test::ManualClock clock_;
};

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

TEST(IsPrivateName, KnowsWhatOtherNetsCantLookUp) {
    for (const char* name :
         {"box.local",
          "pod.ns.svc.cluster.local",
          "ip-10-0-0-5.eu-west-1.compute.INTERNAL",
          "nas.home.arpa",
          "nas.lan",
          "dc1.corp"}) {
        EXPECT_TRUE(is_private_name(name)) << name;
    }
    for (const char* name : {"local.example.org", "internal.example", "mylan", "a.notlan", ""}) {
        EXPECT_FALSE(is_private_name(name)) << name;
    }
}

TEST_F(HeloNameTest, PrefersWhatIsConfigured) {
    EXPECT_EQ(helo("out.example.org", "web1.example.org"), "out.example.org");
    EXPECT_EQ(helo("[192.0.2.9]", "web1.example.org"), "[192.0.2.9]");
    EXPECT_EQ(helo("mail.corp.internal", "web1.example.org"), "mail.corp.internal");
    EXPECT_TRUE(resolver_.questions().empty());
}

TEST_F(HeloNameTest, NeverUsesAnInvalidConfiguredName) {
    EXPECT_EQ(helo("not valid", "web1.example.org"), "web1.example.org");
    EXPECT_EQ(helo("[192.0.2]", "web1.example.org"), "web1.example.org");
    EXPECT_EQ(helo("a\r\nb.example", "web1.example.org"), "web1.example.org");
}

TEST_F(HeloNameTest, TakesTheHostsOwnFullName) {
    EXPECT_EQ(helo("", "web1.example.org"), "web1.example.org");
    EXPECT_EQ(helo("", "web1.example.org."), "web1.example.org");
    EXPECT_EQ(helo("", "WEB1.Example.ORG"), "web1.example.org");
    EXPECT_TRUE(resolver_.questions().empty());
}

TEST_F(HeloNameTest, TakesThePtrNameWhereTheHostHasNoFullName) {
    resolver_.add_ptr("192.0.2.25", "Host25.example.org");
    for (const char* name :
         {"3f2a9c81d4e7",
          "3f2a9c",
          "box",
          "MYBOX",
          "my_host",
          "my_host.example.org",
          "",
          ".",
          "box..example.org",
          "localhost",
          "localhost.",
          "localhost.localdomain",
          "192.0.2.25",
          "-box.example.org",
          "web1.corp.internal",
          "box.local"}) {
        EXPECT_EQ(helo("", name), "Host25.example.org") << name;
    }
}

TEST_F(HeloNameTest, PrefersAPtrNameThatLeadsBack) {
    resolver_.add_ptr("192.0.2.25", "claimed.example.org");
    resolver_.add_ptr("192.0.2.25", "host25.example.org");
    resolver_.add_address("host25.example.org", "192.0.2.25");
    EXPECT_EQ(helo("", "box"), "host25.example.org");
}

TEST_F(HeloNameTest, TakesOfSeveralPtrNamesAlwaysTheSame) {
    resolver_.add_ptr("192.0.2.25", "zz.example.org");
    resolver_.add_ptr("192.0.2.25", "bad_name.example.org");
    resolver_.add_ptr("192.0.2.25", "host25.example.org");
    EXPECT_EQ(helo("", "3f2a9c81d4e7"), "host25.example.org");
}

TEST_F(HeloNameTest, EndsWithTheAddressLiteral) {
    resolver_.add_ptr("192.0.2.25", "localhost");
    EXPECT_EQ(helo("", "localhost.localdomain"), "[192.0.2.25]");
    EXPECT_EQ(helo("", "box", "2001:db8::25"), "[IPv6:2001:db8::25]");
    EXPECT_EQ(helo("", "box", "fe80::25%1"), "[IPv6:fe80::25]");
    EXPECT_EQ(helo("", "box", "::ffff:192.0.2.25"), "[192.0.2.25]");
}

TEST_F(HeloNameTest, TakesAPrivateNameOnlyWithinAPrivateNet) {
    EXPECT_EQ(helo("", "web1.corp.internal", "10.0.0.25"), "web1.corp.internal");
    EXPECT_EQ(helo("", "web1.corp.internal", "192.0.2.25"), "[192.0.2.25]");
    resolver_.add_ptr("10.0.0.25", "ns1.corp.internal");
    EXPECT_EQ(helo("", "web1.corp.internal", "10.0.0.25"), "web1.corp.internal");
    resolver_.add_address("ns1.corp.internal", "10.0.0.25");
    EXPECT_EQ(helo("", "web1.corp.internal", "10.0.0.25"), "ns1.corp.internal");
}

TEST_F(HeloNameTest, IsTheAddressLiteralWhereNoLookUpSucceeds) {
    resolver_.fail_ptr("192.0.2.25", "no reply");
    EXPECT_EQ(helo("", "3f2a9c"), "[192.0.2.25]");
}

TEST_F(HeloNameTest, HasANameForASocketWithoutAddress) {
    ReverseNames names(resolver_, clock_);
    EXPECT_EQ(
        HeloName("out.example.org", "web1.example", names).find_for_socket(), "out.example.org"
    );
    EXPECT_EQ(HeloName("", "web1.local", names).find_for_socket(), "web1.local");
    EXPECT_EQ(HeloName("", "3f2a9c", names).find_for_socket(), "localhost");
}

}  // namespace
}  // namespace mxpost::route
