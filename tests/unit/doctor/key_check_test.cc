#include "doctor/key_check.h"

#include <fstream>

#include <boost/asio.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dkim/key_record.h"
#include "support/fake_resolver.h"
#include "support/manual_clock.h"
#include "support/temporary_directory.h"
#include "unit/dkim/keys.h"

namespace mxpost::doctor {
namespace {

using testing::HasSubstr;

class KeyCheckTest : public testing::Test {
protected:
    KeyCheckTest() {
        const std::string path = directory_ / "key";
        std::ofstream(path) << test::kRfc6376Key;
        entries_ = {entry(path)};
    }
    static dkim::KeyEntry entry(const std::string& path) {
        dkim::KeyEntry entry;
        entry.domain = "example.com";
        entry.selector = "s1";
        entry.path = path;
        return entry;
    }
    std::vector<KeyFinding> all() {
        boost::asio::io_context io;
        KeyCheck check(files_, clock_, resolver_, entries_);
        std::vector<KeyFinding> findings;
        boost::asio::co_spawn(io, check.run(), [&](const std::exception_ptr& error, auto found) {
            EXPECT_FALSE(error);
            findings = std::move(found);
        });
        io.run();
        return findings;
    }
    KeyFinding only() {
        const auto findings = all();
        EXPECT_EQ(findings.size(), 1U);
        return findings.at(0);
    }
    static std::string record() { return dkim::record_text(*test::key_of(test::kRfc6376Key)); }

    test::TemporaryDirectory directory_;
    PosixFileSystem files_;
    test::ManualClock clock_;
    test::FakeResolver resolver_;
    std::vector<dkim::KeyEntry> entries_;
};

const std::string kName = "s1._domainkey.example.com";

TEST_F(KeyCheckTest, TheRecordOfTheKeyIsFine) {
    resolver_.add_txt(kName, record());
    const KeyFinding finding = only();
    EXPECT_EQ(finding.state, KeyState::ok);
    EXPECT_EQ(finding.reason, "");
    EXPECT_EQ(finding.record_name, kName);
    EXPECT_EQ(finding.record_text, record());
}

TEST_F(KeyCheckTest, ARecordCanBeMissingOrWrong) {
    EXPECT_EQ(only().state, KeyState::missing);
    EXPECT_EQ(only().reason, kName + " has no TXT record");
    EXPECT_EQ(only().record_text, record());

    resolver_.add_txt(kName, "v=DKIM1; p=");
    EXPECT_EQ(only().state, KeyState::different);
    EXPECT_THAT(only().reason, HasSubstr("the key is revoked"));

    resolver_.add_txt(kName, record());
    EXPECT_EQ(only().state, KeyState::different);
    EXPECT_THAT(only().reason, HasSubstr("several TXT records"));
}

TEST_F(KeyCheckTest, ATestingRecordIsNamed) {
    resolver_.add_txt(kName, record() + "; t=y");
    EXPECT_EQ(only().state, KeyState::testing);
}

TEST_F(KeyCheckTest, WithoutAnAnswerNothingIsKnown) {
    resolver_.fail_txt(kName, "SERVFAIL from 192.0.2.53");
    EXPECT_EQ(only().state, KeyState::unknown);
    EXPECT_EQ(only().reason, "the DNS doesn't answer: SERVFAIL from 192.0.2.53");
}

TEST_F(KeyCheckTest, EachKeyIsLookedAt) {
    entries_.push_back({"example.org", true, "s2", directory_ / "none"});
    entries_.push_back({"xn--bcher-kva.example", false, "s3", entries_[0].path});
    resolver_.add_txt("s3._domainkey.xn--bcher-kva.example", record());
    const auto findings = all();
    ASSERT_EQ(findings.size(), 3U);
    EXPECT_EQ(findings[1].state, KeyState::bad);
    EXPECT_THAT(findings[1].reason, HasSubstr("No such file"));
    EXPECT_EQ(findings[1].record_text, "");
    EXPECT_EQ(findings[2].state, KeyState::ok);
    EXPECT_EQ(word_of(findings[1].state), std::string("bad"));
}

}  // namespace
}  // namespace mxpost::doctor
