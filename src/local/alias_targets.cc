#include "local/alias_targets.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace mxpost::local {
namespace {

constexpr std::string_view kInclude = ":include:";

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

/// Cuts a list into its elements, each without the white space around it.
class ElementReader {
public:
    explicit ElementReader(std::string_view text) : text_(text) {}

    /// Nothing at the end, or when fault() says why.
    std::optional<std::string_view> next() {
        skip_gap();
        if (at_ >= text_.size()) {
            return std::nullopt;
        }
        const std::size_t begin = at_;
        while (at_ < text_.size() && text_[at_] != ',' && !is_comment_start()) {
            if (text_[at_] == '"' && !skip_past('"')) {
                fault_ = "unbalanced quote";
            } else if (at_ < text_.size() && text_[at_] == '(' && !skip_past(')')) {
                fault_ = "unbalanced parenthesis";
            }
            if (!fault_.empty()) {
                return std::nullopt;
            }
            ++at_;
        }
        return trim(text_.substr(begin, at_ - begin));
    }
    const std::string& fault() const { return fault_; }

private:
    bool is_comment_start() const {
        return text_[at_] == '#' && (at_ == 0 || is_space(text_[at_ - 1]));
    }

    void skip_gap() {
        while (at_ < text_.size()) {
            if (is_comment_start()) {
                at_ = std::min(text_.find('\n', at_), text_.size());
            } else if (text_[at_] == ',' || is_space(text_[at_])) {
                ++at_;
            } else {
                return;
            }
        }
    }

    /// From the opening character to the closing one; comments in parentheses may be nested.
    bool skip_past(char closing) {
        const char opening = text_[at_];
        std::size_t depth = 1;
        while (++at_ < text_.size()) {
            if (text_[at_] == '\\') {
                ++at_;
            } else if (text_[at_] == closing) {
                if (--depth == 0) {
                    return true;
                }
            } else if (text_[at_] == opening) {
                ++depth;
            }
        }
        at_ = text_.size();
        return false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::string fault_;
};

/// The inside of a string that is quoted as a whole, or nothing.
std::optional<std::string> unquote(std::string_view text) {
    if (text.size() < 2 || text.front() != '"') {
        return std::nullopt;
    }
    std::string inside;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '"') {
            return i + 1 == text.size() ? std::optional(inside) : std::nullopt;
        }
        // Only what needs a backslash loses it: a command may have others.
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) {
            ++i;
        }
        inside += text[i];
    }
    return std::nullopt;
}

Result<AliasTarget> of_path(AliasTarget::Kind kind, std::string_view text) {
    std::string path = unquote(text).value_or(std::string(text));
    if (!path.starts_with('/')) {
        return Error::invalid("not an absolute path: " + printable(path, 80));
    }
    return AliasTarget(kind, std::move(path));
}

Result<AliasTarget> of_command(std::string_view text) {
    std::string command = unquote(text).value_or(std::string(text));
    if (trim(command).empty()) {
        return Error::invalid("a bar without a command");
    }
    return AliasTarget(AliasTarget::Kind::command, std::string(trim(command)));
}

/// The forms that are no address, after any quotes; nothing: none of them.
std::optional<Result<AliasTarget>> of_special(std::string_view text, bool is_quoted) {
    if (text.starts_with('|')) {
        return of_command(trim(text.substr(1)));
    }
    if (ascii_istarts_with(text, kInclude)) {
        return of_path(AliasTarget::Kind::include, trim(text.substr(kInclude.size())));
    }
    if (text.starts_with('/') && (is_quoted || text.find('@') == std::string_view::npos)) {
        return of_path(AliasTarget::Kind::file, text);
    }
    if (text.starts_with('\\')) {
        const std::string_view name = text.substr(1);
        if (name.empty() || name.find_first_of("@\\\" \t()<>") != std::string_view::npos) {
            return Result<AliasTarget>(Error::invalid("a backslash without a user's name"));
        }
        return AliasTarget(AliasTarget::Kind::mailbox, std::string(name));
    }
    return std::nullopt;
}

Result<AliasTarget> of_element(std::string_view element) {
    if (element.size() > kMaxTargetText) {
        return Error::invalid("an element of the list is too long");
    }
    if (has_control(element)) {
        return Error::invalid("control character or line end inside of an element");
    }
    const auto inside = unquote(element);
    if (auto special = of_special(inside ? *inside : element, inside.has_value())) {
        return *special;
    }
    mail::AddressList list = mail::parse_address_list(element);
    if (!list.bad.empty()) {
        return Error::invalid(
            "bad address \"" + list.bad.front().text + "\": " + list.bad.front().reason
        );
    }
    if (list.addresses.size() != 1) {
        return Error::invalid(
            list.addresses.empty()
                ? "an element without an address"
                : "addresses without a comma between them: " + printable(element, 80)
        );
    }
    return AliasTarget(std::move(list.addresses.front()));
}

}  // namespace

Result<std::vector<AliasTarget>> parse_alias_targets(std::string_view text) {
    std::vector<AliasTarget> targets;
    ElementReader elements(text);
    while (const auto element = elements.next()) {
        auto target = of_element(*element);
        if (!target) {
            return target.error();
        }
        if (targets.size() >= kMaxAliasTargets) {
            return Error::invalid("too many elements");
        }
        targets.push_back(std::move(*target));
    }
    if (!elements.fault().empty()) {
        return Error::invalid(elements.fault());
    }
    return targets;
}

TargetFile parse_target_file(std::string_view text) {
    TargetFile file;
    std::size_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        ++number;
        auto targets = parse_alias_targets(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (targets && file.targets.size() + targets->size() > kMaxAliasTargets) {
            file.bad.emplace_back(number, "too many elements, the rest is left out");
            break;
        }
        if (targets) {
            std::ranges::move(*targets, std::back_inserter(file.targets));
        } else if (file.bad.size() < kMaxBadLines) {
            file.bad.emplace_back(number, targets.error().message());
        }
    }
    return file;
}

std::string unquoted_name(std::string_view local_part) {
    std::string name;
    for (std::size_t i = 0; i < local_part.size(); ++i) {
        if (local_part[i] == '\\' && i + 1 < local_part.size()) {
            name += local_part[++i];
        } else if (local_part[i] != '"') {
            name += local_part[i];
        }
    }
    return name;
}

}  // namespace mxpost::local
