// The value of `dkim`: which key signs for which domain.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mxpost::config {

struct DkimKey {
    std::string domain;     // lower case
    bool is_below = false;  // written "*.example.com": for all domains below it
    std::string selector;   // lower case
    std::string path;       // absolute, PEM

    friend bool operator==(const DkimKey&, const DkimKey&) = default;
};

/// "example.com s1 /etc/mxpost/dkim/example.com.s1.pem, *.example.org s2 /…": separated by commas.
Result<std::vector<DkimKey>> parse_dkim_keys(std::string_view text);

/// The c= of signatures: "relaxed/simple" and the like, header first.
Result<std::string> parse_dkim_canonicalization(std::string_view text);

}  // namespace mxpost::config
