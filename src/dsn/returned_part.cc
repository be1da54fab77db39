#include "dsn/returned_part.h"

#include <array>
#include <optional>

#include "base/text.h"
#include "mail/header.h"

namespace mxpost::dsn {
namespace {

/// Room for a fold's white space, and some more for whoever adds to the line.
constexpr std::size_t kFoldAt = 900;

std::uint64_t size_limit(const ReportRequest& request) {
    // RFC 3461 4.3: RET is about failures; other reports carry the header only.
    // RFC 8689 5: as if RET=HDRS were there.
    if (request.kind != spool::ReportKind::failure || request.envelope->requires_tls) {
        return 0;
    }
    switch (request.envelope->dsn_return) {
        case mail::DsnReturn::full:
            return kMaxReturnedOnRequest;
        case mail::DsnReturn::headers:
            return 0;
        case mail::DsnReturn::unset:
            break;
    }
    return kMaxReturnedByDefault;
}

/// Lines end with CRLF, have no other CR, LF or NUL, and aren't too long for SMTP. (The message's
/// owner may have written anything into the spool file; a report must be deliverable all the same.)
bool is_clean(std::string_view text) {
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool is_line_end = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (is_line_end) {
            if (i - line_start > mail::kMaxLineLength) {
                return false;
            }
            line_start = i + 2;
            ++i;
        } else if (text[i] == '\r' || text[i] == '\n' || text[i] == '\0') {
            return false;
        }
    }
    return line_start == text.size();
}

std::optional<std::string> read_content(mail::Content& content, std::uint64_t limit) {
    if (content.size() > limit || !content.rewind()) {
        return std::nullopt;
    }
    std::string text;
    std::array<char, 16384> buffer{};
    while (true) {
        const auto got = content.read(buffer);
        if (!got || text.size() + *got > limit) {
            return std::nullopt;
        }
        if (*got == 0) {
            break;
        }
        text.append(buffer.data(), *got);
    }
    if (text.empty()) {
        return std::nullopt;
    }
    if (!text.ends_with("\r\n")) {
        text += "\r\n";
    }
    return text;
}

/// One header line, without its end, so that it is clean: too long a line is folded, at white space
/// where there is some.
void append_header_line(std::string& out, std::string_view line) {
    while (line.size() > mail::kMaxLineLength) {
        std::size_t at = line.find_last_of(" \t", kFoldAt);
        if (at == std::string_view::npos || at == 0) {
            out += line.substr(0, kFoldAt);
            out += "\r\n ";
            line.remove_prefix(kFoldAt);
        } else {
            out += line.substr(0, at);
            out += "\r\n";
            line.remove_prefix(at);
        }
    }
    out += line;
    out += "\r\n";
}

/// The header made clean, as far as it fits.
std::string clean_header(std::string_view header) {
    std::string out;
    while (!header.empty() && out.size() < kMaxReturnedByDefault) {
        const std::size_t end = header.find_first_of(std::string_view("\r\n\0", 3));
        const std::string_view line = header.substr(0, end);
        header.remove_prefix(end == std::string_view::npos ? header.size() : end + 1);
        if (!line.empty()) {
            append_header_line(out, line.substr(0, kMaxReturnedByDefault));
        }
    }
    return out;
}

}  // namespace

ReturnedPart returned_part(const ReportRequest& request) {
    ReturnedPart part;
    const bool is_global =
        request.envelope->is_smtp_utf8 && !is_ascii(request.header) && is_utf8(request.header);
    const std::uint64_t limit = size_limit(request);
    if (request.content != nullptr && limit > 0) {
        auto text = read_content(*request.content, limit);
        if (text && is_clean(*text)) {
            part.type = is_global ? "message/global" : "message/rfc822";
            part.text = std::move(*text);
        }
    }
    if (part.type.empty()) {
        part.type = is_global ? "message/global-headers" : "text/rfc822-headers";
        part.text = clean_header(request.header);
    }
    part.is_eight_bit = !is_ascii(part.text);
    return part;
}

}  // namespace mxpost::dsn
