#include "mail/transfer_encoder.h"

#include <array>
#include <string_view>

#include "mail/base64.h"

namespace mxpost::mail {
namespace {

constexpr std::size_t kMaxEncodedLine = 76;  // RFC 2045 6.7 (5), 6.8
constexpr std::string_view kHex = "0123456789ABCDEF";
constexpr std::size_t kBase64LineOctets = 57;

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

/// Writes quoted-printable tokens, breaking lines softly.
class QuotedPrintableLine {
public:
    void put(std::string_view token, std::string& out) {
        if (column_ + token.size() >= kMaxEncodedLine) {
            out += "=\r\n";
            column_ = 0;
        }
        out += token;
        column_ += token.size();
    }
    void put_encoded(char c, std::string& out) {
        const auto octet = static_cast<unsigned char>(c);
        const std::array<char, 3> token = {'=', kHex[octet >> 4U], kHex[octet & 15U]};
        put({token.data(), token.size()}, out);
    }
    /// An octet of the original that may stand for itself in the middle of a line.
    void put_octet(char c, std::string& out) {
        const bool is_plain = (c >= ' ' && c <= '~' && c != '=') || c == '\t';
        // "--boundary" must not come to stand at a line's start.
        const bool is_at_start = column_ == 0 || column_ + 1 >= kMaxEncodedLine;
        if (!is_plain || (c == '-' && is_at_start)) {
            put_encoded(c, out);
        } else {
            put({&c, 1}, out);
        }
    }
    void end(std::string& out) {
        out += "\r\n";
        column_ = 0;
    }

private:
    std::size_t column_ = 0;
};

class QuotedPrintableEncoder final : public TransferEncoder {
public:
    void put(const LinePiece& piece, std::string& out) override {
        for (const char c : piece.text) {
            flush_space(false, out);
            if (c == ' ' || c == '\t') {
                space_ = c;
            } else {
                line_.put_octet(c, out);
            }
        }
        if (piece.is_last) {
            flush_space(true, out);  // at a line's end it would be taken off (RFC 2045 6.7 (3))
            line_.end(out);
        }
    }
    void finish(bool, std::string&) override {}

private:
    void flush_space(bool is_at_end, std::string& out) {
        if (space_ == '\0') {
            return;
        }
        if (is_at_end) {
            line_.put_encoded(space_, out);
        } else {
            line_.put_octet(space_, out);
        }
        space_ = '\0';
    }

    QuotedPrintableLine line_;
    char space_ = '\0';  // the last octet, if it was white space
};

class QuotedPrintableWrapper final : public TransferEncoder {
public:
    void put(const LinePiece& piece, std::string& out) override {
        for (const char c : piece.text) {
            put_octet(c, out);
        }
        if (piece.is_last) {
            flush_token(out);  // "=": the original's own soft line break
            line_.end(out);
        }
    }
    void finish(bool, std::string&) override {}

private:
    void put_octet(char c, std::string& out) {
        if (!token_.empty() && is_hex(c)) {
            token_ += c;
            if (token_.size() == 3) {
                flush_token(out);
            }
            return;
        }
        flush_token(out);  // not "=XX": kept, decoders show it as it is
        if (c == '=') {
            token_ += c;
        } else {
            line_.put_octet(c, out);
        }
    }
    void flush_token(std::string& out) {
        if (!token_.empty()) {
            line_.put(token_, out);
            token_.clear();
        }
    }

    QuotedPrintableLine line_;
    std::string token_;
};

class Base64Encoder final : public TransferEncoder {
public:
    void put(const LinePiece& piece, std::string& out) override {
        if (has_line_end_) {
            add("\r\n", out);
        }
        add(piece.text, out);
        has_line_end_ = piece.is_last;
    }
    void finish(bool is_delimited, std::string& out) override {
        if (has_line_end_ && !is_delimited) {
            add("\r\n", out);
        }
        if (!waiting_.empty()) {
            out.append(base64_encoded(waiting_)).append("\r\n");
        }
    }

private:
    void add(std::string_view octets, std::string& out) {
        while (!octets.empty()) {
            const std::string_view part = octets.substr(0, kBase64LineOctets - waiting_.size());
            waiting_ += part;
            octets.remove_prefix(part.size());
            if (waiting_.size() == kBase64LineOctets) {
                out.append(base64_encoded(waiting_)).append("\r\n");
                waiting_.clear();
            }
        }
    }

    std::string waiting_;
    bool has_line_end_ = false;
};

class Base64Wrapper final : public TransferEncoder {
public:
    void put(const LinePiece& piece, std::string& out) override {
        for (const char c : piece.text) {
            if (!is_base64(c)) {
                continue;
            }
            out += c;
            if (++column_ == kMaxEncodedLine) {
                out += "\r\n";
                column_ = 0;
            }
        }
    }
    void finish(bool, std::string& out) override {
        if (column_ > 0) {
            out += "\r\n";
        }
    }

private:
    static bool is_base64(char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '+' || c == '/' || c == '=';
    }

    std::size_t column_ = 0;
};

}  // namespace

std::unique_ptr<TransferEncoder> quoted_printable_encoder() {
    return std::make_unique<QuotedPrintableEncoder>();
}

std::unique_ptr<TransferEncoder> base64_encoder() {
    return std::make_unique<Base64Encoder>();
}

std::unique_ptr<TransferEncoder> quoted_printable_wrapper() {
    return std::make_unique<QuotedPrintableWrapper>();
}

std::unique_ptr<TransferEncoder> base64_wrapper() {
    return std::make_unique<Base64Wrapper>();
}

}  // namespace mxpost::mail
