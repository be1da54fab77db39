#include "local/command_words.h"

#include <algorithm>

namespace mxpost::local {

namespace {

constexpr std::size_t kMaxWords = 256;

Error shell_syntax(char c) {
    return Error::invalid(
        std::string("'") + c +
        "' is shell syntax, but no shell runs commands here: quote it, or write |/bin/sh -c '...'"
    );
}

class Splitter {
public:
    explicit Splitter(std::string_view text) : text_(text) {}

    Result<std::vector<std::string>> run() {
        for (at_ = 0; at_ < text_.size(); ++at_) {
            const char c = text_[at_];
            if (c == '\0' || words_.size() > kMaxWords) {
                return Error::invalid("no command");
            }
            auto done = quote_ == '\'' ? in_single(c) : quote_ == '"' ? in_double(c) : bare(c);
            if (!done) {
                return done.error();
            }
        }
        if (quote_ != 0) {
            return Error::invalid("a quote is not closed");
        }
        end_word();
        return std::move(words_);
    }

private:
    Result<void> in_single(char c) {
        if (c == '\'') {
            quote_ = 0;
        } else {
            word_ += c;
        }
        return {};
    }

    Result<void> in_double(char c) {
        if (c == '"') {
            quote_ = 0;
        } else if (c == '\\' && at_ + 1 < text_.size() && std::string_view("\"\\$`").find(text_[at_ + 1]) != std::string_view::npos) {
            word_ += text_[++at_];
        } else if (c == '$' || c == '`') {
            return shell_syntax(c);
        } else {
            word_ += c;
        }
        return {};
    }

    Result<void> bare(char c) {
        constexpr std::string_view kShell = ";&|<>()*?[$`\n";
        if (c == ' ' || c == '\t') {
            end_word();
            return {};
        }
        if (kShell.find(c) != std::string_view::npos || (!is_word_ && (c == '~' || c == '#')) ||
            (c == '=' && words_.empty() && is_name(word_))) {
            return shell_syntax(c == '\n' ? ' ' : c);
        }
        is_word_ = true;
        if (c == '\'' || c == '"') {
            quote_ = c;
        } else if (c == '\\') {
            if (++at_ == text_.size()) {
                return Error::invalid("it ends with a backslash");
            }
            word_ += text_[at_];
        } else {
            word_ += c;
        }
        return {};
    }

    static bool is_name(const std::string& word) {
        return !word.empty() && std::ranges::all_of(word, [](char c) {
            return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                   (c >= 'A' && c <= 'Z');
        });
    }

    void end_word() {
        if (is_word_) {
            words_.push_back(std::move(word_));
        }
        word_.clear();
        is_word_ = false;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    char quote_ = 0;
    bool is_word_ = false;
    std::string word_;
    std::vector<std::string> words_;
};

}  // namespace

Result<std::vector<std::string>> split_command(std::string_view command) {
    auto words = Splitter(command).run();
    if (words && words->size() > 1 && words->front() == "exec") {
        words->erase(words->begin());
    }
    if (words && (words->empty() || words->front().empty())) {
        return Error::invalid("no command");
    }
    return words;
}

}  // namespace mxpost::local
