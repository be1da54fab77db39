// What the crash tests read in a report: whom it is about.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mxpost::deliver {

/// The recipients that a report is about, and what it says of each: "failed", "delayed",
/// "delivered". Its lines may end with CRLF or LF.
inline std::vector<std::pair<std::string, std::string>> subjects_of(const std::string& report) {
    std::vector<std::pair<std::string, std::string>> found;
    const auto word_behind = [&report](std::string_view field, std::size_t at) {
        const std::size_t begin =
            report.find_first_not_of(" \r\n", report.find(field, at) + field.size());
        return report.substr(begin, report.find_first_of("\r\n", begin) - begin);
    };
    const std::string_view field = "Final-Recipient: rfc822;";
    for (std::size_t at = report.find(field); at != std::string::npos;
         at = report.find(field, at + 1)) {
        found.emplace_back(word_behind(field, at), word_behind("Action:", at));
    }
    return found;
}

}  // namespace mxpost::deliver
