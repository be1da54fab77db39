// The header of a message: its fields, and the decision where the header ends.
//
// Text here is canonical: lines end with CRLF and hold no bare CR, no bare LF and no NUL
// (mail/input_reader.h makes it so). Parsers accept a bare LF as line end all the same.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mxpost::mail {

/// Octets of a field name that are accepted; a longer one is body text.
inline constexpr std::size_t kMaxFieldName = 256;
/// RFC 5322 2.1.1, RFC 5321 4.5.3.1.6: octets of a line without its CRLF.
inline constexpr std::size_t kMaxLineLength = 998;

struct HeaderField {
    HeaderField() = default;
    HeaderField(std::string name_, std::string value_)
        : name(std::move(name_)), value(std::move(value_)) {}

    std::string name;   // as written, without the white space that may stand before the colon
    std::string value;  // octets after the colon, with leading space and folding (CRLF and white
                        // space), without the final CRLF: name + ":" + value is the field

    /// ASCII case doesn't matter.
    bool is(std::string_view other) const;
    /// The value unfolded (RFC 5322 2.2.3) and trimmed.
    std::string text() const;

    friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

struct HeaderBlock {
    std::vector<HeaderField> fields;

    /// The first field of that name, or nullptr; valid until `fields` changes.
    const HeaderField* find(std::string_view name) const;
    std::size_t count(std::string_view name) const;
    /// All fields, each line with CRLF; without the empty line that ends a header.
    std::string text() const;
};

/// Parses a header (the empty line at its end may be missing). Lines that are neither a field nor
/// the continuation of one are left out: input_reader lets none through.
HeaderBlock parse_header(std::string_view text);

/// Has `text` a line over kMaxLineLength?
bool has_long_line(std::string_view text);

/// The name of the field that begins with `line`; "" when none does.
std::string_view field_name(std::string_view line);

enum class HeaderLine {
    field,         // "Name: value", "Name : value"
    continuation,  // begins with white space and holds something else as well
    blank,         // empty, or only white space
    mbox_from,     // "From alice@x Mon Jan …" or ">From …"
    other          // body text
};

/// What `line` (without its line end) is, looked at alone.
///
/// A field is a name of printable octets without space (33..126 but ':', RFC 5322 2.2), white space
/// (RFC 5322 4.5), and a colon: "12:30 lunch" is a field, "foo bar: x" is not. A line of only white
/// space counts as blank, so it ends the header: scripts write it as separator; as part of a folded
/// field it is obsolete and must not be generated (RFC 5322 3.2.2).
HeaderLine classify_header_line(std::string_view line);

/// True while `line` has only what may stand before a field's colon, and no more than fits in a
/// line: more decides what it is.
bool may_become_field(std::string_view line);

}  // namespace mxpost::mail
