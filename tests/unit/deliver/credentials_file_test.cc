#include "deliver/credentials_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "support/temporary_directory.h"

namespace mxpost::deliver {
namespace {

using testing::HasSubstr;

class CredentialsFileTest : public testing::Test {
protected:
    void write(const std::string& text, mode_t mode = 0600) {
        std::ofstream(path_, std::ios::binary) << text;
        ASSERT_EQ(::chmod(path_.c_str(), mode), 0);
    }
    std::string problem() {
        const auto result = read_credentials(path_, trusted_);
        const auto* found = std::get_if<CredentialsProblem>(&result);
        return found != nullptr ? found->text : "none";
    }

    test::TemporaryDirectory directory_;
    std::string path_ = directory_.path() + "/credentials";
    TrustedUser trusted_;
};

TEST_F(CredentialsFileTest, TakesUserAndPasswordFromTheFirstLine) {
    write("tim@example.com:pass:word# \n# more\n");
    const auto result = read_credentials(path_, trusted_);
    const auto& credentials = std::get<0>(result);
    EXPECT_EQ(credentials->user, "tim@example.com");
    EXPECT_EQ(credentials->secret.view(), "pass:word# ");
}

TEST_F(CredentialsFileTest, RefusesWhatOthersCanRead) {
    write("tim:secret\n", 0604);
    EXPECT_THAT(problem(), HasSubstr("open to everybody and is not used: chmod 640"));
    write("tim:secret\n", 0602);
    EXPECT_THAT(problem(), HasSubstr("open to everybody"));
    EXPECT_EQ(problem().find("secret"), std::string::npos);
}

TEST_F(CredentialsFileTest, AGroupMayReadItOnlyIfItIsTheEngines) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "only root can give files away";
    }
    write("tim:secret\n", 0640);
    ASSERT_EQ(::chown(path_.c_str(), 0, 4711), 0);
    EXPECT_THAT(problem(), HasSubstr("open to the group with gid 4711"));
    trusted_.gid = 4711;
    EXPECT_EQ(problem(), "none");
    ASSERT_EQ(::chown(path_.c_str(), 4712, 4711), 0);
    EXPECT_THAT(problem(), HasSubstr("belongs to another user (uid 4712)"));
    trusted_.uid = 4712;
    EXPECT_EQ(problem(), "none");
}

TEST_F(CredentialsFileTest, SaysWhatIsWrongWithTheText) {
    for (const char* text : {"", "\n", "tim", "tim:", ":secret", "\ntim:secret"}) {
        write(text);
        EXPECT_THAT(problem(), HasSubstr("must have user:password in its first line")) << text;
    }
    write(std::string("tim\0x:secret", 12));
    EXPECT_THAT(problem(), HasSubstr("control character"));
    write("tim:" + std::string(20000, 'x'));
    EXPECT_THAT(problem(), HasSubstr("is too large"));
    std::filesystem::remove(path_);
    EXPECT_THAT(problem(), HasSubstr("can't be read: No such file"));
    std::filesystem::create_directory(path_);
    EXPECT_THAT(problem(), HasSubstr("is not a regular file"));
}

}  // namespace
}  // namespace mxpost::deliver
