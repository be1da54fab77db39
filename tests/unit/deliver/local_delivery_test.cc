// Recipients of this host: what their aliases make of them, also when the engine dies at any
// file-system call on the way.
#include "deliver/local_delivery.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "deliver/tls_wish.h"
#include "deliver_test.h"
#include "mail/header.h"

namespace mxpost::deliver {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr std::chrono::minutes kLater{10};

/// A helper that delivers to everybody, and notes whom it was asked for.
class Mailboxes final : public LocalAgent {
public:
    boost::asio::awaitable<local::Answer> deliver(std::string, RequestMaker make) override {
        auto made = make();
        if (!made) {
            local::Answer nothing;
            nothing.outcome = mail::RecipientOutcome(
                mail::OutcomeKind::deferred, {4, 3, 0}, made.error().message()
            );
            co_return nothing;
        }
        const local::Request request = std::move(*made);
        static const char* const kKinds[] = {"?", "user", "programs of", "mailbox"};
        requests.push_back(
            std::string(kKinds[static_cast<int>(request.kind)]) + " " + request.name
        );
        if (on_request) {
            on_request(requests.size());
        }
        message.resize(1 << 16);
        const ssize_t size = ::pread(request.message.get(), message.data(), message.size(), 0);
        EXPECT_GE(size, 0);
        message.resize(static_cast<std::size_t>(std::max<ssize_t>(0, size)));
        local::Answer result = answer;
        co_return result;
    }
    std::vector<std::string> requests;
    std::string message;                                 // the last one's start
    std::function<void(std::size_t number)> on_request;  // 1: the first one
    local::Answer answer;
};

class LocalDeliveryTest : public testing::Test {
protected:
    LocalDeliveryTest() {
        mailboxes_.answer.outcome =
            mail::RecipientOutcome(mail::OutcomeKind::delivered, {2, 0, 0}, "in the mailbox");
    }

    /// One attempt with these aliases; the life's log stays.
    std::vector<std::string> attempt(
        const mail::Envelope& envelope, const std::string& body = kBody
    ) {
        const auto name = queue_.commit(envelope, body);
        Life life(queue_);
        std::vector<std::string> log;
        Services services = with_mailboxes(life);
        (void)run(life, services, name);
        return life.log.lines;
    }
    Services with_mailboxes(Life& life) {
        return {
            life.services.executor,
            life.services.clock,
            life.services.random,
            life.services.log,
            life.services.settings,
            life.services.host_name,
            life.services.local_domains,
            life.services.local_mail_to,
            life.services.retry,
            life.services.rules,
            life.services.providers,
            life.services.notices,
            life.services.resolver,
            life.services.router,
            life.services.routes,
            life.services.sites,
            life.services.port_watch,
            life.services.session,
            mailboxes_,
            life.aliases,
            life.services.files};
    }
    std::optional<spool::EntryName> run(
        Life& life,
        Services& services,
        const spool::EntryName& name,
        Finality finality = Finality::keep_trying
    ) {
        auto claimed = life.store.claim(name);
        EXPECT_TRUE(claimed.claim) << claimed.reason;
        MessageDelivery delivery(services, life, std::move(claimed.claim), finality);
        delivery_ = &delivery;
        bool is_done = false;
        std::optional<spool::EntryName> next;
        boost::asio::co_spawn(
            life.io,
            delivery.run(),
            [&](const std::exception_ptr& error, std::optional<spool::EntryName> result) {
                is_done = !error;
                next = std::move(result);
            }
        );
        life.io.restart();
        while (!is_done && life.io.run_one_for(std::chrono::milliseconds(100)) > 0) {
        }
        EXPECT_TRUE(is_done);
        return next;
    }
    /// In the original's file, as its owner may at any time.
    void change(const std::string& from, const std::string& to) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(queue_.root())) {
            if (!entry.is_regular_file() ||
                entry.path().filename().string().find(kId) == std::string::npos) {
                continue;
            }
            std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
            std::stringstream text;
            text << file.rdbuf();
            file.clear();
            file.seekp(static_cast<std::streamoff>(text.str().rfind(from)));
            file << to;
        }
    }
    /// Every message in the queue but the original.
    std::vector<spool::MessageFile> copies() {
        std::vector<spool::MessageFile> found;
        for (const spool::EntryName& name : queue_.names()) {
            if (name.id != kId) {
                found.push_back(queue_.read(name));
            }
        }
        return found;
    }
    static std::vector<std::string> recipients(const spool::MessageFile& message) {
        std::vector<std::string> result;
        for (const mail::Recipient& recipient : message.envelope().recipients) {
            result.push_back(
                std::to_string(static_cast<int>(recipient.step)) + " " + recipient.address.text()
            );
        }
        return result;
    }
    std::string text_of(const spool::MessageFile& message) {
        spool::FileContent content(queue_.files(), message, message.header());
        std::string text(static_cast<std::size_t>(content.size()), '\0');
        std::size_t at = 0;
        while (at < text.size()) {
            const auto size = content.read(std::span<char>(text).subspan(at));
            EXPECT_TRUE(size && *size > 0);
            if (!size || *size == 0) {
                break;
            }
            at += *size;
        }
        return text;
    }

    Queue queue_;
    Mailboxes mailboxes_;
    MessageDelivery* delivery_ = nullptr;  // the last one
};

TEST_F(LocalDeliveryTest, WhoHasTheMessageIsInTheJournalBeforeTheNextIsServed) {
    std::optional<mail::RecipientOutcome> first;
    mailboxes_.on_request = [&](std::size_t number) {
        if (number == 2) {
            first = queue_.state(0).last;
        }
    };
    (void)attempt(make_envelope({"ann@host.example.net", "bob@host.example.net"}));

    ASSERT_TRUE(first);
    EXPECT_EQ(first->kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(queue_.find(), std::nullopt);
}

TEST_F(LocalDeliveryTest, WhoseTurnDidNotComeIsAsDueAsBefore) {
    mailboxes_.answer.outcome =
        mail::RecipientOutcome(mail::OutcomeKind::deferred, {4, 3, 0}, "the engine ended");
    mailboxes_.answer.outcome.is_untried = true;
    const auto name = queue_.commit(make_envelope({"ann@host.example.net"}));
    Life life(queue_);
    Services services = with_mailboxes(life);
    EXPECT_EQ(run(life, services, name), name);
    EXPECT_EQ(queue_.state(0).attempts, 0U);
}

TEST_F(LocalDeliveryTest, TheEngineEndsBetweenTwoRecipients) {
    mailboxes_.on_request = [&](std::size_t) { delivery_->stop(); };
    const auto name =
        queue_.commit(make_envelope({"ann@host.example.net", "bob@host.example.net"}));
    Life life(queue_);
    Services services = with_mailboxes(life);
    const auto next = run(life, services, name);

    EXPECT_THAT(mailboxes_.requests, ElementsAre("user ann"));
    EXPECT_EQ(next, name);  // as due as it was
    EXPECT_EQ(queue_.state(0).last->kind, mail::OutcomeKind::delivered);
    EXPECT_EQ(queue_.state(1).attempts, 0U);
}

TEST_F(LocalDeliveryTest, AFileThatChangesBetweenTwoRecipientsIsSetAside) {
    mailboxes_.on_request = [&](std::size_t) { change("octets", "OCTETS"); };
    std::string body;
    while (body.size() < 1'000'000) {  // a short one would be in memory since the claim
        body += "octets\r\n";
    }
    const auto log = attempt(make_envelope({"ann@host.example.net", "bob@host.example.net"}), body);
    EXPECT_THAT(mailboxes_.requests, ElementsAre("user ann"));
    EXPECT_THAT(log, testing::Contains(HasSubstr("set aside in corrupt/")));
}

TEST_F(LocalDeliveryTest, LinesThatCompletionMakesTooLongAreFolded) {
    std::string list = "x@m\xC3\xBCller.example";
    for (int i = 0; i < 50; ++i) {
        list += ", x@m\xC3\xBCller.example";
    }
    ASSERT_LT(list.size(), 980U);
    const std::string header = "From: a@b.test\r\nTo: " + list + "\r\n";
    spool::BoxStore store(queue_.files(), queue_.open(queue_.files()));
    auto submitted = store.submit(
        kId, make_envelope({"ann@host.example.net"}), header, kBody, to_seconds(kArrival)
    );
    ASSERT_TRUE(submitted);
    const auto name = (*submitted)->name();
    (*submitted).reset();
    Life life(queue_);
    Services services = with_mailboxes(life);
    (void)run(life, services, name);

    EXPECT_THAT(mailboxes_.message, HasSubstr("x@xn--mller-kva.example"));
    EXPECT_FALSE(mail::has_long_line(mailboxes_.message));
}

TEST_F(LocalDeliveryTest, AnAliasElsewhereBecomesACopyAndTheOriginalGoes) {
    queue_.write_aliases("root: ops@a.test\n");
    const auto log = attempt(make_envelope({"root@host.example.net"}));

    EXPECT_EQ(queue_.find(), std::nullopt);
    ASSERT_THAT(copies(), SizeIs(1));
    const auto copy = std::move(copies()[0]);
    EXPECT_EQ(mail::path_text(copy.envelope().sender), "alice@example.com");
    EXPECT_THAT(recipients(copy), ElementsAre("0 ops@a.test"));
    EXPECT_EQ(text_of(copy), "Delivered-To: root@host.example.net\r\n" + kHeader + "\r\n" + kBody);
    EXPECT_EQ(queue_.names()[0].due, to_seconds(kArrival));  // released
    EXPECT_THAT(
        log,
        testing::Contains(HasSubstr(
            "to=<root@host.example.net>, host=none, delay=0.00, dsn=2.0.0, status=sent "
            "(forwarded as " +
            queue_.names()[0].id + ")"
        ))
    );
    EXPECT_THAT(mailboxes_.requests, IsEmpty());
}

TEST_F(LocalDeliveryTest, ACopyNeedsNoSmtpUtf8ForTheNameThatItCameBy) {
    queue_.write_aliases("j\xC3\xB6rg: ops@a.test\n");
    mail::Envelope envelope = make_envelope({"j\xC3\xB6rg@host.example.net"});
    envelope.is_smtp_utf8 = true;
    attempt(envelope);

    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_FALSE(copies()[0].envelope().is_smtp_utf8);
    EXPECT_EQ(copies()[0].header(), "Delivered-To: j\\x{F6}rg@host.example.net\r\n" + kHeader);
}

TEST_F(LocalDeliveryTest, WithoutAQueueTheSendersWishForTlsCountsBehindAnAlias) {
    queue_.write_aliases("root: ops@a.test\n");
    mail::Envelope envelope = make_envelope({"root@host.example.net"});
    envelope.requires_tls = true;
    const auto name = queue_.commit(envelope);
    Life life(queue_);
    life.resolver.add_mx("a.test", 10, "mx.a.test");
    life.resolver.add_address("mx.a.test", "192.0.2.1");
    Services services = with_mailboxes(life);
    (void)run(life, services, name, Finality::single_attempt);

    EXPECT_THAT(life.log.lines, testing::Contains(HasSubstr("dsn=5.7.30")))
        << "nothing says that these servers are a.test's";
}

TEST(TlsWish, IsTheEnvelopesThenTheHeaders) {
    mail::Envelope envelope;
    EXPECT_EQ(tls_wish(envelope, "Subject: x\r\n"), TlsWish::usual);
    const std::string header = "Subject: x\r\ntls-required:  NO \r\nTo: y\r\n";
    EXPECT_EQ(tls_wish(envelope, header), TlsWish::lenient);
    EXPECT_EQ(tls_wish(envelope, "TLS-Required: yes\r\n"), TlsWish::usual);
    envelope.requires_tls = true;
    EXPECT_EQ(tls_wish(envelope, header), TlsWish::required);
}

TEST_F(LocalDeliveryTest, ACopyGoesOnWhenTheJournalThatNamesItIsOnDisk) {
    queue_.write_aliases("root: ops@a.test\n");
    const auto name = queue_.commit(make_envelope({"root@host.example.net"}));
    Life life(queue_);
    (void)life.attempt(name);

    EXPECT_THAT(copies(), SizeIs(1));
    EXPECT_THAT(life.is_journal_synced_at_releases, ElementsAre(true));
}

TEST_F(LocalDeliveryTest, ALargeBodyGoesOnOctetByOctet) {
    queue_.write_aliases("root: ops@a.test\n");
    std::string body;
    for (int i = 0; body.size() < 3'000'000; ++i) {
        body += "line " + std::to_string(i) + "\r\n";
    }
    attempt(make_envelope({"root@host.example.net"}), body);
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_TRUE(text_of(copies()[0]).ends_with("\r\n\r\n" + body));
}

TEST_F(LocalDeliveryTest, OneWayThatEndsHereNeedsNoCopy) {
    queue_.write_aliases(
        "root: ann\nown: own, \\own\nlog: |/bin/log, /var/log/x\nnobody: /dev/null\n"
    );
    const auto log = attempt(make_envelope(
        {"root@host.example.net",
         "Bob+news@host.example.net",
         "own@host.example.net",
         "log@host.example.net",
         "nobody@host.example.net"}
    ));
    EXPECT_THAT(
        mailboxes_.requests, ElementsAre("user ann", "user bob", "mailbox own", "programs of log")
    );
    EXPECT_THAT(queue_.names(), IsEmpty());
    EXPECT_THAT(log, testing::Contains(HasSubstr("status=sent (discarded")));
}

TEST_F(LocalDeliveryTest, SeveralWaysBecomeRecipientsOfTheCopyThatKnowHowFarTheyAre) {
    queue_.write_aliases("all: ann, \\bob, |/bin/log, x@a.test\n");
    attempt(make_envelope({"all@host.example.net"}));
    EXPECT_THAT(mailboxes_.requests, IsEmpty());
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_THAT(
        recipients(copies()[0]),
        ElementsAre(
            "1 ann@host.example.net",
            "2 bob@host.example.net",
            "3 all@host.example.net",
            "0 x@a.test"
        )
    );

    // The copy's own attempt looks at no alias.
    const auto name = queue_.names()[0];
    queue_.write_aliases("ann: z@a.test\nbob: z@a.test\nall: z@a.test\n");
    Life life(queue_);
    Services services = with_mailboxes(life);
    (void)run(life, services, name);
    EXPECT_THAT(mailboxes_.requests, ElementsAre("user ann", "mailbox bob", "programs of all"));
}

TEST_F(LocalDeliveryTest, AListsOwnerTakesTheSendersPlaceAndItsReports) {
    queue_.write_aliases("staff: x@a.test, y@b.test\nowner-staff: ann\n");
    mail::Envelope envelope = make_envelope({"staff@host.example.net"});
    envelope.envelope_id = "QQ1";
    envelope.recipients[0].notify = static_cast<mail::NotifySet>(mail::Notify::never);
    envelope.recipients[0].original_recipient = "rfc822;staff@host.example.net";
    attempt(envelope);
    ASSERT_THAT(copies(), SizeIs(1));
    const auto copy = std::move(copies()[0]);
    EXPECT_EQ(mail::path_text(copy.envelope().sender), "owner-staff@host.example.net");
    EXPECT_EQ(copy.envelope().envelope_id, "");
    EXPECT_EQ(copy.envelope().recipients[0].notify, 0);
    EXPECT_EQ(copy.envelope().recipients[0].original_recipient, "");
}

TEST_F(LocalDeliveryTest, ABounceToAListStaysABounce) {
    queue_.write_aliases("staff: x@a.test, y@b.test\nowner-staff: ann\n");
    mail::Envelope envelope = make_envelope({"staff@host.example.net"});
    envelope.sender.reset();
    attempt(envelope);
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_EQ(copies()[0].envelope().sender, std::nullopt);
}

TEST(Forwarding, OneAddressInheritsWhatWasAskedForSeveralAllButSuccess) {
    using mail::Notify;
    const auto bits = [](auto... bit) {
        return static_cast<mail::NotifySet>((static_cast<unsigned>(bit) | ...));
    };
    mail::Recipient recipient(mail::Address("root", "host.test"));
    recipient.original_recipient = "rfc822;root@host.test";
    recipient.notify = bits(Notify::success, Notify::delay);
    const local::Leaf leaf{local::Leaf::Kind::elsewhere, mail::Address("x", "a.test"), {}};

    EXPECT_EQ(heirs(recipient, {leaf}, true)[0].notify, bits(Notify::success, Notify::delay));
    EXPECT_EQ(heirs(recipient, {leaf}, false)[0].notify, bits(Notify::delay));
    EXPECT_EQ(heirs(recipient, {leaf}, false)[0].original_recipient, "rfc822;root@host.test");
    recipient.notify = bits(Notify::success);
    EXPECT_EQ(heirs(recipient, {leaf}, false)[0].notify, bits(Notify::never));
    recipient.notify = 0;
    EXPECT_EQ(heirs(recipient, {leaf}, false)[0].notify, 0);
}

TEST_F(LocalDeliveryTest, TwoNamesOfOneAddressGetOneCopy) {
    queue_.write_aliases("root: ops@a.test\nbob: ops@a.test\n");
    const auto log = attempt(make_envelope({"root@host.example.net", "bob@host.example.net"}));
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_THAT(recipients(copies()[0]), ElementsAre("0 ops@a.test"));
    EXPECT_THAT(log, testing::Contains(HasSubstr("to=<bob@host.example.net>")));
}

TEST_F(LocalDeliveryTest, AMessageThatComesBackIsReturned) {
    queue_.write_aliases("root: ops@a.test\n");
    const mail::Envelope envelope = make_envelope({"Root@host.example.net"});
    PosixFileSystem posix;
    Life life(queue_);
    auto claim = life.store.submit(
        kId,
        envelope,
        "Delivered-To: root@HOST.example.net\r\n" + kHeader,
        kBody,
        to_seconds(kArrival)
    );
    ASSERT_TRUE(claim);
    (void)life.run(std::move(*claim));
    EXPECT_EQ(life.log.count("dsn=5.4.6, status=bounced (mail forwarding loop for Root@host"), 1U);
    EXPECT_THAT(queue_.reports(), SizeIs(1));
}

TEST_F(LocalDeliveryTest, AForwardFileLeadsOnAsACopy) {
    mailboxes_.answer.forwards = {mail::Address("x", "a.test"), mail::Address("carol", "")};
    attempt(make_envelope({"ann@host.example.net"}));
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_THAT(recipients(copies()[0]), ElementsAre("0 x@a.test", "0 carol@host.example.net"));
    EXPECT_TRUE(copies()[0].header().starts_with("Delivered-To: ann@host.example.net\r\n"));
}

TEST_F(LocalDeliveryTest, WhatCantBeKnownWaits) {
    queue_.write_aliases("root: \"unbalanced\nlist: :include:/nonexistent/file\n");
    const auto name =
        queue_.commit(make_envelope({"root@host.example.net", "list@host.example.net"}));
    Life life(queue_);
    ASSERT_TRUE(life.attempt(name));
    EXPECT_THAT(queue_.state(0).last->text, HasSubstr("aliases:1: unbalanced quote"));
    EXPECT_THAT(queue_.state(1).last->text, HasSubstr("can't read /nonexistent/file"));
    EXPECT_EQ(queue_.state(0).last->kind, mail::OutcomeKind::deferred);
}

TEST_F(LocalDeliveryTest, AMailboxOutOfReachWaitsWhileItsNeighboursGo) {
    queue_.write_aliases("root: ops@a.test, ann\n");
    const auto name = queue_.commit(make_envelope({"root@host.example.net"}));
    Life life(queue_);
    EXPECT_EQ(life.attempt(name), std::nullopt);
    ASSERT_THAT(copies(), SizeIs(1));
    EXPECT_THAT(recipients(copies()[0]), ElementsAre("0 ops@a.test", "1 ann@host.example.net"));
}

TEST_F(LocalDeliveryTest, ADeathAtAnyCallCostsNoCopyAndMakesNoSecondOne) {
    std::size_t stop = 1;
    for (bool is_stopped = true; is_stopped; ++stop) {
        Queue queue;
        queue.write_aliases("root: ops@a.test\nall: x@a.test, y@b.test\nowner-all: root\n");
        const auto name = queue.commit(
            make_envelope({"root@host.example.net", "all@host.example.net", "s@slow.example"})
        );
        {
            Life life(queue);
            life.resolver.fail_mx("slow.example", "SERVFAIL");
            life.files.stop_before(stop);
            (void)life.attempt(name);
            is_stopped = life.files.is_stopped();
        }
        if (const auto left = queue.find()) {
            Life life(queue, kArrival + kLater);
            (void)life.attempt(*left);
        }
        EXPECT_EQ(queue.find(), std::nullopt) << "stopped before call " << stop;
        std::vector<std::string> got;
        for (const spool::EntryName& each : queue.names()) {
            const auto message = queue.read(each);
            for (const mail::Recipient& recipient : message.envelope().recipients) {
                if (!message.envelope().is_bounce) {
                    got.push_back(recipient.address.text());
                }
            }
        }
        EXPECT_THAT(got, testing::UnorderedElementsAre("ops@a.test", "x@a.test", "y@b.test"))
            << "stopped before call " << stop;
    }
    EXPECT_GT(stop, 30U);
}

TEST_F(LocalDeliveryTest, ACopyThatCantBeWrittenDefersAndLeavesNothing) {
    const auto name = [&] {
        queue_.write_aliases("all: x@a.test, two\ntwo: y@b.test\nowner-two: root\n");
        return queue_.commit(make_envelope({"all@host.example.net"}));
    }();
    std::size_t failed = 0;
    for (std::size_t nth = 1; nth < 4; ++nth) {
        Life life(queue_);
        life.files.fail(nth, ENOSPC, "link");
        const auto next = life.attempt(*queue_.find());
        if (queue_.find()) {
            ++failed;
            EXPECT_THAT(queue_.names(), SizeIs(1)) << nth;
            EXPECT_THAT(queue_.state().last->text, HasSubstr("can't be queued")) << nth;
        }
    }
    EXPECT_EQ(failed, 2U);
    EXPECT_THAT(copies(), SizeIs(2));
}

}  // namespace
}  // namespace mxpost::deliver
