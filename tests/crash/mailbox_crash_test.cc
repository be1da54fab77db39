// A delivery to a mailbox stops before each of its calls, and the power fails: mail that was called
// delivered is there and whole, and what was there before stays.
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include "local/maildir.h"
#include "local/mbox.h"
#include "local/message_reader.h"
#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"
#include "support/volatile_disk.h"

namespace mxpost::local {
namespace {

using test::VolatileDisk;

constexpr std::size_t kMostStates = 100;
constexpr std::size_t kCalls = 60;  // more than a delivery makes
const std::string kOld = "From a@b Mon Jan  1 11:00:00 2024\nSubject: old\n\nold\n\n";
const std::string kFrom = "From bob@example.com Mon Jan  1 12:00:00 2024";
const std::string kMessage = "Subject: new\n\nnew\n";

std::string content_of(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return std::move(text).str();
}

class MailboxCrash : public testing::Test {
protected:
    MailboxCrash() : source_(::memfd_create("message", MFD_CLOEXEC)) {
        EXPECT_EQ(::write(source_.get(), kMessage.data(), kMessage.size()), ssize(kMessage));
    }

    /// With all calls, or those before `stop_at`. True: delivered.
    template <class Deliver>
    bool run(VolatileDisk& disk, std::size_t stop_at, const Deliver& deliver) {
        test::FailingFileSystem files(disk);
        files.stop_before(stop_at);
        try {
            return deliver(files).kind == mail::OutcomeKind::delivered;
        } catch (const test::Stopped&) {
            return false;
        }
    }
    MailboxTools tools(FileSystem& files) {
        return {
            files, clock_, random_, [](std::chrono::milliseconds) {}, [](const std::string&) {}};
    }
    MessageReader message() { return *MessageReader::open(posix_, source_.get(), 1U << 20U); }

    Fd source_;
    const test::TemporaryDirectory home_;
    PosixFileSystem posix_;
    test::ManualClock clock_;
    test::FixedRandom random_;
};

TEST_F(MailboxCrash, AMaildirHasWhatWasDelivered) {
    const std::string maildir = home_ / "Maildir";
    VolatileDisk disk(home_.path());
    const auto before = disk.states(1).at(0);
    bool was_delivered = false;
    for (std::size_t stop_at = 1; stop_at <= kCalls; ++stop_at) {
        VolatileDisk::make(before, home_.path());
        disk.start_anew();
        const bool is_delivered = run(disk, stop_at, [&](FileSystem& files) {
            const MessageReader reader = message();
            return deliver_to_maildir(tools(files), maildir, reader, "host");
        });
        was_delivered |= is_delivered;
        for (const VolatileDisk::State& end : disk.states(kMostStates)) {
            std::size_t found = 0;
            for (const auto& [path, node] : end) {
                if (path.starts_with("/Maildir/new/")) {
                    ++found;
                    EXPECT_EQ(node.octets, kMessage) << stop_at;
                }
            }
            EXPECT_LE(found, 1U);
            EXPECT_TRUE(found == 1 || !is_delivered) << stop_at;
        }
    }
    EXPECT_TRUE(was_delivered);
}

TEST_F(MailboxCrash, AnMboxHasWhatWasDeliveredAndWhatWasThere) {
    const std::string path = home_ / "alice";
    const std::string stored = kFrom + "\n" + kMessage + "\n";
    for (const bool is_new : {false, true}) {
        const std::string old = is_new ? std::string() : kOld;
        bool was_delivered = false;
        for (std::size_t stop_at = 1; stop_at <= kCalls; ++stop_at) {
            for (const auto& entry : std::filesystem::directory_iterator(home_.path())) {
                std::filesystem::remove(entry.path());
            }
            if (!is_new) {
                std::ofstream(path) << old;
            }
            VolatileDisk disk(home_.path());
            const MboxFile mbox{path, ::geteuid(), 0660, true};
            const bool is_delivered = run(disk, stop_at, [&](FileSystem& files) {
                const MessageReader reader = message();
                return append_to_mbox(tools(files), mbox, reader, kFrom);
            });
            was_delivered |= is_delivered;
            for (const VolatileDisk::State& end : disk.states(kMostStates)) {
                VolatileDisk::make(end, home_.path());
                const std::string text = content_of(path);
                EXPECT_TRUE(text.starts_with(old)) << stop_at;
                if (is_delivered) {
                    EXPECT_TRUE(text.starts_with(old + stored)) << stop_at;
                }
                // The next message begins on a line of its own, whatever was left.
                std::filesystem::remove(path + ".lock");
                const MessageReader reader = message();
                const auto next = append_to_mbox(tools(posix_), mbox, reader, kFrom);
                EXPECT_EQ(next.kind, mail::OutcomeKind::delivered) << next.text;
                const std::string after = content_of(path);
                EXPECT_TRUE(after.ends_with(stored)) << stop_at;
                const std::string front = after.substr(0, after.size() - stored.size());
                EXPECT_TRUE(front.empty() || front.ends_with("\n\n")) << stop_at << front;
            }
        }
        EXPECT_TRUE(was_delivered);
    }
}

}  // namespace
}  // namespace mxpost::local
