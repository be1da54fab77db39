// Which mail goes by the relay, and where that is. The dialogue: tests/unit/protocol, tests/e2e.
#include "deliver/relay.h"

#include <fstream>

#include <sys/stat.h>

#include "deliver/lmtp.h"
#include "deliver_test.h"

namespace mxpost::deliver {
namespace {

using testing::HasSubstr;

const SteadyTime kNow{std::chrono::hours(1)};

class RelayTest : public testing::Test {
protected:
    RelayTest() : life_(queue_) {}

    void make(bool is_system_engine = true) {
        relay_ = Relay::make(life_.settings, TrustedUser(), is_system_engine, life_.port_watch);
        ASSERT_NE(relay_, nullptr);
    }
    NextHopResult find() {
        std::optional<NextHopResult> found;
        boost::asio::co_spawn(
            life_.io,
            relay_->find(life_.services),
            [&](const std::exception_ptr& error, NextHopResult result) {
                EXPECT_FALSE(error);
                found = std::move(result);
            }
        );
        life_.io.restart();
        life_.io.run();
        return found.value();
    }
    std::string refusal() {
        const auto found = find();
        const auto* outcome = std::get_if<mail::RecipientOutcome>(&found);
        if (outcome == nullptr) {
            return "none";
        }
        EXPECT_EQ(outcome->kind, mail::OutcomeKind::deferred);
        return outcome->text;
    }
    std::string credentials(const std::string& text = "tim:secret\n") {
        const std::string path = directory_.path() + "/credentials";
        std::ofstream(path) << text;
        ::chmod(path.c_str(), 0600);
        return path;
    }

    test::TemporaryDirectory directory_;
    Queue queue_;
    Life life_;
    std::unique_ptr<Relay> relay_;
};

TEST_F(RelayTest, IsThereOnlyWhereOneIsSet) {
    EXPECT_EQ(Relay::make(life_.settings, TrustedUser(), true, life_.port_watch), nullptr);
}

TEST_F(RelayTest, TakesAllMailUnlessTheSettingsSaySomethingElse) {
    life_.settings.relay = "192.0.2.7:587";
    make();
    EXPECT_EQ(relay_->choose("a.example", kNow), Way::relay);

    life_.settings.relay_for = {"b.example", ".c.example"};
    EXPECT_EQ(relay_->choose("a.example", kNow), Way::direct);
    EXPECT_EQ(relay_->choose("b.example", kNow), Way::relay);
    EXPECT_EQ(relay_->choose("x.b.example", kNow), Way::direct);
    EXPECT_EQ(relay_->choose("c.example", kNow), Way::direct);
    EXPECT_EQ(relay_->choose("x.c.example", kNow), Way::relay);

    life_.settings.relay_when = config::RelayWhen::always;
    EXPECT_EQ(relay_->choose("a.example", kNow), Way::relay);
}

TEST_F(RelayTest, TakesADomainHoweverItIsWritten) {
    const std::string u_labels =
        "b\xc3\xbc"
        "cher.example";
    const std::string a_labels = "xn--bcher-kva.example";
    life_.settings.relay = "192.0.2.7:587";
    for (const std::string& entry : {u_labels, a_labels}) {
        life_.settings.relay_for = {entry, "." + entry};
        make();
        for (const std::string& domain : {u_labels, a_labels}) {
            EXPECT_EQ(relay_->choose(domain, kNow), Way::relay) << domain << " " << entry;
            EXPECT_EQ(relay_->choose("x." + domain, kNow), Way::relay) << domain << " " << entry;
        }
        EXPECT_EQ(relay_->choose("bucher.example", kNow), Way::direct);
    }
}

TEST_F(RelayTest, WhenPort25IsBlockedAllButTheProbe) {
    life_.settings.relay = "192.0.2.7:587";
    life_.settings.relay_for = {"b.example"};
    life_.settings.relay_when = config::RelayWhen::blocked;
    make();
    EXPECT_TRUE(relay_->is_fallback());
    EXPECT_EQ(relay_->choose("a.example", kNow), Way::direct);
    EXPECT_EQ(relay_->choose("b.example", kNow), Way::relay);
    life_.port_watch.confirm(kNow);
    EXPECT_EQ(relay_->choose("a.example", kNow), Way::relay);
    const SteadyTime later = kNow + PortWatch::kProbeEvery;
    EXPECT_EQ(relay_->choose("b.example", later), Way::relay) << "no probe";
    EXPECT_EQ(relay_->choose("a.example", later), Way::direct);
    EXPECT_EQ(relay_->choose("a.example", later), Way::relay);
}

TEST_F(RelayTest, AsksForVerifiedTlsBeforeItShowsCredentials) {
    life_.settings.relay = "[192.0.2.7]:587";
    life_.settings.relay_credentials = credentials();
    make();
    auto found = find();
    const auto& hop = std::get<NextHop>(found);
    ASSERT_EQ(hop.peers.size(), 1U);
    EXPECT_EQ(hop.peers[0].text(), "192.0.2.7[192.0.2.7]:587");
    EXPECT_EQ(hop.session.tls, tls::TlsUse::verify);
    EXPECT_FALSE(hop.session.is_tls_from_start);
    EXPECT_FALSE(hop.session.auth.may_show_secret);
    EXPECT_TRUE(hop.session.is_appointed);
    EXPECT_EQ(hop.session.auth.credentials->user, "tim");
    EXPECT_TRUE(hop.session.auth.allowed.has(protocol::Mechanism::plain));
    EXPECT_FALSE(hop.session.auth.allowed.has(protocol::Mechanism::xoauth2));
}

// Its certificate has no other.
TEST_F(RelayTest, ANameBeyondAsciiIsVerifiedAsTheDnsHasIt) {
    life_.settings.relay =
        "smtp.b\xc3\xbc"
        "cher.example:587";
    life_.resolver.add_address("smtp.xn--bcher-kva.example", "192.0.2.7");
    make();
    auto found = find();
    EXPECT_EQ(std::get<NextHop>(found).peers.at(0).host, "smtp.xn--bcher-kva.example");
}

TEST_F(RelayTest, Port465IsTlsFromTheStart) {
    life_.settings.relay = "192.0.2.7:465";
    make();
    auto found = find();
    EXPECT_TRUE(std::get<NextHop>(found).session.is_tls_from_start);
}

TEST_F(RelayTest, WaitsForTheEngineThatMayReadTheFile) {
    if (::geteuid() == 0) {
        life_.settings.relay_credentials = directory_.path() + "/missing";
    } else {
        life_.settings.relay_credentials = credentials();
        ::chmod(life_.settings.relay_credentials.c_str(), 0);
    }
    life_.settings.relay = "192.0.2.7:587";
    make(false);
    EXPECT_THAT(
        refusal(),
        HasSubstr(::geteuid() == 0 ? "can't be read: No such file" : "waits for the system engine")
    );
}

TEST_F(RelayTest, ComplainsInTheLogButNotWithEachMessage) {
    life_.settings.relay = "192.0.2.7:587";
    life_.settings.relay_credentials = credentials("nonsense\n");
    make();
    EXPECT_THAT(refusal(), HasSubstr("must have user:password in its first line"));
    EXPECT_THAT(refusal(), HasSubstr("must have user:password"));
    EXPECT_EQ(life_.log.count("must have user:password"), 1U);
    life_.clock.advance(std::chrono::minutes(10));
    (void)refusal();
    EXPECT_EQ(life_.log.count("must have user:password"), 2U);
}

TEST_F(RelayTest, ARefusedPasswordIsNotTriedAgainAtOnce) {
    life_.settings.relay = "192.0.2.7:587";
    life_.settings.relay_credentials = credentials();
    make();
    EXPECT_EQ(refusal(), "none");
    mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 7, 8}, "5.7.8 wrong");
    outcome.reply_code = 535;
    relay_->credentials_refused(life_.services, outcome);
    EXPECT_EQ(life_.log.count("it refuses the user or password"), 1U);
    EXPECT_THAT(refusal(), HasSubstr("535 5.7.8 wrong (not tried again so soon)"));
    credentials("tim:other one\n");
    EXPECT_EQ(refusal(), "none") << "the file has changed";

    relay_->credentials_refused(life_.services, outcome);
    EXPECT_THAT(refusal(), HasSubstr("not tried again"));
    life_.clock.advance(std::chrono::minutes(10));
    EXPECT_EQ(refusal(), "none");
}

TEST_F(RelayTest, AnUnknownHostIsNoReasonToReturnMail) {
    life_.settings.relay = "gone.example:587";
    make();
    EXPECT_THAT(refusal(), HasSubstr("relay gone.example:587: gone.example"));
    life_.settings.relay = "gone.example";
    make();
    EXPECT_THAT(refusal(), HasSubstr("gone.example does not exist"));
}

TEST(LmtpServer, IsASocketOrAHost) {
    EXPECT_EQ(LmtpServer::parse("lmtp:/run/dovecot/lmtp").value().path, "/run/dovecot/lmtp");
    EXPECT_EQ(LmtpServer::parse("/run/dovecot/lmtp").value().name(), "lmtp:/run/dovecot/lmtp");
    EXPECT_EQ(LmtpServer::parse("localhost").value().port, 24);
    EXPECT_EQ(LmtpServer::parse("lmtp:[2001:db8::1]:2003").value().host, "2001:db8::1");
    EXPECT_EQ(LmtpServer::parse("lmtp:[2001:db8::1]:2003").value().port, 2003);
    for (const char* text : {"", "lmtp:", "lmtp:host:", "host:0", "host:65536", "a b", "[::1"}) {
        EXPECT_FALSE(LmtpServer::parse(text)) << text;
    }
}

}  // namespace
}  // namespace mxpost::deliver
