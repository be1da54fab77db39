#include "deliver/site_memory.h"

#include <string>

#include <gtest/gtest.h>

#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::deliver {
namespace {

class SiteMemoryTest : public testing::Test {
protected:
    StateDirectory state() { return StateDirectory::at(files_, log_, root_.path()); }
    SiteMemory::Entry suspended_for(std::chrono::hours hours) const {
        SiteMemory::Entry entry;
        entry.suspended_until = clock_.now() + hours;
        entry.reason = "421 4.7.0 [TSS04] too much\tmail\n";
        return entry;
    }

    test::TemporaryDirectory root_;
    PosixFileSystem files_;
    NullLog log_;
    test::ManualClock clock_;
};

TEST_F(SiteMemoryTest, ASuspensionOutlivesItsEngineAndNotItsTime) {
    {
        StateDirectory kept = state();
        SiteMemory memory(kept, clock_);
        EXPECT_EQ(memory.find("mx.example"), nullptr);
        memory.note("mx.example", suspended_for(std::chrono::hours(2)));
        SiteMemory::Entry family;
        family.ipv6_bad_until = clock_.now() + std::chrono::hours(6);
        memory.note("a.example,b.example tls=verify", family);
    }
    StateDirectory kept = state();
    const SiteMemory memory(kept, clock_);
    ASSERT_NE(memory.find("mx.example"), nullptr);
    EXPECT_EQ(memory.find("mx.example")->suspended_until, clock_.now() + std::chrono::hours(2));
    EXPECT_EQ(memory.find("mx.example")->reason, "421 4.7.0 [TSS04] too much?mail?");
    ASSERT_NE(memory.find("a.example,b.example tls=verify"), nullptr);
    clock_.advance(std::chrono::hours(3));
    EXPECT_EQ(memory.find("mx.example"), nullptr);
    EXPECT_NE(memory.find("a.example,b.example tls=verify"), nullptr);
}

TEST_F(SiteMemoryTest, WritesOnceForAQueueOfRefusals) {
    StateDirectory kept = state();
    SiteMemory memory(kept, clock_);
    memory.note("mx.example", suspended_for(std::chrono::hours(2)));
    kept.write("sites", "");
    clock_.advance(std::chrono::minutes(1));
    memory.note("mx.example", suspended_for(std::chrono::hours(2)));
    EXPECT_EQ(kept.read("sites"), "");
    clock_.advance(std::chrono::minutes(10));
    memory.note("mx.example", suspended_for(std::chrono::hours(2)));
    EXPECT_NE(kept.read("sites"), "");
}

TEST_F(SiteMemoryTest, LeavesOutWhatMakesNoSense) {
    StateDirectory kept = state();
    const std::string in_an_hour = std::to_string(1704110400 + 3600);
    const std::string in_a_year = std::to_string(1704110400 + 365 * 86400);
    kept.write(
        "sites",
        "a.example\t0\t0\t" + in_a_year + "\tx\nb.example\t0\t0\t" + in_an_hour +
            "\n\t0\t0\t1\tx\nc.example\t-1\t0\t" + in_an_hour + "\tx\nd.example\t0\t0x\t" +
            in_an_hour + "\tx\ne.example\t0\t0\t" + in_an_hour + "\tgood"
    );
    const SiteMemory memory(kept, clock_);
    for (const char* site : {"a.example", "b.example", "", "c.example", "d.example"}) {
        EXPECT_EQ(memory.find(site), nullptr) << site;
    }
    ASSERT_NE(memory.find("e.example"), nullptr);
    EXPECT_EQ(memory.find("e.example")->reason, "good");
}

}  // namespace
}  // namespace mxpost::deliver
