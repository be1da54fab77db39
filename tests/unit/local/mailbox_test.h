// What tests of mailbox writers share: a directory, a clock, and a message.
#pragma once

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <time.h>
#include <vector>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/mbox.h"
#include "support/failing_file_system.h"
#include "support/fixed_random.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::local {

inline Fd memory_file(const std::string& text) {
    Fd fd(::memfd_create("message", MFD_CLOEXEC));
    EXPECT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    return fd;
}

inline std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

inline void put(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
}

inline bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

class MailboxTest : public ::testing::Test {
protected:
    MailboxTest()
        : tools{
              files,
              clock,
              random,
              [this](std::chrono::milliseconds time) { clock.advance(time); },
              [this](const std::string& text) { warnings.push_back(text); }} {
        ::setenv("TZ", "UTC0", 1);
        ::tzset();
    }

    MessageReader message(const std::string& text) {
        messages.push_back(memory_file(text));
        return MessageReader::open(files, messages.back().get(), 1 << 20).value();
    }

    test::TemporaryDirectory directory;
    PosixFileSystem real;
    test::FailingFileSystem files{real};
    test::ManualClock clock;
    test::FixedRandom random;
    std::vector<std::string> warnings;
    std::vector<Fd> messages;
    MailboxTools tools;
};

}  // namespace mxpost::local
