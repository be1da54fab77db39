#include "mail/input_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "mail/header.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kOutputSize = std::size_t{64} * 1024;

bool holds(std::string_view text, char c) {
    return !text.empty() && std::memchr(text.data(), c, text.size()) != nullptr;
}

/// Offset of `c`, or the size of `text`.
std::size_t offset_of(std::string_view text, char c) {
    const void* const found = text.empty() ? nullptr : std::memchr(text.data(), c, text.size());
    return found == nullptr
               ? text.size()
               : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

/// Like !is_ascii(), in a form that compilers turn into vector instructions.
bool has_eight_bit(std::string_view text) {
    unsigned bits = 0;
    for (const char c : text) {
        bits |= static_cast<unsigned char>(c);
    }
    return (bits & 0x80U) != 0;
}

void drop_trailing_returns(std::string& line) {
    line.erase(line.find_last_not_of('\r') + 1);
}

/// A header line as it comes out: without the CRs at its end, which belong to the line end (they
/// may have been read before their LF), and a space for each other one.
std::string canonical(std::string line) {
    drop_trailing_returns(line);
    std::replace(line.begin(), line.end(), '\r', ' ');
    return line;
}

}  // namespace

InputReader::InputReader(const InputOptions& options, HeaderSink on_header, BodySink on_body)
    : options_(options), on_header_(std::move(on_header)), on_body_(std::move(on_body)) {
    out_.reserve(kOutputSize);
}

Result<void> InputReader::feed(std::string_view octets) {
    if (is_ended_) {
        return {};
    }
    facts_.input_octets += octets.size();
    while (!octets.empty() && !is_ended_) {
        const std::size_t length = offset_of(octets, '\0');
        if (Result<void> fed = feed_without_nul(octets.substr(0, length)); !fed) {
            return fed;
        }
        octets.remove_prefix(length);
        const std::size_t nuls = std::min(octets.find_first_not_of('\0'), octets.size());
        facts_.dropped_nuls += is_ended_ ? 0 : nuls;
        octets.remove_prefix(nuls);
    }
    return {};
}

Result<void> InputReader::feed_without_nul(std::string_view octets) {
    if (!is_cr_only_) {
        return feed_lines(octets);
    }
    std::string translated;
    translated.reserve(octets.size());
    for (const char c : octets) {
        if (c != '\n' || !was_carriage_return_) {
            translated += c == '\r' ? '\n' : c;
        }
        was_carriage_return_ = c == '\r';
    }
    return feed_lines(translated);
}

Result<void> InputReader::feed_lines(std::string_view octets) {
    while (phase_ == Phase::header && !octets.empty() && !is_ended_) {
        const bool was_cr_only = is_cr_only_;
        if (Result<void> taken = take_header(octets); !taken) {
            return taken;
        }
        if (is_cr_only_ != was_cr_only) {
            return feed_without_nul(octets);  // the rest needs the translation as well
        }
    }
    return is_ended_ ? Result<void>() : take_body(octets);
}

/// Takes at most one header line off `octets`. Where the input is cut makes no difference.
Result<void> InputReader::take_header(std::string_view& octets) {
    const std::size_t used = header_.size() + line_.size();
    // Beyond the limit, what the line is must still show: see overflow_header().
    const std::size_t most =
        options_.max_header + (used > options_.max_header ? kMaxLineLength : 0);
    const std::size_t room = most - std::min(most, used);
    const std::string_view window = octets.substr(0, room + 1);
    const std::size_t length = offset_of(window, '\n');
    line_ += window.substr(0, length);
    octets.remove_prefix(length);
    if (length < window.size()) {
        octets.remove_prefix(1);
        has_line_feed_ = true;
        return take_header_line();
    }
    return length > room ? overflow_header() : Result<void>();
}

/// line_ is complete.
Result<void> InputReader::take_header_line() {
    const std::string raw = std::exchange(line_, {});
    const std::string line = canonical(raw);
    if (options_.ends_at_dot && line == ".") {
        is_ended_ = true;
        return {};
    }
    const HeaderLine kind = classify_header_line(line);
    if (kind == HeaderLine::mbox_from && header_.empty()) {
        return {};
    }
    if (kind == HeaderLine::field || (kind == HeaderLine::continuation && !header_.empty())) {
        if (header_.size() + line.size() > options_.max_header) {
            return Error::invalid(kHeaderTooLarge);
        }
        const auto end_of_line = raw.begin() + static_cast<std::ptrdiff_t>(line.size());
        facts_.bare_carriage_returns +=
            static_cast<std::uint64_t>(std::count(raw.begin(), end_of_line, '\r'));
        facts_.has_long_lines = facts_.has_long_lines || line.size() > kMaxLineLength;
        header_.append(line).append("\r\n");
        return {};
    }
    if (Result<void> begun = begin_body(); !begun || kind == HeaderLine::blank) {
        return begun;
    }
    if (Result<void> taken = take_body(raw); !taken) {
        return taken;
    }
    return take_body("\n");
}

/// The header with line_, which has no end yet, is over the limit. What the line is must be known
/// first: taken for body text it would take the header's rest, Bcc and all, with it.
Result<void> InputReader::overflow_header() {
    if (!has_line_feed_ && holds(line_, '\r')) {
        is_cr_only_ = has_line_feed_ = true;
        return feed_without_nul(std::exchange(line_, {}));
    }
    const std::string line = canonical(line_);
    const std::size_t beyond = header_.size() + line_.size() - options_.max_header;
    const bool is_open = line.empty() || may_become_field(line) ||
                         header_.size() + line.size() <= options_.max_header;
    if (is_open && beyond <= kMaxLineLength) {
        return {};
    }
    const HeaderLine kind = classify_header_line(line);
    const bool is_header =
        kind == HeaderLine::field ||
        (!header_.empty() && (kind == HeaderLine::continuation || kind == HeaderLine::blank));
    if (is_header) {
        return Error::invalid(kHeaderTooLarge);
    }
    if (Result<void> begun = begin_body(); !begun) {
        return begun;
    }
    return take_body(std::exchange(line_, {}));
}

Result<void> InputReader::begin_body() {
    phase_ = Phase::body;
    facts_.is_header_eight_bit = has_eight_bit(header_);
    facts_.is_eight_bit = facts_.is_header_eight_bit;
    Result<void> result = on_header_(header_);
    header_ = {};
    return result;
}

/// The lone dot at a line's start. True: the input line can't be decided yet, or has ended it all.
bool InputReader::take_dot(std::string_view& octets) {
    if (is_at_line_start_ && octets.front() == '.') {
        is_dot_held_ = true;
        is_at_line_start_ = false;
        octets.remove_prefix(1);
    }
    if (is_dot_held_) {
        const std::size_t returns = std::min(octets.find_first_not_of('\r'), octets.size());
        pending_returns_ += returns;
        octets.remove_prefix(returns);
        is_ended_ = octets.starts_with('\n');
    }
    return is_dot_held_ && (octets.empty() || is_ended_);
}

/// The usual case, without calls and results per line: whole lines that are just text, from a
/// line's start, as long as out_ has room. `may_have_returns`: false if there is no CR in `octets`.
void InputReader::take_plain_lines(std::string_view& octets, bool may_have_returns) {
    const char* at = octets.data();
    const char* const end = at + octets.size();
    std::size_t room = kOutputSize - out_.size();
    while (at != end && !(*at == '.' && options_.ends_at_dot)) {
        const auto* const line_end =
            static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
        if (line_end == nullptr) {
            break;
        }
        auto length = static_cast<std::size_t>(line_end - at);
        length -= length > 0 && at[length - 1] == '\r' ? 1U : 0U;
        if (length + 2 > room || (may_have_returns && holds({at, length}, '\r'))) {
            break;
        }
        out_.append(at, length).append("\r\n", 2);
        room -= length + 2;
        facts_.has_long_lines = facts_.has_long_lines || length > kMaxLineLength;
        at = line_end + 1;
    }
    octets.remove_prefix(static_cast<std::size_t>(at - octets.data()));
}

Result<void> InputReader::take_body(std::string_view octets) {
    const bool may_have_returns = holds(octets, '\r');
    while (!octets.empty()) {
        if (is_at_line_start_) {
            take_plain_lines(octets, may_have_returns);
            if (octets.empty()) {
                break;
            }
        }
        const bool may_end = options_.ends_at_dot && (is_at_line_start_ || is_dot_held_);
        if (may_end && take_dot(octets)) {
            break;
        }
        if (Result<void> done = take_line(octets); !done) {
            return done;
        }
    }
    return {};
}

/// Takes the rest of an input line, or what is there of it, off `octets`.
Result<void> InputReader::take_line(std::string_view& octets) {
    if (std::exchange(is_dot_held_, false)) {
        if (Result<void> done = put("."); !done) {
            return done;
        }
    }
    const std::size_t length = offset_of(octets, '\n');
    is_at_line_start_ = false;
    if (Result<void> done = put_line_part(octets.substr(0, length)); !done) {
        return done;
    }
    octets.remove_prefix(length);
    if (octets.empty()) {
        return {};
    }
    octets.remove_prefix(1);
    pending_returns_ = 0;  // CR before LF is part of the line end
    is_at_line_start_ = true;
    return end_line();
}

/// A part of an input line: CRs in it are line ends, unless only the line's end follows.
Result<void> InputReader::put_line_part(std::string_view part) {
    while (!part.empty()) {
        const std::size_t length = offset_of(part, '\r');
        if (length > 0) {
            facts_.bare_carriage_returns += pending_returns_;
            for (; pending_returns_ > 0; --pending_returns_) {
                if (Result<void> done = end_line(); !done) {
                    return done;
                }
            }
            if (Result<void> done = put(part.substr(0, length)); !done) {
                return done;
            }
            part.remove_prefix(length);
        }
        const std::size_t returns = std::min(part.find_first_not_of('\r'), part.size());
        pending_returns_ += returns;
        part.remove_prefix(returns);
    }
    return {};
}

Result<void> InputReader::put(std::string_view text) {
    line_length_ += text.size();
    while (true) {
        const std::string_view piece = text.substr(0, kOutputSize - out_.size());
        out_ += piece;
        text.remove_prefix(piece.size());
        if (text.empty()) {
            return {};
        }
        if (Result<void> done = flush(); !done) {
            return done;
        }
    }
}

Result<void> InputReader::end_line() {
    facts_.has_long_lines = facts_.has_long_lines || line_length_ > kMaxLineLength;
    Result<void> done = put("\r\n");
    line_length_ = 0;
    return done;
}

Result<void> InputReader::flush() {
    if (out_.empty()) {
        return {};
    }
    facts_.is_body_eight_bit = facts_.is_body_eight_bit || has_eight_bit(out_);
    facts_.is_eight_bit = facts_.is_header_eight_bit || facts_.is_body_eight_bit;
    facts_.body_octets += out_.size();
    Result<void> result = on_body_(out_);
    out_.clear();
    return result;
}

Result<void> InputReader::finish() {
    if (phase_ == Phase::header && !is_ended_ && !has_line_feed_ && holds(line_, '\r')) {
        is_cr_only_ = has_line_feed_ = true;
        if (Result<void> done = feed_without_nul(std::exchange(line_, {})); !done) {
            return done;
        }
    }
    if (phase_ == Phase::header && !is_ended_ && !line_.empty()) {
        if (Result<void> done = take_header_line(); !done) {
            return done;
        }
    }
    if (phase_ == Phase::header) {
        if (Result<void> done = begin_body(); !done) {
            return done;
        }
    }
    is_ended_ = is_ended_ || is_dot_held_;
    if (!is_ended_ && !is_at_line_start_) {
        if (Result<void> done = end_line(); !done) {
            return done;
        }
    }
    return flush();
}

}  // namespace mxpost::mail
