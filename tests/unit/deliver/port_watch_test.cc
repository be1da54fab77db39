#include "deliver/port_watch.h"

#include <vector>

#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

using std::chrono::minutes;

const SteadyTime kStart{std::chrono::hours(1000)};

TEST(PortWatch, OneOrTwoSitesProveNothingWithinAQuarterOfAnHour) {
    PortWatch watch;
    watch.unreachable("mx.a", "mx.a", kStart);
    watch.unreachable("mx.b", "mx.b", kStart + minutes(1));
    watch.unreachable("mx.a", "mx.a", kStart + minutes(14));
    watch.unreachable("mx.b", "mx.b", kStart + minutes(14));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(14)));
    EXPECT_FALSE(watch.is_blocked());
}

TEST(PortWatch, ThreeSitesOrOneThatStaysAwayDo) {
    PortWatch three;
    for (const char* site : {"mx.a", "mx.b", "mx.c"}) {
        three.unreachable(site, site, kStart);
    }
    EXPECT_TRUE(three.is_suspect(kStart));

    PortWatch one;
    one.unreachable("mx.a", "mx.a", kStart);
    one.unreachable("mx.a", "mx.a", kStart + minutes(15));
    EXPECT_TRUE(one.is_suspect(kStart + minutes(15)));
}

TEST(PortWatch, OneConnectionDisprovesIt) {
    PortWatch watch;
    for (const char* site : {"mx.a", "mx.b", "mx.c"}) {
        watch.unreachable(site, site, kStart);
    }
    EXPECT_FALSE(watch.connected());
    EXPECT_FALSE(watch.is_suspect(kStart));
    watch.unreachable("mx.d", "mx.d", kStart);
    EXPECT_FALSE(watch.is_suspect(kStart));
}

TEST(PortWatch, FailuresOfAnHourAgoAreForgotten) {
    PortWatch watch;
    watch.unreachable("mx.a", "mx.a", kStart);
    watch.unreachable("mx.b", "mx.b", kStart);
    watch.unreachable("mx.c", "mx.c", kStart + minutes(61));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(61)));
    watch.unreachable("mx.a", "mx.a", kStart + minutes(122));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(122)));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(300)));
}

TEST(PortWatch, IsProbedEverLessOftenAndOpenedByOneConnection) {
    PortWatch watch;
    EXPECT_FALSE(watch.take_probe(kStart));
    EXPECT_TRUE(watch.confirm(kStart));
    EXPECT_FALSE(watch.confirm(kStart)) << "no news";
    EXPECT_TRUE(watch.is_blocked());
    std::vector<int> probes;
    for (int minute = 0; minute < 300; ++minute) {
        if (watch.take_probe(kStart + minutes(minute))) {
            probes.push_back(minute);
            watch.unreachable("mx.a", "a", kStart + minutes(minute));
        }
    }
    EXPECT_EQ(probes, (std::vector<int>{5, 15, 35, 75, 135, 195, 255}));
    EXPECT_TRUE(watch.is_blocked());
    EXPECT_TRUE(watch.connected());
    EXPECT_FALSE(watch.is_blocked());
    EXPECT_TRUE(watch.confirm(kStart + minutes(300)));
    EXPECT_TRUE(watch.take_probe(kStart + minutes(305))) << "soon again, as at first";
}

TEST(PortWatch, IsGeneralOnlyWhereSeveralSitesFail) {
    PortWatch watch;
    watch.unreachable("mx.a", "a", kStart);
    watch.unreachable("mx.a", "b", kStart + minutes(20));
    watch.unreachable("mx.b", "c", kStart + minutes(20));
    EXPECT_TRUE(watch.is_suspect(kStart + minutes(20)));
    EXPECT_FALSE(watch.is_general(kStart + minutes(20)));
    watch.unreachable("mx.c", "d", kStart + minutes(21));
    EXPECT_TRUE(watch.is_general(kStart + minutes(21)));
    EXPECT_FALSE(watch.is_general(kStart + minutes(90)));
}

TEST(PortWatch, LetsEverybodyTryUntilItIsBlocked) {
    PortWatch watch;
    for (const char* site : {"mx.a", "mx.b", "mx.c"}) {
        watch.unreachable(site, site, kStart);
    }
    EXPECT_TRUE(watch.may_try("mx.a", kStart));
    EXPECT_TRUE(watch.may_try("mx.a", kStart));
}

TEST(PortWatch, LetsADomainTryThatHasntFailedYetOnceAMinute) {
    PortWatch watch;
    watch.unreachable("mx.a", "a", kStart);
    watch.confirm(kStart);
    EXPECT_FALSE(watch.may_try("a", kStart + minutes(2)));
    EXPECT_FALSE(watch.may_try("b", kStart + std::chrono::seconds(59)));
    EXPECT_TRUE(watch.may_try("b", kStart + minutes(1)));
    EXPECT_FALSE(watch.may_try("c", kStart + minutes(1)));
    EXPECT_TRUE(watch.may_try("c", kStart + minutes(2)));
    EXPECT_TRUE(watch.may_try("a", kStart + minutes(5))) << "the probe";
    EXPECT_FALSE(watch.may_try("a", kStart + minutes(5)));
}

}  // namespace
}  // namespace mxpost::deliver
