#include "protocol/command_reader.h"

#include <algorithm>
#include <utility>

namespace mxpost::protocol {

CommandReader::CommandReader(bool may_use_line_feeds) {
    if (!may_use_line_feeds) {
        line_ends_ = LineEnds::crlf;
    }
}

CommandReader::Event CommandReader::take(std::string_view& octets) {
    if (is_complete_) {
        line_ = {};  // idle sessions keep nothing
        is_complete_ = is_too_long_ = false;
    }
    const std::size_t length = std::min(octets.find('\n'), octets.size());
    const bool has_end = length < octets.size();
    // One octet over the limit is kept: the CR of a line that is just not too long.
    const std::size_t room = kMaxLine + 1 - line_.size();
    is_too_long_ = is_too_long_ || length > room;
    line_ += octets.substr(0, std::min(length, room));
    is_after_cr_ = length > 0 ? octets[length - 1] == '\r' : is_after_cr_;
    octets.remove_prefix(length + (has_end ? 1 : 0));
    if (!has_end) {
        return Event::none;
    }
    is_complete_ = true;
    const bool has_cr = std::exchange(is_after_cr_, false);
    if (!line_ends_) {
        line_ends_ = has_cr ? LineEnds::crlf : LineEnds::line_feed;
    }
    if (!has_cr && *line_ends_ == LineEnds::crlf) {
        return Event::line_feed;
    }
    if (has_cr && !is_too_long_) {
        line_.pop_back();
    }
    return is_too_long_ || line_.size() > kMaxLine ? Event::too_long : Event::line;
}

}  // namespace mxpost::protocol
