// The report for people, for programs, and for a browser.
#pragma once

#include <string>
#include <vector>

#include "doctor/report.h"

namespace mxpost::doctor {

/// Lines without line end: a headline for each part, a line for each finding, and indented below it
/// what to do. `has_colours`: with ANSI sequences, as for a terminal.
std::vector<std::string> render_text(const Report::Part& part, bool has_colours);

/// One JSON object, one line without line end.
std::string render_json(const Report& report);

/// One self-contained page: no scripts, nothing loaded from anywhere.
std::string render_html(const Report& report);

}  // namespace mxpost::doctor
