#include "mail/mime_walker.h"

#include <algorithm>

#include "base/text.h"
#include "mail/content_type.h"
#include "mail/header.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kMaxPiece = 1024;    // more than any line that can be a delimiter
constexpr std::size_t kMaxBoundary = 900;  // RFC 2046 5.1.1 says 70; it must fit in a header line
constexpr std::size_t kMaxValue = 8192;    // octets kept of a field's value

TransferEncoding encoding_of(bool is_set, const std::string& value) {
    if (!is_set) {
        return TransferEncoding::none;
    }
    const std::string token = first_token(value);
    if (token == "7bit") {
        return TransferEncoding::seven_bit;
    }
    if (token == "8bit") {
        return TransferEncoding::eight_bit;
    }
    if (token == "binary") {
        return TransferEncoding::binary;
    }
    if (token == "quoted-printable") {
        return TransferEncoding::quoted_printable;
    }
    return token == "base64" ? TransferEncoding::base64 : TransferEncoding::other;
}

/// message may have no other (RFC 2045 6.4); where it has one all the same readers decode it.
bool is_identity(TransferEncoding encoding) {
    return encoding == TransferEncoding::none || encoding == TransferEncoding::seven_bit ||
           encoding == TransferEncoding::eight_bit || encoding == TransferEncoding::binary;
}

}  // namespace

void MimeWalker::feed(std::string_view octets) {
    while (!octets.empty()) {
        const std::size_t end = octets.find('\n');
        std::string_view line = octets.substr(0, end);
        octets.remove_prefix(end == std::string_view::npos ? octets.size() : end + 1);
        const bool is_whole = end != std::string_view::npos && buffer_.empty() && !is_in_line_;
        if (is_whole && line.size() <= kMaxPiece) {
            line.remove_suffix(line.ends_with('\r') ? 1 : 0);
            take({line, true, true});
            continue;
        }
        // In pieces of one size, so that cuts of the input make no difference.
        while (!line.empty()) {
            const std::string_view part = line.substr(0, kMaxPiece + 1 - buffer_.size());
            buffer_ += part;
            line.remove_prefix(part.size());
            if (buffer_.size() > kMaxPiece) {
                emit_buffer(false);
            }
        }
        if (end != std::string_view::npos) {
            emit_buffer(true);
        }
    }
}

/// Reports buffer_; its last octet may be the CR of a line end that isn't complete.
void MimeWalker::emit_buffer(bool is_last) {
    std::string piece;
    piece.swap(buffer_);
    if (is_last && piece.ends_with('\r')) {
        piece.pop_back();
    } else if (!is_last) {
        buffer_ += piece.back();
        piece.pop_back();
    }
    take({piece, !is_in_line_, is_last});
    is_in_line_ = !is_last;
}

void MimeWalker::finish() {
    if (!buffer_.empty() || is_in_line_) {
        emit_buffer(true);
    }
    end_part(false);
}

void MimeWalker::take(const LinePiece& piece) {
    const bool is_line = piece.is_first && piece.is_last;
    if (is_line && !levels_.empty() && piece.text.starts_with("--") && take_delimiter(piece.text)) {
        return;
    }
    switch (state_) {
        case State::header:
            take_header(piece);
            break;
        case State::body:
            handler_.on_body(piece);
            break;
        case State::filler:
            handler_.on_filler(piece);
            break;
    }
}

bool MimeWalker::take_delimiter(std::string_view line) {
    std::string_view text = line.substr(2);
    text = text.substr(0, text.find_last_not_of(" \t") + 1);
    for (std::size_t i = levels_.size(); i-- > 0;) {
        const Level& level = levels_[i];
        if (!text.starts_with(level.boundary)) {
            continue;
        }
        const std::string_view rest = text.substr(level.boundary.size());
        const bool is_close = rest == "--";
        if ((!is_close && !rest.empty()) || (!is_close && part_count_ >= kMaxMimeParts)) {
            continue;
        }
        end_part(true);
        handler_.on_delimiter(line);
        const std::size_t depth = level.depth + 1;
        is_in_digest_ = level.is_digest;
        levels_.resize(is_close ? i : i + 1);
        if (is_close) {
            state_ = State::filler;
        } else {
            begin_part(false, depth);
        }
        return true;
    }
    return false;
}

void MimeWalker::begin_part(bool is_message, std::size_t depth) {
    ++part_count_;
    depth_ = depth;
    is_message_ = is_message;
    is_in_digest_ = is_in_digest_ && !is_message;
    state_ = State::header;
    field_ = Field::other;
    is_collecting_ = false;
    mime_version_ = type_ = encoding_ = HeaderValue();
}

void MimeWalker::end_part(bool is_delimited) {
    if (state_ == State::header) {
        end_header(false);
    } else if (state_ == State::body) {
        handler_.on_body_end(is_delimited);
    }
    state_ = State::filler;
}

void MimeWalker::take_header(const LinePiece& piece) {
    if (piece.is_first && piece.is_last && piece.text.empty()) {
        end_header(true);
        return;
    }
    handler_.on_header(piece);
    const bool is_continued =
        !piece.is_first || piece.text.starts_with(' ') || piece.text.starts_with('\t');
    if (is_continued) {
        collect(piece.text);
        return;
    }
    const std::string_view name = field_name(piece.text);
    HeaderValue* value = nullptr;
    if (ascii_iequals(name, "MIME-Version")) {
        field_ = Field::mime_version;
        value = &mime_version_;
    } else if (ascii_iequals(name, "Content-Type")) {
        field_ = Field::type;
        value = &type_;
    } else if (ascii_iequals(name, "Content-Transfer-Encoding")) {
        field_ = Field::encoding;
        value = &encoding_;
    }
    is_collecting_ = value != nullptr && !value->is_set;  // of several the first counts
    if (is_collecting_) {
        value->is_set = true;
        collect(piece.text.substr(piece.text.find(':') + 1));
    }
}

void MimeWalker::collect(std::string_view text) {
    if (!is_collecting_) {
        return;
    }
    HeaderValue& value = field_ == Field::type       ? type_
                         : field_ == Field::encoding ? encoding_
                                                     : mime_version_;
    value.text += text.substr(0, kMaxValue - value.text.size());
}

void MimeWalker::end_header(bool has_separator) {
    const ContentType type = parse_content_type(type_.text);
    MimePart part;
    part.is_message = is_message_;
    part.has_mime_version = mime_version_.is_set;
    part.has_type = type_.is_set;
    part.encoding = encoding_of(encoding_.is_set, encoding_.text);
    part.is_text = type.type.empty() || type.type == "text" || type.type == "message" ||
                   type.type == "multipart";
    part.is_fixed =
        std::ranges::any_of(levels_, [](const Level& level) { return level.is_signed; }) ||
        (type.type == "message" && (type.subtype == "partial" || type.subtype == "external-body"));
    const bool may_contain = has_separator && depth_ < kMaxMimeDepth;
    const bool is_multipart =
        type.type == "multipart" && !type.boundary.empty() && type.boundary.size() <= kMaxBoundary;
    // message/global is a leaf: its header may be UTF-8, and so all of it may be encoded (RFC
    // 6532 3.7).
    const bool is_message =
        is_identity(part.encoding) && ((type.type == "message" && type.subtype == "rfc822") ||
                                       (is_in_digest_ && !type_.is_set));  // RFC 2046 5.1.5
    // Whatever encoding a multipart names, readers look for its boundary.
    if (may_contain && is_multipart) {
        part.kind = MimePart::Kind::multipart;
    } else if (may_contain && is_message && part_count_ < kMaxMimeParts) {
        part.kind = MimePart::Kind::message;
    } else if (type.type == "multipart") {
        // RFC 2045 6.4: it is 7bit, 8bit or binary, whatever it names.
        part.is_fixed = true;
        if (part.encoding == TransferEncoding::base64) {
            part.encoding = TransferEncoding::other;
        }
    }
    handler_.on_header_end(part, has_separator);
    if (part.kind == MimePart::Kind::multipart) {
        levels_.push_back(
            {type.boundary, depth_, type.subtype == "digest", type.subtype == "signed"}
        );
        state_ = State::filler;
    } else if (part.kind == MimePart::Kind::message) {
        begin_part(true, depth_ + 1);
    } else {
        state_ = State::body;
    }
}

}  // namespace mxpost::mail
