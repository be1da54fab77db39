// Real servers' replies (tests/golden/replies/*.tsv) and what the shipped rules make of them.
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/text.h"
#include "diagnose/reply_rules.h"
#include "diagnose_test.h"

namespace mxpost::diagnose {
namespace {

std::string text_of(std::chrono::seconds delay) {
    const auto count = delay.count();
    return count % 86400 == 0  ? std::to_string(count / 86400) + "d"
           : count % 3600 == 0 ? std::to_string(count / 3600) + "h"
           : count % 60 == 0   ? std::to_string(count / 60) + "m"
                               : std::to_string(count) + "s";
}

std::string text_of(const TemporaryLimits& limits) {
    std::string text = "limits(";
    if (limits.limits.max_sessions) {
        text += "sessions=" + std::to_string(*limits.limits.max_sessions) + " ";
    }
    if (limits.limits.rate) {
        text += "rate=" + std::to_string(limits.limits.rate->messages) + "/" +
                text_of(limits.limits.rate->interval) + " ";
    }
    return text + "for=" + text_of(limits.duration) + ")";
}

std::string text_of(const Ruling& ruling) {
    std::string text = ruling.rule.empty() ? "rfc" : std::string(ruling.rule);
    text += " " + std::string(name_of(ruling.scope));
    const auto flag = [&](bool is_set, const char* name) { text += is_set ? name : ""; };
    const auto delay = [&](std::chrono::seconds value, const char* name) {
        text += value.count() > 0 ? name + text_of(value) : "";
    };
    flag(ruling.kind == mail::OutcomeKind::deferred, " defer");
    flag(ruling.kind == mail::OutcomeKind::failed, " fail");
    flag(ruling.is_greylisting, " greylisting");
    flag(ruling.is_as_stated, " as-stated");
    flag(ruling.is_slow_down, " slow");
    delay(ruling.retry, " retry=");
    delay(ruling.give_up, " give-up=");
    delay(ruling.suspend, " suspend=");
    text += ruling.limits ? " " + text_of(*ruling.limits) : "";
    delay(ruling.other_family, " other-family=");
    flag(ruling.is_next_host, " next-host");
    flag(ruling.is_reconnect, " reconnect");
    flag(ruling.is_tls_required, " require-tls");
    flag(ruling.is_too_many_recipients, " too-many-recipients");
    flag(!ruling.notice.empty(), " notice");
    return text;
}

struct Row {
    std::string where;
    mail::RecipientOutcome outcome;
    std::string expected;
};

std::string unescape(std::string_view text) {
    std::string lines;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text.substr(at, 2) == "\\n") {
            lines += "\r\n";
            ++at;
        } else {
            lines += text[at];
        }
    }
    return lines;
}

std::vector<Row> rows() {
    std::vector<Row> found;
    const std::filesystem::path folder = std::string(MXPOST_SOURCE_DIR) + "/tests/golden/replies";
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".tsv") {
            continue;
        }
        std::ifstream file(entry.path());
        std::string line;
        for (std::size_t number = 1; std::getline(file, line); ++number) {
            if (line.empty() || line.front() == '#') {
                continue;
            }
            const auto fields = split(line, '\t');
            const std::string where =
                entry.path().filename().string() + ":" + std::to_string(number);
            EXPECT_EQ(fields.size(), 5U) << where;
            if (fields.size() != 5) {
                continue;
            }
            const auto step = parse_step(fields[1]);
            EXPECT_TRUE(step || fields[1] == "-") << where;
            auto outcome = outcome_of(
                unescape(fields[3]), step.value_or(mail::Step::none), std::string(fields[0])
            );
            EXPECT_NE(outcome.reply_code, 0) << where;
            outcome.remote_address = fields[2];
            found.push_back({where, std::move(outcome), std::string(fields[4])});
        }
    }
    return found;
}

TEST(GoldenReplies, GetTheRulingOfTheirRow) {
    const RuleBook rules = RuleBook::shipped();
    const auto all = rows();
    EXPECT_GT(all.size(), 90U);
    for (const Row& row : all) {
        EXPECT_EQ(text_of(rules.rule(row.outcome)), row.expected)
            << row.where << ": " << mail::reply_text(row.outcome);
    }
}

/// The journal keeps neither the step nor the class of the status that a ruling has changed.
TEST(GoldenReplies, MeanTheSameForRetriesAfterTheJournal) {
    const RuleBook rules = RuleBook::shipped();
    for (const Row& row : rows()) {
        mail::RecipientOutcome outcome = row.outcome;
        const Ruling before = rules.rule(outcome);
        apply(before, outcome);
        outcome.step = mail::Step::none;
        const Ruling after = rules.rule(outcome);
        EXPECT_EQ(after.rule, before.rule) << row.where;
        EXPECT_EQ(after.least_delay(), before.least_delay()) << row.where;
        EXPECT_EQ(after.is_greylisting, before.is_greylisting) << row.where;
        EXPECT_EQ(after.give_up, before.give_up) << row.where;
    }
}

/// Each shipped rule has a reply that it is there for.
TEST(GoldenReplies, MeetEveryShippedRule) {
    const RuleBook rules = RuleBook::shipped();
    std::vector<std::string> met;
    for (const Row& row : rows()) {
        met.emplace_back(rules.rule(row.outcome).rule);
    }
    std::ifstream file(std::string(MXPOST_SOURCE_DIR) + "/src/diagnose/replies");
    std::string line;
    std::size_t count = 0;
    while (std::getline(file, line)) {
        if (line.starts_with("rule ")) {
            ++count;
            const std::string name = line.substr(5);
            EXPECT_NE(std::ranges::find(met, name), met.end()) << name;
        }
    }
    EXPECT_EQ(count, rules.size());
}

}  // namespace
}  // namespace mxpost::diagnose
