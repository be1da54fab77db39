#include "deliver/port_watch.h"

#include <gtest/gtest.h>

namespace mxpost::deliver {
namespace {

using std::chrono::minutes;

const SteadyTime kStart{std::chrono::hours(1000)};

TEST(PortWatch, OneOrTwoSitesProveNothingWithinAQuarterOfAnHour) {
    PortWatch watch;
    watch.unreachable("mx.a", kStart);
    watch.unreachable("mx.b", kStart + minutes(1));
    watch.unreachable("mx.a", kStart + minutes(14));
    watch.unreachable("mx.b", kStart + minutes(14));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(14)));
    EXPECT_FALSE(watch.is_blocked());
}

TEST(PortWatch, ThreeSitesOrOneThatStaysAwayDo) {
    PortWatch three;
    for (const char* site : {"mx.a", "mx.b", "mx.c"}) {
        three.unreachable(site, kStart);
    }
    EXPECT_TRUE(three.is_suspect(kStart));

    PortWatch one;
    one.unreachable("mx.a", kStart);
    one.unreachable("mx.a", kStart + minutes(15));
    EXPECT_TRUE(one.is_suspect(kStart + minutes(15)));
}

TEST(PortWatch, OneConnectionDisprovesIt) {
    PortWatch watch;
    for (const char* site : {"mx.a", "mx.b", "mx.c"}) {
        watch.unreachable(site, kStart);
    }
    EXPECT_FALSE(watch.connected());
    EXPECT_FALSE(watch.is_suspect(kStart));
    watch.unreachable("mx.d", kStart);
    EXPECT_FALSE(watch.is_suspect(kStart));
}

TEST(PortWatch, FailuresOfAnHourAgoAreForgotten) {
    PortWatch watch;
    watch.unreachable("mx.a", kStart);
    watch.unreachable("mx.b", kStart);
    watch.unreachable("mx.c", kStart + minutes(61));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(61)));
    watch.unreachable("mx.a", kStart + minutes(122));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(122)));
    EXPECT_FALSE(watch.is_suspect(kStart + minutes(300)));
}

TEST(PortWatch, IsProbedOnceInHalfAnHourAndOpenedByOneConnection) {
    PortWatch watch;
    EXPECT_FALSE(watch.take_probe(kStart));
    EXPECT_TRUE(watch.confirm(kStart));
    EXPECT_FALSE(watch.confirm(kStart)) << "no news";
    EXPECT_TRUE(watch.is_blocked());
    EXPECT_FALSE(watch.take_probe(kStart + minutes(29)));
    EXPECT_TRUE(watch.take_probe(kStart + minutes(30)));
    EXPECT_FALSE(watch.take_probe(kStart + minutes(31)));
    watch.unreachable("mx.a", kStart + minutes(31));
    EXPECT_TRUE(watch.is_blocked());
    EXPECT_TRUE(watch.take_probe(kStart + minutes(60)));
    EXPECT_TRUE(watch.connected());
    EXPECT_FALSE(watch.is_blocked());
}

}  // namespace
}  // namespace mxpost::deliver
