// What the tests of the queue share: a spool in a temporary directory, and a message for it.
#pragma once

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/box_store.h"
#include "spool/message_writer.h"
#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::spool {

inline const std::string kHeader = "From: alice@example.com\r\nSubject: Hello\r\n";
inline const std::string kBody = "Hello Bob\r\n.\r\nBye\r\n";
inline const std::chrono::sys_seconds kDue(std::chrono::seconds(1704110400));
inline const MessageId kId = "01hk2w7yz0c0000000";

inline mail::Envelope make_envelope(std::size_t recipients = 1) {
    mail::Envelope envelope;
    envelope.sender = mail::Address("alice", "example.com");
    envelope.arrival = WallTime(kDue);
    for (std::size_t i = 0; i < recipients; ++i) {
        envelope.recipients.emplace_back(mail::Address("bob" + std::to_string(i), "example.org"));
    }
    return envelope;
}

inline OutcomeRecord make_outcome(
    std::uint32_t recipient, mail::OutcomeKind kind, std::string text = "queued"
) {
    OutcomeRecord record;
    record.recipient = recipient;
    record.time = WallTime(kDue);
    record.outcome = mail::RecipientOutcome(kind, {2, 0, 0}, std::move(text));
    return record;
}

inline std::string read_all(mail::Content& content) {
    EXPECT_TRUE(content.rewind());
    std::string text;
    std::array<char, 7> buffer{};
    while (true) {
        const auto got = content.read(buffer);
        if (!got) {
            return "error: " + got.error().message();
        }
        if (*got == 0) {
            return text;
        }
        text.append(buffer.data(), *got);
    }
}

/// The caller's box in a spool of its own. All calls go through `files`.
class SpoolTest : public testing::Test {
protected:
    SpoolTest() : files_(posix_), box_(open_box_again()), store_(files_, reopen(box_)) {}

    Box open_box_again() {
        auto box = open_own_box(posix_, root_.path(), ::getuid(), clock_, random_);
        EXPECT_TRUE(box) << box.error().message();
        return std::move(*box);
    }
    Box reopen(const Box& box) {
        auto directory = posix_.open(AT_FDCWD, box.path(), O_RDONLY | O_DIRECTORY, 0);
        return std::move(*adopt_box(posix_, std::move(*directory), box.path()));
    }

    /// Commits a message and lets go of it.
    Result<EntryName> commit(
        FileSystem& files,
        const std::string& body = kBody,
        const mail::Envelope& envelope = make_envelope(),
        const MessageId& id = kId
    ) {
        auto writer = MessageWriter::create(files, box_, id);
        if (!writer) {
            return writer.error();
        }
        if (auto done = writer->begin(envelope, kHeader); !done) {
            return done.error();
        }
        if (auto done = writer->append(body); !done) {
            return done.error();
        }
        auto committed = writer->commit(false, false, kDue);
        if (!committed) {
            return committed.error();
        }
        return committed->name;
    }
    EntryName commit_one(const mail::Envelope& envelope = make_envelope()) {
        auto name = commit(posix_, kBody, envelope);
        EXPECT_TRUE(name) << name.error().message();
        return *name;
    }

    /// All names in the box, hidden ones too.
    std::vector<std::string> names(const std::string& below = "") {
        std::vector<std::string> found;
        auto directory =
            posix_.open(AT_FDCWD, box_.path() + "/" + below, O_RDONLY | O_DIRECTORY, 0);
        if (directory) {
            (void)posix_
                .list(
                    directory->get(),
                    [&](std::string_view name, unsigned char) {
                        found.emplace_back(name);
                        return true;
                    }
                )
                .has_value();
        }
        return found;
    }
    std::string path_of(const EntryName& name) const { return box_.path() + "/" + name.text(); }
    std::string octets_of(const EntryName& name) const {
        std::ostringstream text;
        text << std::ifstream(path_of(name), std::ios::binary).rdbuf();
        return text.str();
    }
    void write_file(const std::string& name, const std::string& octets) const {
        std::ofstream(box_.path() + "/" + name, std::ios::binary | std::ios::trunc) << octets;
    }

    test::TemporaryDirectory root_;
    PosixFileSystem posix_;
    test::FailingFileSystem files_;
    test::ManualClock clock_;
    test::FixedRandom random_;
    Box box_;
    BoxStore store_;
};

}  // namespace mxpost::spool
