#include "submit/command_line.h"

#include <algorithm>

#include <boost/make_shared.hpp>
#include <boost/program_options/errors.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include "base/text.h"
#include "submit/flags.h"

namespace mxpost::submit {
namespace {

namespace po = boost::program_options;

/// What a flag's apply function says, on its way through po::store.
class UsageError : public po::error {
public:
    using po::error::error;
};

/// A row of the table as ProgramOptions sees it. po::store() parses each occurrence in the order of
/// the command line, which is what makes "the last one wins" true across flags (-f and -r).
class FlagSemantic final : public po::value_semantic {
public:
    FlagSemantic(const Flag& flag, Draft& draft) : flag_(flag), draft_(draft) {}

    std::string name() const override { return "value"; }
    unsigned min_tokens() const override { return flag_.argument == Argument::required ? 1 : 0; }
    unsigned max_tokens() const override { return flag_.argument == Argument::none ? 0 : 1; }
    bool is_composing() const override { return true; }
    bool is_required() const override { return false; }
    bool apply_default(boost::any&) const override { return false; }
    void notify(const boost::any&) const override {}
    void parse(boost::any&, const std::vector<std::string>& tokens, bool) const override {
        const auto applied =
            flag_.apply(draft_, tokens.empty() ? std::string_view() : tokens.front());
        if (!applied) {
            throw UsageError(applied.error().message());
        }
    }

private:
    const Flag& flag_;
    Draft& draft_;
};

const Flag* find_flag(char letter) {
    const auto found = std::ranges::find(flags(), letter, &Flag::letter);
    return found == flags().end() ? nullptr : &*found;
}

/// Only flags that occur are described: building a description of all would cost more than the rest
/// of the start.
void add_option(
    po::options_description& description,
    po::parsed_options& parsed,
    const Flag& flag,
    const std::vector<std::string>& value,
    Draft& draft
) {
    const std::string name(1, flag.letter);
    if (description.find_nothrow(name, false) == nullptr) {
        // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the description owns its semantic
        auto* const semantic = new FlagSemantic(flag, draft);
        description.add(boost::make_shared<po::option_description>(name.c_str(), semantic));
    }
    parsed.options.emplace_back(name, value);
}

/// Getopt over the words: fills `parsed`, then the operands.
class WordReader {
public:
    WordReader(std::span<const std::string> words, Draft& draft)
        : words_(words), draft_(draft), parsed_(&description_) {}

    Result<void> run() {
        while (at_ < words_.size()) {
            const std::string& word = words_[at_];
            if (word == "--") {
                ++at_;
                draft_.invocation.has_operand_mark = true;
                break;
            }
            if (!word.starts_with('-') || word == "-") {
                break;
            }
            ++at_;
            if (auto read = word.starts_with("--") ? long_word(word) : letters(word); !read) {
                return read;
            }
            if (draft_.invocation.mode == Mode::print_help ||
                draft_.invocation.mode == Mode::print_version) {
                return {};
            }
        }
        const auto first = words_.begin() + static_cast<std::ptrdiff_t>(at_);
        draft_.invocation.operands.assign(first, words_.end());
        return store();
    }

private:
    Result<void> long_word(std::string_view word) {
        if (word == "--help") {
            draft_.invocation.mode = Mode::print_help;
        } else if (word == "--version") {
            draft_.invocation.mode = Mode::print_version;
        } else {
            return Error::invalid("illegal option " + printable(word, 64));
        }
        return {};
    }

    Result<void> letters(std::string_view word) {
        for (std::size_t i = 1; i < word.size(); ++i) {
            const Flag* const flag = find_flag(word[i]);
            if (flag == nullptr) {
                return Error::invalid("illegal option -- " + printable(word.substr(i, 1)));
            }
            if (flag->argument == Argument::none) {
                add_option(description_, parsed_, *flag, {}, draft_);
                continue;
            }
            return value_of(*flag, word.substr(i + 1));
        }
        return {};
    }

    Result<void> value_of(const Flag& flag, std::string_view rest) {
        std::vector<std::string> value;
        if (!rest.empty()) {
            value.emplace_back(rest);
        } else if (flag.argument != Argument::optional && at_ < words_.size()) {
            value.push_back(words_[at_++]);
        } else if (flag.argument == Argument::required) {
            return Error::invalid(std::string("option requires an argument -- ") + flag.letter);
        }
        add_option(description_, parsed_, flag, value, draft_);
        return {};
    }

    Result<void> store() {
        if (parsed_.options.empty()) {
            return {};
        }
        po::variables_map values;
        try {
            po::store(parsed_, values);
        } catch (const po::error& error) {
            return Error::invalid(error.what());
        }
        return {};
    }

    std::span<const std::string> words_;
    Draft& draft_;
    std::size_t at_ = 0;
    po::options_description description_;
    po::parsed_options parsed_;
};

/// The modes that go by the program's name (argv[0]).
void apply_program_name(Draft& draft, std::string_view path) {
    const std::string_view name = path.substr(path.rfind('/') + 1);  // npos + 1 is 0
    const auto apply_mode = [&](char letter) {
        const auto mode = std::ranges::find(mode_flags(), letter, &SubFlag::letter);
        mode->apply(draft, "").value();
    };
    if (name == "mailq") {
        apply_mode('p');
    } else if (name == "newaliases") {
        apply_mode('i');
    } else if (name == "hoststat") {
        apply_mode('h');
    } else if (name == "purgestat") {
        apply_mode('H');
    } else if (name == "smtpd") {
        apply_mode('d');
    }
}

/// What -b and -q mean together.
void settle_mode(Draft& draft) {
    Invocation& invocation = draft.invocation;
    if (draft.wants_daemon) {
        // With or without -q15m, as init scripts have it: the engine knows when messages are due.
        invocation.mode = draft.is_in_foreground ? Mode::run_engine : Mode::start_engine;
        invocation.listens = true;
    } else if (draft.has_queue_flag && invocation.mode == Mode::deliver) {
        invocation.mode = draft.queue_mode;
    }
}

}  // namespace

Result<Invocation> parse_command_line(std::span<const std::string> arguments) {
    Draft draft;
    if (!arguments.empty()) {
        apply_program_name(draft, arguments.front());
        const auto read = WordReader(arguments.subspan(1), draft).run();
        if (!read) {
            return read.error();
        }
    }
    settle_mode(draft);
    return std::move(draft.invocation);
}

std::string help_text() {
    std::string text =
        "usage: sendmail [flags] [recipient ...] < message\n"
        "       mailq\n"
        "Takes a message from standard input and sends it to the recipients' mail servers.\n\n";
    for (const Flag& flag : flags()) {
        if (flag.behaviour != Behaviour::honoured) {
            continue;
        }
        std::string form = std::string("-") + flag.letter;
        if (flag.argument == Argument::optional) {
            form += "[VALUE]";
        } else if (flag.argument != Argument::none) {
            form += " VALUE";
        }
        form.resize(std::max<std::size_t>(form.size(), 12), ' ');
        text += "  " + form + std::string(flag.text) + "\n";
    }
    text += "\nOther flags of Sendmail's are accepted; see sendmail(8).\n";
    return text;
}

}  // namespace mxpost::submit
