#include "config/host_port.h"

#include <string>

#include <gtest/gtest.h>

#include "config/values.h"

namespace mxpost::config {
namespace {

std::string parsed(const std::string& text) {
    const auto result = HostPort::parse(text);
    return result ? result->host + " " + std::to_string(result->port) +
                        (result->is_bracketed ? " bracketed" : "")
                  : "error";
}

TEST(HostPort, TakesNamesAndAddressesWithAndWithoutPort) {
    EXPECT_EQ(parsed("smtp.example.com"), "smtp.example.com 0");
    EXPECT_EQ(parsed("SMTP.Example.com:587"), "smtp.example.com 587");
    EXPECT_EQ(parsed("[smtp.example.com]:587"), "smtp.example.com 587 bracketed");
    EXPECT_EQ(parsed("[smtp.example.com]"), "smtp.example.com 0 bracketed");
    EXPECT_EQ(parsed("localhost:1025"), "localhost 1025");
    EXPECT_EQ(parsed("192.0.2.1:25"), "192.0.2.1 25");
    EXPECT_EQ(parsed("2001:DB8::1"), "2001:db8::1 0");
    EXPECT_EQ(parsed("[2001:db8::1]:465"), "2001:db8::1 465 bracketed");
}

TEST(HostPort, TakesNothingElse) {
    for (const char* text :
         {"",
          ":",
          ":25",
          "[]",
          "[]:25",
          "host:",
          "host:0",
          "host:65536",
          "host:smtp",
          "host:25:25",
          "[host",
          "[host]25",
          "[host]x",
          "a b",
          "host/587",
          "user@host",
          "2001:db8::1:",
          "host:-1"}) {
        EXPECT_EQ(parsed(text), "error") << text;
    }
}

TEST(Values, RelaySettings) {
    EXPECT_EQ(parse_relay("smtp.example.com:587").value(), "smtp.example.com:587");
    EXPECT_FALSE(parse_relay("smtp.example.com:submission"));
    EXPECT_EQ(
        parse_domain_patterns("a.example, .B.example").value(),
        (std::vector<std::string>{"a.example", ".b.example"})
    );
    EXPECT_FALSE(parse_domain_patterns("*.example"));
    EXPECT_EQ(
        parse_mechanisms("PLAIN, Scram-SHA-256").value(),
        (std::vector<std::string>{"plain", "scram-sha-256"})
    );
    EXPECT_FALSE(parse_mechanisms("gssapi"));
}

TEST(TlsPolicies, AreDomainsWithTheirLevels) {
    const auto policies =
        parse_tls_policies("Bank.example:verify, .b.example:no-downgrade [IPv6:2001:DB8::1]:none");
    ASSERT_TRUE(policies);
    ASSERT_EQ(policies->size(), 3U);
    EXPECT_EQ((*policies)[0].domain, "bank.example");
    EXPECT_EQ((*policies)[0].level, TlsLevel::verify);
    EXPECT_EQ((*policies)[1].domain, ".b.example");
    EXPECT_EQ((*policies)[1].level, TlsLevel::no_downgrade);
    EXPECT_EQ((*policies)[2].domain, "[ipv6:2001:db8::1]");
    EXPECT_EQ((*policies)[2].level, TlsLevel::none);
    for (const char* bad :
         {"a.example", "a.example:", ":verify", "a.example:fine", "*.example:dane", "[::1:may"}) {
        EXPECT_FALSE(parse_tls_policies(bad)) << bad;
    }
}

}  // namespace
}  // namespace mxpost::config
