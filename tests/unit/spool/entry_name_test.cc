#include "spool/entry_name.h"

#include <gtest/gtest.h>

#include "support/fixed_random.h"

namespace mxpost::spool {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST(MakeMessageId, IdsSortByTime) {
    test::FixedRandom random{UINT64_MAX, 0};
    const MessageId earlier = make_message_id(WallTime(microseconds(1704110400000000)), random);
    const MessageId later = make_message_id(WallTime(microseconds(1704110400000001)), random);
    EXPECT_LT(earlier, later);
    EXPECT_EQ(earlier.size(), 18U);
    EXPECT_TRUE(is_message_id(earlier));
}

TEST(MakeMessageId, AClockBefore1970GivesAnId) {
    test::FixedRandom random{0};
    EXPECT_EQ(make_message_id(WallTime(microseconds(-5)), random), "000000000000000000");
}

TEST(EntryName, RoundTrips) {
    const EntryName name{"01hk2w7yz0c0000000", sys_seconds(seconds(1704110400))};
    EXPECT_EQ(name.text(), "01hk2w7yz0c0000000.1js5aa0");
    EXPECT_EQ(EntryName::parse(name.text()), name);
}

TEST(EntryName, NamesOfOneMessageSortByDueTime) {
    const EntryName now{"01hk2w7yz0c0000000", sys_seconds(seconds(999))};
    const EntryName later{"01hk2w7yz0c0000000", sys_seconds(seconds(1000))};
    EXPECT_LT(now.text(), later.text());
}

TEST(EntryName, ADueTimeBefore1970IsTheFirst) {
    const EntryName name{"01hk2w7yz0c0000000", sys_seconds(seconds(-1))};
    EXPECT_EQ(name.text(), "01hk2w7yz0c0000000.0000000");
}

TEST(EntryName, OtherNamesAreNone) {
    for (const char* name :
         {"",
          ".",
          "..",
          "corrupt",
          ".system",
          ".new-01hk2w7yz0c0000000",
          "01hk2w7yz0c0000000",
          "01hk2w7yz0c0000000.",
          "01hk2w7yz0c0000000.1js5aa",
          "01hk2w7yz0c0000000.1js5aa00",
          "01hk2w7yz0c0000000-1js5aa0",
          "01HK2W7YZ0C0000000.1js5aa0",
          "01hk2w7yz0c000000/.1js5aa0",
          "01hk2w7yz0c000000u.1js5aa0",
          "01hk2w7yz0c0000000.1js5a 0",
          "01hk2w7yz0c0000000.1js5aa0\n"}) {
        EXPECT_EQ(EntryName::parse(name), std::nullopt) << name;
    }
    EXPECT_EQ(EntryName::parse(std::string_view("01hk2w7yz0c0000000.1js5aa\0", 26)), std::nullopt);
}

TEST(PackedIdTest, IsTheIdInTwoNumbersInTheSameOrder) {
    const MessageId id = "1gdw4fgsm000000zz1";
    const auto packed = PackedId::of(id);
    ASSERT_TRUE(packed);
    EXPECT_EQ(packed->text(), id);
    EXPECT_LT(*packed, *PackedId::of("1gdw4fgsm000000zz2"));
    EXPECT_LT(*PackedId::of("1gdw4fgsm00zzzzzzz"), *PackedId::of("1gdw4fgsm010000000"));
    EXPECT_EQ(PackedId::of("zzzzzzzzzzzzzzzzzz")->text(), "zzzzzzzzzzzzzzzzzz");
    for (const char* text :
         {"", "1gdw4fgsm000000zz", "1gdw4fgsm000000zzu", "1gdw4fgsm000000zz11"}) {
        EXPECT_FALSE(PackedId::of(text)) << text;
    }
}

}  // namespace
}  // namespace mxpost::spool
