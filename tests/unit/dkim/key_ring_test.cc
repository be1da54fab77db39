#include "dkim/key_ring.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "support/manual_clock.h"
#include "support/temporary_directory.h"
#include "unit/dkim/keys.h"

namespace mxpost::dkim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class KeyRingTest : public testing::Test {
protected:
    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
        const std::string path = directory_.path() + "/" + name;
        std::ofstream(path) << text;
        ::chmod(path.c_str(), mode);
        return path;
    }
    static std::vector<std::string> names(const KeyChoice& choice) {
        std::vector<std::string> result;
        for (const SigningKey& key : choice.keys) {
            result.push_back(key.selector + "@" + key.domain);
        }
        return result;
    }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    test::ManualClock clock_;
};

TEST_F(KeyRingTest, ChoosesTheNearestDomain) {
    const std::string path = write("key", test::kRfc6376Key);
    KeyRing ring(
        files_,
        clock_,
        {{"example.com", false, "s1", path},
         {"example.com", false, "s2", path},
         {"example.com", true, "w", path},
         {"eu.example.com", true, "eu", path},
         {"web.example.com", false, "web", path}}
    );
    EXPECT_THAT(names(ring.choose("example.com")), ElementsAre("s1@example.com", "s2@example.com"));
    EXPECT_THAT(names(ring.choose("a.example.com")), ElementsAre("w@example.com"));
    EXPECT_THAT(names(ring.choose("a.b.eu.example.com")), ElementsAre("eu@eu.example.com"));
    EXPECT_THAT(names(ring.choose("web.example.com")), ElementsAre("web@web.example.com"));
    EXPECT_FALSE(ring.choose("myexample.com").is_meant);
    EXPECT_FALSE(ring.choose("").is_meant);
    EXPECT_TRUE(ring.choose("example.com").is_meant);
}

TEST_F(KeyRingTest, SaysWhatIsWrongWithAFile) {
    const std::string good = write("good", test::kRfc6376Key);
    const std::string bad = write("bad", "nonsense");
    KeyRing ring(
        files_,
        clock_,
        {{"example.com", false, "s1", good},
         {"example.com", false, "s2", bad},
         {"example.com", false, "s3", directory_.path() + "/none"},
         {"example.com", false, "s4", directory_.path()}}
    );
    const KeyChoice choice = ring.choose("example.com");
    EXPECT_THAT(names(choice), ElementsAre("s1@example.com"));
    ASSERT_EQ(choice.problems.size(), 3U);
    EXPECT_EQ(choice.problems[0].text, "the DKIM key " + bad + " holds no private key in PEM form");
    EXPECT_THAT(choice.problems[1].text, HasSubstr("/none: No such file or directory"));
    EXPECT_FALSE(choice.problems[1].is_forbidden);
    EXPECT_THAT(choice.problems[2].text, HasSubstr("is not a regular file"));
}

TEST_F(KeyRingTest, KnowsThatAnotherProcessMayBeAbleToRead) {
    if (::geteuid() == 0) {
        GTEST_SKIP() << "root reads everything";
    }
    const std::string path = write("key", test::kRfc6376Key, 0000);
    KeyRing ring(files_, clock_, {{"example.com", false, "s1", path}});
    const KeyChoice choice = ring.choose("example.com");
    ASSERT_EQ(choice.problems.size(), 1U);
    EXPECT_TRUE(choice.problems[0].is_forbidden);
}

TEST_F(KeyRingTest, ReadsAgainWhatHasChanged) {
    const std::string path = write("key", test::kRfc6376Key);
    KeyRing ring(files_, clock_, {{"example.com", false, "s1", path}});
    const auto first = ring.choose("example.com").keys.at(0).key;
    EXPECT_EQ(ring.choose("example.com").keys.at(0).key, first);
    write("next", test::kRfc8463RsaKey);
    ::rename((directory_.path() + "/next").c_str(), path.c_str());
    // Not looked at so soon.
    EXPECT_EQ(ring.choose("example.com").keys.at(0).key, first);
    clock_.advance(std::chrono::seconds(2));
    const auto second = ring.choose("example.com").keys.at(0).key;
    EXPECT_NE(second->public_key(), first->public_key());
    ::unlink(path.c_str());
    clock_.advance(std::chrono::seconds(2));
    EXPECT_TRUE(ring.choose("example.com").keys.empty());
    write("key", test::kRfc6376Key);
    clock_.advance(std::chrono::seconds(2));
    EXPECT_EQ(ring.choose("example.com").keys.at(0).key->public_key(), first->public_key());
}

TEST_F(KeyRingTest, FollowsALinkToWhatItPointsToNow) {
    const std::string one = write("one", test::kRfc6376Key);
    const std::string two = write("two", test::kRfc8463RsaKey);
    const std::string link = directory_.path() + "/link";
    ASSERT_EQ(::symlink(one.c_str(), link.c_str()), 0);
    KeyRing ring(files_, clock_, {{"example.com", false, "s1", link}});
    const std::string first = ring.choose("example.com").keys.at(0).key->public_key();
    ::unlink(link.c_str());
    ASSERT_EQ(::symlink(two.c_str(), link.c_str()), 0);
    clock_.advance(std::chrono::seconds(2));
    EXPECT_NE(ring.choose("example.com").keys.at(0).key->public_key(), first);
}

TEST_F(KeyRingTest, WarnsOnceOfAKeyThatEverybodyCanRead) {
    const std::string path = write("key", test::kRfc6376Key, 0644);
    KeyRing ring(files_, clock_, {{"example.com", false, "s1", path}});
    const KeyChoice choice = ring.choose("example.com");
    EXPECT_EQ(choice.keys.size(), 1U);
    ASSERT_EQ(choice.warnings.size(), 1U);
    EXPECT_THAT(choice.warnings[0], HasSubstr("open to everybody"));
    EXPECT_TRUE(ring.choose("example.com").warnings.empty());
}

TEST(FromDomain, IsThatOfTheFirstAddress) {
    EXPECT_EQ(from_domain("To: x@y\r\nFrom: \"A, B\" <a@Example.COM>\r\n"), "Example.COM");
    EXPECT_EQ(from_domain("FROM : a@one.example, b@two.example\r\n"), "one.example");
    EXPECT_EQ(from_domain("From: Group: a@x.example;\r\n"), "x.example");
    EXPECT_EQ(from_domain("Subject: From: a@x\r\n"), "");
    EXPECT_EQ(from_domain("From:\r\n"), "");
    EXPECT_EQ(from_domain("From"), "");
    EXPECT_EQ(from_domain("From: root\r\n"), "");
}

}  // namespace
}  // namespace mxpost::dkim
