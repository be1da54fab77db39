#include "local/alias_table.h"

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace mxpost::local {
namespace {

/// An entry's lines, still with the line ends between them, and the number of its first one.
struct Entry {
    std::string_view text;
    std::size_t number = 0;
};

/// Puts lines together that belong together. Comments and empty lines end nothing and belong to
/// none; those between the lines of an entry are left for the list's parser, which skips them.
class EntryReader {
public:
    explicit EntryReader(std::string_view text) : text_(text) {}

    std::optional<Entry> next() {
        std::string_view line;
        do {
            if (at_ >= text_.size()) {
                return std::nullopt;
            }
            line = take_line();
        } while (is_nothing(line));
        Entry entry{line, number_};
        const std::size_t begin = at_of(line);
        while (at_ < text_.size()) {
            const std::string_view following = peek_line();
            const bool continues = entry_continues(line) || following.starts_with(' ') ||
                                   following.starts_with('\t') || is_nothing(following);
            if (!continues) {
                break;
            }
            line = take_line();
            if (!is_nothing(line)) {
                entry.text = text_.substr(begin, at_of(line) + line.size() - begin);
            }
        }
        return entry;
    }

private:
    std::size_t at_of(std::string_view line) const {
        return static_cast<std::size_t>(line.data() - text_.data());
    }
    std::string_view peek_line() const {
        return text_.substr(at_, std::min(text_.find('\n', at_), text_.size()) - at_);
    }
    std::string_view take_line() {
        const std::string_view line = peek_line();
        at_ = std::min(at_ + line.size() + 1, text_.size());
        ++number_;
        return line;
    }
    static bool is_nothing(std::string_view line) {
        const std::string_view rest = trim(line);
        return rest.empty() || rest.starts_with('#');
    }
    /// Sendmail's other continuation: a backslash at the end of the line.
    static bool entry_continues(std::string_view line) {
        const std::string_view rest = trim(line);
        return rest.ends_with('\\') && !rest.starts_with('#');
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t number_ = 0;
};

/// The backslashes at line ends have done their work. The rest keeps its place and its line ends.
std::string without_continuation_marks(std::string_view text) {
    std::string result(text);
    for (std::size_t end = result.find('\n'); end != std::string::npos;
         end = result.find('\n', end + 1)) {
        std::size_t last = end;
        while (last > 0 && (result[last - 1] == '\r' || result[last - 1] == ' ')) {
            --last;
        }
        if (last > 0 && result[last - 1] == '\\') {
            result[last - 1] = ' ';
        }
    }
    return result;
}

/// Where the name ends: the first colon outside of quotes.
std::size_t find_colon(std::string_view text) {
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\') {
            ++i;
        } else if (text[i] == '"') {
            is_quoted = !is_quoted;
        } else if (text[i] == ':' && !is_quoted) {
            return i;
        }
    }
    return std::string_view::npos;
}

/// The name as it is looked up, or what is wrong with it.
Result<std::string> alias_name(std::string_view text) {
    constexpr std::size_t kMaxName = 320;  // RFC 5321 4.5.3.1: local part, at, domain
    const bool is_quoted = text.starts_with('"');
    if (text.empty()) {
        return Error::invalid("no name before the colon");
    }
    if (text.size() > kMaxName) {
        return Error::invalid("the name is too long");
    }
    std::string name = ascii_lower(unquoted_name(text));
    if (name.empty() || std::ranges::count(text, '"') % 2 != 0 ||
        printable(name, name.size()) != name) {
        return Error::invalid("bad name \"" + printable(text, 80) + "\"");
    }
    if (!is_quoted && name.find_first_of(" \t,()<>;\\") != std::string::npos) {
        return Error::invalid("bad name \"" + printable(text, 80) + "\" (quote it)");
    }
    if (name.starts_with('@')) {
        return Error::invalid("\"" + name + "\": a whole domain is written *" + name);
    }
    return name;
}

}  // namespace

AliasTable::AliasTable(std::string_view text) {
    EntryReader entries(text);
    while (const auto entry = entries.next()) {
        take(entry->text, entry->number);
    }
}

void AliasTable::complain(std::size_t number, std::string reason) {
    ++bad_count_;
    if (bad_.size() < kMaxBadLines) {
        bad_.emplace_back(number, std::move(reason));
    }
}

void AliasTable::take(std::string_view entry, std::size_t number) {
    if (entry.starts_with(' ') || entry.starts_with('\t')) {
        complain(number, "white space before the first name: it continues nothing");
        return;
    }
    const std::size_t colon = find_colon(entry);
    if (colon == std::string_view::npos) {
        complain(number, "no colon behind the name");
        return;
    }
    auto name = alias_name(trim(entry.substr(0, colon)));
    if (!name) {
        complain(number, name.error().message());
        return;
    }
    if (const Alias* const first = find(*name)) {
        complain(
            number,
            "\"" + printable(*name, 80) + "\" is in line " + std::to_string(first->line) +
                " already, which counts"
        );
        return;
    }
    if (aliases_.size() >= kMaxAliases) {
        complain(number, "too many aliases, this one is left out");
        return;
    }
    Alias alias;
    alias.name = std::move(*name);
    alias.line = number;
    auto targets = parse_alias_targets(without_continuation_marks(entry.substr(colon + 1)));
    if (!targets) {
        alias.fault = targets.error().message();
    } else if (targets->empty()) {
        alias.fault =
            "\"" + printable(alias.name, 80) + "\" leads nowhere: nothing stands behind it";
    } else if (target_count_ + targets->size() > kMaxAliasTargets) {
        alias.fault = "too many elements in this file";
    } else {
        target_count_ += targets->size();
        alias.targets = std::move(*targets);
    }
    if (!alias.fault.empty()) {
        complain(number, alias.fault);
    }
    by_name_.emplace(alias.name, aliases_.size());
    aliases_.push_back(std::move(alias));
}

const Alias* AliasTable::find(const std::string& name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &aliases_[found->second];
}

}  // namespace mxpost::local
