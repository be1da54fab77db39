// Canonical forms (RFC 6376 3.4): what a signature is computed over, so that it outlives what
// servers on the way do to white space.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace mxpost::dkim {

enum class Form : std::uint8_t {
    simple,  // octet by octet
    relaxed  // without case of names, folding, and differences of white space
};

/// The c= tag.
struct Canonicalization {
    Form header = Form::relaxed;
    Form body = Form::relaxed;

    friend bool operator==(const Canonicalization&, const Canonicalization&) = default;
};

/// "relaxed/simple"
std::string text_of(const Canonicalization& canonicalization);
/// Of the same text; nothing for any other.
std::optional<Canonicalization> parse_canonicalization(std::string_view text);

/// Appends a header field, neither with its final CRLF.
void append_canonical_field(Form form, std::string_view field, std::string& out);

/// A body, fed in pieces cut anywhere. Its form goes to `sink` in pieces of bounded size.
class CanonicalBody {
public:
    using Sink = std::function<void(std::string_view piece)>;

    CanonicalBody(Form form, Sink sink);

    void feed(std::string_view octets);
    void finish();

private:
    std::size_t run_end(std::string_view octets, std::size_t at) const;
    void put(std::string_view text);
    void put_line_ends();
    void flush();

    Form form_;
    Sink sink_;
    std::string waiting_;           // for the sink
    std::uint64_t line_ends_ = 0;   // read, and not put: those at the end of the body count as one
    bool has_white_space_ = false;  // the same, in the relaxed form
    bool has_carriage_return_ = false;  // the last octet, perhaps of a CRLF
    bool has_text_ = false;             // something was put
};

}  // namespace mxpost::dkim
