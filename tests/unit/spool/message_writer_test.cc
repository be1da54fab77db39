#include "spool/message_writer.h"

#include <functional>
#include <string>

#include <sys/mman.h>

#include "spool_test.h"

namespace mxpost::spool {
namespace {

using testing::IsEmpty;

/// The two ways of publishing: O_TMPFILE, or a hidden name where that or /proc is missing.
enum class Way { nameless, hidden_without_tmpfile, hidden_without_proc };

void restrict_to(Way way, test::FailingFileSystem& files) {
    if (way == Way::hidden_without_tmpfile) {
        files.fail(1, EOPNOTSUPP, "open");
    } else if (way == Way::hidden_without_proc) {
        files.fail(1, ENOENT, "stat");
    }
}

class MessageWriterTest : public SpoolTest, public testing::WithParamInterface<Way> {
protected:
    /// What an engine finds: nothing, or exactly the message as submitted.
    void expect_nothing_or_all(const std::string& body, const std::string& what) {
        std::vector<EntryName> found;
        ASSERT_TRUE(store_.list([&](const EntryName& name) { found.push_back(name); }));
        ASSERT_LE(found.size(), 1U) << what;
        if (!found.empty()) {
            const ClaimResult result = store_.claim(found.front());
            ASSERT_NE(result.claim, nullptr) << what << ": " << result.reason;
            EXPECT_EQ(result.claim->envelope().recipients.size(), 1U) << what;
            const auto content = result.claim->content(result.claim->header());
            EXPECT_EQ(read_all(*content), kHeader + "\r\n" + body) << what;
        }
    }
    void clear_box() {
        for (const std::string& name : names()) {
            ASSERT_TRUE(posix_.unlink(box_.directory(), name)) << name;
        }
    }
    std::size_t count_calls(const std::string& body) {
        test::FailingFileSystem files(posix_);
        restrict_to(GetParam(), files);
        EXPECT_TRUE(commit(files, body));
        clear_box();
        return files.count();
    }
};

INSTANTIATE_TEST_SUITE_P(
    BothWays,
    MessageWriterTest,
    testing::Values(Way::nameless, Way::hidden_without_tmpfile, Way::hidden_without_proc),
    [](const auto& kind) {
        return kind.param == Way::nameless                 ? "Nameless"
               : kind.param == Way::hidden_without_tmpfile ? "HiddenWithoutTmpfile"
                                                           : "HiddenWithoutProc";
    }
);

const std::string kLongBody = [] {
    std::string body;
    while (body.size() < 200'000) {
        body += "a line of some length that is repeated\r\n";
    }
    return body;
}();

TEST_P(MessageWriterTest, WhatIsCommittedIsWhole) {
    for (const std::string& body : {std::string(), kBody, kLongBody}) {
        test::FailingFileSystem files(posix_);
        restrict_to(GetParam(), files);
        const auto name = commit(files, body);
        ASSERT_TRUE(name) << name.error().message();
        EXPECT_EQ(names(), std::vector<std::string>{name->text()});
        expect_nothing_or_all(body, "commit");
        clear_box();
    }
}

TEST_P(MessageWriterTest, AFailingCallLeavesNothing) {
    for (const std::string& body : {kBody, kLongBody}) {
        const std::size_t calls = count_calls(body);
        ASSERT_GT(calls, 7U);
        // The long one takes other paths through the writer, not through its errors.
        const std::vector<int> errors = body == kBody
                                            ? std::vector<int>{ENOSPC, EDQUOT, EIO, EROFS, ENOENT}
                                            : std::vector<int>{EIO};
        for (const int error : errors) {
            for (std::size_t n = 1; n <= calls; ++n) {
                test::FailingFileSystem files(posix_);
                restrict_to(GetParam(), files);
                files.fail(n, error);
                files.tear_writes(10);
                const auto name = commit(files, body);
                const std::string what = files.trace().at(n - 1) + " fails";
                if (name) {
                    // Only calls that say how to do it, and what that file system can.
                    EXPECT_TRUE(
                        files.trace().at(n - 1).starts_with("stat") ||
                        files.trace().at(n - 1).starts_with("open")
                    ) << what;
                    expect_nothing_or_all(body, what);
                } else {
                    EXPECT_THAT(names(), IsEmpty()) << what;
                }
                clear_box();
            }
        }
    }
}

TEST_P(MessageWriterTest, StoppedAnywhereThereIsNothingOrAWholeMessage) {
    for (const std::string& body : {kBody, kLongBody}) {
        const std::size_t calls = count_calls(body);
        for (std::size_t n = 1; n <= calls; ++n) {
            test::FailingFileSystem files(posix_);
            restrict_to(GetParam(), files);
            files.stop_before(n);
            EXPECT_THROW((void)commit(files, body), test::Stopped);
            expect_nothing_or_all(body, "stopped before " + files.trace().back());
            // What a crashed submitter left behind is hidden, and goes after a day.
            clock_.jump_to(SystemClock().now());
            EXPECT_EQ(store_.remove_leftovers(clock_.now()), 0U);
            clock_.advance(std::chrono::hours(25));
            store_.remove_leftovers(clock_.now());
            for (const std::string& name : names()) {
                EXPECT_TRUE(EntryName::parse(name)) << name;
            }
            clear_box();
        }
    }
}

TEST_P(MessageWriterTest, AFailedSyncIsNeverRetriedIntoSuccess) {
    {
        test::FailingFileSystem files(posix_);
        restrict_to(GetParam(), files);
        files.fail(1, EIO, "fsync");
        EXPECT_TRUE(commit(files).error().is(EIO));
        EXPECT_EQ(files.count("fsync"), 1U);
        EXPECT_EQ(files.count("link"), 0U);
    }
    {
        test::FailingFileSystem files(posix_);
        restrict_to(GetParam(), files);
        files.fail(2, EIO, "fsync");
        EXPECT_TRUE(commit(files).error().is(EIO));
        EXPECT_EQ(files.count("unlink"), 1U);
        EXPECT_THAT(names(), IsEmpty());
    }
}

TEST_P(MessageWriterTest, TheContentIsSyncedBeforeItHasAName) {
    restrict_to(GetParam(), files_);
    ASSERT_TRUE(commit(files_));
    const auto& trace = files_.trace();
    const auto at = [&](const std::string& call) {
        return std::find_if(trace.begin(), trace.end(), [&](const std::string& line) {
            return line.starts_with(call);
        });
    };
    const auto named = GetParam() == Way::nameless ? at("link") : at("rename");
    ASSERT_NE(named, trace.end());
    EXPECT_LT(at("flock"), named);
    EXPECT_LT(at("write"), at("fsync"));
    EXPECT_LT(at("fsync"), named);
    EXPECT_EQ(*(named + 1), "fsync");
    EXPECT_EQ(named + 2, trace.end());
}

TEST_P(MessageWriterTest, ANameThatIsTakenIsNotReplaced) {
    const EntryName name{kId, kDue};
    write_file(name.text(), "another's");
    test::FailingFileSystem files(posix_);
    restrict_to(GetParam(), files);
    EXPECT_TRUE(commit(files).error().is(EEXIST));
    EXPECT_EQ(octets_of(name), "another's");
    EXPECT_EQ(names().size(), 1U);
}

TEST_P(MessageWriterTest, NoEngineGetsItBeforeItsSubmitterLetsGo) {
    test::FailingFileSystem files(posix_);
    restrict_to(GetParam(), files);
    auto writer = MessageWriter::create(files, box_, kId);
    ASSERT_TRUE(writer->begin(make_envelope(), kHeader));
    auto committed = writer->commit(false, false, kDue);
    ASSERT_TRUE(committed);
    EXPECT_EQ(store_.claim(committed->name).refusal, ClaimRefusal::busy);
    EXPECT_TRUE(is_claimed(posix_, box_, committed->name));
    committed->file.reset();
    EXPECT_NE(store_.claim(committed->name).claim, nullptr);
}

TEST_P(MessageWriterTest, AnAbandonedMessageVanishes) {
    test::FailingFileSystem files(posix_);
    restrict_to(GetParam(), files);
    {
        auto writer = MessageWriter::create(files, box_, kId);
        ASSERT_TRUE(writer->begin(make_envelope(), kHeader));
        ASSERT_TRUE(writer->append(kLongBody));
    }
    EXPECT_THAT(names(), IsEmpty());
}

TEST_P(MessageWriterTest, TheGroupMayReadAndWriteWhateverTheUmask) {
    for (const mode_t mask : {0U, 022U, 077U, 0777U}) {
        const mode_t before = ::umask(mask);
        test::FailingFileSystem files(posix_);
        restrict_to(GetParam(), files);
        const auto name = commit(files);
        ::umask(before);
        ASSERT_TRUE(name);
        struct stat status {};
        ASSERT_EQ(::lstat(path_of(*name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 07777U, 0660U) << mask;
        clear_box();
    }
}

class MessageWriterRoomTest : public SpoolTest {};

TEST_F(MessageWriterRoomTest, RoomForOneOutcomeOfEachRecipientIsReserved) {
    const auto name = commit(files_, kBody, make_envelope(100));
    ASSERT_TRUE(name);
    ASSERT_EQ(files_.count("fallocate"), 1U);
    struct stat status {};
    ASSERT_EQ(::lstat(path_of(*name).c_str(), &status), 0);
    EXPECT_GE(status.st_blocks * 512, status.st_size + 100 * 1024);
}

TEST_F(MessageWriterRoomTest, AFileSystemWithoutReservationIsNoReasonToRefuse) {
    files_.fail(1, EOPNOTSUPP, "fallocate");
    EXPECT_TRUE(commit(files_, kBody, make_envelope(100)));
}

TEST_F(MessageWriterRoomTest, AFullDiskIsFoundOutBeforeTheMessageIsAccepted) {
    files_.fail(1, ENOSPC, "fallocate");
    EXPECT_TRUE(commit(files_, kBody, make_envelope(100)).error().is(ENOSPC));
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(MessageWriterRoomTest, TooLargeAnEnvelopeOrHeaderIsRefused) {
    auto writer = MessageWriter::create(files_, box_, kId);
    EXPECT_TRUE(writer->begin(make_envelope(kMaxRecipients + 1), kHeader).error().is(EFBIG));
    EXPECT_TRUE(
        writer->begin(make_envelope(), std::string(kMaxHeaderSize + 1, 'x')).error().is(EFBIG)
    );
}

TEST_F(MessageWriterRoomTest, AMessageOfNoBoxGoesIntoAnyFile) {
    Fd memory(::memfd_create("message", MFD_CLOEXEC));
    MessageWriter writer = MessageWriter::create_unnamed(files_, std::move(memory));
    ASSERT_TRUE(writer.begin(make_envelope(), kHeader));
    ASSERT_TRUE(writer.append(kLongBody));
    auto file = writer.take_file(true, true);
    ASSERT_TRUE(file);
    auto message = MessageFile::read(posix_, std::move(*file));
    ASSERT_TRUE(message) << message.error().message();
    EXPECT_TRUE(message->envelope().is_eight_bit);
    EXPECT_TRUE(message->envelope().has_long_lines);
    FileContent content(posix_, *message, message->header());
    EXPECT_EQ(read_all(content), kHeader + "\r\n" + kLongBody);
}

}  // namespace
}  // namespace mxpost::spool
