#include "spool/follower.h"

#include <string>

#include "spool_test.h"

namespace mxpost::spool {
namespace {

std::string text_of(const Record& record) {
    if (const auto* outcome = std::get_if<OutcomeRecord>(&record)) {
        return outcome->outcome.text;
    }
    return std::get<NoteRecord>(record).text;
}

Record note(const std::string& text) {
    NoteRecord record;
    record.text = text;
    return record;
}

TEST(RecordStream, GivesWholeRecordsHoweverTheyAreCut) {
    const std::string octets = encode_record(note("one")) + encode_record(note("two"));
    for (std::size_t piece = 1; piece <= octets.size(); ++piece) {
        RecordStream stream;
        std::string seen;
        for (std::size_t at = 0; at < octets.size(); at += piece) {
            stream.feed(std::string_view(octets).substr(at, piece));
            while (const auto record = stream.next()) {
                seen += text_of(*record) + " ";
            }
        }
        EXPECT_EQ(seen, "one two ") << piece;
    }
}

class JournalFollowerTest : public SpoolTest {
protected:
    JournalFollowerTest() {
        file_ = *posix_.open(AT_FDCWD, root_ / "journal", O_CREAT | O_RDWR, 0600);
    }
    void write_at(std::uint64_t offset, std::string_view octets) {
        ASSERT_TRUE(posix_.pwrite(file_.get(), octets, offset));
    }
    static std::string texts(const Result<std::vector<Record>>& records) {
        std::string all;
        for (const Record& record : *records) {
            all += text_of(record) + " ";
        }
        return all;
    }
    Fd file_;
};

TEST_F(JournalFollowerTest, SeesRecordsAsTheyBecomeWhole) {
    JournalFollower follower(posix_, file_.get(), 10);
    const std::string octets = encode_record(note("one")) + encode_record(note("two"));
    const std::size_t first = encode_record(note("one")).size();
    for (std::size_t i = 0; i < octets.size(); ++i) {
        write_at(10 + i, octets.substr(i, 1));
        const std::string expected = i + 1 == first ? "one " : i + 1 == octets.size() ? "two " : "";
        EXPECT_EQ(texts(follower.poll()), expected) << i;
    }
}

TEST_F(JournalFollowerTest, ATornRecordThatTheNextEngineCutsIsForgotten) {
    JournalFollower follower(posix_, file_.get(), 0);
    const std::string one = encode_record(note("one"));
    write_at(0, one + encode_record(note("torn by a crash")).substr(0, 20));
    EXPECT_EQ(texts(follower.poll()), "one ");
    ASSERT_TRUE(posix_.ftruncate(file_.get(), one.size()));
    EXPECT_EQ(texts(follower.poll()), "");
    write_at(one.size(), encode_record(note("two")));
    EXPECT_EQ(texts(follower.poll()), "two ");
}

TEST_F(JournalFollowerTest, ReadsOnAfterTheRemoval) {
    const EntryName name = commit_one();
    auto file = posix_.open(box_.directory(), name.text(), O_RDONLY, 0);
    JournalFollower follower(posix_, file->get(), octets_of(name).size());
    ClaimResult result = store_.claim(name);
    EXPECT_FALSE(*follower.is_removed());
    ASSERT_TRUE(result.claim->append({make_outcome(0, mail::OutcomeKind::delivered, "done")}));
    ASSERT_TRUE(result.claim->remove());
    EXPECT_TRUE(*follower.is_removed());
    EXPECT_EQ(texts(follower.poll()), "done ");
}

TEST_F(JournalFollowerTest, ReportsReadErrors) {
    JournalFollower follower(files_, file_.get(), 0);
    files_.fail(1, EIO, "pread");
    EXPECT_FALSE(follower.poll());
    EXPECT_TRUE(follower.poll());
}

}  // namespace
}  // namespace mxpost::spool
