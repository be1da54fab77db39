#include "mail/address.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

/// "a@x b@y !reason": the addresses, then the reasons of the bad elements.
std::string shown(std::string_view text) {
    std::string result;
    const AddressList list = parse_address_list(text);
    for (const Address& address : list.addresses) {
        result += (result.empty() ? "" : "  ") + address.text();
    }
    for (const BadAddress& bad : list.bad) {
        result += (result.empty() ? "" : "  ") + ("{" + bad.text + "}: " + bad.reason);
    }
    return result;
}

struct ListCase {
    std::string_view input;
    std::string_view expected;
};

class AddressListCases : public testing::TestWithParam<ListCase> {};

TEST_P(AddressListCases, GivesTheseAddresses) {
    EXPECT_EQ(shown(GetParam().input), GetParam().expected) << GetParam().input;
}

// What callers put into one argument or field, peer by peer different.
INSTANTIATE_TEST_SUITE_P(
    Separators,
    AddressListCases,
    testing::Values(
        ListCase{"", ""},
        ListCase{" , ,; \n\n", ""},
        ListCase{"a@x", "a@x"},
        ListCase{"a@x,b@y", "a@x  b@y"},
        ListCase{"a@x, b@y", "a@x  b@y"},
        ListCase{"a@x b@y", "a@x  b@y"},
        ListCase{"a@x\tb@y\r\n c@z", "a@x  b@y  c@z"},
        ListCase{"a@x;b@y", "a@x  b@y"},
        ListCase{"a@x\nb@y", "a@x  b@y"},
        ListCase{"a@x\r\nb@y\r\n", "a@x  b@y"},
        ListCase{"a@x,\r\n b@y,\n\tc@z", "a@x  b@y  c@z"},
        ListCase{"a @ x, b@ y, c @z", "a@x  b@y  c@z"},
        ListCase{"root", "root"},
        ListCase{"root, admin", "root  admin"},
        ListCase{"a@x host!b", "a@x  b@host"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    Forms,
    AddressListCases,
    testing::Values(
        ListCase{"Joe <a@x>", "a@x"},
        ListCase{"a@x (Joe)", "a@x"},
        ListCase{"<a@x>", "a@x"},
        ListCase{"Joe Q. Public <a@x>, \"B, C\" <b@y>", "a@x  b@y"},
        ListCase{"a@x <b@y>", "b@y"},
        ListCase{"Joe @ Home <a@x>", "a@x"},
        ListCase{"[JIRA] Bot <a@x>", "a@x"},
        ListCase{"<a@x> <b@y>", "a@x  b@y"},
        ListCase{"Joe <a@x> Ann <b@y>", "a@x  b@y"},
        ListCase{"<a@x> b@y", "a@x  b@y"},
        ListCase{"< a@x >", "a@x"},
        ListCase{"Joe (he (or she) \\) says) <a(b)@x(c)>", "a@x"},
        ListCase{"(only, a comment)", ""},
        ListCase{"L: a@x, b@y;", "a@x  b@y"},
        ListCase{"L: a@x, J <b@y>;, c@z", "a@x  b@y  c@z"},
        ListCase{"undisclosed-recipients:;", ""},
        ListCase{"Undisclosed recipients: ;", ""},
        ListCase{"\"a b\": c@x;", "c@x"},
        ListCase{"<@x,@y:u@d>", "u@d"},
        ListCase{"<@x, @y : u@d>", "u@d"},
        ListCase{"@x:u@d", "u@d"},
        ListCase{"host!user", "user@host"},
        ListCase{"<a!b!user>", "b!user@a"},
        ListCase{"host!user@d", "host!user@d"},
        ListCase{"!user", "!user"},
        ListCase{"u%h@d", "u%h@d"},
        ListCase{"-x@a", "-x@a"},
        ListCase{"\"john doe\"@x", "\"john doe\"@x"},
        ListCase{"\"a,b\"@x", "\"a,b\"@x"},
        ListCase{"\"a\\\"b\\\\c\"@x", "\"a\\\"b\\\\c\"@x"},
        ListCase{"\"john\"@x", "john@x"},
        ListCase{"\"john\".doe@x", "john.doe@x"},
        ListCase{"john\\ doe@x", "\"john doe\"@x"},
        ListCase{"\"a@b\"@x", "\"a@b\"@x"},
        ListCase{"\"fol\r\n ded\"@x", "\"fol ded\"@x"},
        ListCase{".r@x", "\".r\"@x"},
        ListCase{"r.@x", "\"r.\"@x"},
        ListCase{"a..b@x", "\"a..b\"@x"},
        ListCase{"r@x.", "r@x"},
        ListCase{"r@[127.0.0.1]", "r@[127.0.0.1]"},
        ListCase{"<r@[IPv6:::1]>", "r@[IPv6:::1]"},
        ListCase{"r@a_b.test", "r@a_b.test"},
        ListCase{"j\xC3\xB6@b\xC3\xBC.test", "j\xC3\xB6@b\xC3\xBC.test"},
        ListCase{"|/bin/cat", "|/bin/cat"},
        ListCase{"/etc/passwd", "/etc/passwd"},
        ListCase{"=?utf-8?q?J,_x?= <j@a>", "j@a"},
        ListCase{"=?utf-8?B?SsO2?= =?utf-8?q?(x?= <j@a>, b@y", "j@a  b@y"},
        ListCase{"a=?b?=@x", "a=?b?=@x"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    BadOnesBesideGoodOnes,
    AddressListCases,
    testing::Values(
        ListCase{"a@x, <b@y, c@z", "a@x  c@z  {<b@y}: < without >"},
        ListCase{"a@x, <@q, c@z", "a@x  c@z  {<@q}: < without >"},
        ListCase{"a@x, \"b, c@z", "a@x  c@z  {\"b}: quote without end"},
        ListCase{"a@x, b (c, d@z", "a@x  d@z  {b (c}: comment without end"},
        ListCase{"a@x, b)@c, d@z", "a@x  d@z  {b)@c}: parenthesis without begin"},
        ListCase{"a@x, <<b@y>>, d@z", "a@x  d@z  {<<}: < within <>"},
        ListCase{"a@x, b@y>, d@z", "a@x  d@z  {b@y>}: > without <"},
        ListCase{"a@x, @y, b@z", "a@x  b@z  {@y}: no local part"},
        ListCase{"a@x, b@, c@z", "a@x  c@z  {b@}: no domain"},
        ListCase{"a@x, <>, c@z", "a@x  c@z  {<>}: empty address"},
        ListCase{"a@b@c", "{a@b@c}: two @"},
        ListCase{"a@x..y", "{a@x..y}: bad domain"},
        ListCase{"a@x/y", "{a@x/y}: bad domain"},
        ListCase{"a@\"x\"", "{a@\"x\"}: bad domain"},
        ListCase{"a@[1.2.3]", "{a@[1.2.3]}: bad address literal"},
        ListCase{"a@[::1]", "{a@[::1]}: bad address literal"},
        ListCase{"a@[1.2.3.4, b@y", "b@y  {a@[1.2.3.4}: address literal without end"},
        ListCase{
            "a@[1.2.3.4, b@[1.2.3.5]", "b@[1.2.3.5]  {a@[1.2.3.4}: address literal without end"},
        ListCase{"a@[1.2.3.,root;4], b@y", "b@y  {a@[1.2.3.,root;4]}: bad address literal"},
        ListCase{"John Doe, b@y", "b@y  {John Doe}: name, no address"},
        ListCase{"John Doe a@x", "{John Doe a@x}: name, no address"},
        ListCase{"<a@x> Smith", "a@x  {Smith}: text after the address"},
        ListCase{":include:/etc/passwd, b@y", "b@y  {:}: misplaced colon"},
        ListCase{"a@x: b, c@z", "c@z  {a@x:}: misplaced colon"},
        ListCase{"|/bin/cat x", "{|/bin/cat x}: name, no address"},
        ListCase{"=?utf-8?q?J?=", "{=?utf-8?q?J?=}: not an address"},
        ListCase{"a\x01@x, b@y", "b@y  {a?@x}: control character"},
        ListCase{"a\r@x", "{a?@x}: control character"},
        ListCase{"\"a\rb\"@x", "{\"a?b\"@x}: control character"},
        ListCase{"\"a\nb\"@x", "{\"a}: quote without end  {b\"@x}: quote without end"},
        ListCase{"j\xF6@x", "{j?@x}: neither ASCII nor UTF-8"},
        ListCase{"a\xC2\x85@x", "{a?@x}: control character"},
        ListCase{std::string_view("a\0b@x", 5), "{a?b@x}: control character"},
        ListCase{"a\\", "{a\\}: backslash without character"}
    )
);

TEST(AddressList, AcceptsLongLocalPartsAndRefusesEndlessOnes) {
    const std::string fits(255, 'a');
    EXPECT_EQ(shown(fits + "@x"), fits + "@x");
    const AddressList list = parse_address_list(fits + "a@x");
    ASSERT_EQ(list.bad.size(), 1U);
    EXPECT_EQ(list.bad[0].reason, "local part too long");
}

TEST(AddressList, RefusesLabelsAndDomainsBeyondTheLimitsOfDns) {
    EXPECT_TRUE(parse_address_list("a@" + std::string(64, 'l') + ".test").addresses.empty());
    EXPECT_FALSE(parse_address_list("a@" + std::string(63, 'l') + ".test").addresses.empty());
    std::string domain;
    for (int i = 0; i < 130; ++i) {
        domain += "a.";
    }
    EXPECT_TRUE(parse_address_list("a@" + domain).addresses.empty());
}

TEST(AddressList, BoundsWhatItReports) {
    std::string text;
    for (int i = 0; i < 100000; ++i) {
        text += "<,";
    }
    const AddressList list = parse_address_list(text + "a@x");
    EXPECT_EQ(list.bad.size(), 1000U);
    EXPECT_EQ(list.addresses.size(), 1U);
}

// Each would take minutes with one scan to the end per element.
TEST(AddressList, TakesLinearTimeForHostileText) {
    for (const std::string_view unit :
         {"\\\",",
          "(",
          "\"\\\",",
          "<@a,",
          "a@",
          "=?a?q?,",
          "<\"",
          "((,",
          "a:",
          "\\\"\n",
          "a ",
          "[,"}) {
        std::string text;
        while (text.size() < 200000) {
            text += unit;
        }
        const AddressList list = parse_address_list(text);
        EXPECT_LE(list.bad.size(), 1000U);
    }
}

TEST(ReversePath, TakesOneAddressOrTheNullPath) {
    EXPECT_EQ(path_text(parse_reverse_path("a@x").value()), "a@x");
    EXPECT_EQ(path_text(parse_reverse_path(" Joe <a@x> (y)\n").value()), "a@x");
    EXPECT_EQ(path_text(parse_reverse_path("bob").value()), "bob");
    EXPECT_EQ(parse_reverse_path("").value(), std::nullopt);
    EXPECT_EQ(parse_reverse_path(" <> ").value(), std::nullopt);
}

TEST(ReversePath, RefusesWhatCouldReachTheDialogue) {
    for (const std::string_view text :
         {"z@x\nX-Inj: 1",
          "z@x\r\nRCPT TO:<q@y>",
          "z@x\rb",
          "a@x,b@y",
          "a@x b@y",
          "a@x <>",
          "<a@x",
          "(x)",
          "L:;",
          "a@x y"}) {
        EXPECT_FALSE(parse_reverse_path(text).has_value()) << text;
    }
}

TEST(SmtpAddress, TakesTheFormsOfTheProtocol) {
    for (const std::string_view text :
         {"a@x",
          "a.b@x.test",
          "\"a b\"@x",
          "a@[192.0.2.1]",
          "a@[IPv6:2001:db8::1]",
          "postmaster",
          "j\xC3\xB6@x",
          "\"\\\"\"@x"}) {
        const Result<Address> address = parse_smtp_address(text);
        ASSERT_TRUE(address.has_value()) << text;
        EXPECT_EQ(address->text(), text);
    }
    EXPECT_EQ(parse_smtp_address("@a,@b:c@d").value().text(), "c@d");
    EXPECT_EQ(parse_smtp_address("\"john\"@x.").value().text(), "john@x");
}

TEST(SmtpAddress, RefusesEverythingElse) {
    for (const std::string_view text :
         {"",       "@x",         "a@",    "a..b@x", ".a@x",          "a b@x",
          "a@x y",  "<a@x>",      "a@b@c", "\"a@x",  "\"a\"b@x",      "a@x\r\n",
          "a\r@x",  "\"a\nb\"@x", "a,b@x", "@a,@b",  "a@[300.1.1.1]", "a@x;",
          "\xFF@x", "\"a\\"}) {
        EXPECT_FALSE(parse_smtp_address(text).has_value()) << text;
    }
}

TEST(DomainName, IsMadeOfLabels) {
    for (const std::string_view text : {"x", "a.b", "a_b.test", "b\xC3\xBC.test", "xn--a", "1.2"}) {
        EXPECT_TRUE(is_domain_name(text)) << text;
    }
    for (const std::string_view text :
         {"", ".", "a.", ".a", "a..b", "a b", "a/b", "[1.2.3.4]", "a\n", "a\xFF", "a\xC2\x80"}) {
        EXPECT_FALSE(is_domain_name(text)) << text;
    }
}

TEST(Address, ComparesDomainsWithoutCase) {
    EXPECT_TRUE(Address("a", "X.test").is_same(Address("a", "x.TEST")));
    EXPECT_FALSE(Address("A", "x.test").is_same(Address("a", "x.test")));
}

TEST(Address, NeedsSmtpUtf8OnlyForItsLocalPart) {
    EXPECT_TRUE(Address("j\xC3\xB6", "x").needs_smtp_utf8());
    EXPECT_FALSE(Address("j", "\xC3\xB6").needs_smtp_utf8());
}

TEST(QualifyAddressField, CompletesLocalNamesAndKeepsTheRest) {
    const std::vector<ListCase> cases = {
        {" root", " root@d.test"},
        {" bob, a@x,\r\n\t\"C, D\" <carl> (him),\r\n Z: eve, f@y;",
         " bob@d.test, a@x,\r\n\t\"C, D\" <carl@d.test> (him),\r\n Z: eve@d.test, f@y;"},
        {" \"john doe\" (x)", " \"john doe\"@d.test (x)"},
        {" Joe <@a,@b:u@d>, @q:v", " Joe <u@d>, v@d.test"},
        {" host!user, r@x., =?utf-8?q?J,_x?= <j>", " host!user, r@x., =?utf-8?q?J,_x?= <j@d.test>"},
        {" undisclosed-recipients:;", " undisclosed-recipients:;"},
        {"", ""}};
    for (const ListCase& c : cases) {
        EXPECT_EQ(qualify_address_field(c.input, "d.test"), c.expected);
    }
}

TEST(QualifyAddressField, KeepsTheOrderWhereASourceRouteFollowsAnAddressWithoutComma) {
    EXPECT_EQ(
        qualify_address_field("<c> <@rr,@s:u>, \"N\" <d@e.test> <@x:v@w.test>", "d.test"),
        "<c@d.test> <u@d.test>, \"N\" <d@e.test> <v@w.test>"
    );
}

/// `count` times, joined.
std::string repeated(const std::string& text, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) {
        all += text;
    }
    return all;
}

TEST(ParseAddressList, TakesManySourceRoutesWithoutAComma) {
    const AddressList list = parse_address_list(repeated("<@a:b>", 20000));
    EXPECT_EQ(list.addresses.size(), 20000U);
    EXPECT_TRUE(list.bad.empty());
    const std::string commas = repeated("<@a:b>,", 150000);
    EXPECT_EQ(parse_address_list(commas).addresses.size(), 150000U);
}

TEST(ParseAddressList, HoldsNoMoreOfAnElementThanMemoryIsWorth) {
    const AddressList list = parse_address_list(repeated("<@a:b>", 100000) + ", c@d");
    ASSERT_EQ(list.bad.size(), 1U);
    EXPECT_EQ(list.bad[0].reason, "too long");
    ASSERT_EQ(list.addresses.size(), 1U);
    EXPECT_EQ(list.addresses[0].text(), "c@d");
}

TEST(QualifyAddressField, LeavesWhatItCannotParse) {
    for (const std::string_view value : {" bob, <carl", " John Doe", " bob, \"x", " bob, @a:"}) {
        EXPECT_EQ(qualify_address_field(value, "d.test"), value);
    }
}

}  // namespace
}  // namespace mxpost::mail
