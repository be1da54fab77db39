#include "deliver/tls_memory.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/manual_clock.h"
#include "support/temporary_directory.h"

namespace mxpost::deliver {
namespace {

using Level = TlsMemory::Level;
using testing::HasSubstr;

class TlsMemoryTest : public testing::Test {
protected:
    static std::optional<tls::Established> came_to(tls::Assurance assurance) {
        tls::Established established;
        established.assurance = assurance;
        return established;
    }
    StateDirectory state() { return StateDirectory::at(files_, log_, root_.path()); }

    const std::optional<tls::Established> clear_;
    test::TemporaryDirectory root_;
    PosixFileSystem files_;
    NullLog log_;
    test::ManualClock clock_;  // 2024-01-01
};

TEST_F(TlsMemoryTest, TellsOnceADayWhatIsLessThanBefore) {
    StateDirectory kept = state();
    TlsMemory memory(kept, clock_);
    EXPECT_FALSE(memory.note("mx.example", clear_)) << "nothing is known of it";
    EXPECT_FALSE(memory.note("mx.example", came_to(tls::Assurance::untrusted)));
    EXPECT_EQ(memory.best("mx.example"), Level::encrypted);
    EXPECT_FALSE(memory.note("mx.example", came_to(tls::Assurance::verified)));
    EXPECT_EQ(memory.best("mx.example"), Level::verified);
    clock_.advance(std::chrono::hours(48));
    EXPECT_EQ(
        memory.note("mx.example", clear_),
        "mx.example used to offer TLS (until 2024-01-01) and does so no more: mail goes in clear"
    );
    EXPECT_FALSE(memory.note("mx.example", clear_)) << "it was told today";
    clock_.advance(std::chrono::hours(24));
    EXPECT_THAT(
        memory.note("mx.example", came_to(tls::Assurance::untrusted)).value_or(""),
        HasSubstr("had a trusted certificate (until 2024-01-01) and has none now")
    );
    EXPECT_EQ(memory.best("mx.example"), Level::verified) << "a bad day isn't a new habit";
    EXPECT_EQ(memory.best("other.example"), Level::clear);
}

TEST_F(TlsMemoryTest, ForgetsAfterThirtyDays) {
    StateDirectory kept = state();
    TlsMemory memory(kept, clock_);
    memory.note("mx.example", came_to(tls::Assurance::dane));
    clock_.advance(std::chrono::hours(24 * 30));
    EXPECT_EQ(memory.best("mx.example"), Level::dane);
    clock_.advance(std::chrono::hours(24));
    EXPECT_EQ(memory.best("mx.example"), Level::clear);
    EXPECT_FALSE(memory.note("mx.example", came_to(tls::Assurance::untrusted)));
    EXPECT_EQ(memory.best("mx.example"), Level::encrypted);
}

TEST_F(TlsMemoryTest, SurvivesTheEngine) {
    {
        StateDirectory kept = state();
        TlsMemory memory(kept, clock_);
        memory.note("a.example", came_to(tls::Assurance::untrusted));
        memory.note("b.example", came_to(tls::Assurance::dane));
        memory.note("c.example", clear_);
    }
    StateDirectory kept = state();
    EXPECT_EQ(kept.read("tls-levels"), "a.example encrypted 19723\nb.example dane 19723\n");
    const TlsMemory memory(kept, clock_);
    EXPECT_EQ(memory.best("a.example"), Level::encrypted);
    EXPECT_EQ(memory.best("b.example"), Level::dane);
    EXPECT_EQ(memory.best("c.example"), Level::clear);
}

TEST_F(TlsMemoryTest, LeavesOutWhatMakesNoSense) {
    StateDirectory kept = state();
    kept.write(
        "tls-levels",
        "a.example encrypted\nb.example superb 19723\n x 19723\nd.example dane abc\n"
        "\ne.example verified 19723\nf.example clear 19723\ng.example dane 19723"
    );
    const TlsMemory memory(kept, clock_);
    for (const char* host : {"a.example", "b.example", "x", "", "d.example", "f.example"}) {
        EXPECT_EQ(memory.best(host), Level::clear) << host;
    }
    EXPECT_EQ(memory.best("e.example"), Level::verified);
    EXPECT_EQ(memory.best("g.example"), Level::dane) << "without a final line end";
}

}  // namespace
}  // namespace mxpost::deliver
