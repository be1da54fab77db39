// A spool, a caller and a log of a submission test's own.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "spool/box_store.h"
#include "submit/submission.h"
#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::submit {

class LogLines final : public Log {
public:
    void write(Priority, std::string_view line) override { lines.emplace_back(line); }
    std::vector<std::string> lines;
};

class SubmissionFixture : public testing::Test {
protected:
    SubmissionFixture() {
        ::chmod(directory_.path().c_str(), 0755);
        ::mkdir(root().c_str(), 0700);
        ::chmod(root().c_str(), 03777);
        settings_.spool = root();
        settings_.min_free_space = 0;
        around_.identity = {::getuid(), "alice", "Alice Q. Tester", ""};
        around_.names = {"example.com", "web1.example.com"};
        around_.system_spool = directory_ / "no-system-spool";
    }

    std::string root() const { return directory_ / "spool"; }

    SubmissionResult submit(std::string_view input) {
        const Fd file(::memfd_create("input", MFD_CLOEXEC));
        EXPECT_EQ(::write(file.get(), input.data(), input.size()), ssize_t(input.size()));
        ::lseek(file.get(), 0, SEEK_SET);
        SubmissionResult result = submit_message(around_, call_, false, file.get());
        // Whatever happened: the writer was never cut off.
        EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), off_t(input.size()));
        return result;
    }

    std::vector<spool::EntryName> queued() {
        std::vector<spool::EntryName> names;
        std::vector<spool::Box> boxes = spool::list_boxes(disk_, root(), spool::kAnyOwner).value();
        for (spool::Box& box : boxes) {
            spool::BoxStore store(disk_, std::move(box));
            EXPECT_TRUE(store.list([&](const spool::EntryName& name) { names.push_back(name); }));
        }
        return names;
    }

    /// The one queued message; its lock must be free.
    spool::MessageFile only_message() {
        auto boxes = spool::list_boxes(disk_, root(), ::getuid()).value();
        const auto names = queued();
        EXPECT_EQ(names.size(), 1U);
        return spool::read_message(disk_, boxes.at(0), names.at(0)).value();
    }

    static std::vector<std::string> recipients(const mail::Envelope& envelope) {
        std::vector<std::string> texts;
        for (const mail::Recipient& recipient : envelope.recipients) {
            texts.push_back(recipient.address.text());
        }
        return texts;
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem disk_;
    test::FailingFileSystem files_{disk_};
    test::ManualClock clock_;
    test::FixedRandom random_;
    LogLines log_;
    config::Settings settings_;
    Surroundings around_{files_, clock_, random_, log_, settings_, {}, {}, "", ""};
    Invocation call_;
};

}  // namespace mxpost::submit
