#include "config/load.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include "config/keys.h"

namespace mxpost::config {
namespace {

/// A settings file in the test's own directory.
class LoadTest : public testing::Test {
protected:
    LoadTest() {
        std::string pattern = testing::TempDir() + "mxpost-config-XXXXXX";
        directory_ = ::mkdtemp(pattern.data());
        path_ = directory_ + "/mxpost.conf";
    }
    ~LoadTest() override {
        ::unlink(path_.c_str());
        ::rmdir(directory_.c_str());
    }

    Result<Loaded> load_text(
        std::string_view text, const std::vector<std::string>& environment = {}
    ) {
        std::ofstream(path_) << text;
        return load(files_, path_, environment);
    }
    /// The error's line with the file's path cut down to "FILE".
    std::string error_of(std::string_view text, const std::vector<std::string>& environment = {}) {
        const auto loaded = load_text(text, environment);
        if (loaded) {
            return "no error";
        }
        std::string message = loaded.error().message();
        const std::size_t at = message.find(path_);
        return at == std::string::npos ? message : message.replace(at, path_.size(), "FILE");
    }

    std::string directory_;
    std::string path_;
    PosixFileSystem files_;
};

using Load = LoadTest;

TEST_F(Load, AMissingOrEmptyFileGivesTheDefaults) {
    const auto missing = load(files_, path_, {});
    ASSERT_TRUE(missing);
    EXPECT_TRUE(missing->set.empty());
    EXPECT_EQ(missing->values.queue_lifetime, std::chrono::hours(120));
    EXPECT_TRUE(load_text("")->set.empty());
    EXPECT_TRUE(load_text("# nothing\n\n   \t\n")->set.empty());
}

TEST_F(Load, ReadsKeysCommentsAndSpaces) {
    const auto loaded = load_text(
        "# mxpost\n"
        "from-domain=example.com\r\n"
        "  queue-lifetime =\t3d   # three days\n"
        "log = /var/log/a#b\n"
        "resolver = 192.0.2.1, 2001:db8::1\n"
        "tls = encrypt"
    );
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_EQ(loaded->values.from_domain, "example.com");
    EXPECT_EQ(loaded->values.queue_lifetime, std::chrono::hours(72));
    EXPECT_EQ(loaded->values.log, "/var/log/a#b");
    EXPECT_EQ(
        loaded->values.resolver.servers, (std::vector<std::string>{"192.0.2.1", "2001:db8::1"})
    );
    EXPECT_EQ(loaded->values.tls, TlsLevel::encrypt);
}

TEST_F(Load, TheEnvironmentComesAfterTheFile) {
    const auto loaded = load_text(
        "retry-min = 1m\nfrom-domain = a.example\n",
        {"MXPOST_FROM_DOMAIN=b.example", "PATH=/bin", "MXPOST_FROM_DOMAIN=c.example"}
    );
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->values.retry_min, std::chrono::minutes(1));
    EXPECT_EQ(loaded->values.from_domain, "c.example");
}

TEST_F(Load, AKeyThatIsThereTwiceIsAnError) {
    EXPECT_EQ(
        error_of("\n# keys\ndkim = a.example s /k/a\ndkim = b.example s /k/b\n"),
        "FILE:4: \"dkim\" is in line 3 already"
    );
    EXPECT_EQ(error_of("tls = may\ntls = may\n"), "FILE:2: \"tls\" is in line 1 already");
    EXPECT_EQ(error_of("relayhost = x\nrelayhost = x\n"), "FILE:1: unknown key \"relayhost\"");
    EXPECT_TRUE(load_text("tls = may\n# tls = none\n"));
}

TEST_F(Load, AnEmptyValueUnsetsOnlyWhatIsUnsetByDefault) {
    const auto loaded = load_text("from-domain = a.example\nresolver =\n", {"MXPOST_FROM_DOMAIN="});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->values.from_domain, "");
    EXPECT_EQ(loaded->values.resolver, ResolverChoice());
    EXPECT_EQ(error_of("spool =\n"), "FILE:1: spool must be an absolute path, not \"\"");
}

TEST_F(Load, WaitsThatWouldBeNoneAreRefused) {
    for (const char* const key :
         {"retry-min", "retry-max", "listen-idle-timeout", "listen-session-timeout"}) {
        for (const char* const none : {"0", "0m", "0h0s"}) {
            EXPECT_EQ(
                error_of(std::string(key) + " = " + none),
                "FILE:1: " + std::string(key) +
                    " must be a time longer than 0, such as 90s, 15m or 4h, not \"" + none + "\""
            );
        }
    }
    EXPECT_TRUE(load_text("retry-min = 1s\nretry-max = 1s\n"));
    EXPECT_TRUE(load_text("queue-lifetime = 0\nwarning-time = 0\n"));  // these mean something
}

TEST_F(Load, SizesThatHaveRoomForNothingAreRefused) {
    for (const char* const key : {"message-size-limit", "header-size-limit", "max-queued-size"}) {
        EXPECT_EQ(
            error_of(std::string(key) + " = 0M"),
            "FILE:1: " + std::string(key) +
                " must be a size larger than 0, such as 64k, 50M or 2G, not \"0M\""
        );
    }
    EXPECT_TRUE(load_text("min-free-space = 0\n"));
}

TEST_F(Load, WhatTheManualCallsNeverIsRefused) {
    EXPECT_EQ(
        error_of("max-recipients = 100001\n"),
        "FILE:1: max-recipients must be a number from 1 to 100000, not \"100001\""
    );
    EXPECT_EQ(
        error_of("max-recipients = 0\n"),
        "FILE:1: max-recipients must be a number from 1 to 100000, not \"0\""
    );
    EXPECT_EQ(
        error_of("header-size-limit = 9M\n"),
        "FILE:1: header-size-limit must be a size of at most 8M, not \"9M\""
    );
    EXPECT_EQ(
        error_of("alias-user = root\n"),
        "FILE:1: alias-user must be a user other than root, not \"root\""
    );
    EXPECT_TRUE(load_text("max-recipients = 100000\nheader-size-limit = 8M\nalias-user = www\n"));
}

TEST_F(Load, NamesFileLineAndNearestKey) {
    EXPECT_EQ(
        error_of("# x\n\nform-domain = example.com\n"),
        "FILE:3: unknown key \"form-domain\" (did you mean \"from-domain\"?)"
    );
    EXPECT_EQ(error_of("relayhost = x\n"), "FILE:1: unknown key \"relayhost\"");
    EXPECT_EQ(
        error_of("from-doma = example.com\n"),
        "FILE:1: unknown key \"from-doma\" (did you mean \"from-domain\"?)"
    );
    EXPECT_EQ(
        error_of("tls = may\nfrom-domain\n"),
        "FILE:2: expected \"key = value\", not \"from-domain\""
    );
    EXPECT_EQ(error_of("[section]\n"), "FILE:1: expected \"key = value\", not \"[section]\"");
    EXPECT_EQ(error_of("= x\n"), "FILE:1: expected \"key = value\", not \"= x\"");
}

TEST_F(Load, SaysWhatAValueMustBe) {
    EXPECT_EQ(
        error_of("queue-lifetime = 5x\n"),
        "FILE:1: queue-lifetime must be a time such as 90s, 15m, 4h, 5d, 1w or 1h30m, not \"5x\""
    );
    EXPECT_EQ(
        error_of("tls = maybe\n"),
        "FILE:1: tls must be none, may, no-downgrade, encrypt or verify, not \"maybe\""
    );
    EXPECT_EQ(
        error_of("chunking = always\n"), "FILE:1: chunking must be auto or never, not \"always\""
    );
    EXPECT_EQ(
        error_of("", {"MXPOST_MAX_SESSIONS=none"}),
        "environment MXPOST_MAX_SESSIONS: max-sessions must be a number from 1 on, not \"none\""
    );
}

TEST_F(Load, VariablesThatNameNoKeyAreIgnoredAndListed) {
    const auto loaded = load_text("", {"MXPOST_SERVICE_HOST=10.0.0.1", "MXPOST_TLS=none"});
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->ignored, std::vector<std::string>{"MXPOST_SERVICE_HOST"});
    EXPECT_EQ(loaded->values.tls, TlsLevel::none);
}

TEST_F(Load, EveryDefaultCanBeWrittenOut) {
    std::string text;
    for (const Key& key : keys()) {
        text += std::string(key.name) + " = " + std::string(key.default_text) + "\n";
    }
    const auto loaded = load_text(text);
    ASSERT_TRUE(loaded) << loaded.error().message();
    EXPECT_EQ(loaded->set.size(), keys().size());
}

TEST_F(Load, BinaryJunkAndHugeFilesAreErrors) {
    EXPECT_EQ(error_of(std::string("\0\xff = \x1b\n", 6)), "FILE:1: unknown key \"??\"");
    EXPECT_NE(error_of(std::string(2U << 20U, '#')).find("larger than"), std::string::npos);
}

TEST_F(Load, ADirectoryIsAnError) {
    EXPECT_FALSE(load(files_, directory_, {}));
}

TEST_F(Load, DescribeNamesEachOrigin) {
    const auto loaded = load_text("\nretry-min = 1m\n", {"MXPOST_TLS=none"});
    ASSERT_TRUE(loaded);
    const auto rows = describe(*loaded);
    ASSERT_EQ(rows.size(), keys().size());
    const auto row = [&](std::string_view key) {
        return *std::ranges::find(rows, key, &Effective::key);
    };
    EXPECT_EQ(row("retry-min").value, "1m");
    EXPECT_EQ(row("retry-min").origin, path_ + ":2");
    EXPECT_EQ(row("tls").value, "none");
    EXPECT_EQ(row("tls").origin, "environment MXPOST_TLS");
    EXPECT_EQ(row("queue-lifetime").value, "5d");
    EXPECT_EQ(row("queue-lifetime").origin, "default");
}

TEST(OwnEnvironment, KeepsOnlyOurs) {
    const char* const environment[] = {"PATH=/bin", "MXPOST_LOG=stderr", "XMXPOST_A=b", nullptr};
    EXPECT_EQ(own_environment(environment), std::vector<std::string>{"MXPOST_LOG=stderr"});
    EXPECT_TRUE(own_environment(nullptr).empty());
}

}  // namespace
}  // namespace mxpost::config
