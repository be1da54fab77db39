#include "diagnose/providers.h"

#include <gtest/gtest.h>

#include "diagnose/shipped.h"

namespace mxpost::diagnose {
namespace {

using namespace std::chrono_literals;

SiteLimits limits(const Providers& providers, const std::vector<std::string>& hosts) {
    return providers.limits_for(hosts);
}

TEST(Providers, TheShippedFileHasTheLargeReceivers) {
    const Providers providers = Providers::shipped();
    const auto google = limits(providers, {"alt1.gmail-smtp-in.l.google.com"});
    EXPECT_EQ(google.max_sessions, 5U);
    EXPECT_EQ(google.messages_per_session, 50U);
    const auto microsoft = limits(providers, {"hotmail-com.olc.protection.outlook.com"});
    EXPECT_EQ(microsoft.max_sessions, 5U);
    EXPECT_EQ(microsoft.messages_per_session, 50U);
    EXPECT_EQ(limits(providers, {"example-com.a-v1.mx.microsoft"}), microsoft);
    EXPECT_EQ(limits(providers, {"mta5.am0.yahoodns.net"}).messages_per_session, 20U);
    const auto apple = limits(providers, {"mx01.mail.icloud.com"});
    EXPECT_EQ(apple.max_sessions, 10U);
    EXPECT_EQ(apple.messages_per_session, 5U);
    EXPECT_EQ(limits(providers, {"smtp-in.orange.fr"}).max_sessions, 2U);
    EXPECT_EQ(limits(providers, {"mx1.comcast.net"}).max_sessions, 25U);
    EXPECT_TRUE(limits(providers, {"mx.example.org", "google.com.example.org"}).is_empty());
    EXPECT_TRUE(limits(providers, {}).is_empty());
}

TEST(Providers, OfHostsAtSeveralTheStricterLimitsCount) {
    const auto both = limits(Providers::shipped(), {"mx01.mail.icloud.com", "aspmx.l.google.com"});
    EXPECT_EQ(both.max_sessions, 5U);
    EXPECT_EQ(both.messages_per_session, 5U);
}

TEST(Providers, TheAdministratorsComeFirstAndReplaceByName) {
    const auto providers = Providers::make(
        "f",
        "provider mine\n host .google.com\n rate 10/1m\n"
        "provider orange\n host smtp-in.orange.fr\n sessions 1\n"
    );
    ASSERT_TRUE(providers) << providers.error().message();
    const auto google = limits(*providers, {"aspmx.l.google.com"});
    EXPECT_EQ(google.rate, (Rate{10, 60s}));
    EXPECT_FALSE(google.max_sessions);
    EXPECT_EQ(limits(*providers, {"smtp-in.orange.fr"}).max_sessions, 1U);
    EXPECT_TRUE(limits(*providers, {"smtp-in2.orange.fr"}).is_empty());
    EXPECT_EQ(providers->size(), Providers::shipped().size() + 1);
}

TEST(Providers, ErrorsHaveFileAndLine) {
    const auto problem = [](std::string_view text) {
        const auto made = Providers::make("/etc/mxpost/providers", text);
        return made ? std::string() : made.error().message();
    };
    EXPECT_EQ(
        problem("provider a\n sessions 1\n"), "/etc/mxpost/providers:1: provider \"a\" has no host"
    );
    EXPECT_EQ(
        problem("provider a\n host .b.example\n sessions many\n"),
        "/etc/mxpost/providers:3: sessions must be a number from 1 on, not \"many\""
    );
    EXPECT_EQ(
        problem("provider a\n host .b.example\n session 3\n"),
        "/etc/mxpost/providers:3: \"session\" is none of a provider's words (host, sessions, "
        "messages, recipients, rate)"
    );
    EXPECT_EQ(
        problem("provider a\n host .b.example\n host c.example\n"),
        "/etc/mxpost/providers:3: the provider has a \"host\" line already"
    );
}

}  // namespace
}  // namespace mxpost::diagnose
