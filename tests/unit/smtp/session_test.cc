// Sessions against a server in the same event loop: what needs a real socket, real TLS, real time.
#include "smtp/session.h"

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "support/certificate.h"
#include "support/fixed_random.h"
#include "support/loopback_server.h"
#include "support/scripted_peer.h"
#include "support/temporary_directory.h"
#include "tls/openssl_digests.h"
#include "unit/smtp/smtp_test.h"

namespace mxpost::smtp {
namespace {

using test::Certificate;

/// A port on 127.0.0.1 where nobody listens.
std::uint16_t unused_port() {
    asio::io_context loop;
    const asio::ip::tcp::acceptor unused(
        loop, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)
    );
    return unused.local_endpoint().port();
}

TEST(Session, DeliversSeveralMessagesAndQuits) {
    std::vector<std::string> contents(2);
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_mail(server, contents[0]);
        co_await take_mail(server, contents[1]);
        co_await take_quit(server);
    }});
    lab.run([&](Session& session) -> Task {
        const auto refused = co_await session.connect(lab.peer());
        EXPECT_FALSE(refused);
        EXPECT_EQ(session.local_address(), asio::ip::make_address("127.0.0.1"));
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        MemoryContent content(kContent, 5);
        for (int i = 0; i < 2; ++i) {
            EXPECT_TRUE(session.is_idle_healthy());
            const auto result = co_await session.send(one_recipient(), content);
            EXPECT_TRUE(result.is_session_usable);
            EXPECT_EQ(result.outcomes.size(), 1U);
            const auto& outcome = result.outcomes.at(0);
            EXPECT_EQ(outcome.kind, mail::OutcomeKind::delivered);
            EXPECT_EQ(outcome.text, "2.0.0 taken");
            EXPECT_EQ(outcome.remote_host, "mx.example");
            EXPECT_EQ(outcome.remote_address, "127.0.0.1");
            EXPECT_EQ(outcome.tls, "");
        }
        co_await session.quit();
        EXPECT_FALSE(session.is_idle_healthy());
    });
    EXPECT_EQ(contents, (std::vector<std::string>{kFramed, kFramed}));
    EXPECT_EQ(lab.connection(0).lines.back(), "QUIT");
    EXPECT_EQ(lab.dialogue.lines.back(), "S: 221 bye");
}

TEST(Session, StreamsALargeMessageUnchanged) {
    std::string text = "Subject: large\r\n\r\n";
    for (int i = 0; i < 60000; ++i) {
        text += (i % 3 == 0 ? ".line " : "line ") + std::to_string(i) + "\r\n";
    }
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "250-SIZE 10000000\r\n250-PIPELINING\r\n");
        co_await server.line();
        co_await server.line();
        co_await server.line();
        co_await server.say("250 ok\r\n250 ok\r\n354 go\r\n");
        received = co_await server.content();
        co_await server.say("250 ok\r\n");
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        EXPECT_FALSE(session.capabilities().has_pipelining);
        co_await session.greet("me.example");
        EXPECT_TRUE(session.capabilities().has_pipelining);
        EXPECT_FALSE(session.capabilities().has_eight_bit_mime);
        MemoryContent content(text);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
    });
    EXPECT_EQ(received, test::ScriptedPeer::framed(text));
    EXPECT_EQ(
        lab.connection(0).lines.at(1),
        "MAIL FROM:<me@a.example> SIZE=" + std::to_string(text.size())
    );
}

TEST(Session, BodyAndFinalDotLeaveInOneWrite) {
    // Exactly one chunk (32768 octets), so that the end of the content shows only with the next
    // read.
    std::string text = "Subject: x\r\n\r\n";
    while (text.size() < 32768 - 100) {
        text.append(98, 'x').append("\r\n");
    }
    text.append(32768 - text.size() - 2, 'y').append("\r\n");
    ASSERT_EQ(text.size(), 32768U);
    std::string content_read;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_commands(server);
        server.reads.clear();
        content_read = co_await server.content();
        co_await server.say("250 ok\r\n");
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent content(text);
        co_await session.send(one_recipient(), content);
    });
    EXPECT_EQ(content_read, text);
    EXPECT_EQ(lab.connection(0).reads, (std::vector<std::size_t>{32771}));
}

TEST(Session, AnsweringNobodyIsAConnectFailure) {
    const std::uint16_t port = unused_port();
    Lab lab({never_called});
    lab.run([&](Session& session) -> Task {
        Peer nobody("mx.example", asio::ip::address_v4::loopback(), port);
        const auto refused = co_await session.connect(nobody);
        EXPECT_TRUE(refused);
        EXPECT_EQ(refused->kind, mail::OutcomeKind::deferred);
        EXPECT_EQ(refused->status.text(), "4.4.1");
        EXPECT_EQ(
            refused->text,
            "connect to mx.example[127.0.0.1]:" + std::to_string(port) + ": Connection refused"
        );
        MemoryContent content(kContent);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_TRUE(result.may_try_next_host);
        EXPECT_FALSE(result.is_session_usable);
        EXPECT_EQ(result.outcomes.size(), 1U);
    });
}

TEST(Session, ASourceAddressThatIsNotOursIsAConnectFailure) {
    Lab lab({never_called});
    lab.settings.source_v4 = asio::ip::make_address("192.0.2.1");
    lab.run([&](Session& session) -> Task {
        const auto refused = co_await session.connect(lab.peer());
        EXPECT_TRUE(refused);
        EXPECT_EQ(refused->status.text(), "4.4.1");
        EXPECT_EQ(
            refused->text,
            "connect to " + lab.peer().text() +
                ": source-address-ipv4 192.0.2.1 isn't an address of this host"
        );
        EXPECT_FALSE(session.has_route());
        EXPECT_TRUE(session.failed_connects().at(0).is_source);
    });
    EXPECT_EQ(lab.connection_count(), 0U);
}

TEST(Session, TakesTheFirstOfSeveralPeersThatAnswers) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_quit(server);
    }});
    lab.settings.source_v6 = asio::ip::make_address("2001:db8::99");
    const Peer dead("dead.example", asio::ip::address_v4::loopback(), unused_port());
    const Peer six("six.example", asio::ip::make_address("2001:db8::1"), 25);
    lab.run([&](Session& session) -> Task {
        std::vector<Peer> peers = {six, dead, lab.peer(), dead};
        const auto refused = co_await session.connect(peers);
        EXPECT_FALSE(refused);
        EXPECT_TRUE(session.has_route());
        EXPECT_EQ(session.peer(), lab.peer());
        const auto& failed = session.failed_connects();
        EXPECT_EQ(failed.size(), 2U);
        EXPECT_EQ(failed.at(0).peer, six);
        EXPECT_TRUE(failed.at(0).is_source);
        EXPECT_EQ(failed.at(1).peer, dead);
        EXPECT_TRUE(failed.at(1).has_route);
        EXPECT_EQ(failed.at(1).outcome.remote_host, "dead.example");
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        EXPECT_EQ(session.failed_connects().size(), 2U);
        co_await session.quit();
    });
}

TEST(Session, TellsOfSeveralDeadPeersWhatTheBestOneHas) {
    Lab lab({never_called});
    lab.settings.source_v6 = asio::ip::make_address("2001:db8::99");
    const Peer six("six.example", asio::ip::make_address("2001:db8::1"), 25);
    const Peer one("one.example", asio::ip::address_v4::loopback(), unused_port());
    const Peer two("two.example", asio::ip::address_v4::loopback(), unused_port());
    lab.run([&](Session& session) -> Task {
        std::vector<Peer> peers = {six, one, two};
        const auto refused = co_await session.connect(peers);
        EXPECT_TRUE(refused);
        EXPECT_EQ(
            refused->text,
            "connect to " + one.text() + ": Connection refused (and 2 more addresses fail)"
        );
        EXPECT_EQ(refused->remote_host, "one.example");
        EXPECT_TRUE(session.has_route());
        EXPECT_EQ(session.failed_connects().size(), 3U);
        std::vector<Peer> nobody;
        const auto none = co_await session.connect(nobody);
        EXPECT_TRUE(none);
        EXPECT_EQ(none->text, "there is no address to connect to");
    });
}

TEST(Session, RefusingGreetingIsTheOutcome) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await server.say("554 5.7.1 go away\r\n");
        co_await take_quit(server);
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->kind, mail::OutcomeKind::failed);
        EXPECT_EQ(trouble->text, "5.7.1 go away");
        EXPECT_EQ(trouble->remote_address, "127.0.0.1");
    });
    EXPECT_EQ(lab.connection(0).lines, std::vector<std::string>{"QUIT"});
}

TEST(Session, DrippingOctetsDoNotMoveTheDeadline) {
    Lab lab({[&](ServerConnection& server) -> Task {
        for (int i = 0; i < 1000; ++i) {
            co_await server.say(i == 0 ? "220 " : "x");
            co_await server.wait(std::chrono::milliseconds(5));
        }
    }});
    lab.settings.timeouts.greeting = std::chrono::milliseconds(100);
    const auto start = std::chrono::steady_clock::now();
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->text, "timed out while waiting for the greeting");
        EXPECT_EQ(trouble->status.text(), "4.4.2");
    });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

TEST(Session, TheWholeHasADeadlineToo) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await server.say("220 mx\r\n");
        co_await server.line();
        co_await server.wait(std::chrono::seconds(5));
    }});
    lab.settings.timeouts.total = std::chrono::milliseconds(100);
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->text, "timed out while waiting for the reply to EHLO");
    });
}

TEST(Session, AServerThatStopsReadingIsGivenUp) {
    std::string lines = "Subject: x\r\n\r\n";
    for (int i = 0; i < 10000; ++i) {
        lines.append(900, 'x').append("\r\n");
    }
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_commands(server);
        co_await server.wait(std::chrono::seconds(5));
    }});
    lab.settings.timeouts.data_block = std::chrono::milliseconds(100);
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent content(lines);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(
            result.outcomes.at(0).text, "timed out while waiting for the content to be taken"
        );
        EXPECT_TRUE(result.may_try_next_host);
        EXPECT_FALSE(result.is_content_bad);
    });
}

TEST(Session, RefusalBeforeTheEndOfTheContentIsHeard) {
    std::string lines = "Subject: x\r\n\r\n";
    for (int i = 0; i < 10000; ++i) {
        lines.append(900, 'x').append("\r\n");
    }
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_commands(server);
        co_await server.say("552 5.3.4 too big\r\n");
        server.close();
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent content(lines);
        const auto result = co_await session.send(one_recipient(), content);
        const auto& outcome = result.outcomes.at(0);
        // Closing with unread octets makes the kernel send RST, which may overtake the reply.
        EXPECT_NE(outcome.kind, mail::OutcomeKind::delivered);
        EXPECT_EQ(outcome.kind == mail::OutcomeKind::failed, outcome.reply_code == 552);
        EXPECT_FALSE(result.is_session_usable);
    });
}

TEST(Session, ResetAfterTheDotIsAmbiguous) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_commands(server);
        co_await server.content();
        server.reset();
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent content(kContent);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::deferred);
        EXPECT_EQ(result.outcomes.at(0).status.text(), "4.4.2");
        EXPECT_FALSE(result.may_try_next_host);
        EXPECT_FALSE(result.is_session_usable);
    });
}

TEST(Session, BadContentEndsWithoutADot) {
    for (int how = 0; how < 5; ++how) {
        std::string received;
        Lab lab({[&](ServerConnection& server) -> Task {
            co_await greet(server, "");
            co_await take_commands(server);
            received = co_await server.content();
        }});
        lab.run([&](Session& session) -> Task {
            co_await session.connect(lab.peer());
            co_await session.greet("me.example");
            MemoryContent content(
                how == 0   ? "Subject: x\r\n\r\nbare\n.\r\n"
                : how == 1 ? "Subject: x\r\n\r\nend"
                           : kContent,
                10
            );
            if (how == 2) {
                content.fail_at(20);
            } else if (how >= 3) {
                content.claim(how == 3 ? 100 : 10);
            }
            const auto result = co_await session.send(one_recipient(), content);
            EXPECT_TRUE(result.is_content_bad) << how;
            EXPECT_FALSE(result.content_problem.empty());
            EXPECT_FALSE(result.may_try_next_host);
            EXPECT_FALSE(result.is_session_usable);
            EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::deferred);
        });
        lab.settle();
        EXPECT_TRUE(received.ends_with("<end>")) << how << received;
        EXPECT_EQ(received.find("\r\n.\r\n"), std::string::npos);
    }
}

TEST(Session, ContentThatIsGoneLeavesTheSessionUsable) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await take_mail(server, received);
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent gone(kContent);
        gone.fail_to_rewind();
        const auto bad = co_await session.send(one_recipient(), gone);
        EXPECT_TRUE(bad.is_content_bad);
        EXPECT_TRUE(bad.is_session_usable);
        MemoryContent content(kContent);
        const auto good = co_await session.send(one_recipient(), content);
        EXPECT_EQ(good.outcomes.at(0).kind, mail::OutcomeKind::delivered);
    });
}

TEST(Session, AnIdleSessionThatTheServerEndedIsNotHealthy) {
    for (const bool is_polite : {false, true}) {
        Lab lab({[&](ServerConnection& server) -> Task {
            co_await greet(server, "");
            if (is_polite) {
                co_await server.say("421 4.4.2 idle\r\n");
            } else {
                server.close();
            }
        }});
        lab.run([&](Session& session) -> Task {
            co_await session.connect(lab.peer());
            const auto trouble = co_await session.greet("me.example");
            // The 421 may have come in one segment with the reply to EHLO.
            if (!trouble) {
                asio::steady_timer timer(co_await asio::this_coro::executor);
                for (int i = 0; i < 200 && session.is_idle_healthy(); ++i) {
                    timer.expires_after(std::chrono::milliseconds(5));
                    co_await timer.async_wait(asio::use_awaitable);
                }
            }
            EXPECT_FALSE(session.is_idle_healthy());
        });
    }
}

TEST(Session, QuitDoesNotWaitForAServerThatIgnoresIt) {
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "");
        co_await server.wait(std::chrono::seconds(5));
    }});
    lab.settings.timeouts.quit = std::chrono::milliseconds(50);
    const auto start = std::chrono::steady_clock::now();
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        co_await session.quit();
    });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

class TlsSession : public ::testing::Test {
protected:
    TlsSession() : certificate_("DNS:mx.example"), server_context_(certificate_.server_context()) {
        auto context = tls::ClientContext::make(tls::TrustSettings());
        EXPECT_TRUE(context);
        context_ = std::move(*context);
    }

    static Task offer_tls(ServerConnection& server, std::string behind_220) {
        co_await greet(server, "250-STARTTLS\r\n");
        co_await server.line();
        co_await server.say("220 go\r\n" + behind_220);
    }

    Task serve_tls(ServerConnection& server, std::string& content) {
        co_await offer_tls(server, "");
        const bool is_done = co_await server.start_tls(server_context_.get());
        EXPECT_TRUE(is_done);
        co_await server.line();
        co_await server.say("250 mx.example\r\n");
        co_await take_mail(server, content);
        co_await take_quit(server);
    }

    Certificate certificate_;
    test::OpenSslPointer<SSL_CTX> server_context_;
    std::unique_ptr<tls::ClientContext> context_;
};

TEST_F(TlsSession, EncryptsWhenOfferedWhoeverTheServerIs) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task { co_await serve_tls(server, received); }});
    lab.settings.tls_context = context_.get();
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        EXPECT_TRUE(session.tls_text().starts_with("TLSv1.3 TLS_")) << session.tls_text();
        EXPECT_TRUE(session.tls_text().ends_with(" untrusted"));
        EXPECT_TRUE(session.is_idle_healthy());
        MemoryContent content(kContent);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
        EXPECT_EQ(result.outcomes.at(0).tls, session.tls_text());
        co_await session.quit();
    });
    EXPECT_EQ(received, kFramed);
    EXPECT_EQ(
        lab.connection(0).lines,
        (std::vector<std::string>{
            "EHLO me.example",
            "STARTTLS",
            "EHLO me.example",
            "MAIL FROM:<me@a.example>",
            "RCPT TO:<you@b.example>",
            "DATA",
            "QUIT"})
    );
}

TEST_F(TlsSession, AFailedHandshakeIsRetriedInClearOnANewConnection) {
    for (int how = 0; how < 4; ++how) {
        std::string received;
        const auto old = certificate_.server_context(TLS1_1_VERSION);
        LoopbackServer::Handler broken = [&](ServerConnection& server) -> Task {
            co_await offer_tls(server, "");
            if (how == 0) {
                server.close();
            } else if (how == 1) {
                co_await server.wait(std::chrono::milliseconds(20));
                co_await server.say("HTTP/1.0 400 Bad Request\r\n\r\n");
            } else if (how == 2) {
                const bool is_done = co_await server.start_tls(old.get());
                EXPECT_FALSE(is_done);
            } else {
                co_await server.wait(std::chrono::seconds(5));
            }
        };
        Lab lab({broken, [&](ServerConnection& server) -> Task {
                     co_await greet(server, "250-STARTTLS\r\n");
                     co_await take_mail(server, received);
                 }});
        lab.settings.tls_context = context_.get();
        lab.settings.timeouts.start_tls = std::chrono::milliseconds(how == 3 ? 100 : 5000);
        lab.run([&](Session& session) -> Task {
            co_await session.connect(lab.peer());
            const auto trouble = co_await session.greet("me.example");
            EXPECT_FALSE(trouble) << how << trouble->text;
            EXPECT_EQ(session.tls_text(), "");
            MemoryContent content(kContent);
            const auto result = co_await session.send(one_recipient(), content);
            EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
            EXPECT_EQ(result.outcomes.at(0).tls, "");
        });
        EXPECT_EQ(received, kFramed) << how;
        EXPECT_EQ(lab.connection_count(), 2U);
    }
}

TEST_F(TlsSession, PolicyForbidsClearText) {
    for (const auto use : {tls::TlsUse::encrypt, tls::TlsUse::verify}) {
        Lab lab(
            {[&](ServerConnection& server) -> Task {
                 co_await offer_tls(server, "");
                 server.close();
             },
             [&](ServerConnection& server) -> Task { co_await never_called(server); }}
        );
        lab.settings.tls_context = context_.get();
        lab.settings.tls = use;
        lab.run([&](Session& session) -> Task {
            co_await session.connect(lab.peer());
            const auto trouble = co_await session.greet("me.example");
            EXPECT_TRUE(trouble);
            EXPECT_EQ(trouble->kind, mail::OutcomeKind::deferred);
        });
        EXPECT_EQ(lab.connection_count(), 1U);
    }
}

TEST_F(TlsSession, VerifyRefusesAnUntrustedCertificate) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await offer_tls(server, "");
        const bool is_done = co_await server.start_tls(server_context_.get());
        EXPECT_TRUE(is_done);
        received = co_await server.line();
    }});
    lab.settings.tls_context = context_.get();
    lab.settings.tls = tls::TlsUse::verify;
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->status.text(), "4.7.5");
        EXPECT_EQ(
            trouble->text, "TLS failed: the certificate of mx.example: self-signed certificate"
        );
    });
    lab.settle();
    EXPECT_EQ(received, "<end>");
}

TEST_F(TlsSession, OctetsInjectedBehindThe220EndEverything) {
    Lab lab(
        {[&](ServerConnection& server) -> Task {
             co_await offer_tls(server, "250 injected\r\n");
             co_await server.wait(std::chrono::milliseconds(500));
         },
         [&](ServerConnection& server) -> Task { co_await never_called(server); }}
    );
    lab.settings.tls_context = context_.get();
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->status.text(), "4.7.0");
        EXPECT_EQ(trouble->kind, mail::OutcomeKind::deferred);
    });
    EXPECT_EQ(lab.connection_count(), 1U);
}

TEST_F(TlsSession, WithoutAContextStartTlsIsNotAskedFor) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        co_await greet(server, "250-STARTTLS\r\n");
        co_await take_mail(server, received);
    }});
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        co_await session.greet("me.example");
        MemoryContent content(kContent);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
    });
    EXPECT_EQ(received, kFramed);
}

/// Logs in as tim with PLAIN, over any connection.
void log_in(SessionSettings& settings, Random& random, const Digests& digests) {
    auto credentials = std::make_shared<protocol::Credentials>();
    credentials->user = "tim";
    credentials->secret = Secret("tanstaaf");
    settings.auth.credentials = std::move(credentials);
    settings.auth.allowed.add(protocol::Mechanism::plain);
    settings.auth.digests = &digests;
    settings.random = &random;
}

TEST_F(TlsSession, ImplicitTlsComesBeforeTheGreetingAndThePasswordBehindBoth) {
    std::string received;
    Lab lab({[&](ServerConnection& server) -> Task {
        const bool is_done = co_await server.start_tls(server_context_.get());
        EXPECT_TRUE(is_done);
        co_await greet(server, "250-AUTH PLAIN\r\n");
        co_await server.line();
        co_await server.say("235 2.7.0 welcome\r\n");
        co_await take_mail(server, received);
        co_await take_quit(server);
    }});
    test::FixedRandom random;
    const tls::OpensslDigests digests;
    log_in(lab.settings, random, digests);
    lab.settings.tls_context = context_.get();
    lab.settings.tls = tls::TlsUse::encrypt;
    lab.settings.is_tls_from_start = true;
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        MemoryContent content(kContent);
        const auto result = co_await session.send(one_recipient(), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
        EXPECT_EQ(result.outcomes.at(0).remote_port, lab.peer().port);
        co_await session.quit();
    });
    EXPECT_EQ(received, kFramed);
    EXPECT_EQ(lab.connection(0).lines.at(1), "AUTH PLAIN AHRpbQB0YW5zdGFhZg==");
    for (const std::string& line : lab.dialogue.lines) {
        EXPECT_EQ(line.find("AHRpbQ"), std::string::npos);
    }
}

TEST_F(TlsSession, WhatNeedsTlsNeverLeavesInClearWithoutAContext) {
    for (const bool is_from_start : {false, true}) {
        Lab lab({[&](ServerConnection& server) -> Task {
            co_await greet(server, "250-STARTTLS\r\n250-AUTH PLAIN\r\n");
            co_await server.line();
            co_await server.say("220 go\r\n");
            co_await server.line();
        }});
        test::FixedRandom random;
        const tls::OpensslDigests digests;
        log_in(lab.settings, random, digests);
        lab.settings.tls = tls::TlsUse::verify;
        lab.settings.is_tls_from_start = is_from_start;
        lab.run([&](Session& session) -> Task {
            co_await session.connect(lab.peer());
            const auto trouble = co_await session.greet("me.example");
            EXPECT_TRUE(trouble);
            EXPECT_EQ(trouble->text, "TLS failed: it can't be set up here");
        });
        lab.settle();
        for (const std::string& line : lab.connection(0).lines) {
            EXPECT_FALSE(line.starts_with("AUTH")) << line;
        }
    }
}

TEST_F(TlsSession, ARefusedPasswordIsTold) {
    Lab lab({[&](ServerConnection& server) -> Task {
        const bool is_done = co_await server.start_tls(server_context_.get());
        EXPECT_TRUE(is_done);
        co_await greet(server, "250-AUTH PLAIN\r\n");
        co_await server.line();
        co_await server.say("535 5.7.8 wrong\r\n");
        co_await take_quit(server);
    }});
    test::FixedRandom random;
    const tls::OpensslDigests digests;
    log_in(lab.settings, random, digests);
    lab.settings.tls_context = context_.get();
    lab.settings.is_tls_from_start = true;
    lab.run([&](Session& session) -> Task {
        co_await session.connect(lab.peer());
        const auto trouble = co_await session.greet("me.example");
        EXPECT_TRUE(trouble);
        EXPECT_EQ(trouble->kind, mail::OutcomeKind::deferred);
        EXPECT_TRUE(session.are_credentials_refused());
    });
    EXPECT_EQ(lab.connection_count(), 1U);
}

/// An LMTP server for one message to two recipients: the second is over quota.
Task serve_lmtp(asio::local::stream_protocol::acceptor& acceptor, std::string& heard) {
    constexpr auto await = asio::as_tuple(asio::use_awaitable);
    auto [error, socket] = co_await acceptor.async_accept(await);
    const std::vector<std::string> replies = {
        "220 mx LMTP\r\n",
        "250-mx\r\n250 PIPELINING\r\n",
        "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n",
        "250 2.0.0 saved\r\n452 4.2.2 full\r\n",
        "221 bye\r\n"};
    std::string block(4096, '\0');
    for (const std::string& reply : replies) {
        co_await asio::async_write(socket, asio::buffer(reply), await);
        const auto [failed, size] = co_await socket.async_read_some(asio::buffer(block), await);
        heard.append(block, 0, size);
    }
}

TEST(Session, SpeaksLmtpOverAUnixSocket) {
    const test::TemporaryDirectory directory;
    const std::string path = directory.path() + "/lmtp";
    asio::io_context loop;
    asio::local::stream_protocol::acceptor acceptor(loop, path);
    std::string heard;
    auto serving = serve_lmtp(acceptor, heard);
    asio::co_spawn(loop, std::move(serving), asio::detached);
    SessionSettings settings;
    settings.dialect = protocol::Dialect::lmtp;
    Session session(loop.get_executor(), settings, nullptr);
    auto work = [&]() -> Task {
        const auto refused = co_await session.connect(Peer::at_path("lmtp:" + path, path));
        EXPECT_FALSE(refused);
        EXPECT_EQ(session.local_address(), std::nullopt);
        const auto trouble = co_await session.greet("me.example");
        EXPECT_FALSE(trouble);
        auto transaction = one_recipient();
        transaction.recipients.emplace_back(mail::Address("full", "b.example"));
        MemoryContent content(kContent);
        const auto result = co_await session.send(std::move(transaction), content);
        EXPECT_EQ(result.outcomes.at(0).kind, mail::OutcomeKind::delivered);
        EXPECT_EQ(result.outcomes.at(0).remote_host, "lmtp:" + path);
        EXPECT_EQ(result.outcomes.at(0).remote_address, "");
        EXPECT_EQ(result.outcomes.at(1).kind, mail::OutcomeKind::deferred);
        EXPECT_EQ(result.outcomes.at(1).text, "4.2.2 full");
        co_await session.quit();
    };
    asio::co_spawn(loop, work(), asio::detached);
    loop.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(heard.starts_with("LHLO me.example\r\n"));
    EXPECT_TRUE(heard.ends_with("QUIT\r\n"));
}

TEST(Session, ASocketPathThatIsTooLongOrNotThereDefers) {
    asio::io_context loop;
    Session session(loop.get_executor(), SessionSettings(), nullptr);
    std::vector<std::string> texts;
    auto work = [&]() -> Task {
        for (const std::string path : {"/nowhere/lmtp", "/123456789"}) {
            const std::string longer = path.size() > 12 ? path : path + std::string(100, 'x');
            const auto trouble = co_await session.connect(Peer::at_path("lmtp:x", longer));
            EXPECT_TRUE(trouble);
            EXPECT_EQ(trouble->status.text(), "4.4.1");
            texts.push_back(trouble->text);
        }
    };
    asio::co_spawn(loop, work(), asio::detached);
    loop.run_for(std::chrono::seconds(10));
    EXPECT_EQ(
        texts,
        (std::vector<std::string>{
            "connect to lmtp:x: No such file or directory",
            "connect to lmtp:x: the path is too long for a socket"})
    );
}

}  // namespace
}  // namespace mxpost::smtp
