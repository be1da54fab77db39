// What the tests of the engine share: a queue in a temporary directory, and the life of an
// engine that works on it and may die at any file-system call.
#pragma once

#include <algorithm>
#include <exception>
#include <fstream>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include "deliver/message_delivery.h"
#include "deliver/port_watch.h"
#include "deliver/routes.h"
#include "deliver/sites.h"
#include "spool/box_store.h"
#include "support/failing_file_system.h"
#include "support/fake_resolver.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::deliver {

inline const spool::MessageId kId = "01hk2w7yz0c0000000";
inline const WallTime kArrival(std::chrono::seconds(1704110400));
inline const std::string kHeader = "From: alice@example.com\r\nSubject: Hello\r\n";
inline const std::string kBody = "Hello\r\n";

class LogLines final : public Log {
public:
    void write(Priority, std::string_view line) override {
        if (!throw_at.empty() && line.find(throw_at) != std::string_view::npos) {
            throw std::runtime_error("a bug");
        }
        if (on_line) {
            on_line(line);
        }
        lines.emplace_back(line);
    }
    std::size_t count(std::string_view part) const {
        return static_cast<std::size_t>(std::ranges::count_if(lines, [&](const auto& line) {
            return line.find(part) != std::string::npos;
        }));
    }
    std::vector<std::string> lines;
    std::function<void(std::string_view)> on_line;
    std::string throw_at;  // stands for a broken promise in what writes such a line
};

/// From alice@example.com, arrived at kArrival.
inline mail::Envelope make_envelope(const std::vector<std::string>& recipients) {
    mail::Envelope envelope;
    envelope.sender = mail::Address("alice", "example.com");
    envelope.arrival = kArrival;
    for (const std::string& text : recipients) {
        const std::size_t at = text.find('@');
        envelope.recipients.emplace_back(
            at == std::string::npos ? mail::Address(text, "")
                                    : mail::Address(text.substr(0, at), text.substr(at + 1))
        );
    }
    return envelope;
}

/// A box of the caller's, in a spool of its own.
class Queue {
public:
    Queue() : store_(posix_, open(posix_)) {}

    spool::Box open(FileSystem& files) {
        test::FixedRandom random;
        const test::ManualClock clock;
        auto box = spool::open_own_box(files, root_.path(), ::geteuid(), clock, random);
        EXPECT_TRUE(box) << box.error().message();
        return std::move(*box);
    }
    spool::EntryName commit(
        const mail::Envelope& envelope,
        const std::string& body = kBody,
        const spool::MessageId& id = kId,
        const std::string& header = kHeader
    ) {
        auto claim = store_.submit(id, envelope, header, body, to_seconds(envelope.arrival));
        EXPECT_TRUE(claim) << claim.error().message();
        return (*claim)->name();
    }
    std::vector<spool::EntryName> names() {
        std::vector<spool::EntryName> found;
        EXPECT_TRUE(store_.list([&](const spool::EntryName& name) { found.push_back(name); }));
        return found;
    }
    /// The message `id` as it lies there; nothing when it is gone.
    std::optional<spool::EntryName> find(const spool::MessageId& id = kId) {
        for (const spool::EntryName& name : names()) {
            if (name.id == id) {
                return name;
            }
        }
        return std::nullopt;
    }
    spool::MessageFile read(const spool::EntryName& name) {
        auto message = spool::read_message(posix_, store_.box(), name);
        EXPECT_TRUE(message) << message.error().message();
        return std::move(*message);
    }
    spool::RecipientState state(std::uint32_t recipient = 0) {
        return read(*find()).journal().recipients[recipient];
    }
    /// The texts of all reports in the queue.
    std::vector<std::string> reports() {
        std::vector<std::string> texts;
        for (const spool::EntryName& name : names()) {
            spool::MessageFile message = read(name);
            if (message.envelope().is_bounce) {
                spool::FileContent content(posix_, message, message.header());
                std::string text(static_cast<std::size_t>(content.size()), '\0');
                EXPECT_TRUE(content.rewind());
                const auto size = content.read(text);
                EXPECT_TRUE(size && *size == text.size());
                texts.push_back(std::move(text));
            }
        }
        return texts;
    }
    const std::string& root() const { return root_.path(); }
    std::string alias_file() const { return etc_.path() + "/aliases"; }
    void write_aliases(const std::string& text) { std::ofstream(alias_file()) << text; }
    FileSystem& files() { return *files_; }
    /// What lives do goes through `files` from now on, which must outlive them.
    void go_through(FileSystem& files) { files_ = &files; }

private:
    test::TemporaryDirectory root_;
    test::TemporaryDirectory etc_;
    PosixFileSystem posix_;
    FileSystem* files_ = &posix_;
    spool::BoxStore store_;
};

/// One life of an engine. With `stop_before` it dies at a file-system call.
class Life final : public Outbox {
public:
    /// `mailboxes`: who delivers to this host's users; null: nobody does.
    explicit Life(Queue& queue, WallTime now = kArrival, LocalAgent* mailboxes = nullptr)
        : files(queue.files()),
          clock(now),
          store(files, queue.open(queue.files())),
          router(resolver, random, {}, [](const boost::asio::ip::address&) { return false; }),
          routes(io.get_executor(), router, {}, settings, clock),
          sites(io.get_executor(), SiteLimits(), clock, random, providers),
          aliases(queue.files(), clock, log, {queue.alias_file()}),
          services{
              io.get_executor(),
              clock,
              random,
              log,
              settings,
              "host.example.net",
              {"host.example.net"},
              {},
              schedule::RetryPolicy(),
              rules,
              providers,
              notices,
              resolver,
              router,
              routes,
              sites,
              port_watch,
              {},
              mailboxes != nullptr ? *mailboxes : local_agent,
              aliases,
              memory} {}

    /// One attempt, to its end or to the stop point; then the claim is gone. Nothing: the message
    /// is off the queue, or the engine dead.
    std::optional<spool::EntryName> attempt(const spool::EntryName& name) {
        try {
            auto claimed = store.claim(name);
            EXPECT_TRUE(claimed.claim) << claimed.reason;
            if (claimed.claim) {
                return run(std::move(claimed.claim));
            }
        } catch (const test::Stopped&) {
        }
        return std::nullopt;
    }
    std::optional<spool::EntryName> run(std::unique_ptr<spool::Claim> claim) {
        start(std::move(claim));
        go_on();
        EXPECT_TRUE(is_finished_ || files.is_stopped()) << "it waits for something";
        is_removed_ = delivery->is_removed();
        delivery.reset();  // lets go of the message
        return next_;
    }

    void start(std::unique_ptr<spool::Claim> claim) {
        is_finished_ = false;
        // Before the first await already the constructor and the first steps may die.
        delivery.emplace(services, *this, std::move(claim), Finality::keep_trying);
        boost::asio::co_spawn(
            io,
            delivery->run(),
            [this](const std::exception_ptr& error, std::optional<spool::EntryName> next) {
                is_finished_ = !error;
                next_ = std::move(next);
            }
        );
    }
    /// Until nothing is ready; timers within 100 ms (the journal's sync) are waited for.
    void go_on() {
        io.restart();
        while (!is_finished_ && !files.is_stopped() &&
               io.run_one_for(std::chrono::milliseconds(100)) > 0) {
        }
        io.poll();
    }
    bool is_finished() const { return is_finished_; }
    /// No record follows the last sync; false where there was none.
    bool is_journal_synced() const {
        const auto& trace = files.trace();
        const auto last = std::find_if(trace.rbegin(), trace.rend(), [](const auto& call) {
            return call.starts_with("pwrite") || call == "fdatasync";
        });
        return last != trace.rend() && *last == "fdatasync";
    }
    bool is_removed() const { return is_removed_; }

    // Outbox, as Engine does it.
    Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) override {
        is_journal_synced_at_submissions.push_back(is_journal_synced());
        return store.submit(
            id, report.envelope, report.header, report.body, to_seconds(clock.now())
        );
    }
    Result<std::unique_ptr<spool::Claim>> submit_copy(
        const spool::MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const spool::BodySource& body
    ) override {
        const auto due = to_seconds(clock.now()) + std::chrono::minutes(10);
        return store.submit_stream(id, envelope, header, body, due);
    }
    void release(std::unique_ptr<spool::Claim> report) override {
        is_journal_synced_at_releases.push_back(is_journal_synced());
        if (report->name().due > to_seconds(clock.now())) {
            (void)report->postpone(to_seconds(clock.now())).has_value();
        }
        report.reset();
    }
    bool has_copy(const spool::MessageId& id, uid_t) override { return has(id); }
    bool has(const spool::MessageId& id) override {
        bool is_found = false;
        (void)store.list([&](const spool::EntryName& name) { is_found |= name.id == id; }
        ).has_value();
        return is_found;
    }

    test::FailingFileSystem files;
    test::ManualClock clock;
    test::FixedRandom random;
    LogLines log;
    spool::BoxStore store;
    boost::asio::io_context io;
    test::FakeResolver resolver;  // what isn't put in doesn't exist
    route::Router router;
    config::Settings settings;
    diagnose::RuleBook rules = diagnose::RuleBook::shipped();
    diagnose::Providers providers = diagnose::Providers::shipped();
    diagnose::NoticeBoard notices;
    Routes routes;
    Sites sites;
    PortWatch port_watch;
    NoLocalAgent local_agent;
    local::AliasFiles aliases;
    PosixFileSystem memory;  // where the copies are that mailboxes get: no disk has them
    Services services;
    std::optional<MessageDelivery> delivery;
    /// For each report that was made: whether the journal was on disk.
    std::vector<bool> is_journal_synced_at_submissions;
    /// For each report and copy that was let go: whether the journal that names it was on disk.
    std::vector<bool> is_journal_synced_at_releases;

private:
    bool is_finished_ = false;
    bool is_removed_ = false;
    std::optional<spool::EntryName> next_;
};

/// Whatever becomes of a recipient, the journal hears that it was delivered: stands for a server.
class AcceptingClaim : public spool::Claim {
public:
    explicit AcceptingClaim(
        std::unique_ptr<spool::Claim> real, mail::SuccessReport success = mail::SuccessReport::due
    )
        : real_(std::move(real)), success_(success) {}

    const spool::EntryName& name() const override { return real_->name(); }
    uid_t submitter() const override { return real_->submitter(); }
    const mail::Envelope& envelope() const override { return real_->envelope(); }
    const std::string& header() const override { return real_->header(); }
    std::uint64_t content_size() const override { return real_->content_size(); }
    const spool::JournalState& journal() const override { return real_->journal(); }
    std::unique_ptr<mail::Content> content(std::string header) override {
        return real_->content(std::move(header));
    }
    Result<void> append(const std::vector<spool::Record>& records) override {
        return real_->append(accepted(records));
    }
    void remember(const std::vector<spool::Record>& records) override {
        real_->remember(accepted(records));
    }
    Result<void> sync() override { return real_->sync(); }
    bool is_unrecorded() const override { return real_->is_unrecorded(); }
    Result<void> record_again() override { return real_->record_again(); }
    Result<void> postpone(std::chrono::sys_seconds due) override { return real_->postpone(due); }
    Result<void> remove() override { return real_->remove(); }
    Result<void> set_aside() override { return real_->set_aside(); }

protected:
    std::vector<spool::Record> accepted(const std::vector<spool::Record>& records) const {
        std::vector<spool::Record> accepted = records;
        for (spool::Record& record : accepted) {
            if (auto* outcome = std::get_if<spool::OutcomeRecord>(&record)) {
                outcome->outcome =
                    mail::RecipientOutcome(mail::OutcomeKind::delivered, {2, 0, 0}, "ok");
                outcome->outcome.success = success_;
            }
        }
        return accepted;
    }

    std::unique_ptr<spool::Claim> real_;

private:
    mail::SuccessReport success_;
};

}  // namespace mxpost::deliver
