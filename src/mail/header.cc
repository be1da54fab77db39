#include "mail/header.h"

#include <algorithm>

#include "base/text.h"

namespace mxpost::mail {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

bool is_name_octet(char c) {
    return c > ' ' && c <= '~' && c != ':';
}

/// The field name at the front of `line` and the offset after the colon; {0, 0}: no field.
struct FieldStart {
    std::size_t name_length = 0;
    std::size_t value = 0;
};

/// Octets at the front of `line` that may be a field's name; one more than allowed at most.
std::size_t name_length(std::string_view line) {
    const std::string_view candidate = line.substr(0, kMaxFieldName + 1);
    const auto* const name_end =
        std::find_if_not(candidate.begin(), candidate.end(), is_name_octet);
    return static_cast<std::size_t>(name_end - candidate.begin());
}

FieldStart field_start(std::string_view line) {
    const std::size_t length = name_length(line);
    const std::size_t colon = line.find_first_not_of(" \t", length);
    if (length == 0 || length > kMaxFieldName || colon == std::string_view::npos ||
        line[colon] != ':') {
        return {};
    }
    return {length, colon + 1};
}

/// Takes one line with its line end off `text`; the result has none.
std::string_view take_line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    while (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

}  // namespace

bool HeaderField::is(std::string_view other) const {
    return ascii_iequals(name, other);
}

std::string HeaderField::text() const {
    std::string unfolded;
    std::remove_copy_if(value.begin(), value.end(), std::back_inserter(unfolded), [](char c) {
        return c == '\r' || c == '\n';
    });
    return std::string(trim(unfolded));
}

const HeaderField* HeaderBlock::find(std::string_view name) const {
    const auto found = std::find_if(fields.begin(), fields.end(), [&](const HeaderField& field) {
        return field.is(name);
    });
    return found == fields.end() ? nullptr : &*found;
}

std::size_t HeaderBlock::count(std::string_view name) const {
    return static_cast<std::size_t>(std::count_if(
        fields.begin(), fields.end(), [&](const HeaderField& field) { return field.is(name); }
    ));
}

std::string HeaderBlock::text() const {
    std::string text;
    for (const HeaderField& field : fields) {
        text.append(field.name).append(":").append(field.value).append("\r\n");
    }
    return text;
}

HeaderBlock parse_header(std::string_view text) {
    HeaderBlock header;
    while (!text.empty()) {
        const std::string_view line = take_line(text);
        if (line.empty()) {
            break;
        }
        const FieldStart start = field_start(line);
        if (start.value != 0) {
            header.fields.emplace_back(
                std::string(line.substr(0, start.name_length)),
                std::string(line.substr(start.value))
            );
        } else if (is_space(line.front()) && !header.fields.empty()) {
            header.fields.back().value.append("\r\n").append(line);
        }
    }
    return header;
}

bool has_long_line(std::string_view text) {
    while (!text.empty()) {
        if (take_line(text).size() > kMaxLineLength) {
            return true;
        }
    }
    return false;
}

std::string_view field_name(std::string_view line) {
    return line.substr(0, field_start(line).name_length);
}

HeaderLine classify_header_line(std::string_view line) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) {
        return HeaderLine::blank;
    }
    if (is_space(line.front())) {
        return HeaderLine::continuation;
    }
    if (field_start(line).value != 0) {
        return HeaderLine::field;
    }
    if (line.starts_with("From ") || line.starts_with(">From ")) {
        return HeaderLine::mbox_from;
    }
    return HeaderLine::other;
}

bool may_become_field(std::string_view line) {
    const std::size_t length = name_length(line);
    return length > 0 && length <= kMaxFieldName && line.size() <= kMaxLineLength &&
           line.find_first_not_of(" \t", length) == std::string_view::npos;
}

}  // namespace mxpost::mail
