#include "spool/message_file.h"

#include <string>

#include "base/crc32c.h"
#include "spool/fields.h"
#include "spool_test.h"

namespace mxpost::spool {
namespace {

using testing::HasSubstr;
using testing::Not;

class MessageFileTest : public SpoolTest {
protected:
    Result<MessageFile> read_octets(const std::string& octets) {
        write_file("file", octets);
        auto file = posix_.open(box_.directory(), "file", O_RDWR, 0);
        return MessageFile::read(files_, std::move(*file));
    }
    std::string whole_file() { return octets_of(commit_one()); }
};

TEST_F(MessageFileTest, EachCutBeforeTheJournalIsCorrupt) {
    const std::string octets = whole_file();
    for (std::size_t size = 0; size < octets.size(); ++size) {
        const auto message = read_octets(octets.substr(0, size));
        ASSERT_FALSE(message) << size;
        EXPECT_TRUE(is_corrupt(message.error())) << size;
    }
    EXPECT_TRUE(read_octets(octets));
}

TEST_F(MessageFileTest, EveryChangedOctetBeforeTheBodyIsSeen) {
    const std::string octets = whole_file();
    for (std::size_t i = 0; i < octets.size() - kBody.size(); ++i) {
        std::string changed = octets;
        changed[i] = static_cast<char>(changed[i] ^ 0x20);
        const auto message = read_octets(changed);
        ASSERT_FALSE(message) << i;
        EXPECT_TRUE(is_corrupt(message.error()));
    }
}

TEST_F(MessageFileTest, AReadErrorIsNoCorruption) {
    const std::string octets = whole_file();
    files_.fail(1, EIO, "pread");
    const auto message = read_octets(octets);
    ASSERT_FALSE(message);
    EXPECT_FALSE(is_corrupt(message.error()));
}

TEST_F(MessageFileTest, ShortReadsAreReadOn) {
    files_.limit_reads(3);
    const std::string octets =
        whole_file() + encode_record(make_outcome(0, mail::OutcomeKind::deferred));
    const auto message = read_octets(octets);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->header(), kHeader);
    EXPECT_EQ(message->journal().recipients[0].attempts, 1U);
    FileContent content(files_, *message, message->header());
    EXPECT_EQ(read_all(content), kHeader + "\r\n" + kBody);
}

TEST_F(MessageFileTest, SizesThatAForgerPromisesCostNoMemory) {
    Preamble preamble;
    preamble.envelope_size = kMaxEnvelopeSize;
    preamble.header_size = kMaxHeaderSize;
    preamble.body_size = std::uint64_t{1} << 50;
    const auto message = read_octets(preamble.encode() + "x");
    ASSERT_FALSE(message);
    EXPECT_TRUE(is_corrupt(message.error()));
    EXPECT_EQ(files_.count("pread"), 1U);
}

TEST_F(MessageFileTest, AGiantJournalIsCorrupt) {
    const std::string octets = whole_file();
    write_file("file", octets);
    ASSERT_EQ(
        ::truncate(
            (box_.path() + "/file").c_str(), static_cast<off_t>(octets.size() + kMaxJournal + 1)
        ),
        0
    );
    auto file = posix_.open(box_.directory(), "file", O_RDWR, 0);
    const auto message = MessageFile::read(posix_, std::move(*file));
    ASSERT_FALSE(message);
    EXPECT_TRUE(is_corrupt(message.error()));
}

TEST_F(MessageFileTest, AGreatTailIsNotReadToItsEnd) {
    const std::string octets =
        whole_file() + encode_record(make_outcome(0, mail::OutcomeKind::deferred));
    const std::size_t before = files_.count("pread");
    auto message = read_octets(octets + std::string(20U << 20, '\0'));
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->is_torn());
    EXPECT_EQ(message->journal_end(), octets.size());
    EXPECT_EQ(message->journal().recipients[0].attempts, 1U);
    EXPECT_LE(files_.count("pread") - before, 4U);
    EXPECT_LT(message->take_replayed().size(), 1000U);
}

TEST_F(MessageFileTest, ALongJournalIsReadInPieces) {
    std::string octets = whole_file();
    const std::size_t start = octets.size();
    for (int i = 0; i < 20; ++i) {
        octets += encode_record(DialogueRecord{{}, std::string(30000, 'x')});
        octets += encode_record(make_outcome(0, mail::OutcomeKind::deferred));
    }
    ReportRecord report;
    report.recipients.assign(50000, 1);  // longer than a piece
    octets += encode_record(report) + encode_record(make_outcome(0, mail::OutcomeKind::deferred));
    auto message = read_octets(octets);
    ASSERT_TRUE(message);
    EXPECT_FALSE(message->is_torn());
    EXPECT_EQ(message->journal_end(), octets.size());
    EXPECT_EQ(message->journal().recipients[0].attempts, 21U);
    EXPECT_EQ(message->take_replayed(), octets.substr(start));  // a failed sync wants all of it
}

TEST_F(MessageFileTest, ATailTornAtAnyOctetLeavesTheRecordsBeforeIt) {
    const std::string octets = whole_file();
    const std::string first = encode_record(make_outcome(0, mail::OutcomeKind::deferred, "first"));
    const std::string second = encode_record(make_outcome(0, mail::OutcomeKind::delivered));
    for (std::size_t size = 0; size < second.size(); ++size) {
        const auto message = read_octets(octets + first + second.substr(0, size));
        ASSERT_TRUE(message) << size;
        EXPECT_EQ(message->is_torn(), size > 0);
        EXPECT_EQ(message->journal_end(), octets.size() + first.size());
        EXPECT_EQ(message->journal().recipients[0].last->text, "first");
        // It can be sent as it is.
        FileContent content(posix_, *message, message->header());
        EXPECT_EQ(read_all(content), kHeader + "\r\n" + kBody) << size;
    }
}

class FileContentTest : public MessageFileTest {
protected:
    /// A message of several buffers, and the file it lies in for the owner to play with.
    FileContentTest() {
        for (int i = 0; i < 1000; ++i) {
            body_ += "line " + std::to_string(i) + "\r\n";
        }
        const auto name = commit(posix_, body_);
        path_ = path_of(*name);
        auto file = posix_.open(box_.directory(), name->text(), O_RDWR, 0);
        message_ = std::make_unique<MessageFile>(*MessageFile::read(posix_, std::move(*file)));
    }
    std::string read_with(const std::function<void()>& midway) {
        FileContent content(posix_, *message_, message_->header());
        std::string text;
        std::array<char, 1000> buffer{};
        bool is_done = false;
        while (true) {
            const auto got = content.read(buffer);
            if (!got) {
                // The last octets must not have left before the check.
                EXPECT_LT(text.size(), content.size());
                return "error: " + got.error().message();
            }
            if (*got == 0) {
                return text;
            }
            text.append(buffer.data(), *got);
            if (!is_done && text.size() > body_.size() / 2) {
                midway();
                is_done = true;
            }
        }
    }

    std::string body_;
    std::string path_;
    std::unique_ptr<MessageFile> message_;
};

TEST_F(FileContentTest, GivesTheHeaderAnEmptyLineAndTheBody) {
    FileContent content(posix_, *message_, "X: y\r\n");
    EXPECT_EQ(content.size(), 6 + 2 + body_.size());
    EXPECT_EQ(read_all(content), "X: y\r\n\r\n" + body_);
    EXPECT_EQ(read_all(content), "X: y\r\n\r\n" + body_);  // the next host gets it again
}

TEST_F(FileContentTest, ARewrittenBodyIsAnError) {
    EXPECT_THAT(
        read_with([&] {
            std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(-5, std::ios::end);
            file << "XXX";
        }),
        HasSubstr("error: message file was changed")
    );
}

TEST_F(FileContentTest, ATruncatedFileIsAnError) {
    EXPECT_THAT(
        read_with([&] {
            ASSERT_EQ(
                ::truncate(
                    path_.c_str(), static_cast<off_t>(message_->preamble().journal_offset() - 1)
                ),
                0
            );
        }),
        HasSubstr("error: message file was cut short")
    );
}

TEST_F(FileContentTest, AnExtendedFileIsAnError) {
    EXPECT_THAT(
        read_with([&] { std::ofstream(path_, std::ios::app) << "x"; }),
        HasSubstr("error: message file was extended")
    );
}

TEST_F(FileContentTest, AChangeBeforeTheFirstReadIsAnErrorToo) {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-5, std::ios::end);
    file << "XXX" << std::flush;
    FileContent content(posix_, *message_, message_->header());
    std::vector<char> buffer(1U << 20);
    EXPECT_FALSE(content.read(buffer));
}

TEST_F(FileContentTest, AnEmptyBodyIsCheckedAsWell) {
    const auto name = commit(posix_, "", make_envelope(), "01hk2w7yz0c0000001");
    auto file = posix_.open(box_.directory(), name->text(), O_RDWR, 0);
    const auto message = MessageFile::read(posix_, std::move(*file));
    FileContent content(posix_, *message, message->header());
    EXPECT_EQ(read_all(content), kHeader + "\r\n");
    std::ofstream(path_of(*name), std::ios::app) << "x";
    EXPECT_THAT(read_all(content), HasSubstr("error: "));
}

}  // namespace
}  // namespace mxpost::spool
