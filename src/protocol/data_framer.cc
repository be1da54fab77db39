#include "protocol/data_framer.h"

namespace mxpost::protocol {

Result<void> DataFramer::append(std::string_view chunk, std::string& out) {
    octets_ += chunk.size();
    if (chunk.find('\0') != std::string_view::npos) {
        return Error::invalid("NUL in the content");
    }
    std::size_t written = 0;  // chunk[written, position) waits to be copied in one go
    std::size_t position = 0;
    while (position < chunk.size()) {
        if (framing_ == Framing::data && column_ == 0 && !is_after_cr_ && chunk[position] == '.') {
            out.append(chunk, written, position - written);
            out += '.';
            written = position;
        }
        const auto line_feed = chunk.find('\n', position);
        std::string_view line = chunk.substr(position, line_feed - position);
        if (is_after_cr_ && !line.empty()) {
            return Error::invalid("bare CR in the content");
        }
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
            is_after_cr_ = true;
        }
        if (line.find('\r') != std::string_view::npos) {
            return Error::invalid("bare CR in the content");
        }
        column_ += line.size();
        if (column_ > max_line_) {
            return Error::invalid("a line over " + std::to_string(max_line_) + " octets");
        }
        if (line_feed == std::string_view::npos) {
            break;
        }
        if (!is_after_cr_) {
            return Error::invalid("bare LF in the content");
        }
        is_after_cr_ = false;
        column_ = 0;
        position = line_feed + 1;
    }
    out.append(chunk, written);
    return {};
}

Result<void> DataFramer::finish(std::string& out) {
    if (column_ != 0 || is_after_cr_) {
        return Error::invalid("the content's last line has no end");
    }
    if (framing_ == Framing::data) {
        out += ".\r\n";
    }
    return {};
}

}  // namespace mxpost::protocol
