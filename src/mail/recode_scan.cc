#include <algorithm>

#include "base/text.h"
#include "mail/header.h"
#include "mail/mime_walker.h"
#include "mail/recode.h"

namespace mxpost::mail {
namespace {

using Action = RecodePlan::Action;
using AddedType = RecodePlan::AddedType;

/// is_utf8() for text that comes in pieces.
class Utf8Check {
public:
    void put(std::string_view text) {
        if (!is_fine_ || (tail_.empty() && is_ascii(text))) {
            return;
        }
        tail_ += text;
        std::size_t whole = tail_.size();
        // A character is at most 4 octets: one whose start is among the last 3 may be incomplete.
        for (std::size_t i = 1; i <= std::min<std::size_t>(3, tail_.size()); ++i) {
            if (static_cast<unsigned char>(tail_[tail_.size() - i]) >= 0xC0) {
                whole = is_utf8(std::string_view(tail_).substr(tail_.size() - i))
                            ? whole
                            : tail_.size() - i;
                break;
            }
        }
        is_fine_ = is_utf8(std::string_view(tail_).substr(0, whole));
        tail_.erase(0, whole);
    }
    void end_line() {
        is_fine_ = is_fine_ && tail_.empty();
        tail_.clear();
    }
    bool is_fine() const { return is_fine_; }

private:
    std::string tail_;
    bool is_fine_ = true;
};

/// What a leaf's body holds.
struct BodyFacts {
    bool has_long_line = false;
    bool is_eight_bit = false;
    Utf8Check utf8;
};

Action encoding_action(const MimePart& part) {
    if (part.encoding == TransferEncoding::quoted_printable) {
        return Action::rewrap_quoted_printable;
    }
    if (part.encoding == TransferEncoding::base64) {
        return Action::rewrap_base64;
    }
    return part.is_text ? Action::quoted_printable : Action::base64;
}

}  // namespace

class RecodeScan::State final : public MimeHandler {
public:
    explicit State(const RecodeOptions& options) : options_(options) {
        plan_.to_seven_bit = options.to_seven_bit;
    }

    void feed(std::string_view octets) { walker_.feed(octets); }
    RecodePlan finish() {
        walker_.finish();
        if (keeps_eight_bit_) {
            for (const std::size_t index : containers_) {
                RecodePlan::Part& plan = plan_.parts[index];
                if (plan.action == Action::label_seven_bit) {
                    plan.action = Action::label_eight_bit;
                }
            }
        }
        return std::move(plan_);
    }

    void on_header(const LinePiece& piece) override {
        note_length(piece);
        // The first part's header is in no container.
        keeps_eight_bit_ = keeps_eight_bit_ || (!plan_.parts.empty() && !is_ascii(piece.text));
    }
    void on_header_end(const MimePart& part, bool) override {
        part_ = part;
        body_ = BodyFacts();
        RecodePlan::Part plan;
        const bool is_marked = part.encoding == TransferEncoding::eight_bit ||
                               part.encoding == TransferEncoding::binary;
        if (part.is_fixed) {
            plan.action = Action::keep;
        } else if (options_.to_seven_bit && is_marked) {
            plan.action = Action::label_seven_bit;
        } else if (part.kind != MimePart::Kind::leaf && part.encoding == TransferEncoding::binary) {
            plan.action = Action::label_eight_bit;
        }
        if (part.kind != MimePart::Kind::leaf) {
            containers_.push_back(plan_.parts.size());
        }
        plan_.parts.push_back(plan);
    }
    void on_body(const LinePiece& piece) override {
        note_length(piece);
        body_.has_long_line = body_.has_long_line || length_of_line_ > kMaxLineLength;
        body_.is_eight_bit = body_.is_eight_bit || !is_ascii(piece.text);
        body_.utf8.put(piece.text);
        if (piece.is_last) {
            body_.utf8.end_line();
        }
    }
    void on_body_end(bool) override {
        const bool is_downgraded = options_.to_seven_bit && body_.is_eight_bit && !part_.is_fixed;
        if (!body_.has_long_line && !is_downgraded) {
            keeps_eight_bit_ = keeps_eight_bit_ || body_.is_eight_bit;
            return;
        }
        plan_.is_needed = true;
        RecodePlan::Part& plan = plan_.parts.back();
        plan.action = encoding_action(part_);
        const bool is_new =
            plan.action == Action::quoted_printable || plan.action == Action::base64;
        plan.needs_mime_version = is_new && part_.is_message && !part_.has_mime_version;
        if (is_new && part_.is_message && !part_.has_type) {
            plan.added_type = !body_.is_eight_bit    ? AddedType::us_ascii
                              : body_.utf8.is_fine() ? AddedType::utf8
                                                     : AddedType::unknown_8bit;
        }
    }
    void on_delimiter(std::string_view line) override { note_length({line, true, true}); }
    void on_filler(const LinePiece& piece) override {
        note_length(piece);
        if (options_.to_seven_bit && !is_ascii(piece.text)) {
            keeps_eight_bit_ = keeps_eight_bit_ || part_.is_fixed;
            plan_.is_needed = plan_.is_needed || !part_.is_fixed;
        }
    }

private:
    void note_length(const LinePiece& piece) {
        length_of_line_ = (piece.is_first ? 0 : length_of_line_) + piece.text.size();
        plan_.is_needed = plan_.is_needed || length_of_line_ > kMaxLineLength;
    }

    RecodeOptions options_;
    RecodePlan plan_;
    MimePart part_;
    BodyFacts body_;
    std::size_t length_of_line_ = 0;
    std::vector<std::size_t> containers_;  // indices of parts
    bool keeps_eight_bit_ = false;         // in a part's header, or in what is fixed
    MimeWalker walker_{*this};
};

RecodeScan::RecodeScan(const RecodeOptions& options) : state_(std::make_unique<State>(options)) {}
RecodeScan::RecodeScan(RecodeScan&&) noexcept = default;
RecodeScan& RecodeScan::operator=(RecodeScan&&) noexcept = default;
RecodeScan::~RecodeScan() = default;

void RecodeScan::feed(std::string_view octets) {
    state_->feed(octets);
}

RecodePlan RecodeScan::finish() {
    return state_->finish();
}

}  // namespace mxpost::mail
