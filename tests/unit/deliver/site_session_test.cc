// What a site learns of a session that doesn't come about, and what becomes of messages whose
// session ends before they are through. The rest: tests/e2e.
#include "deliver/site_session.h"

#include <deque>

#include "deliver/domain_attempt.h"
#include "deliver_test.h"
#include "support/loopback_server.h"
#include "support/string_content.h"
#include "tls/client_context.h"

namespace mxpost::deliver {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class OneServer final : public Destination {
public:
    explicit OneServer(NextHop hop) : hop_(std::move(hop)) {}
    asio::awaitable<NextHopResult> find() override { co_return hop_; }

private:
    NextHop hop_;
};

/// Takes one connection, and answers a handshake with something else.
asio::awaitable<void> break_tls_once(tcp::acceptor& acceptor) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    acceptor.close();
    test::ServerConnection server(std::move(socket));
    co_await server.say("220 mx.example ESMTP\r\n");
    co_await server.line();
    co_await server.say("250-mx.example\r\n250 STARTTLS\r\n");
    co_await server.line();
    co_await server.say("220 go\r\n");
    co_await server.octets(1);
    co_await server.say("500 what?\r\n");
}

class SiteSessionTest : public testing::Test {
protected:
    NextHop hop() {
        NextHop hop;
        hop.site = "mx.example";
        hop.session.tls_context = context_.get();
        hop.peers.emplace_back(
            "mx.example", asio::ip::address_v4::loopback(), acceptor_.local_endpoint().port()
        );
        return hop;
    }
    AttemptResult attempt(const NextHop& hop) {
        Consignment consignment(
            envelope_,
            envelope_.recipients,
            [](bool) { return Result<std::unique_ptr<mail::Content>>(nullptr); },
            dialogue_,
            {1000, kId}
        );
        DomainAttempt attempt(
            life_.services, std::make_unique<OneServer>(hop), std::move(consignment)
        );
        std::optional<AttemptResult> result;
        asio::co_spawn(
            life_.io,
            attempt.run(),
            [&](const std::exception_ptr& error, AttemptResult given) {
                EXPECT_FALSE(error);
                result = std::move(given);
            }
        );
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!result && std::chrono::steady_clock::now() < deadline) {
            life_.io.run_one_for(std::chrono::milliseconds(100));
        }
        life_.sites.stop();
        life_.io.poll();
        EXPECT_TRUE(result);
        return result.value_or(AttemptResult());
    }

    std::unique_ptr<tls::ClientContext> context_ =
        tls::ClientContext::make(tls::TrustSettings()).value();
    const mail::Envelope envelope_ = make_envelope({"u@b.example"});
    DialogueLog dialogue_;
    Queue queue_;
    Life life_{queue_};
    tcp::acceptor acceptor_{life_.io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
};

// Else each attempt would shake hands first, and be turned away with the second connection.
TEST_F(SiteSessionTest, RemembersBrokenTlsWhereTheServerTakesNoSecondConnection) {
    const NextHop found = hop();
    auto server = break_tls_once(acceptor_);
    asio::co_spawn(life_.io, std::move(server), asio::detached);
    const AttemptResult result = attempt(found);
    ASSERT_EQ(result.outcomes.size(), 1U);
    EXPECT_EQ(result.outcomes[0].kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(result.outcomes[0].step, mail::Step::connect) << result.outcomes[0].text;
    EXPECT_TRUE(life_.sites.at(found)->is_tls_broken(found.peers[0].text()));
    EXPECT_EQ(life_.log.count("mail goes in clear for an hour: TLS failed"), 1U);
}

/// A mail server that takes what nothing else is said of.
class Mx {
public:
    explicit Mx(asio::io_context& context)
        : server(context, {[this](test::ServerConnection& connection) {
                     return serve(connection);
                 }}) {}

    std::size_t count(std::string_view part) const {
        return static_cast<std::size_t>(std::ranges::count_if(lines, [&](const auto& line) {
            return line.find(part) != std::string::npos;
        }));
    }

    std::string greeting = "220 mx.example ESMTP";
    std::string extensions;
    /// The reply to a line, "." after the content; empty: the usual one.
    std::function<std::string(const std::string&)> reply = [](const std::string&) { return ""; };
    std::string hold;  // no reply to a line with this, as long as it is so
    std::vector<std::string> lines;
    test::LoopbackServer server;

private:
    asio::awaitable<void> serve(test::ServerConnection& connection) {
        co_await connection.say(greeting + "\r\n");
        for (;;) {
            std::string line = co_await connection.line();
            if (line == "<end>") {
                co_return;
            }
            if (line == "DATA") {
                co_await connection.say("354 go\r\n");
                line = co_await connection.content() + ".";
            }
            lines.push_back(line);
            while (!hold.empty() && line.find(hold) != std::string::npos) {
                co_await connection.wait(std::chrono::milliseconds(2));
            }
            std::string said = reply(line);
            if (said.empty()) {
                said = line.starts_with("EHLO") ? "250-mx.example\r\n" + extensions + "250 HELP"
                                                : "250 2.0.0 Ok";
            }
            co_await connection.say(said + "\r\n");
            if (said.starts_with("421") || line == "QUIT") {
                connection.close();
                co_return;
            }
        }
    }
};

class SiteDialogueTest : public testing::Test {
protected:
    struct Attempt {
        Attempt(Life& life, const NextHop& hop, const std::vector<std::string>& recipients)
            : envelope(make_envelope(recipients)),
              attempt(life.services, std::make_unique<OneServer>(hop), consignment()) {}

        Consignment consignment() {
            return {
                envelope,
                envelope.recipients,
                [this](bool) {
                    return Result<std::unique_ptr<mail::Content>>(
                        std::make_unique<test::StringContent>(text)
                    );
                },
                dialogue,
                {1000, kId}};
        }
        const mail::RecipientOutcome& outcome(std::size_t index = 0) const {
            return result.value().outcomes.at(index);
        }

        mail::Envelope envelope;
        std::string text = kHeader + "\r\n" + kBody;
        DialogueLog dialogue;
        DomainAttempt attempt;
        std::optional<AttemptResult> result;
    };

    // Timers of the site's never expire by themselves: its clock is ahead of theirs.
    SiteDialogueTest() { life_.clock.advance(std::chrono::hours(24 * 365 * 50)); }
    ~SiteDialogueTest() override {
        mx1_.hold.clear();
        mx2_.hold.clear();
        life_.sites.stop();
        run_until([this] {
            return std::ranges::all_of(
                       attempts_, [](const auto& one) { return one.result.has_value(); }
                   ) &&
                   life_.sites.at(hop_)->is_idle();
        });
    }

    static smtp::Peer peer(const Mx& mx, const char* host, std::uint16_t preference) {
        smtp::Peer peer(host, asio::ip::address_v4::loopback(), mx.server.port());
        peer.preference = preference;
        return peer;
    }
    void use_rule(const std::string& text) {
        life_.rules = diagnose::RuleBook::make("rules", text).value();
    }
    Attempt& start(const std::vector<std::string>& recipients) {
        Attempt& one = attempts_.emplace_back(life_, hop_, recipients);
        asio::co_spawn(
            life_.io,
            one.attempt.run(),
            [&one](const std::exception_ptr& error, AttemptResult result) {
                EXPECT_FALSE(error);
                one.result = std::move(result);
            }
        );
        return one;
    }
    template <class Condition>
    bool run_until(Condition condition, std::chrono::milliseconds most = std::chrono::seconds(5)) {
        const auto deadline = std::chrono::steady_clock::now() + most;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            life_.io.restart();
            life_.io.run_one_for(std::chrono::milliseconds(10));
        }
        return condition();
    }
    void finish(const Attempt& one) {
        ASSERT_TRUE(run_until([&] { return one.result.has_value(); }));
    }

    Queue queue_;
    Life life_{queue_};
    Mx mx1_{life_.io};
    Mx mx2_{life_.io};
    NextHop hop_ = [this] {
        NextHop hop;
        hop.site = "mx1.example,mx2.example";
        hop.peers = {peer(mx1_, "mx1.example", 10), peer(mx2_, "mx2.example", 20)};
        return hop;
    }();
    std::deque<Attempt> attempts_;
};

TEST_F(SiteDialogueTest, WhatARuleDefersIsNotReturnedForTheNextHostsRefusal) {
    use_rule("rule later\n code 550\n text later\n scope session\n kind defer\n next-host\n");
    mx1_.reply = [](const std::string& line) {
        return line.starts_with("RCPT") ? "550 5.7.1 later" : "";
    };
    mx2_.greeting = "554 5.3.2 no mail here";
    Attempt& at_recipient = start({"u@b.example"});
    finish(at_recipient);
    EXPECT_EQ(mx2_.server.connections().size(), 1U);
    EXPECT_EQ(at_recipient.outcome().kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(at_recipient.outcome().reply_code, 550);

    mx1_.greeting = "550 5.7.1 later";
    Attempt& at_greeting = start({"u@b.example"});
    finish(at_greeting);
    EXPECT_EQ(mx2_.server.connections().size(), 2U);
    EXPECT_EQ(at_greeting.outcome().kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(at_greeting.outcome().reply_code, 550);
}

TEST_F(SiteDialogueTest, MailWaitsForAHostThatWasLeftOutWhereTheOthersWantNone) {
    mx1_.greeting = mx2_.greeting = "554 5.3.2 no mail here";
    Attempt& all_known = start({"u@b.example"});
    finish(all_known);
    EXPECT_EQ(all_known.outcome().kind, mail::OutcomeKind::failed);

    hop_.left_out.emplace(mail::OutcomeKind::deferred, mail::EnhancedStatus{4, 4, 3}, "SERVFAIL");
    Attempt& one_unknown = start({"u@b.example"});
    finish(one_unknown);
    EXPECT_EQ(one_unknown.outcome().kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(one_unknown.outcome().text, "SERVFAIL");
}

// Or it would cost each of the site's sessions, one after the other, over and over.
TEST_F(SiteDialogueTest, AMessageThatCostsItsSessionsWaitsAlthoughOthersAreOpen) {
    hop_.peers.pop_back();
    mx1_.hold = "<held@b.example>";
    mx1_.reply = [](const std::string& line) {
        return line.find("<bad@") != std::string::npos ? "421 4.7.0 closing" : "";
    };
    Attempt& held = start({"held@b.example"});
    ASSERT_TRUE(run_until([&] { return mx1_.count("<held@") == 1; }));
    life_.clock.advance(std::chrono::seconds(1));  // the second session is worth it
    Attempt& bad = start({"bad@b.example"});
    finish(bad);
    EXPECT_FALSE(held.result);
    EXPECT_EQ(bad.outcome().kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(bad.outcome().reply_code, 421);
    EXPECT_EQ(mx1_.count("<bad@"), 1U);
    mx1_.hold.clear();
    finish(held);
    EXPECT_EQ(held.outcome().kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(mx1_.count("<bad@"), 1U);
}

TEST_F(SiteDialogueTest, AnotherMessagesSessionIsNoReasonToWaitWhereOneMoreIsRefused) {
    hop_.peers.pop_back();
    mx1_.hold = "<held@b.example>";
    Attempt& held = start({"held@b.example"});
    ASSERT_TRUE(run_until([&] { return mx1_.count("<held@") == 1; }));
    life_.clock.advance(std::chrono::seconds(1));
    mx1_.greeting = "421 4.3.2 too many";
    Attempt& other = start({"other@b.example"});
    ASSERT_TRUE(run_until([&] { return mx1_.server.connections().size() == 2; }));
    mx1_.hold.clear();
    finish(held);
    finish(other);
    EXPECT_EQ(other.outcome().kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(mx1_.server.connections().size(), 2U);
}

// RFC 8689 4.2.1 is about servers without REQUIRETLS; others use its status for other things.
TEST_F(SiteDialogueTest, AServersOwn5730IsItsLastWord) {
    mx1_.reply = [](const std::string& line) {
        return line.ends_with("\r\n.") ? "550 5.7.30 DKIM needed" : "";
    };
    Attempt& one = start({"u@b.example"});
    finish(one);
    EXPECT_EQ(one.outcome().kind, mail::OutcomeKind::failed);
    EXPECT_EQ(one.outcome().reply_code, 550);
    EXPECT_EQ(mx2_.server.connections().size(), 0U);
}

TEST_F(SiteDialogueTest, WhatASessionMayNotCarryAnyMoreGoesOnInANewOneToTheSameHost) {
    mx1_.extensions = "250-LIMITS RCPTMAX=2 MAILMAX=2\r\n";
    Attempt& one =
        start({"a@b.example", "b@b.example", "c@b.example", "d@b.example", "e@b.example"});
    finish(one);
    for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_EQ(one.outcome(i).kind, mail::OutcomeKind::delivered) << one.outcome(i).text;
    }
    EXPECT_EQ(mx1_.count("MAIL FROM"), 3U);
    EXPECT_EQ(mx1_.server.connections().size(), 2U);
    EXPECT_EQ(mx2_.server.connections().size(), 0U);
}

TEST_F(SiteDialogueTest, ASessionCarriesMailForSoManyDomainsAsTheServerSays) {
    mx1_.extensions = "250-LIMITS RCPTDOMAINMAX=2\r\n";
    Attempt& one = start({"a@b.example", "b@C.example", "c@c.example", "d@d.example"});
    finish(one);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(one.outcome(i).kind, mail::OutcomeKind::delivered) << one.outcome(i).text;
    }
    EXPECT_EQ(mx1_.count("MAIL FROM"), 2U);
    EXPECT_EQ(mx1_.server.connections().size(), 2U);
    // Another message: the second session has room for one domain more, and has had d.example.
    Attempt& two = start({"e@d.example", "f@e.example"});
    finish(two);
    EXPECT_EQ(two.outcome(1).kind, mail::OutcomeKind::delivered) << two.outcome(1).text;
    EXPECT_EQ(mx1_.server.connections().size(), 2U);
    Attempt& three = start({"g@f.example"});
    finish(three);
    EXPECT_EQ(three.outcome().kind, mail::OutcomeKind::delivered) << three.outcome().text;
    EXPECT_EQ(mx1_.server.connections().size(), 3U);
    EXPECT_EQ(mx2_.server.connections().size(), 0U);
}

TEST_F(SiteDialogueTest, WhereASessionsDomainsWereAllRefusedTheNextOnesGoOnInANewOne) {
    mx1_.extensions = "250-LIMITS RCPTDOMAINMAX=1\r\n";
    mx1_.reply = [](const std::string& line) {
        return line.find("<no@") != std::string::npos ? "550 5.1.1 nobody" : "";
    };
    Attempt& one = start({"no@b.example", "no@c.example", "yes@d.example"});
    finish(one);
    EXPECT_EQ(one.outcome(0).kind, mail::OutcomeKind::failed) << one.outcome(0).text;
    EXPECT_EQ(one.outcome(1).kind, mail::OutcomeKind::failed) << one.outcome(1).text;
    EXPECT_EQ(one.outcome(2).kind, mail::OutcomeKind::delivered) << one.outcome(2).text;
    EXPECT_EQ(mx1_.server.connections().size(), 3U);
    EXPECT_EQ(mx2_.server.connections().size(), 0U);
}

TEST_F(SiteDialogueTest, KeepsToTheLimitsOfARuleAsLongAsItSays) {
    use_rule(
        "rule few\n code 450\n text slower\n scope site\n"
        " limits recipients=1 messages=1 for=1h\n"
    );
    mx1_.reply = [](const std::string& line) {
        return line.find("<first@") != std::string::npos ? "450 4.7.9 slower please" : "";
    };
    Attempt& first = start({"first@b.example"});
    finish(first);
    EXPECT_EQ(first.outcome().kind, mail::OutcomeKind::deferred);
    Attempt& two = start({"a@b.example", "b@b.example"});
    finish(two);
    EXPECT_EQ(two.outcome(0).kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(two.outcome(1).kind, mail::OutcomeKind::delivered) << two.outcome(1).text;
    EXPECT_EQ(mx1_.count("MAIL FROM"), 3U);
    EXPECT_EQ(mx1_.server.connections().size(), 3U);

    life_.clock.advance(std::chrono::hours(1));
    Attempt& later = start({"c@b.example", "d@b.example"});
    finish(later);
    EXPECT_EQ(mx1_.count("MAIL FROM"), 4U);
}

TEST_F(SiteDialogueTest, NoMoreMessagesBeginThanTheRateAllowsHoweverManySessionsThereAre) {
    life_.providers =
        diagnose::Providers::make("providers", "provider p\n host .example\n rate 1/1m\n").value();
    mx1_.hold = "EHLO";
    for (int i = 0; i < 5; ++i) {
        start({"u@b.example"});
    }
    ASSERT_TRUE(run_until([&] { return mx1_.count("EHLO") == 1; }));
    life_.clock.advance(std::chrono::seconds(1));  // a second session would be worth it
    mx1_.hold.clear();
    const std::shared_ptr<Site> site = life_.sites.at(hop_);
    for (std::size_t minute = 1; minute <= 3; ++minute) {
        EXPECT_TRUE(run_until([&] { return mx1_.count("MAIL FROM") == minute; })) << minute;
        EXPECT_FALSE(run_until(
            [&] { return mx1_.count("MAIL FROM") > minute; }, std::chrono::milliseconds(100)
        ));
        EXPECT_EQ(site->waiting(), 5 - minute);
        life_.clock.advance(std::chrono::minutes(1));
        site->pump();
    }
    EXPECT_EQ(mx1_.server.connections().size(), 1U) << "a session that is open does";
}

}  // namespace
}  // namespace mxpost::deliver
