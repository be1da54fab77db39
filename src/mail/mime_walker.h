// MimeWalker: the parts of a message (RFC 2045, 2046) found in a stream, line by line.
//
// Memory is bounded: one line piece, three field values, a stack of boundaries. Two walks over the
// same octets report the same events, however the octets are cut: what the first walk learned about
// part N holds for part N of the second.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mxpost::mail {

inline constexpr std::size_t kMaxMimeParts = 10000;
inline constexpr std::size_t kMaxMimeDepth = 32;  // deeper multiparts are leaves

/// Content-Transfer-Encoding (RFC 2045 6.1).
enum class TransferEncoding { none, seven_bit, eight_bit, binary, quoted_printable, base64, other };

struct MimePart {
    enum class Kind { leaf, multipart, message };

    Kind kind = Kind::leaf;
    bool is_message = false;  // its header is a message's: the first part, and message/rfc822's
    bool is_text = true;      // text/*, message/*, multipart/*, or no type: lines
    /// Encoding it anew would break it: it is in a multipart/signed (RFC 1847 2.1), or a type that
    /// may have no encoding (RFC 2046 5.2.2.1, 5.2.3; RFC 2045 6.4: a multipart that is a leaf).
    bool is_fixed = false;
    bool has_mime_version = false;
    bool has_type = false;
    TransferEncoding encoding = TransferEncoding::none;
};

/// A line or a piece of one, without its line end. A line of over 1024 octets comes in pieces.
struct LinePiece {
    std::string_view text;
    bool is_first = true;
    bool is_last = true;
};

class MimeHandler {
public:
    virtual ~MimeHandler() = default;
    /// A line of a part's header.
    virtual void on_header(const LinePiece& piece) = 0;
    /// The header is complete. `has_separator`: an empty line follows (and isn't reported apart);
    /// else the part ends here, without body.
    virtual void on_header_end(const MimePart& part, bool has_separator) = 0;
    /// A line of a leaf's body.
    virtual void on_body(const LinePiece& piece) = 0;
    /// The leaf's body has ended. `is_delimited`: a delimiter comes, and the last line end belongs
    /// to it (RFC 2046 5.1.1).
    virtual void on_body_end(bool is_delimited) = 0;
    virtual void on_delimiter(std::string_view line) = 0;
    /// A line before the first part of a multipart, or behind its last.
    virtual void on_filler(const LinePiece& piece) = 0;
};

class MimeWalker {
public:
    explicit MimeWalker(MimeHandler& handler) : handler_(handler) { begin_part(true, 0); }

    void feed(std::string_view octets);
    void finish();

private:
    enum class State { header, body, filler };
    enum class Field { other, mime_version, type, encoding };
    struct Level {
        std::string boundary;
        std::size_t depth = 0;
        bool is_digest = false;
        bool is_signed = false;
    };
    struct HeaderValue {
        std::string text;
        bool is_set = false;
    };

    void emit_buffer(bool is_last);
    void take(const LinePiece& piece);
    bool take_delimiter(std::string_view line);
    void take_header(const LinePiece& piece);
    void collect(std::string_view text);
    void begin_part(bool is_message, std::size_t depth);
    void end_part(bool is_delimited);
    void end_header(bool has_separator);

    MimeHandler& handler_;
    std::string buffer_;       // piece of a line whose end isn't there yet
    bool is_in_line_ = false;  // pieces of the current line were reported
    State state_ = State::header;
    std::vector<Level> levels_;
    std::size_t part_count_ = 0;
    std::size_t depth_ = 0;
    bool is_message_ = true;
    bool is_in_digest_ = false;
    Field field_ = Field::other;
    bool is_collecting_ = false;
    HeaderValue mime_version_;
    HeaderValue type_;
    HeaderValue encoding_;
};

}  // namespace mxpost::mail
