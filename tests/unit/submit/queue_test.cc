#include "submit/queue.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/wait.h>

#include "diagnose/port_25.h"
#include "submission_fixture.h"
#include "support/few_descriptors.h"

namespace mxpost::submit {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Queue : public SubmissionFixture {
protected:
    ExitStatus print(const QueueSelection& selection = {}, bool is_verbose = false) {
        out_.clear();
        const EngineStarter starter("/nonexistent", {});
        return print_queue(
            around_,
            starter,
            selection,
            is_verbose,
            [this](std::string_view line) { out_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        );
    }

    /// `sendmail -q…` with an engine that notes in "call" how it was started.
    ExitStatus flush(const QueueSelection& selection = {}) {
        const std::string path = directory_ / "engine";
        std::ofstream(path) << "#!/bin/sh\necho \"$@\" > " << directory_ / "call"
                            << "\n";
        ::chmod(path.c_str(), 0700);
        out_.clear();
        const ExitStatus status = flush_queue(
            around_,
            EngineStarter(path, {}),
            selection,
            true,
            [this](std::string_view line) { out_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        );
        ::waitpid(-1, nullptr, 0);
        return status;
    }

    /// Queued, tried, and not due for five hours; nobody has its lock.
    spool::MessageId submit_deferred(const std::string& recipient) {
        call_.operands = {recipient};
        auto result = submit("hi\n");
        const Accepted& accepted = *result.accepted;
        spool::EntryName later = accepted.committed->name;
        later.due += std::chrono::hours(5);
        EXPECT_TRUE(
            disk_.rename(accepted.box->directory(), accepted.committed->name.text(), later.text())
        );
        return accepted.id;
    }

    std::vector<std::string> out_;
    std::vector<std::string> complaints_;
};

TEST_F(Queue, SaysWhenItIsEmpty) {
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre("Mail queue is empty", "\t\tTotal requests: 0"));
    settings_.spool = directory_ / "none";
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre("Mail queue is empty", "\t\tTotal requests: 0"));
}

TEST_F(Queue, IsNotEmptyWhereItCantBeLookedInto) {
    files_.fail_always("open", EACCES);
    EXPECT_EQ(print(), ExitStatus::os_error);
    EXPECT_THAT(complaints_, ElementsAre(root() + ": open: Permission denied"));
    files_.heal();
    complaints_.clear();
    settings_.spool = directory_ / "file";
    std::ofstream(settings_.spool) << "no directory";
    EXPECT_EQ(print(), ExitStatus::os_error);
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("Not a directory")));
}

/// One recipient has the mail, one was greylisted, the last one wasn't tried.
class WaitingQueue : public Queue {
protected:
    WaitingQueue() {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
        call_.operands = {"a@x.test", "b@y.test", "c@z.test"};
        call_.envelope_id = "id7";
        auto result = submit("h\xc3\xad\n");
        const Accepted& accepted = *result.accepted;
        mail::RecipientOutcome greylisted(
            mail::OutcomeKind::deferred, {4, 7, 1}, "4.7.1 come\x1b back"
        );
        greylisted.reply_code = 451;
        greylisted.remote_host = "mx.y.test";
        const spool::OutcomeRecord gone{
            0, clock_.now(), {mail::OutcomeKind::delivered, {2, 0, 0}, "ok"}};
        EXPECT_TRUE(disk_.pwrite(
            accepted.committed->file.get(),
            spool::encode_record(gone) +
                spool::encode_record(spool::OutcomeRecord{1, clock_.now(), greylisted}) +
                spool::encode_record(spool::NoteRecord{clock_.now(), "waits for x"}),
            accepted.committed->journal_offset
        ));
        id_ = accepted.id;
        box_ = accepted.box->path();
        size_ = std::to_string(accepted.committed->journal_offset);
    }

    std::string id_;
    std::string box_;
    std::string size_;
};

// As nagios' check_mailq, munin and shell scripts read it.
TEST_F(WaitingQueue, IsShownAsSendmailDoes) {
    EXPECT_EQ(print(), ExitStatus::ok);
    ASSERT_EQ(out_.size(), 9U);
    EXPECT_EQ(out_[0], "\t\t" + box_ + " (1 request)");
    EXPECT_EQ(
        out_[1],
        "-------Q-ID------- --Size-- -----Q-Time----- ------------Sender/Recipient-----------"
    );
    EXPECT_THAT(
        out_[2], testing::MatchesRegex(id_ + " +[0-9]+ Mon Jan  1 12:00 <alice@example.com>")
    );
    EXPECT_EQ(out_[2].find("Mon"), 18U + 1 + 8 + 1);
    EXPECT_EQ(out_[3], "      8BITMIME   (waits for x)");
    EXPECT_EQ(out_[4], "\t\t\t\t\t <c@z.test>");
    EXPECT_EQ(out_[5], "                 (Deferred: 451 4.7.1 come? back, says mx.y.test.)");
    EXPECT_EQ(out_[6], "\t\t\t\t\t <b@y.test>");
    EXPECT_THAT(out_[7], testing::StartsWith("                 (no engine serves "));
    EXPECT_EQ(out_[8], "\t\tTotal requests: 1");
    EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(WaitingQueue, SaysWhatRefusalsMean) {
    mail::RecipientOutcome listed(
        mail::OutcomeKind::deferred,
        {5, 7, 1},
        "5.7.1 Service unavailable, client host [192.0.2.1] blocked using zen.spamhaus.org"
    );
    listed.reply_code = 554;
    listed.remote_host = "mx.z.test";
    for (const auto& entry : std::filesystem::directory_iterator(box_)) {
        if (entry.path().filename().string().starts_with(id_)) {
            std::ofstream(entry.path(), std::ios::app)
                << spool::encode_record(spool::OutcomeRecord{2, clock_.now(), listed});
        }
    }
    EXPECT_EQ(print(), ExitStatus::ok);
    ASSERT_GE(out_.size(), 2U);
    EXPECT_THAT(
        out_[0],
        testing::MatchesRegex(" +\\(This host's address is on a block list: .* \\(1 recipient\\)\\)"
        )
    );
    EXPECT_EQ(out_.back(), "\t\tTotal requests: 1");
}

TEST_F(WaitingQueue, SaysThatPort25IsBlocked) {
    const mail::RecipientOutcome blocked(
        mail::OutcomeKind::deferred,
        {4, 4, 1},
        std::string(diagnose::kPortBlocked) + "; not tried this time"
    );
    for (const auto& entry : std::filesystem::directory_iterator(box_)) {
        if (entry.path().filename().string().starts_with(id_)) {
            std::ofstream(entry.path(), std::ios::app)
                << spool::encode_record(spool::OutcomeRecord{2, clock_.now(), blocked});
        }
    }
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(
        out_.at(0),
        testing::MatchesRegex(
            " +\\(no mail server answers on port 25: .*\\. Ask the provider .* \\(1 recipient\\)\\)"
        )
    );
}

TEST_F(WaitingQueue, VerboseHasAttemptsAndEachReasonBelowItsRecipient) {
    EXPECT_EQ(print({}, true), ExitStatus::ok);
    ASSERT_EQ(out_.size(), 10U);
    EXPECT_EQ(
        out_[1],
        "-------Q-ID------- --Size-- -Attempts- ---Q-Time--- --------Sender/Recipient--------"
    );
    EXPECT_THAT(
        out_[2], testing::MatchesRegex(id_ + " +[0-9]+          1 Jan  1 12:00 <alice@example.com>")
    );
    EXPECT_EQ(out_[3], "      8BITMIME   (waits for x)");
    EXPECT_EQ(out_[4], "                 (next attempt due now, 8bitmime, envid id7)");
    EXPECT_EQ(out_[5], "\t\t\t\t\t\t<c@z.test>");
    EXPECT_EQ(out_[6], "\t\t\t\t\t\t<b@y.test>");
    EXPECT_EQ(out_[7], "\t\t (Deferred: 451 4.7.1 come? back, says mx.y.test.)");
}

TEST_F(WaitingQueue, VerboseTellsOfRequests) {
    const auto boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner);
    ASSERT_TRUE(spool::leave_request(disk_, boxes->at(0).directory(), {id_, "retry"}));
    print({}, true);
    EXPECT_THAT(out_[4], HasSubstr("(next attempt due now, retry asked for, 8bitmime"));
}

TEST_F(WaitingQueue, TellsOfHostsWhatTheyLastSaid) {
    clock_.advance(std::chrono::hours(26));
    print_hosts(
        around_,
        EngineStarter("/nonexistent", {}),
        [this](std::string_view line) { out_.emplace_back(line); },
        [](std::string_view) {}
    );
    EXPECT_THAT(
        out_,
        ElementsAre(
            "-------------- Hostname --------------- How long ago ---------Results---------",
            " mx.y.test                                 1+02:00:00 451 4.7.1 come? back"
        )
    );
}

TEST_F(WaitingQueue, IsCountedWithoutOpeningAMessage) {
    std::ofstream(box_ + "/000000000000000000.0000000") << "junk";
    const auto count = [this] {
        return count_queue(
            around_,
            [this](std::string_view line) { out_.emplace_back(line); },
            [](std::string_view) {}
        );
    };
    EXPECT_EQ(count(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre(box_ + ": entries=2", "\t\tTotal requests: 2"));
}

TEST_F(Queue, KnowsOfNoHostWhereNoneAnswered) {
    submit_deferred("a@x.test");
    print_hosts(
        around_,
        EngineStarter("/nonexistent", {}),
        [this](std::string_view line) { out_.emplace_back(line); },
        [](std::string_view) {}
    );
    EXPECT_THAT(out_, IsEmpty());
}

TEST_F(Queue, ShowsWhatIsSelected) {
    const auto a = submit_deferred("a@x.test");
    const auto b = submit_deferred("b@x.test");
    QueueSelection by_id;
    by_id.add(SelectBy::id, b, false);
    print(by_id);
    EXPECT_THAT(out_, testing::Contains(testing::StartsWith(b)));
    EXPECT_THAT(out_, testing::Not(testing::Contains(testing::StartsWith(a))));
    EXPECT_THAT(out_[0], HasSubstr("(1 request)"));
    EXPECT_EQ(out_.back(), "\t\tTotal requests: 1");

    QueueSelection by_recipient;
    by_recipient.add(SelectBy::recipient, "A@X", false);
    print(by_recipient);
    EXPECT_THAT(out_, testing::Contains(testing::StartsWith(a)));
    EXPECT_EQ(out_.back(), "\t\tTotal requests: 1");

    QueueSelection nothing;
    nothing.select_nothing();
    print(nothing);
    EXPECT_THAT(out_, ElementsAre("No message matches", "\t\tTotal requests: 0"));
}

TEST_F(WaitingQueue, RecipientsWhoHaveTheMailArentSelected) {
    const auto count = [this](SelectBy by, const std::string& text) {
        QueueSelection selection;
        selection.add(by, text, false);
        print(selection);
        return out_.back();
    };
    EXPECT_EQ(count(SelectBy::domain, "x.test"), "\t\tTotal requests: 0");
    EXPECT_EQ(count(SelectBy::recipient, "a@x"), "\t\tTotal requests: 0");
    EXPECT_EQ(count(SelectBy::domain, "y.test"), "\t\tTotal requests: 1");
    EXPECT_EQ(count(SelectBy::recipient, "c@z"), "\t\tTotal requests: 1");
}

TEST_F(Queue, SaysWhichMessagesAreTooMany) {
    submit_deferred("a@x.test");
    submit_deferred("b@x.test");
    settings_.max_queued_messages = 1;
    print();
    EXPECT_THAT(out_[3], testing::Not(HasSubstr("max-queued-messages")));
    EXPECT_THAT(
        out_, testing::Contains(HasSubstr("more messages than max-queued-messages allows"))
    );
}

TEST_F(Queue, FlushLeavesAloneWhatIsNotSelected) {
    const auto a = submit_deferred("a@x.test");
    const auto b = submit_deferred("b@x.test");
    clock_.advance(std::chrono::minutes(1));
    QueueSelection selection;
    selection.add(SelectBy::recipient, "b@", false);
    EXPECT_EQ(flush(selection), ExitStatus::ok);
    for (const spool::EntryName& name : queued()) {
        EXPECT_EQ(name.due <= to_seconds(clock_.now()), name.id == b) << name.text();
    }
}

TEST_F(Queue, FlushThatSelectsNothingStartsNothing) {
    submit_deferred("a@x.test");
    QueueSelection selection;
    selection.add(SelectBy::sender, "nobody", false);
    EXPECT_EQ(flush(selection), ExitStatus::ok);
    EXPECT_FALSE(std::ifstream(directory_ / "call"));
}

TEST_F(Queue, SaysNothingOfEnginesWhereOneHoldsTheBox) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");
    ASSERT_TRUE(result.accepted);
    auto engine = disk_.open(AT_FDCWD, result.accepted->box->path(), O_RDONLY | O_DIRECTORY, 0);
    ASSERT_TRUE(engine);
    ASSERT_TRUE(*disk_.try_lock(engine->get()));
    print();
    EXPECT_THAT(out_, testing::Not(testing::Contains(HasSubstr("no engine"))));
}

/// As root sees them where a thousand users have sent mail.
TEST_F(Queue, ShowsMoreBoxesThanThereAreDescriptors) {
    for (int i = 0; i < 100; ++i) {
        const std::string box = root() + "/" + std::to_string(::getuid()) + "-" + std::to_string(i);
        ASSERT_EQ(::mkdir(box.c_str(), 0770), 0);
    }
    submit_deferred("a@x.test");
    const test::FewDescriptors few;
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(complaints_, IsEmpty());
    EXPECT_EQ(out_.back(), "\t\tTotal requests: 1");
    EXPECT_EQ(
        count_queue(
            around_,
            [this](std::string_view line) { out_.emplace_back(line); },
            [this](std::string_view line) { complaints_.emplace_back(line); }
        ),
        ExitStatus::ok
    );
    EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(Queue, TellsOfADirectoryThatCanNotBeABox) {
    const std::string open = root() + "/" + std::to_string(::getuid()) + "-aaaaaaaa";
    ASSERT_EQ(::mkdir(open.c_str(), 0770), 0);
    ASSERT_EQ(::chmod(open.c_str(), 0777), 0);
    std::ofstream(open + "/000000000000000000.0000000") << "forged";
    EXPECT_EQ(print(), ExitStatus::ok);
    EXPECT_THAT(out_, ElementsAre("Mail queue is empty", "\t\tTotal requests: 0"));
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("can't be a box")));
}

TEST_F(Queue, MarksWhatIsBeingSent) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock
    print();
    EXPECT_THAT(out_[2], testing::StartsWith(result.accepted->id + "* "));
}

TEST_F(Queue, NamesDamagedMessagesAndShowsTheOthers) {
    call_.operands = {"a@x.test"};
    auto result = submit("hi\n");
    const std::string box = result.accepted->box->path();
    result.accepted.reset();
    std::ofstream(box + "/000000000000000000.0000000") << "junk";
    EXPECT_EQ(print(), ExitStatus::os_error);
    EXPECT_THAT(complaints_, ElementsAre(HasSubstr("000000000000000000.0000000")));
    EXPECT_EQ(out_.back(), "\t\tTotal requests: 1");
}

/// What is shown isn't kept in memory until the last message was read.
TEST_F(Queue, MessagesOfManyRecipientsAreShownAsTheyAreRead) {
    constexpr std::size_t kRecipients = 6000;
    std::string box;
    for (int message = 0; message < 2; ++message) {
        call_.operands.clear();
        for (std::size_t i = 0; i < kRecipients; ++i) {
            call_.operands.push_back("r" + std::to_string(i) + "@x.test");
        }
        const auto result = submit("hi\n");
        ASSERT_TRUE(result.accepted);
        box = result.accepted->box->path();
    }
    std::ofstream(box + "/7zzzzzzzzzzzzzzzzz.0000000")
        << "junk";  // the last one: it is told at once
    std::size_t shown = 0;
    std::size_t shown_before_the_last = 0;
    print_queue(
        around_,
        EngineStarter("/nonexistent", {}),
        {},
        false,
        [&](std::string_view line) { shown += line.find("@x.test>") != std::string_view::npos; },
        [&](std::string_view) { shown_before_the_last = shown; }
    );
    EXPECT_EQ(shown, 2 * kRecipients);
    EXPECT_GT(shown_before_the_last, kRecipients);
}

TEST_F(Queue, FlushMakesEverythingDueAndStartsAnEngine) {
    submit_deferred("a@x.test");
    clock_.advance(std::chrono::minutes(1));
    EXPECT_EQ(flush(), ExitStatus::ok);
    EXPECT_THAT(complaints_, IsEmpty());
    EXPECT_THAT(out_, IsEmpty());
    EXPECT_TRUE(spool::is_asked_for(queued().at(0)));
    std::string arguments;
    std::getline(std::ifstream(directory_ / "call"), arguments);
    EXPECT_EQ(arguments, ::getuid() == 0 ? "run --once" : "run --box-fd 3");
}

TEST_F(Queue, FlushingNothingStartsNothing) {
    EXPECT_EQ(flush(), ExitStatus::ok);
    EXPECT_FALSE(std::ifstream(directory_ / "call"));
}

TEST_F(Queue, FlushLeavesARequestForWhatIsBeingSentAndSaysSo) {
    call_.operands = {"a@x.test"};
    const auto result = submit("hi\n");  // holds its lock, as an engine would
    flush();
    EXPECT_THAT(
        out_,
        ElementsAre(
            "1 message is being sent just now and will be tried again after that: " +
            result.accepted->id
        )
    );
    EXPECT_TRUE(
        disk_.stat(result.accepted->box->directory(), ".ask-" + result.accepted->id + "-retry")
    );
    EXPECT_EQ(queued().size(), 1U);
}

}  // namespace
}  // namespace mxpost::submit
