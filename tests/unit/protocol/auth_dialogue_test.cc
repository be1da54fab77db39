// AUTH, mechanism by mechanism: the dialogues as their RFCs have them, whole, cut at every octet,
// and failing at each step. Whatever goes wrong, mail waits; no listener to the dialogue sees a
// secret.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "protocol/client_machine.h"
#include "support/scripted_peer.h"
#include "tls/openssl_digests.h"

namespace mxpost::protocol {
namespace {

using test::Cut;
using test::Played;
using test::ScriptedPeer;
using Want = ClientMachine::Want;

const tls::OpensslDigests kDigests;

struct Step {
    std::string client;
    std::string server;
};

struct Case {
    std::string name;
    std::string user;
    std::string secret;
    std::string nonce;
    Mechanism mechanism;
    std::vector<Step> steps;  // from AUTH on, to the 235
};

void PrintTo(const Case& dialogue, std::ostream* out) {
    *out << dialogue.name;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        // RFC 7677 3
        {"ScramSha256",
         "user",
         "pencil",
         "rOprNGfwEbeRWgbNEkqO",
         Mechanism::scram_sha_256,
         {{"AUTH SCRAM-SHA-256 biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=",
           "334 "
           "cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk"
           "3c29Fc1VFamI2Z1E9PSxpPTQwOTY="},
          {"Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHp"
           "iWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==",
           "334 dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ=="},
          {"", "235 2.7.0 welcome"}}},
        // RFC 2195 2
        {"CramMd5",
         "tim",
         "tanstaaftanstaaf",
         "",
         Mechanism::cram_md5,
         {{"AUTH CRAM-MD5", "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"},
          {"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw", "235 ok"}}},
        {"Plain",
         "tim",
         "tanstaaftanstaaf",
         "",
         Mechanism::plain,
         {{"AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "235 ok"}}},
        {"Login",
         "tim",
         "tanstaaftanstaaf",
         "",
         Mechanism::login,
         {{"AUTH LOGIN", "334 VXNlcm5hbWU6"},
          {"dGlt", "334 UGFzc3dvcmQ6"},
          {"dGFuc3RhYWZ0YW5zdGFhZg==", "235 ok"}}},
        {"Xoauth2",
         "someuser@example.com",
         "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg",
         "",
         Mechanism::xoauth2,
         {{"AUTH XOAUTH2 "
           "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmh"
           "kSFJoZG1semRHRXVZMjl0Q2cBAQ==",
           "235 2.7.0 Accepted"}}},
    };
    return all;
}

ClientSettings settings_for(const Case& dialogue) {
    auto credentials = std::make_shared<Credentials>();
    credentials->user = dialogue.user;
    credentials->secret = Secret(dialogue.secret);
    ClientSettings settings("me.example");
    settings.start_tls = StartTls::never;
    settings.is_appointed = true;
    settings.auth.credentials = std::move(credentials);
    settings.auth.allowed.add(dialogue.mechanism);
    settings.auth.may_show_secret = true;
    settings.auth.digests = &kDigests;
    settings.auth.nonce = dialogue.nonce;
    return settings;
}

const std::string kOffer = "250-mx\r\n250 AUTH LOGIN PLAIN XOAUTH2 CRAM-MD5 SCRAM-SHA-256\r\n";

class Auth : public ::testing::TestWithParam<Case> {};

TEST_P(Auth, GoesAsItsRfcSaysHoweverItIsCut) {
    std::string script =
        "S: 220 mx\nC: EHLO me.example\nS: 250-mx\n"
        "S: 250 AUTH LOGIN PLAIN XOAUTH2 CRAM-MD5 SCRAM-SHA-256\n";
    for (const Step& step : GetParam().steps) {
        script += "C: " + step.client + "\nS: " + step.server + "\n";
    }
    script += "M: quit\nC: QUIT\nS: 221 bye\n";
    const auto whole = ScriptedPeer(script, {}).play(settings_for(GetParam()));
    EXPECT_EQ(whole.mismatches, std::vector<std::string>());
    EXPECT_FALSE(whole.trouble);
    EXPECT_TRUE(whole.is_finished);
    for (std::size_t split = 0; split < whole.server_octets; ++split) {
        const Cut cut{split == 0 ? 1 : std::string::npos, split == 0 ? std::string::npos : split};
        const auto played = ScriptedPeer(script, {}).play(settings_for(GetParam()), cut);
        ASSERT_EQ(played.mismatches, std::vector<std::string>()) << "split at " << split;
        ASSERT_EQ(played.written, whole.written);
        ASSERT_FALSE(played.trouble);
    }
}

/// The dialogue with another reply at `step`, ended by the server behind it ("": at once).
struct Failed {
    bool is_idle = false;
    std::optional<mail::RecipientOutcome> trouble;
    bool are_credentials_refused = false;
    std::string transcript;
};

Failed fail(const Case& dialogue, std::size_t step, const std::string& reply) {
    test::TranscriptDialogue transcript;
    ClientMachine machine(settings_for(dialogue), &transcript);
    machine.received("220 mx\r\n");
    machine.received(kOffer);
    for (std::size_t i = 0; i <= step; ++i) {
        EXPECT_EQ(machine.want(), Want::read);
        machine.output_written();
        machine.received(i == step ? reply : dialogue.steps[i].server + "\r\n");
    }
    Failed failed;
    failed.is_idle = machine.want() == Want::idle;
    for (int i = 0; i < 3 && machine.want() == Want::read; ++i) {
        machine.output_written();
        // To "*", and to QUIT.
        machine.received(
            machine.waiting_for() == "the reply to QUIT" ? "221 bye\r\n" : "501 cancelled\r\n"
        );
    }
    if (!failed.is_idle) {
        machine.closed("");
        EXPECT_EQ(machine.want(), Want::finished);
    }
    failed.trouble = machine.trouble();
    failed.are_credentials_refused = machine.are_credentials_refused();
    for (const std::string& line : transcript.lines) {
        failed.transcript += line + "\n";
    }
    return failed;
}

TEST_P(Auth, FailsAtEachStepWithoutHarmToTheMail) {
    const std::vector<std::string> replies = {
        "",
        "235 2.7.0 welcome\r\n",
        "334 \r\n",
        "334 Z2FyYmFnZQ==\r\n",
        "334 not base64!\r\n",
        "334 cj0=\r\n",
        "354 go on\r\n",
        "250 fine\r\n",
        "421 4.3.2 closing\r\n",
        "432 4.7.12 change it\r\n",
        "454 4.7.0 not now\r\n",
        "500 what?\r\n",
        "501 no\r\n",
        "504 5.5.4 unknown\r\n",
        "530 5.7.0 first TLS\r\n",
        "534 5.7.9 too weak\r\n",
        "535 5.7.8 wrong\r\n",
        "538 5.7.11 TLS\r\n",
        "554 5.7.1 go away\r\n",
        "334 QQ==\r\n334 QQ==\r\n",
        "\x16\x03\x01 nonsense\r\n",
    };
    for (std::size_t step = 0; step < GetParam().steps.size(); ++step) {
        for (const std::string& reply : replies) {
            SCOPED_TRACE("step " + std::to_string(step) + ": " + reply);
            const Failed failed = fail(GetParam(), step, reply);
            const bool is_good = reply.starts_with("235") || reply.starts_with("250");
            const bool is_last = step + 1 == GetParam().steps.size();
            const bool must_prove = GetParam().mechanism == Mechanism::scram_sha_256;
            EXPECT_EQ(failed.is_idle, is_good && (is_last || !must_prove));
            EXPECT_NE(failed.is_idle, failed.trouble.has_value());
            if (failed.trouble) {
                EXPECT_EQ(failed.trouble->kind, mail::OutcomeKind::deferred);
                EXPECT_EQ(failed.trouble->status.klass, 4);
            }
            EXPECT_EQ(failed.are_credentials_refused, reply.starts_with("535"));
            EXPECT_EQ(failed.transcript.find(GetParam().secret), std::string::npos);
            for (const Step& spoken : GetParam().steps) {
                const auto secret = spoken.client.substr(spoken.client.rfind(' ') + 1);
                if (secret.size() > 3 && !spoken.client.ends_with("LOGIN") &&
                    !spoken.client.ends_with("MD5")) {
                    EXPECT_EQ(failed.transcript.find(secret), std::string::npos);
                }
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Client, Auth, ::testing::ValuesIn(cases()), [](const auto& instance) {
    return instance.param.name;
});

ClientSettings with(const std::vector<Mechanism>& allowed) {
    auto settings = settings_for(cases()[0]);
    settings.auth.may_show_secret = false;
    settings.auth.allowed = {};
    for (const Mechanism mechanism : allowed) {
        settings.auth.allowed.add(mechanism);
    }
    return settings;
}

/// What the client answers to an EHLO reply with this AUTH line.
std::string answer(ClientSettings settings, const std::string& keyword) {
    ClientMachine machine(std::move(settings));
    machine.received("220 mx\r\n");
    machine.output_written();
    machine.received("250-mx\r\n250 " + keyword + "\r\n");
    return machine.output();
}

const std::vector<Mechanism> kAllowed = {
    Mechanism::plain, Mechanism::login, Mechanism::cram_md5, Mechanism::scram_sha_256};

TEST(Authentication, TakesTheStrongestThatIsOfferedAndAllowed) {
    auto settings = with(kAllowed);
    settings.auth.may_show_secret = true;
    EXPECT_EQ(
        answer(settings, "AUTH LOGIN plain CRAM-MD5 SCRAM-SHA-256 SCRAM-SHA-1 GSSAPI")
            .substr(0, 18),
        "AUTH SCRAM-SHA-256"
    );
    EXPECT_EQ(answer(settings, "AUTH LOGIN PLAIN CRAM-MD5"), "AUTH CRAM-MD5\r\n");
    EXPECT_EQ(answer(settings, "AUTH LOGIN PLAIN").substr(0, 11), "AUTH PLAIN ");
    EXPECT_EQ(answer(settings, "AUTH=LOGIN"), "AUTH LOGIN\r\n");
    EXPECT_EQ(answer(settings, "AUTH XOAUTH2 GSSAPI"), "QUIT\r\n");
    EXPECT_EQ(answer(settings, "PIPELINING"), "QUIT\r\n");
}

TEST(Authentication, ShowsNoPasswordWithoutTls) {
    EXPECT_EQ(answer(with(kAllowed), "AUTH LOGIN PLAIN XOAUTH2"), "QUIT\r\n");
    EXPECT_EQ(answer(with({Mechanism::xoauth2}), "AUTH LOGIN PLAIN XOAUTH2"), "QUIT\r\n");
    EXPECT_EQ(answer(with(kAllowed), "AUTH LOGIN PLAIN CRAM-MD5"), "AUTH CRAM-MD5\r\n");
}

TEST(Authentication, ComesAfterTlsAndByWhatIsOfferedThere) {
    auto settings = with(kAllowed);
    settings.start_tls = StartTls::required;
    ScriptedPeer peer(
        "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250-AUTH CRAM-MD5\nS: 250 STARTTLS\n"
        "C: STARTTLS\nS: 220 go\nT: ok\nC: EHLO me.example\nS: 250-mx\nS: 250 AUTH PLAIN\n"
        "C: AUTH PLAIN AHVzZXIAcGVuY2ls\nS: 235 ok\nM: quit\nC: QUIT\nS: 221 bye\n",
        {}
    );
    const auto played = peer.play(settings);
    EXPECT_EQ(played.mismatches, std::vector<std::string>());
    EXPECT_FALSE(played.trouble);
}

TEST(Authentication, FollowsImplicitTls) {
    auto settings = with(kAllowed);
    settings.is_tls_from_start = true;
    ScriptedPeer peer(
        "T: ok\nS: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250-STARTTLS\nS: 250 AUTH PLAIN\n"
        "C: AUTH PLAIN AHVzZXIAcGVuY2ls\nS: 235 ok\nM: quit\nC: QUIT\nS: 221 bye\n",
        {}
    );
    const auto played = peer.play(settings);
    EXPECT_EQ(played.mismatches, std::vector<std::string>());
    EXPECT_FALSE(played.trouble);
}

TEST(Authentication, TriesTheNextMechanismWhenOneIsRefusedForItself) {
    auto settings = with(kAllowed);
    settings.auth.may_show_secret = true;
    ScriptedPeer peer(
        "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 AUTH CRAM-MD5 PLAIN\n"
        "C: AUTH CRAM-MD5\nS: 504 5.5.4 not for you\n"
        "C: AUTH PLAIN AHVzZXIAcGVuY2ls\nS: 235 ok\nM: quit\nC: QUIT\nS: 221 bye\n",
        {}
    );
    EXPECT_EQ(peer.play(settings).mismatches, std::vector<std::string>());
}

TEST(Authentication, AnswersTheReasonsOfXoauth2WithAnEmptyLine) {
    const Case& xoauth2 = cases()[4];
    ScriptedPeer peer(
        "S: 220 mx\nC: EHLO me.example\nS: 250-mx\nS: 250 AUTH XOAUTH2\nC: " +
            xoauth2.steps[0].client +
            "\nS: 334 "
            "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIiwic2NvcGUiOiJodHRwczovL21haWwuZ29vZ2xlLm"
            "NvbS8ifQ==\n"
            "C: \nS: 535 5.7.8 Username and Password not accepted\nC: QUIT\nS: 221 bye\n",
        {}
    );
    const auto played = peer.play(settings_for(xoauth2));
    EXPECT_EQ(played.mismatches, std::vector<std::string>());
    ASSERT_TRUE(played.trouble);
    EXPECT_EQ(played.trouble->status.text(), "4.7.8");
    EXPECT_EQ(played.trouble->text, "5.7.8 Username and Password not accepted");
}

TEST(Authentication, SendsALongTokenAfterTheCommand) {
    auto settings = with({Mechanism::xoauth2});
    auto credentials = std::make_shared<Credentials>();
    credentials->user = "me";
    credentials->secret = Secret(std::string(2000, 'x'));
    settings.auth.credentials = credentials;
    settings.auth.may_show_secret = true;
    ClientMachine machine(settings);
    machine.received("220 mx\r\n");
    machine.output_written();
    machine.received(kOffer);
    EXPECT_EQ(machine.output(), "AUTH XOAUTH2\r\n");
    machine.output_written();
    machine.received("334 \r\n");
    EXPECT_EQ(machine.output().size(), 2698U);  // base64 of 2022 octets, CRLF
    machine.output_written();
    machine.received("235 ok\r\n");
    EXPECT_EQ(machine.want(), Want::idle);
}

TEST(Authentication, AServerThatWantsItAllTheSameDefers) {
    auto settings = with({});
    settings.auth.credentials = nullptr;
    test::Mail mail;
    mail.transaction = Transaction(
        mail::Address("me", "a.example"), {mail::Recipient(mail::Address("x", "b.example"))}
    );
    ScriptedPeer peer(
        "S: 220 mx\nC: EHLO me.example\nS: 250 AUTH PLAIN\nM: start\n"
        "C: MAIL FROM:<me@a.example>\nS: 530 5.7.0 Authentication required\n",
        {mail}
    );
    const auto played = peer.play(settings);
    EXPECT_EQ(played.results.at(0).outcomes.at(0).kind, mail::OutcomeKind::deferred);
    EXPECT_EQ(played.results.at(0).outcomes.at(0).status.text(), "4.7.0");
}

}  // namespace
}  // namespace mxpost::protocol
