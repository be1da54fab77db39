#include "config/keys.h"

#include <set>

#include <gtest/gtest.h>

namespace mxpost::config {
namespace {

TEST(Keys, HaveNamesOfLettersDigitsAndHyphensAndATextEach) {
    std::set<std::string_view> names;
    for (const Key& key : keys()) {
        EXPECT_TRUE(names.insert(key.name).second) << key.name;
        EXPECT_EQ(
            key.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-"), std::string::npos
        );
        EXPECT_FALSE(key.text.empty()) << key.name;
        EXPECT_FALSE(key.text.ends_with('.')) << key.name;
    }
}

TEST(Keys, AreFoundByNearNames) {
    EXPECT_EQ(nearest_key("form-domain")->name, "from-domain");
    EXPECT_EQ(nearest_key("FROM_DOMAIN")->name, "from-domain");
    EXPECT_EQ(nearest_key("queue-livetime")->name, "queue-lifetime");
    EXPECT_EQ(nearest_key("max_session")->name, "max-sessions");
    EXPECT_EQ(nearest_key("relayhost"), nullptr);
    EXPECT_EQ(nearest_key(std::string(1U << 20U, 'x')), nullptr);
}

TEST(Keys, HaveEnvironmentNames) {
    EXPECT_EQ(environment_name(*find_key("from-domain")), "MXPOST_FROM_DOMAIN");
    EXPECT_EQ(environment_name(*find_key("source-address-ipv4")), "MXPOST_SOURCE_ADDRESS_IPV4");
}

TEST(Settings, HaveTheDocumentedDefaults) {
    const Settings settings;
    EXPECT_EQ(settings.spool, "/var/spool/mxpost");
    EXPECT_EQ(settings.message_size_limit, 50U << 20U);
    EXPECT_EQ(settings.queue_lifetime, std::chrono::hours(120));
    EXPECT_EQ(settings.bounce_lifetime, std::chrono::hours(48));
    EXPECT_EQ(settings.warning_time, std::chrono::hours(4));
    EXPECT_EQ(settings.tls, TlsLevel::may);
    EXPECT_EQ(settings.delivery_mode, DeliveryMode::background);
    EXPECT_EQ(settings.log, "");
}

}  // namespace
}  // namespace mxpost::config
