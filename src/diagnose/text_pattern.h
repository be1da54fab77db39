// TextPattern: words that a server's reply is searched for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mxpost::diagnose {

/// Found anywhere in a text; ASCII case doesn't matter, and any white space of the pattern is one
/// space. '*' stands for anything, nothing included; no other character is special. The parts
/// between the stars are looked for one after the other, so the work is bounded by pattern × text.
class TextPattern {
public:
    explicit TextPattern(std::string_view pattern);

    /// `text`: as search_form() makes it.
    bool is_in(std::string_view text) const;
    /// Without parts it would be found in everything.
    bool is_empty() const { return parts_.empty(); }

private:
    std::vector<std::string> parts_;  // none is empty
};

/// A reply's text as patterns are compared with it: lower case, white space and control characters
/// as single spaces, at most mail::kMaxOutcomeText octets.
std::string search_form(std::string_view text);

}  // namespace mxpost::diagnose
