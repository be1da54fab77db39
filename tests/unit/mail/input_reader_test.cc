#include "mail/input_reader.h"

#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace mxpost::mail {
namespace {

struct Read {
    std::string header;
    std::string body;
    InputFacts facts;
    bool is_ended = false;
    std::string error;
};

Read read(std::string_view input, const InputOptions& options, std::size_t step) {
    Read result;
    int headers = 0;
    InputReader reader(
        options,
        [&](std::string_view header) {
            ++headers;
            result.header = header;
            return Result<void>();
        },
        [&](std::string_view piece) {
            EXPECT_EQ(headers, 1);
            result.body += piece;
            return Result<void>();
        }
    );
    const auto note = [&](const Result<void>& done) {
        if (!done) {
            result.error = done.error().message();
        }
        return done.has_value();
    };
    for (std::size_t i = 0; i < input.size(); i += step) {
        if (!note(reader.feed(input.substr(i, step)))) {
            return result;
        }
    }
    note(reader.finish());
    EXPECT_EQ(headers, 1);
    result.facts = reader.facts();
    result.is_ended = reader.is_ended();
    EXPECT_EQ(result.facts.body_octets, result.body.size());
    return result;
}

/// Reads `input` whole, in single octets and in threes: cuts must not matter.
Read read(std::string_view input, const InputOptions& options = {}) {
    const Read whole = read(input, options, input.size() + 1);
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}}) {
        const Read cut = read(input, options, step);
        EXPECT_EQ(cut.header, whole.header) << step;
        EXPECT_EQ(cut.body, whole.body) << step;
        EXPECT_EQ(cut.error, whole.error) << step;
        EXPECT_EQ(cut.is_ended, whole.is_ended) << step;
        EXPECT_EQ(cut.facts.dropped_nuls, whole.facts.dropped_nuls) << step;
        EXPECT_EQ(cut.facts.bare_carriage_returns, whole.facts.bare_carriage_returns) << step;
        EXPECT_EQ(cut.facts.has_long_lines, whole.facts.has_long_lines) << step;
        EXPECT_EQ(cut.facts.is_eight_bit, whole.facts.is_eight_bit) << step;
    }
    return whole;
}

struct InputCase {
    std::string_view input;
    std::string_view header;
    std::string_view body;

    friend std::ostream& operator<<(std::ostream& out, const InputCase& c) {
        return out << testing::PrintToString(c.input);
    }
};

class InputCases : public testing::TestWithParam<InputCase> {};

TEST_P(InputCases, GiveThisHeaderAndBody) {
    const Read result = read(GetParam().input);
    EXPECT_EQ(result.error, "");
    EXPECT_EQ(result.header, GetParam().header);
    EXPECT_EQ(result.body, GetParam().body);
}

using namespace std::string_view_literals;

INSTANTIATE_TEST_SUITE_P(
    LineEnds,
    InputCases,
    testing::Values(
        InputCase{"To: a\nX: b\n\nhi\nho\n", "To: a\r\nX: b\r\n", "hi\r\nho\r\n"},
        InputCase{"To: a\r\nX: b\r\n\r\nhi\r\nho\r\n", "To: a\r\nX: b\r\n", "hi\r\nho\r\n"},
        InputCase{"To: a\r\n\r\nhi\nho\n", "To: a\r\n", "hi\r\nho\r\n"},
        // PHP 8 with "\n" in additional headers.
        InputCase{
            "To: a\r\nFrom: w@x\nBcc: b\r\n\r\nhi\r\n",
            "To: a\r\nFrom: w@x\r\nBcc: b\r\n",
            "hi\r\n"},
        InputCase{"To: a\r\r\n\r\r\nhi\r\r\nho\r\r\r\n", "To: a\r\n", "hi\r\nho\r\n"},
        InputCase{"To: a\n\nbar 1%\rbar 2%\r\n", "To: a\r\n", "bar 1%\r\nbar 2%\r\n"},
        InputCase{"To: a\n\na\r\rb\r", "To: a\r\n", "a\r\n\r\nb\r\n"},
        InputCase{"To: a\n\n\r", "To: a\r\n", "\r\n"},
        InputCase{"Subject: x\rBcc: b\n\nhi\n", "Subject: x Bcc: b\r\n", "hi\r\n"},
        InputCase{"To: a\rX: b\r\rhi\rho", "To: a\r\nX: b\r\n", "hi\r\nho\r\n"},
        InputCase{"To: a\n\nlast", "To: a\r\n", "last\r\n"},
        InputCase{"To: a\n\nlast\r", "To: a\r\n", "last\r\n"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    WhereTheHeaderEnds,
    InputCases,
    testing::Values(
        InputCase{"", "", ""},
        InputCase{"\n", "", ""},
        InputCase{"To: x@a.test", "To: x@a.test\r\n", ""},
        InputCase{"To: x@a.test\n", "To: x@a.test\r\n", ""},
        InputCase{"To: x@a.test\r", "To: x@a.test\r\n", ""},
        InputCase{"To: x@a.test\n\n", "To: x@a.test\r\n", ""},
        InputCase{"hello\nTo: x\n", "", "hello\r\nTo: x\r\n"},
        InputCase{"hello", "", "hello\r\n"},
        InputCase{"\nTo: x\n", "", "To: x\r\n"},
        InputCase{
            "To: a\nhello: world\nnot a field\nCc: b\n",
            "To: a\r\nhello: world\r\n",
            "not a field\r\nCc: b\r\n"},
        InputCase{"12:30 meeting\n\nx\n", "12:30 meeting\r\n", "x\r\n"},
        InputCase{"To: a\nfoo bar: x\n\ny\n", "To: a\r\n", "foo bar: x\r\n\r\ny\r\n"},
        InputCase{"To: a\n b\n\tc\n\nx\n", "To: a\r\n b\r\n\tc\r\n", "x\r\n"},
        InputCase{"To: a\n \t\nx: y\n", "To: a\r\n", "x: y\r\n"},
        InputCase{" x\nTo: a\n", "", " x\r\nTo: a\r\n"},
        InputCase{"From a@x Mon Jan 1\n>From b\nFrom c\nTo: a\n\nx\n", "To: a\r\n", "x\r\n"},
        InputCase{"To: a\nFrom b Mon Jan 1\nCc: c\n", "To: a\r\n", "From b Mon Jan 1\r\nCc: c\r\n"},
        InputCase{"To: a\n\nFrom here on\n", "To: a\r\n", "From here on\r\n"},
        InputCase{"no field\rX: y\nz\n", "", "no field\r\nX: y\r\nz\r\n"},
        InputCase{"Text: foo\nX-After: 1\n\nb\n", "Text: foo\r\nX-After: 1\r\n", "b\r\n"}
    )
);

INSTANTIATE_TEST_SUITE_P(
    DotsAndNuls,
    InputCases,
    testing::Values(
        InputCase{"To: a\n\nx\n.\ny\n", "To: a\r\n", "x\r\n"},
        InputCase{"To: a\r\n\r\nx\r\n.\r\ny\r\n", "To: a\r\n", "x\r\n"},
        InputCase{"To: a\n\nx\n.", "To: a\r\n", "x\r\n"},
        InputCase{"To: a\n\nx\n.\r", "To: a\r\n", "x\r\n"},
        InputCase{"To: a\n.\nCc: b\n", "To: a\r\n", ""},
        InputCase{"To: a\n.", "To: a\r\n", ""},
        InputCase{".", "", ""},
        InputCase{"To: a\n\n..\n.x\n. \n", "To: a\r\n", "..\r\n.x\r\n. \r\n"},
        InputCase{"To: a\n\nx\r.\ry\n", "To: a\r\n", "x\r\n.\r\ny\r\n"},
        InputCase{"To: a\n\nx\r.\ny\n", "To: a\r\n", "x\r\n.\r\ny\r\n"},
        InputCase{"To: a\n\n.\rx\n", "To: a\r\n", ".\r\nx\r\n"},
        InputCase{"To: a\0b\n\0\nx\0\0y\n.\0\nz\n"sv, "To: ab\r\n", "xy\r\n"}
    )
);

TEST(InputReader, ReadsPastDotsWhenToldTo) {
    InputOptions options;
    options.ends_at_dot = false;
    const Read result = read("To: a\n\nx\n.\n\r\n.\r\ny", options);
    EXPECT_EQ(result.body, "x\r\n.\r\n\r\n.\r\ny\r\n");
    EXPECT_FALSE(result.is_ended);
}

TEST(InputReader, SaysThatADotEndedTheInput) {
    EXPECT_TRUE(read("To: a\n\n.\nrest").is_ended);
    EXPECT_TRUE(read("To: a\n\n.").is_ended);
    EXPECT_FALSE(read("To: a\n\nx").is_ended);
}

TEST(InputReader, CountsWhatItChanged) {
    const Read result = read("To: a\rb\n\nx\0y\0\rz\r\n"sv);
    EXPECT_EQ(result.facts.dropped_nuls, 2U);
    EXPECT_EQ(result.facts.bare_carriage_returns, 2U);
}

TEST(InputReader, TellsEightBitHeadersFromEightBitBodies) {
    EXPECT_TRUE(read("To: \xC3\xA4\n\nx\n").facts.is_header_eight_bit);
    EXPECT_TRUE(read("To: \xC3\xA4\n\nx\n").facts.is_eight_bit);
    EXPECT_TRUE(read("To: a\n\n\xC3\xA4\n").facts.is_eight_bit);
    EXPECT_FALSE(read("To: a\n\n\xC3\xA4\n").facts.is_header_eight_bit);
    EXPECT_TRUE(read("To: a\n\n\xC3\xA4\n").facts.is_body_eight_bit);
    EXPECT_FALSE(read("To: \xC3\xA4\n\nx\n").facts.is_body_eight_bit);
    EXPECT_FALSE(read("To: a\n\nx\n").facts.is_eight_bit);
    EXPECT_FALSE(read("To: a\n\nx\n.\n\xC3").facts.is_eight_bit);
}

TEST(InputReader, NoticesLinesOverTheLimitOfSmtp) {
    const std::string limit(998, 'x');
    EXPECT_FALSE(read("To: a\n\n" + limit + "\r\n").facts.has_long_lines);
    EXPECT_TRUE(read("To: a\n\n" + limit + "x\r\n").facts.has_long_lines);
    EXPECT_TRUE(read("To: a\n\n" + limit + "x").facts.has_long_lines);
    EXPECT_FALSE(read("To: a\n\n" + limit + "\rx\n").facts.has_long_lines);
    EXPECT_TRUE(read("To: a\nX: " + limit + "\n\nb\n").facts.has_long_lines);
}

TEST(InputReader, TakesHeadersUpToItsLimit) {
    std::string header;
    while (header.size() < 200000) {
        header += "X-Field: value value value\r\n";
    }
    const Read fits = read(header + "\nbody\n");
    EXPECT_EQ(fits.header, header);
    InputOptions options;
    options.max_header = 1000;
    EXPECT_EQ(read(header + "\nbody\n", options).error, InputReader::kHeaderTooLarge);
    EXPECT_EQ(
        read("X: " + std::string(2000, 'a') + "\n\n", options).error, InputReader::kHeaderTooLarge
    );
    EXPECT_EQ(
        read("X: a\n " + std::string(2000, 'a') + "\n\n", options).error,
        InputReader::kHeaderTooLarge
    );
}

TEST(InputReader, NeverTakesTheRestOfALongHeaderForTheBody) {
    const std::string header = "To: a@x\r\nX-Long-Name : x\r\n more\r\nBcc: blind@x\r\n";
    const std::string with_crlf = header + "\r\nb\r\n";
    std::string with_lf = with_crlf;
    std::erase(with_lf, '\r');
    for (const std::string& input : {with_crlf, with_lf}) {
        InputOptions options;
        for (options.max_header = 0; options.max_header < 80; ++options.max_header) {
            SCOPED_TRACE(options.max_header);
            const Read result = read(input, options);
            if (options.max_header < header.size() - 2) {
                EXPECT_EQ(result.error, InputReader::kHeaderTooLarge);
            } else {
                EXPECT_EQ(result.error, "");
                EXPECT_EQ(result.header, header);
                EXPECT_EQ(result.body, "b\r\n");
            }
        }
    }
}

TEST(InputReader, WaitsNoLongerThanALineForTheColonBehindTheLimit) {
    InputOptions options;
    options.max_header = 10;
    EXPECT_EQ(
        read("To: abcd\n" + std::string(256, 'x') + ": y\n", options).error,
        InputReader::kHeaderTooLarge
    );
    const std::string word(257, 'x');
    EXPECT_EQ(read("To: abcd\n" + word + "\nb\n", options).body, word + "\r\nb\r\n");
    const std::string open = "name" + std::string(2000, ' ');
    EXPECT_EQ(read("To: abcd\n" + open + "\nb\n", options).body, open + "\r\nb\r\n");
}

TEST(InputReader, TakesALongFirstLineWithoutColonForTheBody) {
    InputOptions options;
    options.max_header = 1000;
    const std::string line(5000, 'a');
    EXPECT_EQ(read(line, options).body, line + "\r\n");
    EXPECT_EQ(read("To: a\n" + line + "\nb", options).body, line + "\r\nb\r\n");
    EXPECT_EQ(read("To: a\n" + line + "\nb", options).header, "To: a\r\n");
}

TEST(InputReader, KnowsAFileWithoutLineFeedsBeforeTheHeaderLimit) {
    InputOptions options;
    options.max_header = 100;
    const std::string filler(90, 'b');
    const Read result =
        read("To: a\r\r" + filler + "\r" + filler + "\r\n\n" + filler + "\r.\rx", options);
    EXPECT_EQ(result.header, "To: a\r\n");
    EXPECT_EQ(result.body, filler + "\r\n" + filler + "\r\n\r\n" + filler + "\r\n");
    EXPECT_TRUE(result.is_ended);
}

TEST(InputReader, PassesHugeLinesInPieces) {
    const std::string line(3000000, 'x');
    InputOptions options;
    std::size_t largest = 0;
    std::size_t total = 0;
    InputReader reader(
        options,
        [](std::string_view) { return Result<void>(); },
        [&](std::string_view piece) {
            largest = std::max(largest, piece.size());
            total += piece.size();
            return Result<void>();
        }
    );
    EXPECT_TRUE(reader.feed("To: a\n\n").has_value());
    EXPECT_TRUE(reader.feed(line).has_value());
    EXPECT_TRUE(reader.finish().has_value());
    EXPECT_EQ(total, line.size() + 2);
    EXPECT_LE(largest, 65536U);
}

TEST(InputReader, HandsOnTheErrorsOfItsSinks) {
    InputReader full(
        {},
        [](std::string_view) { return Result<void>(); },
        [](std::string_view) { return Result<void>(Error::from_errno(28, "write")); }
    );
    EXPECT_TRUE(full.feed("To: a\n\nx\n").has_value());
    const Result<void> finished = full.finish();
    ASSERT_FALSE(finished.has_value());
    EXPECT_TRUE(finished.error().is(28));
}

}  // namespace
}  // namespace mxpost::mail
