#include "doctor/local_checks.h"

#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor_test.h"
#include "local/account.h"
#include "support/few_descriptors.h"

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
        if (const passwd* const self = ::getpwuid(::geteuid())) {
            settings.user = self->pw_name;
        }
    }
    Findings spool_findings() { return check_spool(context(), spool); }
    /// One of the caller's.
    std::string make_box(const std::string& suffix = "") {
        const std::string box = spool + "/" + std::to_string(::geteuid()) + suffix;
        std::filesystem::create_directory(box);
        ::chmod(box.c_str(), 02770);
        return box;
    }

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

/// As a fresh volume is root's.
TEST_F(LocalChecksTest, ASpoolOfAnotherUser) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "one's own spool is anybody's business but root's";
    }
    settings.user = "nobody";
    const Findings findings = spool_findings();
    EXPECT_THAT(blamed(findings), Contains("spool problem"));
    EXPECT_THAT(
        texts(findings), Contains(HasSubstr("it belongs to uid 0 and gid 0, not to nobody"))
    );
    EXPECT_THAT(
        remedies(findings), Contains("chown nobody:nobody " + spool + " && chmod 3777 " + spool)
    );
    const auto nobody = local::find_account("nobody").value();
    ASSERT_TRUE(nobody);
    ASSERT_EQ(::chown(spool.c_str(), nobody->uid, nobody->gid), 0);
    ASSERT_EQ(::chmod(spool.c_str(), 03777), 0);
    EXPECT_THAT(blamed(spool_findings()), testing::Not(Contains("spool problem")));
}

TEST_F(LocalChecksTest, BoxesFromBeforeTheSpoolGotItsGroup) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root, to give a directory away";
    }
    const std::string box = make_box();
    ASSERT_EQ(::chown(spool.c_str(), 0, 12345), 0);
    ASSERT_EQ(::chmod(spool.c_str(), 03777), 0);
    const auto text = HasSubstr(
        "1 boxes have another group than the spool, such as " + box +
        ": their mail waits for an engine of their owner's"
    );
    EXPECT_THAT(texts(spool_findings()), Contains(text));
    ASSERT_EQ(::chown(box.c_str(), 0, 12345), 0);
    EXPECT_THAT(texts(spool_findings()), testing::Not(Contains(text)));
}

TEST_F(LocalChecksTest, ADirectoryThatCanNotBeABox) {
    const std::string box = make_box("-aaaaaaaa");
    EXPECT_THAT(texts(spool_findings()), testing::Not(Contains(HasSubstr("can't be boxes"))));
    ::chmod(box.c_str(), 02777);
    EXPECT_THAT(
        texts(spool_findings()),
        Contains(testing::AllOf(HasSubstr("can't be boxes"), HasSubstr(box)))
    );
}

/// Who follows the advice as root must not look, nor delete, where a user's link leads.
TEST_F(LocalChecksTest, ALinkInABoxIsNotFollowed) {
    const std::string box = make_box();
    const std::string elsewhere = directory / "elsewhere";
    std::filesystem::create_directory(elsewhere);
    std::ofstream(elsewhere + "/precious") << "x";
    std::filesystem::create_symlink(elsewhere, box + "/corrupt");
    EXPECT_THAT(texts(spool_findings()), testing::Not(Contains(HasSubstr("corrupt"))));

    std::filesystem::remove(box + "/corrupt");
    std::filesystem::create_directory(box + "/corrupt");
    std::ofstream(box + "/corrupt/damaged") << "x";
    const Findings findings = spool_findings();
    EXPECT_THAT(texts(findings), Contains(HasSubstr("1 files that are no intact messages")));
    EXPECT_THAT(remedies(findings), Contains(HasSubstr("find -P " + spool)));
}

TEST_F(LocalChecksTest, MoreBoxesThanThereAreDescriptors) {
    for (int i = 0; i < 100; ++i) {
        make_box("-" + std::to_string(i));
    }
    std::ofstream(make_box() + "/01hk2w7yz0c0000000.0000000") << "x";
    Context& here = context();
    const test::FewDescriptors few;
    const Findings findings = check_spool(here, spool);
    EXPECT_THAT(texts(findings), testing::Not(Contains(HasSubstr("can be looked at"))));
    EXPECT_THAT(texts(findings), Contains(HasSubstr("1 of 1 messages should have been tried")));
}

TEST_F(LocalChecksTest, SaysWhenItCanNotLookAtEveryBox) {
    make_box();
    Context& here = context();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const Fd next(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(next.get()) + 3;  // the root, and a listing of it
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const Findings findings = check_spool(here, spool);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_THAT(texts(findings), Contains(HasSubstr("not every box can be looked at")));
}

TEST_F(LocalChecksTest, EntriesOfTheSpoolThatAreNobodysBox) {
    make_box();
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
