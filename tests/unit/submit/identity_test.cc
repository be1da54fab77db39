#include "submit/identity.h"

#include <fstream>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "support/temporary_directory.h"

namespace mxpost::submit {
namespace {

class IdentityTest : public testing::Test {
protected:
    HostFiles files(
        std::string_view passwd, std::string_view mailname = "", std::string_view hosts = ""
    ) {
        HostFiles files{directory_ / "passwd", directory_ / "mailname", directory_ / "hosts"};
        std::ofstream(files.passwd) << passwd;
        std::ofstream(files.mailname) << mailname;
        std::ofstream(files.hosts) << hosts;
        return files;
    }

    test::TemporaryDirectory directory_;
    config::Settings settings_;
};

/// A uid that no system has.
constexpr uid_t kNobodys = 4000000001;

using FindIdentity = IdentityTest;
using FindHostNames = IdentityTest;

TEST_F(FindIdentity, ReadsTheFirstEntryOfTheUid) {
    const HostFiles given = files(
        "root:x:0:0:root:/root:/bin/bash\n"
        "# not an entry\n"
        "short:x:4000000001\n"
        "::4000000001:1:no login:/:\n"
        "alice:x:4000000001:100:Alice Q. Tester,Room 5,,:/home/alice:/bin/sh\n"
        "also:x:4000000001:100::/:\n"
    );
    const Identity identity = find_identity(kNobodys, given);
    EXPECT_EQ(identity.login, "alice");
    EXPECT_EQ(identity.full_name, "Alice Q. Tester");
    EXPECT_EQ(identity.home, "/home/alice");
}

TEST_F(FindIdentity, ExpandsTheAmpersandOfGecos) {
    EXPECT_EQ(
        find_identity(kNobodys, files("bob:x:4000000001:1:& Inc:/:/bin/sh\n")).full_name, "Bob Inc"
    );
}

TEST_F(FindIdentity, ReadsALastLineWithoutEnd) {
    EXPECT_EQ(find_identity(kNobodys, files("bob:x:4000000001:1:::")).login, "bob");
}

TEST_F(FindIdentity, AsksGetentForAUidThatTheFileLacks) {
    HostFiles given = files("root:x:0:0:root:/root:/bin/bash\n");
    given.getent = directory_ / "getent";
    std::ofstream(given.getent) << "#!/bin/sh\necho \"ldap:x:$2:100:Lda P:/home/ldap:/bin/sh\"\n";
    ASSERT_EQ(::chmod(given.getent.c_str(), 0755), 0);
    const Identity identity = find_identity(kNobodys, given);
    EXPECT_EQ(identity.login, "ldap");
    EXPECT_EQ(identity.full_name, "Lda P");
    EXPECT_EQ(identity.home, "/home/ldap");
}

TEST_F(FindIdentity, DoesWithoutGetent) {
    HostFiles given = files("");
    given.getent = directory_ / "none";
    EXPECT_EQ(find_identity(kNobodys, given).login, "uid4000000001");
}

TEST_F(FindIdentity, NamesAnUnknownUidByItsNumber) {
    const Identity identity = find_identity(kNobodys, files(""));
    EXPECT_EQ(identity.uid, kNobodys);
    EXPECT_EQ(identity.login, "uid4000000001");
    EXPECT_EQ(identity.full_name, "");
    EXPECT_EQ(identity.home, "");
}

TEST(LoginAddress, QuotesWhatIsNoDotAtom) {
    EXPECT_EQ(login_address("alice").text(), "alice");
    EXPECT_EQ(login_address("www-data").text(), "www-data");
    EXPECT_EQ(login_address("a b").text(), "\"a b\"");
    EXPECT_EQ(login_address("alice@corp.example").text(), "\"alice@corp.example\"");
    EXPECT_FALSE(login_address("DOM\\alice").is_qualified());
    EXPECT_EQ(login_address("<>").is_qualified(), false);
    EXPECT_NE(login_address("").text(), "");
}

TEST_F(FindHostNames, PrefersSettingThenMailnameThenFullName) {
    const HostFiles given = files("", "mail.example\nsecond\n");
    EXPECT_EQ(find_host_names(settings_, given, "web1.example.com").domain, "mail.example");
    EXPECT_EQ(find_host_names(settings_, given, "web1.example.com").host, "web1.example.com");
    settings_.from_domain = "example.org";
    settings_.host_name = "h.example.org";
    EXPECT_EQ(find_host_names(settings_, given, "web1.example.com").domain, "example.org");
    EXPECT_EQ(find_host_names(settings_, given, "web1.example.com").host, "h.example.org");
    settings_ = {};
    EXPECT_EQ(find_host_names(settings_, files(""), "web1.example.com").domain, "web1.example.com");
}

TEST_F(FindHostNames, TakesTheCanonicalNameOfHosts) {
    const HostFiles given = files(
        "",
        "",
        "127.0.0.1 localhost\n"
        "# 127.0.1.1 wrong.example web1\n"
        "127.0.1.1\tweb1.example.com.  WEB1 # me\n"
        "192.0.2.1 other.example web1\n"
    );
    EXPECT_EQ(find_host_names(settings_, given, "web1").host, "web1.example.com");
    EXPECT_EQ(find_host_names(settings_, given, "web1").domain, "web1.example.com");
}

TEST_F(FindHostNames, KnowsNoDomainWhereNobodyElseWouldKnowIt) {
    for (const auto& [mailname, hosts, system] : std::vector<std::array<const char*, 3>>{
             {"", "", "3f2a1bc0d9e8"},
             {"localhost\n", "127.0.0.1 localhost.localdomain web1", "web1"},
             {"web1\n", "", "web1.localdomain"},
             {"not a name.example\n", "172.17.0.2 web1\n", "web1"},
             {"192.0.2.1\n", "", ""}}) {
        EXPECT_EQ(find_host_names(settings_, files("", mailname, hosts), system).domain, "")
            << system;
    }
    EXPECT_EQ(find_host_names(settings_, files(""), "3f2a1bc0d9e8").host, "3f2a1bc0d9e8");
}

}  // namespace
}  // namespace mxpost::submit
