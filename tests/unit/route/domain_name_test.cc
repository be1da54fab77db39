#include "route/domain_name.h"

#include <gtest/gtest.h>

namespace mxpost::route {
namespace {

using boost::asio::ip::make_address;

std::string converted(std::string_view domain) {
    const auto name = to_a_labels(domain);
    return name ? *name : "error: " + name.error().message();
}

TEST(ToALabels, PutsAsciiNamesInLowerCase) {
    EXPECT_EQ(converted("Example.ORG"), "example.org");
    EXPECT_EQ(converted("example.org."), "example.org");
    EXPECT_EQ(converted("XN--Bcher-KVA.example"), "xn--bcher-kva.example");
    EXPECT_EQ(converted("under_score.example"), "under_score.example");
}

TEST(WithALabels, OnlyWhereTheAddressIsAsciiThen) {
    const std::string domain =
        "b\xc3\xbc"
        "cher.example";
    EXPECT_EQ(with_a_labels({"ann", domain}).text(), "ann@xn--bcher-kva.example");
    EXPECT_EQ(with_a_labels({"j\xc3\xb6rg", domain}).domain(), domain);
    EXPECT_EQ(with_a_labels({"ann", "Example.org"}).text(), "ann@Example.org");
    EXPECT_EQ(with_a_labels({"ann", "\xff"}).domain(), "\xff");
}

TEST(ToALabels, ConvertsULabelsWhateverTheirCaseAndNormalForm) {
    EXPECT_EQ(
        converted("b\xc3\xbc"
                  "cher.example"),
        "xn--bcher-kva.example"
    );
    EXPECT_EQ(
        converted("B\xc3\x9c"
                  "CHER.example"),
        "xn--bcher-kva.example"
    );
    EXPECT_EQ(
        converted("bu\xcc\x88"
                  "cher.example"),
        "xn--bcher-kva.example"
    );
    EXPECT_EQ(
        converted("\xe4\xbe\x8b\xe3\x81\x88\xe3\x80\x82\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88"),
        "xn--r8jz45g.xn--zckzah"
    );
}

TEST(ToALabels, KeepsSharpSApart) {
    EXPECT_EQ(converted("fa\xc3\x9f.example"), "xn--fa-hia.example");
}

TEST(ToALabels, RefusesWhatCantBeInTheDns) {
    const std::string long_label(64, 'a');
    std::string long_utf8;
    for (int i = 0; i < 600; ++i) {
        long_utf8 += "\xc3\xbc";
    }
    std::string long_name =
        "b\xc3\xbc"
        "cher";
    for (int i = 0; i < 20; ++i) {
        long_name += ".abcdefghijkl";
    }
    for (const std::string& bad :
         {std::string(),
          std::string("."),
          std::string("a..b"),
          long_label + ".org",
          long_utf8,
          long_name,
          std::string("\xff\xfe.example"),
          std::string("b\xc3\xbc\0.example", 12),
          std::string("\xe2\x84\x80.example"),  // U+2100 maps to "a/c"
          std::string("\xef\xbc\xbb"
                      "1\xef\xbc\xbd"),      // fullwidth brackets
          std::string("\xcc\x88u.example"),  // begins with a combining mark
          std::string("a b.example")}) {
        EXPECT_FALSE(to_a_labels(bad)) << bad;
    }
}

TEST(ToALabels, ShowsNoControlCharacters) {
    EXPECT_EQ(converted("a\x1b[31m.example"), "error: a?[31m.example is not a domain name");
}

TEST(AddressLiteral, ReadsBothFamilies) {
    EXPECT_EQ(parse_address_literal("[192.0.2.1]"), make_address("192.0.2.1"));
    EXPECT_EQ(parse_address_literal("[IPv6:2001:db8::1]"), make_address("2001:db8::1"));
    EXPECT_EQ(parse_address_literal("[ipv6:::1]"), make_address("::1"));
}

TEST(AddressLiteral, RefusesAllElse) {
    for (const char* bad :
         {"192.0.2.1",
          "[192.0.2]",
          "[192.0.2.256]",
          "[192.0.2.1",
          "[]",
          "[2001:db8::1]",
          "[IPv6:192.0.2.1]",
          "[IPv6:fe80::1%lo]",
          "[IPv6:fe80::1%1]",
          "[x400:a]",
          "[ 192.0.2.1]",
          "[IPv6:]"}) {
        EXPECT_FALSE(parse_address_literal(bad)) << bad;
    }
}

TEST(AddressLiteral, IsWrittenWithoutScope) {
    EXPECT_EQ(address_literal(make_address("192.0.2.1")), "[192.0.2.1]");
    EXPECT_EQ(address_literal(make_address("fe80::1%3")), "[IPv6:fe80::1]");
}

TEST(HeaderWithALabels, ChangesWhatThenIsAscii) {
    EXPECT_EQ(
        header_with_a_labels("To: (x) u@b\xC3\xBC"
                             "cher.test, v@y\r\nSubject: s\r\n"),
        "To: (x) u@xn--bcher-kva.test, v@y\r\nSubject: s\r\n"
    );
    // Also where this host's name may stand, and in the other fields with addresses.
    EXPECT_EQ(
        header_with_a_labels("Received: by b\xC3\xBC.test (mxpost, from userid 1)\r\n\tid 0; d\r\n"
                             "Delivered-To: u@b\xC3\xBC.test\r\nErrors-To: <e@b\xC3\xBC.test>\r\n"
                             "Disposition-Notification-To: n <d@b\xC3\xBC.test>\r\n"
                             "Message-ID: <2024.0@b\xC3\xBC.test>\r\n"),
        "Received: by xn--b-eha.test (mxpost, from userid 1)\r\n\tid 0; d\r\n"
        "Delivered-To: u@xn--b-eha.test\r\nErrors-To: <e@xn--b-eha.test>\r\n"
        "Disposition-Notification-To: n <d@xn--b-eha.test>\r\n"
        "Message-ID: <2024.0@xn--b-eha.test>\r\n"
    );
    for (const char* header :
         {"Message-ID: <\xC3\xA4@x>\r\n",
          "Received: by b\xC3\xBC/x\r\n",
          "From: root@m\xC3\xBC.test, u@\xE2\x84\x80.test\r\n",  // U+2100 maps to "a/c"
          "To: j\xC3\xB6rg@b\xC3\xBC"
          "cher.test\r\n",
          "To: u@b\xC3\xBC"
          "cher.test\r\nSubject: \xC3\xA4\r\n",
          "Subject : s\r\n"}) {
        EXPECT_EQ(header_with_a_labels(header), header);
    }
}

}  // namespace
}  // namespace mxpost::route
