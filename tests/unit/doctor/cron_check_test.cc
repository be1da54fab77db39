#include "doctor/cron_check.h"

#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "doctor_test.h"

namespace mxpost::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(CronReaders, AreTheUsersOfTheSystemsJobs) {
    EXPECT_THAT(
        cron_readers(
            "# m h dom mon dow user command\nSHELL=/bin/sh\nPATH = /usr/bin\n"
            "17 * * * * root cd / && run-parts\n*/5 *\t* * *\twww-data  php x.php a=b\n"
            "@daily backup true\n\n@reboot\n",
            std::nullopt
        ),
        ElementsAre("backup", "root", "www-data")
    );
}

TEST(CronReaders, AreThoseOfMailtoAsItStandsAtEachJob) {
    EXPECT_THAT(
        cron_readers(
            "1 1 * * * first\nMAILTO=\"\"\n1 1 * * * nobody hears\n MAILTO = ops@example.com, bob "
            "\n"
            "1 1 * * * both\nMAILTO='last'\n@hourly x\n",
            "alice"
        ),
        ElementsAre("alice", "bob", "last", "ops@example.com")
    );
    EXPECT_THAT(cron_readers("MAILTO=unused\n", "alice"), IsEmpty());
}

class CronCheckTest : public DoctorTest {
protected:
    CronCheckTest() {
        std::filesystem::create_directories(directory / "d");
        std::filesystem::create_directories(directory / "users");
        settings.alias_files = {directory / "aliases"};
        settings.min_local_uid = 0;
    }
    void write(const std::string& name, const std::string& text) {
        std::ofstream(directory / name, std::ios::trunc) << text;
    }
    Findings findings() {
        CronPlaces places;
        places.crontabs = {directory / "crontab"};
        places.folders = {directory / "d"};
        places.users = directory / "users";
        places.mailname = directory / "mailname";
        return check_cron(context(), places);
    }

    test::TemporaryDirectory directory;
};

TEST_F(CronCheckTest, WithoutCronThereIsNothingToSay) {
    std::filesystem::remove_all(directory / "users");
    EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(CronCheckTest, UsersWithAMailboxOrAnAliasAreWell) {
    write("crontab", "1 1 * * * root x\n");
    write("users/root", "MAILTO=ops@example.com\n1 1 * * * x\n");
    ASSERT_EQ(findings().size(), 1U);
    EXPECT_EQ(findings()[0].text, "what its jobs print is mailed to ops@example.com, root");
    settings.min_local_uid = 1000;
    write("aliases", "root: ops@example.com\n");
    EXPECT_THAT(blamed(findings()), IsEmpty());
}

TEST_F(CronCheckTest, MailThatNobodyGetsIsToldOf) {
    settings.min_local_uid = 1000;
    write("crontab", "1 1 * * * root x\n");
    write("d/php", "MAILTO=nobody-has-this-name\n1 1 * * * root x\n");
    write("d/disabled.off", "MAILTO=ignored\n1 1 * * * root x\n");
    const Findings found = findings();
    EXPECT_THAT(blamed(found), ElementsAre("cron warning", "cron warning"));
    EXPECT_THAT(found.at(0).text, HasSubstr("nobody-has-this-name, there is no such user"));
    EXPECT_THAT(found.at(1).text, HasSubstr("root, who has neither an alias nor a mailbox"));
    EXPECT_THAT(remedies(found).at(1), HasSubstr("\"root: you@example.com\" in /etc/aliases"));
    settings.local_mail_to = "ops@example.com";
    EXPECT_THAT(blamed(findings()), IsEmpty());
}

TEST_F(CronCheckTest, NamesThatGetAnotherHostsDomainLeave) {
    settings.min_local_uid = 1000;
    settings.from_domain = "corp.example";
    write("crontab", "1 1 * * * root x\n");
    write("users/root", "MAILTO=ops@example.com\n1 1 * * * x\n");
    const Findings found = findings();
    EXPECT_THAT(blamed(found), IsEmpty());
    EXPECT_THAT(
        texts(found),
        ElementsAre(
            "what its jobs print is mailed to ops@example.com",
            "what its jobs print leaves as root@corp.example"
        )
    );
    EXPECT_THAT(remedies(found), ElementsAre(HasSubstr("MAILTO=you@example.com")));
    EXPECT_THAT(remedies(found), ElementsAre(Not(HasSubstr("alias"))));
    settings.local_domains = {"corp.example"};
    EXPECT_THAT(blamed(findings()), ElementsAre("cron warning"));
}

TEST_F(CronCheckTest, MailnameCompletesNamesWhereNoSettingDoes) {
    settings.min_local_uid = 1000;
    write("crontab", "1 1 * * * root x\n");
    write("mailname", "corp.example\n");
    EXPECT_THAT(texts(findings()), ElementsAre("what its jobs print leaves as root@corp.example"));
    write("mailname", "host.example\n");
    EXPECT_THAT(blamed(findings()), ElementsAre("cron warning"));
    write("mailname", "localhost\n");
    EXPECT_THAT(blamed(findings()), ElementsAre("cron warning"));
}

TEST_F(CronCheckTest, AddressesOfThisHostAreItsOwn) {
    settings.min_local_uid = 1000;
    write("crontab", "MAILTO=root@HOST.example\n1 1 * * * root x\n");
    EXPECT_THAT(blamed(findings()), ElementsAre("cron warning"));
    write("aliases", "root: ops@example.com\n");
    EXPECT_THAT(blamed(findings()), IsEmpty());
    write("crontab", "MAILTO=root@elsewhere.example\n1 1 * * * root x\n");
    write("aliases", "");
    EXPECT_THAT(blamed(findings()), IsEmpty());
}

}  // namespace
}  // namespace mxpost::doctor
