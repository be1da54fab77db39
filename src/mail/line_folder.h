// LineFolder: header lines over 998 octets become several (RFC 5322 2.1.1, 2.2.3).
#pragma once

#include <cstddef>
#include <string>

#include "mail/mime_walker.h"

namespace mxpost::mail {

/// Breaks before white space where there is some, which unfolding undoes; else behind a comma or
/// semicolon, else anywhere between two characters: then unfolding leaves one space more. No line
/// of white space alone results. Shorter lines are left as they are.
class LineFolder {
public:
    void put(const LinePiece& piece, std::string& out);

private:
    void fold(std::string& out);

    std::string line_;
    bool is_folded_ = false;  // line_ continues a line that was too long
};

}  // namespace mxpost::mail
