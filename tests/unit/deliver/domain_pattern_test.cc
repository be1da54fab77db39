#include "deliver/domain_pattern.h"

#include "deliver/local_delivery.h"
#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

const std::string kULabels =
    "b\xc3\xbc"
    "cher.example";
const std::string kALabels = "xn--bcher-kva.example";

TEST(DnsForm, IsInLowerCaseWithALabels) {
    EXPECT_EQ(dns_form("Example.ORG"), "example.org");
    EXPECT_EQ(dns_form(kULabels), kALabels);
    EXPECT_EQ(dns_form("." + kULabels), "." + kALabels);
    EXPECT_EQ(dns_form("[IPv6:2001:db8::1]"), "[ipv6:2001:db8::1]");
    EXPECT_EQ(dns_form("\xff.Example"), "\xff.example") << "no name in the DNS, and no fault here";
    EXPECT_EQ(dns_form(""), "");
}

TEST(DomainPattern, CoversADomainOrAllBelowIt) {
    for (const std::string& entry : {kULabels, kALabels}) {
        EXPECT_TRUE(is_covered(kALabels, entry));
        EXPECT_FALSE(is_covered("x." + kALabels, entry));
        EXPECT_FALSE(is_covered(kALabels, "." + entry));
        EXPECT_TRUE(is_covered("x." + kALabels, "." + entry));
        EXPECT_FALSE(is_covered("x" + kALabels, entry));
    }
}

TEST(LocalDomains, CountHoweverTheyAreWritten) {
    Queue queue;
    Life life(queue);
    for (const std::string& entry : {kULabels, kALabels}) {
        life.services.local_domains = {"host.example.net", entry};
        EXPECT_TRUE(is_local(life.services, mail::Address("alice", kULabels)));
        EXPECT_TRUE(is_local(life.services, mail::Address("alice", "XN--BCHER-KVA.example")));
        EXPECT_TRUE(is_local(life.services, mail::Address("alice", "")));
        EXPECT_TRUE(is_local(life.services, mail::Address("alice", "Host.example.net")));
        EXPECT_FALSE(is_local(life.services, mail::Address("alice", "bucher.example")));
    }
}

}  // namespace
}  // namespace mxpost::deliver
