#include <memory>
#include <string>
#include <utility>

#include "base/text.h"
#include "mail/header.h"
#include "mail/line_folder.h"
#include "mail/mime_walker.h"
#include "mail/recode.h"
#include "mail/transfer_encoder.h"

namespace mxpost::mail {
namespace {

using Action = RecodePlan::Action;
using AddedType = RecodePlan::AddedType;

/// The value of the new Content-Transfer-Encoding; nullptr: the field stays as it is.
const char* new_encoding(Action action) {
    switch (action) {
        case Action::quoted_printable:
            return "quoted-printable";
        case Action::base64:
            return "base64";
        case Action::label_seven_bit:
            return "7bit";
        case Action::label_eight_bit:
            return "8bit";
        default:
            return nullptr;
    }
}

const char* charset(AddedType type) {
    switch (type) {
        case AddedType::us_ascii:
            return "us-ascii";
        case AddedType::utf8:
            return "utf-8";
        default:
            return "unknown-8bit";  // RFC 1428
    }
}

std::unique_ptr<TransferEncoder> make_encoder(Action action) {
    switch (action) {
        case Action::quoted_printable:
            return quoted_printable_encoder();
        case Action::base64:
            return base64_encoder();
        case Action::rewrap_quoted_printable:
            return quoted_printable_wrapper();
        case Action::rewrap_base64:
            return base64_wrapper();
        default:
            return nullptr;
    }
}

}  // namespace

class Recoder::State final : public MimeHandler {
public:
    State(RecodePlan plan, Sink sink) : plan_(std::move(plan)), sink_(std::move(sink)) {}

    void feed(std::string_view octets) {
        walker_.feed(octets);
        flush();
    }
    void finish() {
        walker_.finish();
        flush();
    }

    void on_header(const LinePiece& piece) override {
        const bool is_continued =
            !piece.is_first || piece.text.starts_with(' ') || piece.text.starts_with('\t');
        if (!is_continued) {
            is_dropping_ = new_encoding(part().action) != nullptr &&
                           ascii_iequals(field_name(piece.text), "Content-Transfer-Encoding");
        }
        if (!is_dropping_) {
            folder_.put(piece, out_);
            flush_if_large();
        }
    }
    void on_header_end(const MimePart& walked, bool has_separator) override {
        const RecodePlan::Part plan = part();
        if (plan.needs_mime_version) {
            out_ += "MIME-Version: 1.0\r\n";
        }
        if (plan.added_type != AddedType::none) {
            out_.append("Content-Type: text/plain; charset=")
                .append(charset(plan.added_type))
                .append("\r\n");
        }
        if (const char* const encoding = new_encoding(plan.action)) {
            out_.append("Content-Transfer-Encoding: ").append(encoding).append("\r\n");
        }
        if (has_separator) {
            out_ += "\r\n";
        }
        encoder_ = make_encoder(plan.action);
        is_dropping_ = false;
        is_fixed_ = walked.is_fixed;
        ++index_;
    }
    void on_body(const LinePiece& piece) override {
        if (encoder_) {
            encoder_->put(piece, out_);
        } else {
            copy(piece);
        }
        flush_if_large();
    }
    void on_body_end(bool is_delimited) override {
        if (encoder_) {
            encoder_->finish(is_delimited, out_);
            encoder_.reset();
        }
    }
    void on_delimiter(std::string_view line) override {
        const bool is_long = line.size() > kMaxLineLength;  // by white space, which means nothing
        out_.append(is_long ? trim(line) : line).append("\r\n");
    }
    void on_filler(const LinePiece& piece) override {
        filler_column_ = piece.is_first ? 0 : filler_column_;
        for (const char c : piece.text) {
            if (filler_column_ == kMaxLineLength) {
                // With the space it can't be taken for a delimiter.
                out_ += "\r\n ";
                filler_column_ = 1;
            }
            const bool is_lost =
                plan_.to_seven_bit && !is_fixed_ && static_cast<unsigned char>(c) > 0x7F;
            out_ += is_lost ? '?' : c;
            ++filler_column_;
        }
        out_ += piece.is_last ? "\r\n" : "";
        flush_if_large();
    }

private:
    static constexpr std::size_t kLarge = std::size_t{64} * 1024;

    /// For the part whose header is being read. A message that has changed since the scan may have
    /// more parts than the plan.
    RecodePlan::Part part() const {
        return index_ < plan_.parts.size() ? plan_.parts[index_] : RecodePlan::Part();
    }
    void copy(const LinePiece& piece) {
        out_.append(piece.text).append(piece.is_last ? "\r\n" : "");
    }
    void flush() {
        if (!out_.empty()) {
            sink_(out_);
            out_.clear();
        }
    }
    void flush_if_large() {
        if (out_.size() >= kLarge) {
            flush();
        }
    }

    RecodePlan plan_;
    Sink sink_;
    std::string out_;
    std::size_t index_ = 0;
    bool is_dropping_ = false;  // the current field is left out
    bool is_fixed_ = false;     // see MimePart, for the text around parts
    LineFolder folder_;
    std::unique_ptr<TransferEncoder> encoder_;
    std::size_t filler_column_ = 0;
    MimeWalker walker_{*this};
};

Recoder::Recoder(RecodePlan plan, Sink sink)
    : state_(std::make_unique<State>(std::move(plan), std::move(sink))) {}
Recoder::Recoder(Recoder&&) noexcept = default;
Recoder& Recoder::operator=(Recoder&&) noexcept = default;
Recoder::~Recoder() = default;

void Recoder::feed(std::string_view octets) {
    state_->feed(octets);
}

void Recoder::finish() {
    state_->finish();
}

}  // namespace mxpost::mail
