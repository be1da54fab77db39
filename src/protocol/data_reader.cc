#include "protocol/data_reader.h"

#include <cstring>

namespace mxpost::protocol {

std::size_t DataReader::pass_line(std::string_view octets) {
    const auto* const line_feed =
        static_cast<const char*>(std::memchr(octets.data(), '\n', octets.size()));
    if (line_feed == nullptr) {
        state_ = octets.back() == '\r' ? State::cr : State::text;
        return octets.size();
    }
    const auto length = static_cast<std::size_t>(line_feed - octets.data());
    const bool is_after_cr = length > 0 ? octets[length - 1] == '\r' : state_ == State::cr;
    const bool is_line_end = is_after_cr || line_ends_ == LineEnds::line_feed;
    has_bare_line_feed_ |= !is_line_end;
    state_ = is_line_end ? State::line_start : State::text;
    return length + 1;
}

void DataReader::take(std::string_view& octets, const Sink& sink) {
    std::size_t begin = 0;  // octets[begin, at) are content that the sink hasn't got yet
    std::size_t at = 0;
    const auto give = [&](std::size_t next) {
        if (begin < at) {
            sink(octets.substr(begin, at - begin));
        }
        begin = at = next;
    };
    while (at < octets.size() && state_ != State::ended) {
        const char c = octets[at];
        if (state_ == State::line_start && c == '.') {
            state_ = State::dot;
            give(at + 1);
        } else if (state_ == State::dot && c == '\r' && line_ends_ == LineEnds::crlf) {
            state_ = State::dot_cr;
            give(at + 1);
        } else if (c == '\n' && (state_ == State::dot_cr || (state_ == State::dot && line_ends_ == LineEnds::line_feed))) {
            state_ = State::ended;
            give(at + 1);
        } else {
            if (state_ == State::dot_cr) {
                sink("\r");
                state_ = State::cr;
            }
            at += pass_line(octets.substr(at));
        }
    }
    give(at);
    octets.remove_prefix(at);
}

void DataReader::look_at(std::string_view octets) {
    while (!octets.empty()) {
        octets.remove_prefix(pass_line(octets));
    }
}

}  // namespace mxpost::protocol
