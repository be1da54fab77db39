#include "base/log.h"

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "support/temporary_directory.h"

namespace mxpost {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

std::string contents(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

TEST(FileLog, WritesOneLineAnEvent) {
    const test::TemporaryDirectory directory;
    const auto log = open_log(directory / "mail.log", "mxpost");
    log->info("first");
    log->error("second");
    const std::string text = contents(directory / "mail.log");
    EXPECT_TRUE(std::regex_match(
        text,
        std::regex("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d[-+]\\d{4} mxpost\\[\\d+\\]: first\n"
                   "[^ ]+ mxpost\\[\\d+\\]: second\n")
    )) << text;
}

TEST(FileLog, AppendsAndLeavesOutWhatCouldForgeALine) {
    const test::TemporaryDirectory directory;
    open_log(directory / "mail.log", "mxpost")->info("before");
    open_log(directory / "mail.log", "mxpost")->info("a\nNov  1 root: forged\x1B[2J");
    const std::string text = contents(directory / "mail.log");
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
    EXPECT_THAT(text, EndsWith("]: a?Nov  1 root: forged?[2J\n"));
}

TEST(FileLog, BoundsALine) {
    const test::TemporaryDirectory directory;
    open_log(directory / "mail.log", "mxpost")->info(std::string(1U << 20, 'x'));
    EXPECT_LT(contents(directory / "mail.log").size(), 4200U);
}

TEST(OpenLog, DoesNotFollowALinkAndSaysSoElsewhere) {
    const test::TemporaryDirectory directory;
    std::filesystem::create_symlink(directory / "victim", directory / "mail.log");
    testing::internal::CaptureStderr();
    // Where there is a /dev/log the complaint goes there.
    open_log(directory / "mail.log", "mxpost")->info("line");
    const std::string complaint = testing::internal::GetCapturedStderr();
    EXPECT_FALSE(std::filesystem::exists(directory / "victim"));
    if (!std::filesystem::exists("/dev/log")) {
        EXPECT_THAT(complaint, HasSubstr("can't open the log file " + (directory / "mail.log")));
        EXPECT_THAT(complaint, HasSubstr("]: line\n"));
    }
}

TEST(OpenLog, DoesNotWaitForAReaderOfAPipe) {
    const test::TemporaryDirectory directory;
    ASSERT_EQ(::mkfifo((directory / "mail.log").c_str(), 0600), 0);
    testing::internal::CaptureStderr();
    EXPECT_NE(open_log(directory / "mail.log", "mxpost"), nullptr);
    (void)testing::internal::GetCapturedStderr();
}

TEST(StderrLog, LeavesStandardErrorOpen) {
    testing::internal::CaptureStderr();
    open_log("stderr", "mxpost")->warning("one");
    open_log("stderr", "mxpost")->warning("two");
    const std::string text = testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, HasSubstr("]: one\n"));
    EXPECT_THAT(text, HasSubstr("]: two\n"));
}

}  // namespace
}  // namespace mxpost
