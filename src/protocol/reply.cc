#include "protocol/reply.h"

#include <algorithm>
#include <utility>

namespace mxpost::protocol {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// 0 when `line` doesn't start with a code. RFC 5321 4.2 allows 2 to 5 as the first digit; its
/// second is 0 to 5, but only the first decides, so the others may be any.
std::uint16_t code_of(std::string_view line) {
    if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) ||
        !is_digit(line[2])) {
        return 0;
    }
    return static_cast<std::uint16_t>(
        (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0')
    );
}

}  // namespace

std::string_view Reply::words(std::size_t index) const {
    const std::string_view line = lines[index];
    return line.size() > 4 ? line.substr(4) : std::string_view();
}

std::string Reply::text() const {
    std::string text;
    const std::string repeated = status.klass != 0 ? status.text() : std::string();
    for (std::size_t i = 0; i < lines.size() && text.size() < mail::kMaxOutcomeText; ++i) {
        std::string_view part = words(i);
        const bool is_repeated = !repeated.empty() && part.starts_with(repeated) &&
                                 (part.size() == repeated.size() || part[repeated.size()] == ' ');
        if (i > 0 && is_repeated) {
            part.remove_prefix(repeated.size());
        }
        const auto start = part.find_first_not_of(' ');
        if (start == std::string_view::npos) {
            continue;
        }
        if (!text.empty()) {
            text += ' ';
        }
        text += part.substr(start);
    }
    text.resize(std::min(text.size(), mail::kMaxOutcomeText));
    return text;
}

ReplyParser::State ReplyParser::parse(std::string_view& bytes) {
    if (!problem_.empty()) {
        return State::broken;
    }
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        if (line_.size() + part.size() > kMaxLine) {
            return broken("a line over 4096 octets");
        }
        line_ += part;
        if (end == std::string_view::npos) {
            bytes = {};
            // An HTTP or SSH server shows itself in the first octets: no need to wait for its LF.
            if (line_.size() >= 3 && code_of(line_) == 0) {
                return broken("a line without a reply code");
            }
            return State::needs_more;
        }
        bytes.remove_prefix(end + 1);
        const State state = end_line();
        if (state != State::needs_more) {
            return state;
        }
    }
    return State::needs_more;
}

ReplyParser::State ReplyParser::end_line() {
    if (line_.ends_with('\r')) {
        line_.pop_back();
    }
    const std::uint16_t code = code_of(line_);
    if (code == 0) {
        return broken("a line without a reply code");
    }
    if (line_.size() > 3 && line_[3] != ' ' && line_[3] != '-') {
        return broken("a reply code without a space behind it");
    }
    // RFC 5321 4.2.1 wants one code in all lines. Another one of the same class says the same to
    // us; one of another class leaves open whether we were heard.
    if (!reply_.lines.empty() && code / 100 != reply_.klass()) {
        return broken("different codes in one reply");
    }
    total_ += line_.size();
    if (reply_.lines.size() == kMaxLines || total_ > kMaxTotal) {
        return broken("a reply over 100 lines or 65536 octets");
    }
    const bool is_last = line_.size() == 3 || line_[3] == ' ';
    reply_.code = code;
    reply_.lines.push_back(std::exchange(line_, {}));
    return is_last ? State::complete : State::needs_more;
}

ReplyParser::State ReplyParser::broken(std::string problem) {
    problem_ = std::move(problem);
    line_.clear();
    return State::broken;
}

Reply ReplyParser::take() {
    Reply reply = std::exchange(reply_, {});
    total_ = 0;
    reply.status = mail::EnhancedStatus::parse_prefix(reply.words(0));
    if (reply.status.klass != reply.klass()) {
        reply.status = {};
    }
    return reply;
}

}  // namespace mxpost::protocol
