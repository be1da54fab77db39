#include "doctor/local_checks.h"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class LocalChecksTest : public DoctorTest {
protected:
    LocalChecksTest() {
        std::filesystem::create_directory(spool);
        ::chmod(spool.c_str(), 03777);
    }
    Findings spool_findings() { return check_spool(context(), spool); }

    test::TemporaryDirectory directory;
    const std::string spool = directory / "spool";
};

TEST_F(LocalChecksTest, RightsOfTheSpool) {
    EXPECT_THAT(blamed(spool_findings()), testing::Not(Contains("spool problem")));
    ::chmod(spool.c_str(), 0755);
    const Findings findings = spool_findings();
    EXPECT_THAT(blamed(findings), Contains("spool problem"));
    EXPECT_THAT(remedies(findings), Contains("chmod 3777 " + spool));
}

TEST_F(LocalChecksTest, EntriesOfTheSpoolThatAreNobodysBox) {
    const std::string box = spool + "/" + std::to_string(::geteuid());
    std::filesystem::create_directory(box);
    ::chmod(box.c_str(), 02770);
    EXPECT_THAT(blamed(spool_findings()), testing::Not(Contains("spool problem")));
    EXPECT_THAT(texts(spool_findings()), Contains(HasSubstr("no system engine is running")));
    std::ofstream(spool + "/1") << "x";
    std::filesystem::create_directory(spool + "/4294967290");
    EXPECT_THAT(
        texts(spool_findings()), Contains(HasSubstr("2 entries are nobody's box, such as "))
    );
}

TEST_F(LocalChecksTest, NoSpool) {
    const Findings findings = check_spool(context(), directory / "absent");
    EXPECT_THAT(blamed(findings), ElementsAre("spool problem"));
    EXPECT_THAT(findings[0].text, HasSubstr("No such file"));
}

TEST_F(LocalChecksTest, ADifferentSendmail) {
    const std::string ours = directory / "ours";
    const std::string other = directory / "other";
    std::ofstream(ours) << "\x7f"
                           "ELF @(#)mxpost sendmail 1.0";
    std::ofstream(other) << "#!/bin/sh\n";
    EXPECT_THAT(blamed(check_sendmail(ours)), ElementsAre());
    // Wherever the mark is, also across what is read in one go.
    for (const std::size_t before : {262143U, 262144U, 262134U, 600000U}) {
        std::ofstream(ours, std::ios::trunc)
            << std::string(before, 'x') << "@(#)mxpost sendmail 1.0";
        EXPECT_THAT(blamed(check_sendmail(ours)), ElementsAre()) << before;
    }
    EXPECT_THAT(blamed(check_sendmail(other)), ElementsAre("sendmail warning"));
    EXPECT_THAT(blamed(check_sendmail(directory / "absent")), ElementsAre("sendmail problem"));
}

TEST_F(LocalChecksTest, APipeIsNotRead) {
    const std::string pipe = directory / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_THAT(blamed(check_sendmail(pipe)), ElementsAre("sendmail warning"));
}

TEST_F(LocalChecksTest, PhpThatCallsSomethingElse) {
    const std::string ours = directory / "ours";
    std::ofstream(ours) << "@(#)mxpost sendmail 1.0";
    std::filesystem::create_directories(directory / "php/cli");
    const std::string ini = directory / "php/cli/php.ini";
    std::ofstream(ini) << "[mail function]\n;sendmail_path =\nsendmail_path = \"" << ours
                       << " -t -i\"\n";
    EXPECT_THAT(blamed(check_php({directory / "php"})), ElementsAre());
    std::ofstream(ini) << "sendmail_path = /usr/bin/msmtp -t\n";
    const Findings findings = check_php({directory / "php", directory / "absent"});
    EXPECT_THAT(blamed(findings), ElementsAre("php warning"));
    EXPECT_EQ(findings[0].text, "its mail() calls /usr/bin/msmtp");
}

TEST(WhyNotDurable, FileSystemsThatForget) {
    EXPECT_THAT(why_not_durable(0x01021994), HasSubstr("restart"));
    EXPECT_THAT(why_not_durable(0x6969), HasSubstr("network"));
    EXPECT_EQ(why_not_durable(0xef53), "");
}

}  // namespace
}  // namespace mxpost::doctor
