#include "dkim/signature.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"
#include "mail/base64.h"

namespace mxpost::dkim {
namespace {

constexpr std::size_t kLineWanted = 76;

struct Covered {
    std::string_view name;
    bool is_oversigned;
};

constexpr std::array kCovered = {
    Covered{"From", true},
    Covered{"Reply-To", true},
    Covered{"Subject", true},
    Covered{"Date", true},
    Covered{"To", true},
    Covered{"Cc", true},
    Covered{"Message-ID", true},
    Covered{"MIME-Version", true},
    Covered{"Content-Type", true},
    Covered{"Content-Transfer-Encoding", true},
    // What a list or another sender may add on the way.
    Covered{"Sender", false},
    Covered{"In-Reply-To", false},
    Covered{"References", false},
    Covered{"Auto-Submitted", false},
    Covered{"Content-Disposition", false},
    Covered{"Content-ID", false},
    Covered{"Content-Description", false},
    Covered{"Resent-Date", false},
    Covered{"Resent-From", false},
    Covered{"Resent-Sender", false},
    Covered{"Resent-To", false},
    Covered{"Resent-Cc", false},
    Covered{"Resent-Message-ID", false},
    Covered{"List-Id", false},
    Covered{"List-Help", false},
    Covered{"List-Unsubscribe", false},
    Covered{"List-Unsubscribe-Post", false},
    Covered{"List-Subscribe", false},
    Covered{"List-Post", false},
    Covered{"List-Owner", false},
    Covered{"List-Archive", false},
};

std::string_view name_of(std::string_view field) {
    return trim(field.substr(0, field.find(':')));
}

/// Tags on lines of the usual length.
class FoldedField {
public:
    explicit FoldedField(std::string name) : text_(std::move(name)), column_(text_.size()) {}

    /// `part` isn't broken; before it comes a space, or a line end.
    void add(std::string_view part) {
        const bool fits = column_ + 1 + part.size() <= kLineWanted;
        text_ += fits ? " " : "\r\n\t";
        column_ = fits ? column_ + 1 : 1;
        append(part);
    }
    /// The same, but nothing must come before it.
    void add_closely(std::string_view part) {
        if (column_ + part.size() > kLineWanted) {
            text_ += "\r\n\t";
            column_ = 1;
        }
        append(part);
    }
    std::string take() { return std::move(text_); }

private:
    void append(std::string_view part) {
        text_ += part;
        column_ += part.size();
    }

    std::string text_;
    std::size_t column_;
};

}  // namespace

std::vector<std::string_view> split_fields(std::string_view header) {
    std::vector<std::string_view> fields;
    std::size_t start = 0;
    for (std::size_t at = 0; start < header.size();) {
        const std::size_t end = std::min(header.find("\r\n", at), header.size());
        at = std::min(end + 2, header.size());
        const bool is_folded = at < header.size() && (header[at] == ' ' || header[at] == '\t');
        if (!is_folded) {
            fields.push_back(header.substr(start, end - start));
            start = at;
        }
    }
    return fields;
}

Coverage choose_coverage(const std::vector<std::string_view>& fields) {
    std::vector<std::string_view> names;
    names.reserve(fields.size());
    std::ranges::transform(fields, std::back_inserter(names), name_of);
    Coverage coverage;
    for (const auto& [name, is_oversigned] : kCovered) {
        for (std::size_t i = fields.size(); i > 0; --i) {
            if (ascii_iequals(names[i - 1], name)) {
                coverage.names.push_back(name);
                coverage.fields.push_back(fields[i - 1]);
            }
        }
        if (is_oversigned) {
            coverage.names.push_back(name);
        }
    }
    return coverage;
}

std::string unsigned_field(const SignatureTags& tags) {
    FoldedField field("DKIM-Signature:");
    field.add("v=1;");
    field.add(std::string("a=") + word_of(tags.type) + "-sha256;");
    field.add("c=" + text_of(tags.canonicalization) + ";");
    field.add("d=" + tags.domain + ";");
    field.add("s=" + tags.selector + ";");
    const auto time = tags.time.time_since_epoch();
    field.add("t=" + std::to_string(time.count()) + ";");
    if (tags.lifetime.count() > 0) {
        field.add("x=" + std::to_string((time + tags.lifetime).count()) + ";");
    }
    for (std::size_t i = 0; i < tags.names.size(); ++i) {
        std::string part(i == 0 ? "h=" : "");
        part += tags.names[i];
        part += i + 1 == tags.names.size() ? ";" : ":";
        if (i == 0) {
            field.add(part);
        } else {
            field.add_closely(part);
        }
    }
    field.add("bh=" + mail::base64_encoded(tags.body_hash) + ";");
    return field.take() + "\r\n\tb=";
}

std::string signed_field(std::string unsigned_field, std::string_view signature) {
    const std::string text = mail::base64_encoded(signature);
    std::size_t room = kLineWanted - 3;  // behind the tab and "b="
    for (std::size_t at = 0; at < text.size(); at += std::exchange(room, kLineWanted - 1)) {
        unsigned_field += at == 0 ? "" : "\r\n\t";
        unsigned_field.append(text, at, room);
    }
    return unsigned_field + "\r\n";
}

Sha256 hash_of(Form form, const std::vector<std::string_view>& fields) {
    Sha256 hash;
    std::string canonical;
    for (const std::string_view field : fields) {
        append_canonical_field(form, field, canonical);
        canonical += "\r\n";
    }
    hash.add(canonical);
    return hash;
}

std::string digest_of(Sha256 fields, Form form, std::string_view unsigned_field) {
    std::string canonical;
    append_canonical_field(form, unsigned_field, canonical);
    fields.add(canonical);
    return fields.finish();
}

}  // namespace mxpost::dkim
