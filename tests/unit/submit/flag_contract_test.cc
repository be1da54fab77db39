// compat/flags.tsv against the parser: each row parses as it says, and nothing is missing.
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "submit/command_line.h"
#include "submit/flags.h"

namespace mxpost::submit {
namespace {

struct Row {
    std::string flag, argument, behaviour, example, result;
};

std::vector<Row> read_rows() {
    std::ifstream file(MXPOST_SOURCE_DIR "/compat/flags.tsv");
    std::vector<Row> rows;
    std::string line;
    std::getline(file, line);  // the head
    while (std::getline(file, line)) {
        const auto cells = split(line, '\t');
        EXPECT_EQ(cells.size(), 7U) << line;
        rows.push_back(
            {std::string(cells.at(0)),
             std::string(cells.at(1)),
             std::string(cells.at(2)),
             std::string(cells.at(3)),
             std::string(cells.at(4))}
        );
    }
    EXPECT_GT(rows.size(), 60U);
    return rows;
}

std::string name(Mode mode) {
    switch (mode) {
        case Mode::deliver:
            return "deliver";
        case Mode::speak_smtp:
            return "speak_smtp";
        case Mode::print_queue:
            return "print_queue";
        case Mode::count_queue:
            return "count_queue";
        case Mode::print_hosts:
            return "print_hosts";
        case Mode::purge_hosts:
            return "purge_hosts";
        case Mode::flush_queue:
            return "flush_queue";
        case Mode::run_once:
            return "run_once";
        case Mode::start_engine:
            return "start_engine";
        case Mode::run_engine:
            return "run_engine";
        case Mode::check_aliases:
            return "check_aliases";
        case Mode::verify:
            return "verify";
        case Mode::test:
            return "test";
        case Mode::check_config:
            return "check_config";
        case Mode::print_help:
            return "print_help";
        case Mode::print_version:
            return "print_version";
    }
    return "?";
}

std::string name(Argument argument) {
    switch (argument) {
        case Argument::none:
            return "none";
        case Argument::required:
            return "required";
        case Argument::lenient:
            return "lenient";
        case Argument::optional:
            return "optional";
    }
    return "?";
}

std::string name(Behaviour behaviour) {
    switch (behaviour) {
        case Behaviour::honoured:
            return "honoured";
        case Behaviour::ignored:
            return "ignored";
        case Behaviour::unavailable:
            return "unavailable";
    }
    return "?";
}

TEST(FlagContract, EveryExampleParsesAsStated) {
    for (const Row& row : read_rows()) {
        std::vector<std::string> words;
        if (!row.flag.starts_with("argv[0]=")) {
            words.emplace_back("sendmail");
        }
        for (const std::string_view word : split(row.example, ' ')) {
            words.emplace_back(word);
        }
        const auto invocation = parse_command_line(words);
        EXPECT_EQ(invocation ? name(invocation->mode) : "usage", row.result)
            << row.flag << ": " << row.example;
    }
}

TEST(FlagContract, ListsExactlyTheParsersFlags) {
    std::map<std::string, std::string> stated;
    for (const Row& row : read_rows()) {
        const bool is_sub_flag =
            row.flag.size() == 3 && std::string_view("bqo").find(row.flag[1]) != std::string::npos;
        const bool is_long = row.flag.starts_with("-O") && row.flag.size() > 2;
        if (row.flag == "--" || row.flag.find_first_of(" ,") != std::string::npos ||
            row.flag == "-q0") {
            continue;
        }
        if (row.flag.size() == 2 || is_sub_flag || is_long) {
            EXPECT_TRUE(stated.emplace(row.flag, row.argument + " " + row.behaviour).second)
                << row.flag;
        }
    }
    std::map<std::string, std::string> parsed;
    for (const Flag& flag : flags()) {
        parsed[std::string("-") + flag.letter] = name(flag.argument) + " " + name(flag.behaviour);
    }
    const auto add = [&](const std::string& prefix, std::span<const SubFlag> table) {
        for (const SubFlag& flag : table) {
            parsed[prefix + flag.letter] = "- " + name(flag.behaviour);
        }
    };
    add("-b", mode_flags());
    add("-q", queue_flags());
    add("-o", option_flags());
    for (const LongOption& option : long_options()) {
        parsed["-O" + std::string(option.name)] = "- honoured";
    }
    EXPECT_EQ(stated, parsed);
}

struct OptionRow {
    std::string name, letter, behaviour, example;
};

std::vector<OptionRow> read_options() {
    std::ifstream file(MXPOST_SOURCE_DIR "/compat/options.tsv");
    std::vector<OptionRow> rows;
    std::string line;
    std::getline(file, line);  // the head
    while (std::getline(file, line)) {
        const auto cells = split(line, '\t');
        EXPECT_EQ(cells.size(), 6U) << line;
        rows.push_back(
            {std::string(cells.at(0)),
             std::string(cells.at(1)),
             std::string(cells.at(2)),
             std::string(cells.at(3))}
        );
    }
    EXPECT_GT(rows.size(), 160U);
    return rows;
}

/// What any option could have changed.
std::string state_of(const Invocation& invocation) {
    return name(invocation.mode) + " " +
           std::to_string(static_cast<int>(
               invocation.delivery_mode.value_or(static_cast<config::DeliveryMode>(99))
           )) +
           " " + std::to_string(static_cast<int>(invocation.error_mode)) +
           (invocation.sender ? " -f " + *invocation.sender : "") +
           (invocation.takes_recipients ? " -t" : "") + (invocation.ignores_dots ? " -i" : "") +
           (invocation.is_gateway ? " -G" : "") + (invocation.is_verbose ? " -v" : "") + " " +
           std::to_string(invocation.operands.size());
}

std::string state_after(const std::string& option) {
    const auto invocation =
        parse_command_line(std::vector<std::string>{"sendmail", option, "r@a.test"});
    return invocation ? state_of(*invocation) : "refused: " + invocation.error().message();
}

TEST(OptionContract, IgnoredOptionsChangeNothing) {
    const std::string nothing = state_after("-i");
    const std::string unchanged =
        state_of(parse_command_line(std::vector<std::string>{"sendmail", "r@a.test"}).value());
    ASSERT_NE(nothing, unchanged);
    for (const OptionRow& row : read_options()) {
        if (row.behaviour != "ignored") {
            continue;
        }
        EXPECT_EQ(state_after(row.example), unchanged) << row.name;
        if (row.name != "-") {
            EXPECT_EQ(state_after("-O" + ascii_lower(row.name)), unchanged) << row.name;
        }
        if (row.letter != "-") {
            EXPECT_EQ(state_after(row.letter + "/tmp/x"), unchanged) << row.letter;
        }
    }
}

TEST(OptionContract, HonouredOptionsHaveAnEffectByNameAndByUniquePrefix) {
    std::map<std::string, std::string> stated;
    std::vector<std::string> names;
    for (const OptionRow& row : read_options()) {
        names.push_back(ascii_lower(row.name));
        if (row.behaviour == "honoured") {
            stated[row.name] = row.letter;
            EXPECT_NE(state_after(row.example), state_after("-OBlankSub=x")) << row.name;
        }
    }
    std::map<std::string, std::string> parsed;
    for (const LongOption& option : long_options()) {
        parsed[std::string(option.name)] = std::string("-o") + option.letter;
        const std::string lower = ascii_lower(option.name);
        std::size_t shortest = 1;
        for (const std::string& name : names) {
            std::size_t common = 0;
            while (name != lower && common < name.size() && name[common] == lower[common]) {
                ++common;
            }
            shortest = std::max(shortest, common + 1);
        }
        EXPECT_EQ(option.shortest, shortest) << option.name;
    }
    EXPECT_EQ(stated, parsed);
}

}  // namespace
}  // namespace mxpost::submit
