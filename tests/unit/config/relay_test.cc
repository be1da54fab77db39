#include "config/relay.h"

#include <gtest/gtest.h>

namespace mxpost::config {
namespace {

TEST(RelaySettings, SayWhoseMailGoesThere) {
    Settings settings;
    EXPECT_FALSE(is_relayed(settings, "a.example"));
    settings.relay_for = {"a.example"};
    EXPECT_FALSE(is_relayed(settings, "a.example")) << "where to?";
    settings.relay = "relay.example";
    EXPECT_TRUE(is_relayed(settings, "a.example"));
    EXPECT_FALSE(is_relayed(settings, "b.example"));
    EXPECT_FALSE(is_all_relayed(settings));
    settings.relay_when = RelayWhen::always;
    EXPECT_TRUE(is_relayed(settings, "b.example"));
    settings.relay_for.clear();
    settings.relay_when = RelayWhen::blocked;
    EXPECT_FALSE(is_all_relayed(settings));
    settings.relay_when = {};
    EXPECT_TRUE(is_all_relayed(settings));
}

TEST(RelaySettings, WithoutARelayAreAProblem) {
    Settings settings;
    EXPECT_FALSE(relay_problem(settings));
    settings.relay_for = {"a.example"};
    EXPECT_EQ(
        relay_problem(settings),
        "relay-for is set, but no relay: mail goes straight to its recipients' servers"
    );
    settings.relay = "relay.example";
    EXPECT_FALSE(relay_problem(settings));
}

}  // namespace
}  // namespace mxpost::config
