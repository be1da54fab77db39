#include "spool/box_store.h"

#include <filesystem>

#include <sys/socket.h>
#include <sys/un.h>

#include "spool_test.h"

namespace mxpost::spool {
namespace {

namespace fs = std::filesystem;
using mail::OutcomeKind;
using std::chrono::hours;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class BoxStoreTest : public SpoolTest {
protected:
    /// What the journal on disk says, read anew.
    JournalState journal_of(const EntryName& name) {
        auto message = read_message(posix_, box_, name);
        EXPECT_TRUE(message) << message.error().message();
        return message->journal();
    }
};

// What may be found under a message's name, and must be set aside without harm to others.
struct Impostor {
    const char* name;
    std::function<void(const std::string& path, const std::string& good_octets)> make;
};

class ImpostorTest : public BoxStoreTest, public testing::WithParamInterface<Impostor> {};

void write_octets(const std::string& path, const std::string& octets) {
    std::ofstream(path, std::ios::binary) << octets;
}

void bind_socket(const std::string& path) {
    const Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    // Bound by a short name: a path of a test's directory could be too long for sun_path.
    const fs::path here = fs::current_path();
    fs::current_path(fs::path(path).parent_path());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = fs::path(path).filename();
    name.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    fs::current_path(here);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds,
    ImpostorTest,
    testing::Values(
        Impostor{
            "HardLink",
            [](const std::string& path, const std::string& octets) {
                write_octets(path + "-other", octets);
                fs::create_hard_link(path + "-other", path);
            }},
        Impostor{
            "SymbolicLink",
            [](const std::string& path, const std::string&) {
                fs::create_symlink("/etc/passwd", path);
            }},
        Impostor{
            "DanglingLink",
            [](const std::string& path, const std::string&) {
                fs::create_symlink("nowhere", path);
            }},
        Impostor{
            "Fifo",
            [](const std::string& path, const std::string&) {
                ASSERT_EQ(::mkfifo(path.c_str(), 0660), 0);
            }},
        Impostor{
            "Directory",
            [](const std::string& path, const std::string&) { fs::create_directory(path); }},
        Impostor{"Socket", [](const std::string& path, const std::string&) { bind_socket(path); }},
        Impostor{
            "ZeroLength",
            [](const std::string& path, const std::string&) { write_octets(path, ""); }},
        Impostor{
            "Truncated",
            [](const std::string& path, const std::string& octets) {
                write_octets(path, octets.substr(0, octets.size() - 1));
            }},
        Impostor{
            "Garbled",
            [](const std::string& path, const std::string& octets) {
                std::string changed = octets;
                changed[70] = static_cast<char>(changed[70] ^ 1);
                write_octets(path, changed);
            }},
        Impostor{
            "OtherVersion",
            [](const std::string& path, const std::string& octets) {
                std::string changed = octets;
                changed[6] = '2';
                write_octets(path, changed);
            }},
        Impostor{
            "Text",
            [](const std::string& path, const std::string&) {
                write_octets(path, std::string(1000, 'x'));
            }}
    ),
    [](const auto& kind) { return kind.param.name; }
);

TEST_P(ImpostorTest, IsSetAsideAndTheRestUnaffected) {
    const EntryName good = commit_one();
    const EntryName bad{"01hk2w7yz0c0000009", kDue};
    GetParam().make(path_of(bad), octets_of(good));
    EXPECT_FALSE(read_message(posix_, box_, bad));
    const ClaimResult result = store_.claim(bad);
    EXPECT_EQ(result.claim, nullptr);
    EXPECT_EQ(result.refusal, ClaimRefusal::set_aside) << result.reason;
    EXPECT_FALSE(result.reason.empty());
    EXPECT_THAT(names(), Not(Contains(bad.text())));
    EXPECT_THAT(names(kCorruptName), ElementsAre(bad.text()));
    EXPECT_EQ(store_.count_corrupt(), 1U);
    EXPECT_NE(store_.claim(good).claim, nullptr);
    EXPECT_EQ(store_.claim(bad).refusal, ClaimRefusal::gone);
}

TEST_F(BoxStoreTest, AFileOfAnotherUidIsSetAside) {
    if (::getuid() != 0) {
        GTEST_SKIP() << "needs root to make a file of another uid";
    }
    const EntryName name = commit_one();
    ASSERT_EQ(::chown(path_of(name).c_str(), 12345, 0), 0);
    const ClaimResult result = store_.claim(name);
    EXPECT_EQ(result.refusal, ClaimRefusal::set_aside);
    EXPECT_THAT(result.reason, HasSubstr("belongs to uid 12345"));
}

TEST_F(BoxStoreTest, AFileThatMayNotBeOpenedStaysAndIsTriedLater) {
    const EntryName name = commit_one();
    for (const int error : {EACCES, EPERM, EMFILE, EIO, EWOULDBLOCK}) {
        files_.fail(1, error, "open");
        EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::failed);
    }
    EXPECT_NE(store_.claim(name).claim, nullptr);
}

TEST_F(BoxStoreTest, ACallThatFailsWhileClaimingLosesNothing) {
    const EntryName name = commit_one();
    test::FailingFileSystem counting(posix_);
    const std::size_t calls = [&] {
        BoxStore store(counting, reopen(box_));
        EXPECT_NE(store.claim(name).claim, nullptr);
        return counting.count();
    }();
    for (std::size_t n = 1; n <= calls; ++n) {
        test::FailingFileSystem files(posix_);
        BoxStore store(files, reopen(box_));
        files.fail(n, EIO);
        const ClaimResult result = store.claim(name);
        EXPECT_EQ(result.claim, nullptr);
        EXPECT_EQ(result.refusal, ClaimRefusal::failed) << files.trace().back();
        EXPECT_NE(store.claim(name).claim, nullptr);
    }
}

TEST_F(BoxStoreTest, WhatCannotBeSetAsideStays) {
    write_file("01hk2w7yz0c0000009.1js5aa0", "garbage");
    const EntryName name{"01hk2w7yz0c0000009", kDue};
    for (const char* call : {"mkdir", "rename_to"}) {
        files_.fail(1, ENOSPC, call);
        const ClaimResult result = store_.claim(name);
        EXPECT_EQ(result.refusal, ClaimRefusal::failed);
        EXPECT_THAT(result.reason, HasSubstr("can't set it aside"));
    }
    EXPECT_THAT(names(), Contains(name.text()));
}

TEST_F(BoxStoreTest, ALinkInPlaceOfCorruptIsNotFollowed) {
    const test::TemporaryDirectory elsewhere;
    fs::create_directory_symlink(elsewhere.path(), box_.path() + "/corrupt");
    const EntryName name{"01hk2w7yz0c0000009", kDue};
    write_file(name.text(), "garbage");
    EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::failed);
    EXPECT_TRUE(fs::is_empty(elsewhere.path()));
    EXPECT_EQ(store_.count_corrupt(), 0U);
}

TEST_F(BoxStoreTest, ABusyMessageIsLeftAlone) {
    const EntryName name = commit_one();
    const ClaimResult first = store_.claim(name);
    EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::busy);
}

TEST_F(BoxStoreTest, ANameThatLedElsewhereMeanwhileIsGone) {
    const EntryName name = commit_one();
    EXPECT_EQ(store_.claim({"01hk2w7yz0c0000001", kDue}).refusal, ClaimRefusal::gone);
    // Renamed between open and lock.
    files_.fail(1, ENOENT, "stat");
    EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::gone);
}

TEST_F(BoxStoreTest, AClaimShowsTheMessage) {
    const EntryName name = commit_one(make_envelope(3));
    const ClaimResult result = store_.claim(name);
    ASSERT_NE(result.claim, nullptr);
    EXPECT_EQ(result.claim->name(), name);
    EXPECT_EQ(result.claim->submitter(), ::getuid());
    EXPECT_EQ(result.claim->envelope().recipients.size(), 3U);
    EXPECT_EQ(result.claim->header(), kHeader);
    EXPECT_EQ(result.claim->content_size(), kHeader.size() + 2 + kBody.size());
}

TEST_F(BoxStoreTest, RecordsAreThereForTheNextClaim) {
    const EntryName name = commit_one(make_envelope(2));
    {
        const ClaimResult result = store_.claim(name);
        ASSERT_TRUE(result.claim->append({make_outcome(0, OutcomeKind::delivered)}));
        ASSERT_TRUE(result.claim->append({make_outcome(1, OutcomeKind::deferred)}));
        ASSERT_TRUE(result.claim->sync());
        EXPECT_FALSE(result.claim->is_unrecorded());
        EXPECT_FALSE(result.claim->journal().recipients[0].is_pending());
    }
    const ClaimResult result = store_.claim(name);
    EXPECT_FALSE(result.claim->journal().recipients[0].is_pending());
    EXPECT_TRUE(result.claim->journal().recipients[1].is_pending());
    EXPECT_EQ(result.claim->journal().recipients[1].attempts, 1U);
}

TEST_F(BoxStoreTest, ContentCanBeReadWhileOutcomesAreAppended) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    const auto content = result.claim->content(result.claim->header());
    std::array<char, 10> buffer{};
    ASSERT_TRUE(content->read(buffer));
    ASSERT_TRUE(result.claim->append({make_outcome(0, OutcomeKind::deferred)}));
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
}

TEST_F(BoxStoreTest, ARecordThatCannotBeWrittenCountsAndIsKept) {
    const EntryName name = commit_one(make_envelope(2));
    const ClaimResult result = store_.claim(name);
    const auto content = result.claim->content(result.claim->header());
    files_.fail(1, ENOSPC, "pwrite");
    files_.tear_writes(20);
    EXPECT_TRUE(result.claim->append({make_outcome(0, OutcomeKind::delivered)}).error().is(ENOSPC));
    EXPECT_TRUE(result.claim->is_unrecorded());
    EXPECT_FALSE(result.claim->journal().recipients[0].is_pending());
    // A session that is just sending the message isn't misled by the torn record.
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
    files_.fail(1, ENOSPC, "pwrite");
    EXPECT_FALSE(result.claim->append({make_outcome(1, OutcomeKind::failed)}));
    EXPECT_TRUE(result.claim->record_again());
    EXPECT_FALSE(result.claim->is_unrecorded());
    EXPECT_TRUE(result.claim->sync());
    EXPECT_FALSE(journal_of(name).recipients[0].is_pending());
    EXPECT_FALSE(journal_of(name).recipients[1].is_pending());
    EXPECT_EQ(journal_of(name).recipients[0].attempts, 1U);
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
}

TEST_F(BoxStoreTest, WhereverAWriteBreaksOffTheMessageIsStillWhatItWas) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    const auto content = result.claim->content(result.claim->header());
    const Record record = make_outcome(0, OutcomeKind::delivered);
    for (std::size_t size = 0; size <= encode_record(record).size(); ++size) {
        files_.fail_always("pwrite", EIO);
        files_.fail_always("fstat", EIO);
        files_.tear_writes(size);
        EXPECT_FALSE(size == 0 ? result.claim->append({record}) : result.claim->record_again());
        files_.heal();
        EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody) << size;
    }
    EXPECT_TRUE(result.claim->record_again());
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
    EXPECT_EQ(journal_of(name).recipients[0].attempts, 1U);
}

/// The kernel may have dropped what it couldn't write, and says "fine" the next time.
TEST_F(BoxStoreTest, AfterAFailedSyncAllSinceTheLastGoodOneIsWrittenAgain) {
    const EntryName name = commit_one(make_envelope(4));
    const std::string synced = octets_of(name);
    // An attempt that syncs nothing, since a deferral isn't worth it, then another.
    ASSERT_TRUE(store_.claim(name).claim->append({make_outcome(1, OutcomeKind::deferred)}));
    const ClaimResult result = store_.claim(name);
    const auto content = result.claim->content(result.claim->header());
    ASSERT_TRUE(result.claim->append({make_outcome(0, OutcomeKind::delivered)}));
    ASSERT_TRUE(result.claim->append({make_outcome(2, OutcomeKind::delivered)}));
    files_.fail(1, EIO, "fdatasync");
    EXPECT_FALSE(result.claim->sync());
    EXPECT_TRUE(result.claim->is_unrecorded());
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
    write_file(name.text(), synced + std::string(octets_of(name).size() - synced.size(), '\0'));

    files_.fail(1, EIO, "pwrite");
    EXPECT_FALSE(result.claim->append({make_outcome(3, OutcomeKind::failed)}));
    EXPECT_TRUE(result.claim->is_unrecorded());
    EXPECT_TRUE(result.claim->record_again());
    files_.fail(1, EIO, "fdatasync");
    EXPECT_FALSE(result.claim->sync());
    EXPECT_TRUE(result.claim->is_unrecorded());
    write_file(name.text(), synced);

    EXPECT_TRUE(result.claim->record_again());
    EXPECT_TRUE(result.claim->sync());
    EXPECT_FALSE(result.claim->is_unrecorded());
    EXPECT_EQ(files_.trace().back(), "fdatasync");
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
    const JournalState state = journal_of(name);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(state.recipients[i].attempts, 1U);
        EXPECT_EQ(state.recipients[i].is_pending(), i == 1);
    }
    const std::size_t calls = files_.trace().size();
    EXPECT_TRUE(result.claim->sync());
    EXPECT_EQ(files_.trace().size(), calls);
}

TEST_F(BoxStoreTest, SyncCostsNothingWhereNothingWasWritten) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    ASSERT_TRUE(result.claim->sync());
    EXPECT_EQ(files_.count("fdatasync"), 0U);
}

TEST_F(BoxStoreTest, ATailTornAtAnyOctetIsCutBeforeTheNextRecord) {
    const EntryName name = commit_one(make_envelope(100));
    const std::string octets =
        octets_of(name) + encode_record(make_outcome(0, OutcomeKind::deferred, "first"));
    const std::string torn = encode_record(make_outcome(1, OutcomeKind::delivered));
    for (std::size_t size = 1; size < torn.size(); ++size) {
        write_file(name.text(), octets + torn.substr(0, size));
        const ClaimResult result = store_.claim(name);
        ASSERT_NE(result.claim, nullptr) << result.reason;
        ASSERT_TRUE(result.claim->append({make_outcome(2, OutcomeKind::failed, "third")}));
        const JournalState state = journal_of(name);
        EXPECT_EQ(state.recipients[0].last->text, "first");
        EXPECT_TRUE(state.recipients[1].is_pending());
        EXPECT_EQ(state.recipients[2].last->text, "third");
        EXPECT_EQ(
            octets_of(name), octets + encode_record(make_outcome(2, OutcomeKind::failed, "third"))
        );
    }
    // Cut, made durable, and the room that the cut gave away reserved again: all before the write.
    const auto& trace = files_.trace();
    ASSERT_GE(trace.size(), 5U);
    EXPECT_EQ(trace[trace.size() - 5], "ftruncate " + std::to_string(octets.size()));
    EXPECT_EQ(trace[trace.size() - 4], "fdatasync");
    EXPECT_EQ(trace[trace.size() - 3], "fstat");
    EXPECT_TRUE(trace[trace.size() - 2].starts_with("fallocate " + std::to_string(octets.size())));
    EXPECT_TRUE(trace[trace.size() - 1].starts_with("pwrite"));
}

TEST_F(BoxStoreTest, DeferralsDoNotUseUpTheRoomForOutcomes) {
    constexpr std::size_t kRecipients = 100;
    const EntryName name = commit_one(make_envelope(kRecipients));
    const ClaimResult result = store_.claim(name);
    ASSERT_NE(result.claim, nullptr) << result.reason;
    for (std::size_t i = 0; i < kRecipients; ++i) {
        ASSERT_TRUE(result.claim->append({make_outcome(
            static_cast<std::uint32_t>(i), OutcomeKind::deferred, std::string(900, 'x')
        )}));
    }
    struct stat status {};
    ASSERT_EQ(::lstat(path_of(name).c_str(), &status), 0);
    EXPECT_GE(
        static_cast<std::size_t>(status.st_blocks) * 512,
        static_cast<std::size_t>(status.st_size) + kRecipients * kMaxOutcomeRecord
    );
}

TEST_F(BoxStoreTest, ReadersLeaveATornTailAlone) {
    const EntryName name = commit_one();
    const std::string octets = octets_of(name) + "torn";
    write_file(name.text(), octets);
    EXPECT_TRUE(read_message(posix_, box_, name)->is_torn());
    {
        const ClaimResult result = store_.claim(name);
        EXPECT_EQ(
            read_all(*result.claim->content(result.claim->header())), kHeader + "\r\n" + kBody
        );
    }
    EXPECT_EQ(octets_of(name), octets);
}

TEST_F(BoxStoreTest, PostponeRenamesWithoutASync) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    ASSERT_TRUE(result.claim->postpone(kDue + hours(1)));
    EXPECT_EQ(result.claim->name().due, kDue + hours(1));
    EXPECT_THAT(names(), ElementsAre(result.claim->name().text()));
    EXPECT_EQ(files_.count("fsync"), 0U);
    files_.fail(1, EIO, "rename");
    EXPECT_FALSE(result.claim->postpone(kDue + hours(2)));
    EXPECT_EQ(result.claim->name().due, kDue + hours(1));
    EXPECT_TRUE(result.claim->postpone(kDue + hours(1)));
}

TEST_F(BoxStoreTest, RemovalIsDurableAfterTheGroupSync) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    ASSERT_TRUE(result.claim->remove());
    EXPECT_EQ(files_.count("fsync"), 0U);
    ASSERT_TRUE(store_.sync_removals());
    EXPECT_EQ(files_.count("fsync"), 1U);
    EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::gone);
}

TEST_F(BoxStoreTest, WhatItsOwnerHasRemovedIsRemovedButNotWhatTheyRenamed) {
    const EntryName name = commit_one();
    const std::string path = box_.path() + "/" + name.text();
    const ClaimResult result = store_.claim(name);
    fs::rename(path, path + "x");
    EXPECT_FALSE(result.claim->remove());
    fs::remove(path + "x");
    EXPECT_TRUE(result.claim->remove());
}

TEST_F(BoxStoreTest, SetAsideIsDurableNewNameFirst) {
    const EntryName name = commit_one();
    const ClaimResult result = store_.claim(name);
    ASSERT_TRUE(result.claim->set_aside());
    EXPECT_THAT(names(kCorruptName), ElementsAre(name.text()));
    EXPECT_EQ(files_.count("fsync"), 3U) << "the new folder, the new name, the old one";
    files_.fail(1, EIO, "fsync");
    EXPECT_EQ(store_.count_corrupt(), 1U);
}

/// There may be thousands of them, and nothing hangs on them: who claims doesn't wait for the disk.
TEST_F(BoxStoreTest, WhatIsNoMessageIsSetAsideAtOnceAndSyncedWithTheRemovals) {
    const auto set_aside = [this](const MessageId& id) {
        const EntryName name{id, kDue};
        write_file(name.text(), "");
        EXPECT_EQ(store_.claim(name).refusal, ClaimRefusal::set_aside);
    };
    set_aside("01hk2w7yz0c0000007");
    EXPECT_EQ(files_.count("fsync"), 1U) << "the new folder";
    set_aside("01hk2w7yz0c0000008");
    EXPECT_EQ(files_.count("fsync"), 1U);
    ASSERT_TRUE(store_.sync_removals());
    EXPECT_EQ(files_.count("fsync"), 3U) << "the new names, the old ones";
    ASSERT_TRUE(store_.sync_removals());
    EXPECT_EQ(files_.count("fsync"), 4U);

    set_aside("01hk2w7yz0c0000009");
    fs::rename(box_.path() + "/corrupt", box_.path() + "/elsewhere");
    ASSERT_TRUE(store_.sync_removals());
    EXPECT_EQ(files_.count("fsync"), 5U);
}

TEST_F(BoxStoreTest, ASubmittedReportIsDurableAndClaimed) {
    auto report = store_.submit(kId, make_envelope(), kHeader, kBody, kDue);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(files_.count("fsync"), 2U);
    EXPECT_EQ(store_.claim((*report)->name()).refusal, ClaimRefusal::busy);
    const auto content = (*report)->content((*report)->header());
    EXPECT_EQ(read_all(*content), kHeader + "\r\n" + kBody);
    ASSERT_TRUE((*report)->append({make_outcome(0, OutcomeKind::delivered)}));
}

TEST_F(BoxStoreTest, AReportThatCannotBeWrittenLeavesNothing) {
    const std::size_t calls = [&] {
        auto report = store_.submit(kId, make_envelope(), kHeader, kBody, kDue);
        const std::size_t count = files_.count();
        EXPECT_TRUE((*report)->remove());
        return count;
    }();
    for (std::size_t n = 1; n <= calls; ++n) {
        test::FailingFileSystem files(posix_);
        BoxStore store(files, reopen(box_));
        files.fail(n, ENOSPC);
        auto report = store.submit(kId, make_envelope(), kHeader, kBody, kDue);
        if (report) {
            ASSERT_TRUE((*report)->remove()) << files.trace().at(n - 1);
        }
        EXPECT_THAT(names(), testing::IsEmpty()) << files.trace().at(n - 1);
    }
}

/// Else it would be sent, and the same once more.
TEST_F(BoxStoreTest, AReportThatStaysAlthoughItFailedIsSaidToBeThere) {
    std::size_t stayed = 0;
    for (std::size_t n = 1; n <= 20; ++n) {
        test::FailingFileSystem files(posix_);
        BoxStore store(files, reopen(box_));
        for (std::size_t next = n; next < n + 5; ++next) {
            files.fail(next, EIO);
        }
        const auto report = store.submit(kId, make_envelope(), kHeader, kBody, kDue);
        files.heal();
        if (report || names().empty()) {
            ASSERT_TRUE(!report || (*report)->remove()) << n;
            continue;
        }
        EXPECT_NE(report.error().message().find(kId + " can't be taken back"), std::string::npos)
            << report.error().message();
        fs::remove(box_.path() + "/" + names().front());
        ++stayed;
    }
    EXPECT_EQ(stayed, 1U);
}

TEST_F(BoxStoreTest, ListPassesOverWhatIsNoMessage) {
    const EntryName name = commit_one();
    write_file(".new-01hk2w7yz0c0000001", "");
    write_file(".system", "");
    write_file("state", "");
    fs::create_directory(box_.path() + "/corrupt");
    std::vector<EntryName> found;
    ASSERT_TRUE(store_.list([&](const EntryName& entry) { found.push_back(entry); }));
    EXPECT_THAT(found, ElementsAre(name));
}

TEST_F(BoxStoreTest, OnlyOldHiddenFilesAreLeftovers) {
    write_file(".new-01hk2w7yz0c0000001", "");
    write_file(".newest", "");
    commit_one();
    const WallTime now = SystemClock().now();
    EXPECT_EQ(store_.remove_leftovers(now), 0U);
    EXPECT_EQ(store_.remove_leftovers(now - hours(48)), 0U);
    EXPECT_EQ(store_.remove_leftovers(now + hours(25)), 1U);
    EXPECT_EQ(names().size(), 2U);
}

}  // namespace
}  // namespace mxpost::spool
