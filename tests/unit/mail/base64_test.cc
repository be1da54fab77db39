#include "mail/base64.h"

#include <string>

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

// RFC 4648 10
TEST(Base64, GoesThereAndBack) {
    const std::pair<std::string, std::string> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {std::string("\0\xff\xfe", 3), "AP/+"}};
    for (const auto& [octets, text] : vectors) {
        EXPECT_EQ(base64_encoded(octets), text);
        EXPECT_EQ(base64_decoded(text), octets);
    }
}

TEST(Base64, DecodesNothingElse) {
    for (const char* text :
         {"Z",
          "Zg",
          "Zg=",
          "Zh==",
          "Zm9=",
          "Zg==Zg==",
          "Z===",
          "====",
          "Zm9v\n",
          "Zm 9",
          "Zm9-",
          "Zm9\xc3"}) {
        EXPECT_EQ(base64_decoded(text), std::nullopt) << text;
    }
}

}  // namespace
}  // namespace mxpost::mail
