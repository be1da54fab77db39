// Recode: makes a message that SMTP can carry from one that it can't: lines over 998 octets
// (RFC 5321 4.5.3.1.6), and 8-bit content for a server without 8BITMIME (RFC 6152 3).
//
// A line is never split in place: the MIME part that holds it gets another
// Content-Transfer-Encoding, so the reader sees the same text. Two passes over the same octets,
// each with bounded memory: RecodeScan finds out which parts need what, Recoder writes the new
// message.
// - A text part becomes quoted-printable, any other base64. One that is quoted-printable or base64
//   already is only wrapped anew.
// - What a signature covers (multipart/signed) keeps its 8-bit octets: RFC 1847 2.1 wants it to be
//   7-bit, and where its writer didn't care, another encoding would make a forgery of it. So do
//   message/partial and message/external-body, which may have no encoding, and header fields.
// - So does a multipart whose parts can't be found, without a boundary or nested too deep (RFC 2045
//   6.4). For a line that is too long it becomes quoted-printable, which can be read all the same.
// - A message without MIME fields gets MIME-Version and Content-Type (text/plain, with charset
//   us-ascii, utf-8 or unknown-8bit).
// - multipart and message/rfc822 are descended into; their own encoding becomes 7bit or 8bit.
//   message/global isn't: it may be encoded as a whole, with the UTF-8 of its header.
// - Long header lines are folded at white space, else after a comma or semicolon, else anywhere.
// - Text around the parts of a multipart (preamble, epilogue) is no content: it may be wrapped, and
//   without 8BITMIME gets "?" for what isn't ASCII.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "mail/content.h"

namespace mxpost::mail {

struct RecodeOptions {
    bool to_seven_bit = false;  // 8-bit bodies are encoded, too (see above for what stays)
};

/// What to do with each part, in the order in which their headers come. Bounded: behind the last
/// part that is counted (kMaxMimeParts) no more delimiters are looked for.
struct RecodePlan {
    enum class Action : std::uint8_t {
        keep,
        quoted_printable,
        base64,
        rewrap_quoted_printable,
        rewrap_base64,
        label_seven_bit,  // a container: Content-Transfer-Encoding becomes 7bit
        label_eight_bit
    };
    enum class AddedType : std::uint8_t { none, us_ascii, utf8, unknown_8bit };
    struct Part {
        Action action = Action::keep;
        AddedType added_type = AddedType::none;  // Content-Type to add (text/plain)
        bool needs_mime_version = false;
    };

    std::vector<Part> parts;
    bool is_needed = false;     // false: the message can go as it is
    bool to_seven_bit = false;  // as in RecodeOptions
};

/// Pass 1. Feed header, empty line and body (CRLF), cut anywhere.
class RecodeScan {
public:
    explicit RecodeScan(const RecodeOptions& options);
    RecodeScan(RecodeScan&&) noexcept;
    RecodeScan& operator=(RecodeScan&&) noexcept;
    ~RecodeScan();

    void feed(std::string_view octets);
    RecodePlan finish();

private:
    class State;
    std::unique_ptr<State> state_;
};

/// Pass 2: feed the same octets. Output goes to `sink` in pieces; its lines end with CRLF.
class Recoder {
public:
    using Sink = std::function<void(std::string_view piece)>;

    Recoder(RecodePlan plan, Sink sink);
    Recoder(Recoder&&) noexcept;
    Recoder& operator=(Recoder&&) noexcept;
    ~Recoder();

    void feed(std::string_view octets);
    void finish();

private:
    class State;
    std::unique_ptr<State> state_;
};

/// `content` read through scan and recoder: itself when nothing needs to change. Reads it twice
/// (scan, size), then rewinds. Errors: those of `content`.
Result<std::unique_ptr<Content>> recode(
    std::unique_ptr<Content> content, const RecodeOptions& options
);

}  // namespace mxpost::mail
