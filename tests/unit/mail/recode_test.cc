#include "mail/recode.h"

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "base/text.h"

namespace mxpost::mail {
namespace {

RecodePlan scan(std::string_view message, bool to_seven_bit, std::size_t step) {
    RecodeScan scan(RecodeOptions{to_seven_bit});
    for (std::size_t i = 0; i < message.size(); i += step) {
        scan.feed(message.substr(i, step));
    }
    return scan.finish();
}

std::string recode_in_steps(std::string_view message, bool to_seven_bit, std::size_t step) {
    std::string out;
    Recoder recoder(scan(message, to_seven_bit, step), [&](std::string_view piece) {
        out += piece;
    });
    for (std::size_t i = 0; i < message.size(); i += step) {
        recoder.feed(message.substr(i, step));
    }
    recoder.finish();
    return out;
}

std::string recoded(std::string_view message, bool to_seven_bit = false) {
    const std::string whole = recode_in_steps(message, to_seven_bit, message.size() + 1);
    for (const std::size_t step : {1U, 7U, 1000U}) {
        EXPECT_EQ(recode_in_steps(message, to_seven_bit, step), whole) << step;
    }
    for (const std::string_view line : split(whole, '\n')) {
        EXPECT_LE(line.size(), 999U);  // with its CR
    }
    return whole;
}

/// Without the soft line breaks.
std::string quoted_printable_joined(std::string text) {
    for (std::size_t at = 0; (at = text.find("=\r\n")) != std::string::npos;) {
        text.erase(at, 3);
    }
    return text;
}

const std::string kLong(1500, 'x');
const std::string kLongLine = kLong + "\r\n";

TEST(Recode, LeavesWhatSmtpCanCarry) {
    constexpr std::string_view kMessage =
        "Subject: x\r\nContent-Type: multipart/mixed; "
        "boundary=b\r\n\r\npre\r\n--b\r\n\r\n\xC3\xA4\r\n"
        "--b--\r\npost\r\n";
    EXPECT_FALSE(scan(kMessage, false, 100).is_needed);
    EXPECT_EQ(recoded(kMessage), kMessage);
    EXPECT_FALSE(
        scan("Subject: \xC3\xA4\r\n\r\n" + std::string(998, 'x') + "\r\n", true, 100).is_needed
    );
}

TEST(Recode, GivesAPlainMessageItsMimeFields) {
    const std::string result = recoded("To: a@x\r\n\r\n" + kLongLine + "a = b \r\n");
    EXPECT_EQ(
        quoted_printable_joined(result),
        "To: a@x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
            kLongLine + "a =3D b=20\r\n"
    );
}

TEST(Recode, NamesTheCharsetThatItSees) {
    EXPECT_NE(recoded("A: b\r\n\r\n\xC3\xA4" + kLongLine).find("charset=utf-8"), std::string::npos);
    EXPECT_NE(
        recoded("A: b\r\n\r\n" + kLong + "\xF0\x9F\x90\x8C\r\n").find("charset=utf-8"),
        std::string::npos
    );
    EXPECT_NE(
        recoded("A: b\r\n\r\n\xE4" + kLongLine).find("charset=unknown-8bit"), std::string::npos
    );
    EXPECT_NE(
        recoded("A: b\r\n\r\n" + kLong + "\xC3\r\n").find("charset=unknown-8bit"), std::string::npos
    );
}

TEST(Recode, KeepsTheTypeAndReplacesTheEncoding) {
    EXPECT_EQ(
        quoted_printable_joined(recoded(
            "content-transfer-encoding : 8bit\r\n (really)\r\nContent-Type: text/html; "
            "charset=x\r\n"
            "X: y\r\n\r\n" +
            kLongLine
        )),
        "Content-Type: text/html; charset=x\r\nX: y\r\nMIME-Version: 1.0\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
            kLongLine
    );
}

TEST(Recode, EncodesOnlyThePartThatNeedsIt) {
    const std::string start =
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary=\"b (1)\"\r\n\r\npre\r\n"
        "--b (1)\r\nContent-Type: text/plain\r\n\r\nshort\r\n--b (1)\r\n";
    const std::string result = recoded(
        start + "Content-Type: application/x\r\n\r\n" + std::string(999, 'A') +
        "\r\n--b (1)--\r\npost\r\n"
    );
    std::string encoded;
    for (int i = 0; i < 333; ++i) {
        encoded += "QUFB";
        if (encoded.size() % 78 == 76) {
            encoded += "\r\n";
        }
    }
    EXPECT_EQ(
        result,
        start + "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" +
            encoded + "\r\n--b (1)--\r\npost\r\n"
    );
}

TEST(Recode, EncodesLineEndsOfTheBodyButNotThatOfTheDelimiter) {
    const std::string head = "Content-Type: a/b\r\nMIME-Version: 1.0\r\n";
    // 999 x 'A', CRLF, "B", CRLF = 1004 octets: 334 full groups and "\r\n" left over.
    const std::string whole = recoded(head + "\r\n" + std::string(999, 'A') + "\r\nB\r\n");
    EXPECT_TRUE(whole.ends_with("QUFBDQpCDQo=\r\n")) << whole.substr(whole.size() - 100);
    const std::string part = recoded(
        "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n" + head + "\r\n" +
        std::string(999, 'A') + "\r\nB\r\n--b--\r\n"
    );
    EXPECT_TRUE(part.ends_with("QUFBDQpC\r\n--b--\r\n")) << part.substr(part.size() - 100);
}

TEST(Recode, DescendsIntoNestedPartsAndMessages) {
    const std::string inner =
        "Content-Type: multipart/alternative; boundary=bb\r\nContent-Transfer-Encoding: binary\r\n"
        "\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\n";
    const std::string outer = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner +
                              kLongLine + "--bb--\r\n--b\r\n\r\ntext\r\n--b--\r\n";
    EXPECT_EQ(
        quoted_printable_joined(recoded(outer)),
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: multipart/alternative; boundary=bb\r\nContent-Transfer-Encoding: 8bit\r\n"
        "\r\n--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
            kLongLine + "--bb--\r\n--b\r\n\r\ntext\r\n--b--\r\n"
    );
}

TEST(Recode, TakesPartsOfADigestForMessages) {
    const std::string result = recoded(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: in\r\n\r\n" +
        kLongLine + "--b--\r\n"
    );
    EXPECT_NE(result.find("--b\r\n\r\nSubject: in\r\nMIME-Version: 1.0\r\n"), std::string::npos);
}

TEST(Recode, GoesToSevenBits) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "pre \xC3\xA4\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\n\xC3\xA4 = -- \r\n--b\r\nContent-Type: "
        "image/x\r\n\r\n"
        "\xFF\xFE\r\n--b\r\nContent-Transfer-Encoding: 8bit\r\n\r\nplain\r\n--b--\r\n";
    EXPECT_EQ(
        recoded(message, true),
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\n"
        "pre ??\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4 =3D --=20\r\n--b\r\n"
        "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        "//4=\r\n--b\r\nContent-Transfer-Encoding: 7bit\r\n\r\nplain\r\n--b--\r\n"
    );
}

TEST(Recode, LeavesWhatASignatureCovers) {
    const std::string part =
        "Content-Type: multipart/mixed; boundary=c\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        "pre \xC3\xA4\r\n--c\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xC3\xA4\r\n--c--\r\n";
    const std::string covered =
        "--s\r\n" + part + "--s\r\nContent-Type: application/pgp-signature\r\n\r\nabc\r\n--s--\r\n";
    const std::string signed_type = "Content-Type: multipart/signed; boundary=s\r\n";
    EXPECT_FALSE(scan(signed_type + "\r\n" + covered, true, 100).is_needed);

    // What a mailing list adds is not covered.
    const std::string head = "Content-Type: multipart/mixed; boundary=b\r\n";
    const std::string encoding = "Content-Transfer-Encoding: 8bit\r\n\r\n";
    EXPECT_EQ(
        recoded(
            head + encoding + "--b\r\n" + signed_type + encoding + covered + "--b\r\n" + encoding +
                "\xC3\xA4\r\n--b--\r\n",
            true
        ),
        head + encoding + "--b\r\n" + signed_type + encoding + covered +
            "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b--\r\n"
    );
}

TEST(Recode, LeavesTypesThatMayHaveNoEncoding) {
    for (const std::string type : {"message/partial", "Message/External-Body"}) {
        EXPECT_FALSE(scan("Content-Type: " + type + "\r\n\r\n\xC3\xA4\r\n", true, 9).is_needed);
    }
}

TEST(Recode, EncodesAMessageWithAUtf8HeaderAsAWhole) {
    EXPECT_EQ(
        recoded(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
            "Content-Type: message/global\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
            "Subject: \xC3\xA4\r\n\r\nx\r\n--b--\r\n",
            true
        ),
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        "Content-Type: message/global\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        "Subject: =C3=A4\r\n\r\nx\r\n--b--\r\n"
    );
}

TEST(Recode, SaysEightBitOfContainersOfWhatStaysSo) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        "--b\r\nContent-Disposition: inline; filename=\xC3\xA4\r\n\r\n\xC3\xA4\r\n--b--\r\n";
    EXPECT_NE(
        recoded(message, true).find("Content-Transfer-Encoding: 8bit\r\n\r\n--b"), std::string::npos
    );
}

TEST(Recode, LooksForPartsWhateverEncodingAMultipartNames) {
    for (const std::string encoding : {"8-bit", "quoted-printable", "base64"}) {
        const std::string head =
            "Content-Type: multipart/mixed; boundary=b\r\n"
            "Content-Transfer-Encoding: " +
            encoding + "\r\n\r\n--b\r\n";
        EXPECT_EQ(
            recoded(head + "\r\n\xC3\xA4\r\n--b--\r\n", true),
            head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4\r\n--b--\r\n"
        );
    }
}

TEST(Recode, FindsABoundaryThatIsInSections) {
    for (const std::string boundary :
         {"boundary*0=\"a\"; boundary*1=\"b\"",
          "boundary*1*=%62;\r\n BOUNDARY*0*=us-ascii'en'%61",
          "boundary*=''a%62",
          "boundary*0=x; boundary=ab",
          "boundary*0=ab; boundary*2=x"}) {
        const std::string head = "Content-Type: multipart/mixed; " + boundary + "\r\n\r\n--ab\r\n";
        EXPECT_EQ(
            quoted_printable_joined(recoded(head + "\r\n" + kLongLine + "--ab--\r\n")),
            head + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + kLongLine + "--ab--\r\n"
        ) << boundary;
    }
    const std::string boundary(400, 'b');
    const std::string head =
        "Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
    EXPECT_TRUE(recoded(head + "\r\n" + kLongLine).starts_with(head));
}

// RFC 2045 6.4: readers show nothing of a multipart that is base64.
TEST(Recode, NeverMakesBase64OfAMultipart) {
    for (const std::string type :
         {"multipart/mixed",
          "multipart/mixed; boundary*1=b",
          "multipart/mixed; boundary*x=b",
          "multipart/mixed\r\nContent-Transfer-Encoding: base64"}) {
        const std::string head = "Content-Type: " + type + "\r\n";
        const std::string text = head + "\r\n--b\r\n\r\n\xC3\xA4\r\n--b--\r\n";
        EXPECT_EQ(recoded(text, true), text);
        const std::string result = quoted_printable_joined(recoded(text + kLongLine));
        EXPECT_NE(
            result.find("Content-Transfer-Encoding: quoted-printable\r\n\r\n=2D-b\r\n"),
            std::string::npos
        ) << result;
        EXPECT_EQ(result.find("base64"), std::string::npos);
    }
}

TEST(Recode, WrapsWhatIsEncodedAlready) {
    const std::string base64 = "Content-Transfer-Encoding: BASE64\r\n\r\n";
    EXPECT_EQ(recoded(base64 + std::string(1000, 'A') + " \r\nQ!==\r\n").substr(base64.size()), [] {
        std::string expected;
        for (int i = 0; i < 13; ++i) {
            expected += std::string(76, 'A') + "\r\n";
        }
        return expected + std::string(12, 'A') + "Q==\r\n";
    }());
    std::string tokens;
    for (int i = 0; i < 400; ++i) {
        tokens += "=C3=a4 ";
    }
    const std::string head = "Content-Transfer-Encoding: quoted-printable (x)\r\n\r\n";
    const std::string result = recoded(head + tokens + "x=\r\ny = z=\r\n");
    for (const std::string_view line : split(result, '\n')) {
        EXPECT_LE(line.size(), 77U);
    }
    EXPECT_EQ(quoted_printable_joined(result), head + tokens + "xy = z");
}

TEST(Recode, LetsNoEncodedLineLookLikeADelimiter) {
    // Cut at 75 columns, "--b" would come to stand at a line's start.
    for (std::size_t offset = 60; offset < 80; ++offset) {
        const std::string line = std::string(offset, 'x') + "--b" + kLong;
        const std::string result = recoded(
            "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\n" + line + "\r\n--b--\r\n"
        );
        int delimiters = 0;
        for (const std::string_view out : split(result, '\n')) {
            delimiters += out.starts_with("--b") ? 1 : 0;
        }
        EXPECT_EQ(delimiters, 2);
    }
}

TEST(Recode, WrapsTextAroundPartsWithoutMakingDelimiters) {
    const std::string result = recoded(
        "Content-Type: multipart/x; boundary=b\r\n\r\n" + std::string(998, 'x') +
        "--b\r\n--b\r\n\r\n"
        "--b--\r\n"
    );
    EXPECT_NE(result.find("x\r\n --b\r\n--b\r\n"), std::string::npos);
}

TEST(Recode, TreatsEncodedContainersAsLeaves) {
    const std::string message =
        "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    EXPECT_EQ(
        recoded(message + std::string(1000, 'A') + "\r\n").substr(0, message.size() + 78),
        message + std::string(76, 'A') + "\r\n"
    );
}

TEST(Recode, FoldsLongHeaderLinesAtWhiteSpace) {
    std::string value;
    for (int i = 0; i < 100; ++i) {
        value += " <message." + std::to_string(i) + "@x.test>";
    }
    const std::string result = recoded("References:" + value + "\r\nTo: a\r\n\r\nbody\r\n");
    std::string unfolded;
    for (std::string_view line : split(result, '\n')) {
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        unfolded += (line.starts_with(' ') ? "" : "\n") + std::string(line);
    }
    EXPECT_EQ(unfolded, "\nReferences:" + value + "\nTo: a\n\nbody\n");
}

TEST(Recode, FoldsHeaderLinesWithoutWhiteSpaceWhereItMust) {
    std::string list = "To:";
    for (int i = 0; i < 200; ++i) {
        list += "aaaa@x,";
    }
    EXPECT_EQ(
        recoded(list + "b@x\r\n\r\n"),
        list.substr(0, 3 + 142 * 7) + "\r\n " + list.substr(3 + 142 * 7) + "b@x\r\n\r\n"
    );
    EXPECT_EQ(
        recoded("X: " + kLong + "\r\n\r\n"),
        "X: " + kLong.substr(0, 995) + "\r\n " + kLong.substr(995) + "\r\n\r\n"
    );
    // No character is cut in two.
    std::string umlauts;
    for (int i = 0; i < 800; ++i) {
        umlauts += "\xC3\xA4";
    }
    const std::string folded = recoded("X: " + umlauts + "\r\n\r\n");
    for (const std::string_view line : split(folded, '\n')) {
        EXPECT_TRUE(is_utf8(line));
    }
}

TEST(Recode, NeverFoldsToALineOfWhiteSpace) {
    const std::string space(3000, ' ');
    for (const std::string& header :
         {"X:" + space + "y" + space,
          "X: y" + space,
          "X:" + space,
          space + "z",
          "X: y\r\n" + space + "z" + space,
          "N" + space + ": x"}) {
        const std::string result = recoded("A: b\r\n" + header + "\r\n\r\nbody\r\n");
        for (const std::string_view line : split(result, '\n')) {
            EXPECT_TRUE(line.empty() || line == "\r" || !trim(line).empty())
                << header.substr(0, 10);
        }
        EXPECT_TRUE(result.ends_with("\r\n\r\nbody\r\n"));
    }
}

TEST(Recode, BoundsDepthAndNumberOfParts) {
    std::string deep;
    for (int i = 0; i < 1000; ++i) {
        const std::string boundary = "b" + std::to_string(i);
        deep +=
            "Content-Type: multipart/x; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n";
    }
    recoded(deep + "\r\n" + kLongLine);
    std::string many = "Content-Type: multipart/x; boundary=b\r\n\r\n";
    for (int i = 0; i < 20000; ++i) {
        many += "--b\r\n\r\n\r\n";
    }
    const RecodePlan plan = scan(many + kLongLine, false, 4096);
    EXPECT_LE(plan.parts.size(), 10000U);
    recode_in_steps(many + kLongLine, false, 4096);
}

TEST(Recode, SurvivesAMessageThatChangesBetweenThePasses) {
    std::string out;
    Recoder recoder(scan("A: b\r\n\r\n" + kLongLine, false, 100), [&](std::string_view piece) {
        out += piece;
    });
    recoder.feed(
        "Content-Type: multipart/x; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b\r\n\r\n" + kLongLine
    );
    recoder.finish();
    EXPECT_TRUE(out.ends_with(kLongLine));
}

class TextContent final : public Content {
public:
    explicit TextContent(std::string text) : text_(std::move(text)) {}
    std::uint64_t size() const override { return text_.size(); }
    bool is_eight_bit() const override { return !is_ascii(text_); }
    Result<void> rewind() override {
        at_ = 0;
        return {};
    }
    Result<std::size_t> read(std::span<char> buffer) override {
        const std::size_t length = std::min(buffer.size(), text_.size() - at_);
        std::memcpy(buffer.data(), text_.data() + at_, length);
        at_ += length;
        return length;
    }

private:
    std::string text_;
    std::size_t at_ = 0;
};

std::string read_in_steps(Content& content, std::size_t step) {
    std::string text;
    std::string buffer(step, '\0');
    while (true) {
        const std::size_t length = content.read(buffer).value();
        if (length == 0) {
            return text;
        }
        text.append(buffer, 0, length);
    }
}

TEST(RecodedContent, ReadsTheSameEachTimeAndKnowsItsSize) {
    std::string message = "A: b\r\n\r\n";
    for (int i = 0; i < 300; ++i) {
        message += "\xC3\xA4" + kLongLine;
    }
    const std::unique_ptr<Content> content =
        std::move(recode(std::make_unique<TextContent>(message), {})).value();
    const std::string first = read_in_steps(*content, 1000);
    EXPECT_EQ(first, recode_in_steps(message, false, message.size()));
    EXPECT_EQ(content->size(), first.size());
    EXPECT_FALSE(content->is_eight_bit());
    ASSERT_TRUE(content->rewind().has_value());
    EXPECT_EQ(read_in_steps(*content, 77777), first);
}

TEST(RecodedContent, IsTheContentItselfWhenNothingIsToBeDone) {
    auto source = std::make_unique<TextContent>("A: b\r\n\r\nx\r\n");
    const Content* const address = source.get();
    const std::unique_ptr<Content> content = std::move(recode(std::move(source), {})).value();
    EXPECT_EQ(content.get(), address);
    EXPECT_EQ(read_in_steps(*content, 5), "A: b\r\n\r\nx\r\n");
}

}  // namespace
}  // namespace mxpost::mail
