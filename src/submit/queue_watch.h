// What `mxpost queue watch` prints of the figures: a screen, a line, or a JSON object.
#pragma once

#include <string>
#include <vector>

#include "submit/queue_sample.h"

namespace mxpost::submit {

struct ScreenSize {
    std::size_t rows = 24;
    std::size_t columns = 80;
};

/// At most `size.rows` lines of at most `size.columns` characters: figures above, then the
/// destinations with the most recipients. No control characters.
std::vector<std::string> watch_screen(const QueueFigures& figures, ScreenSize size);

/// One line for logs and pipes: "2024-01-01T12:00:00Z queued=3 due=1 …".
std::string watch_line(const QueueFigures& figures);

std::string watch_json(const QueueFigures& figures);

}  // namespace mxpost::submit
