// RuleBook: servers' refusals and what they mean, from a file that administrators can read and
// edit (mxpost-replies(5)), on top of the RFC's first digit.
//
// Asked for every outcome that isn't `delivered`, and again for outcomes that come back from the
// journal: those have no step, so what decides about retries must not depend on one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "diagnose/host_suffixes.h"
#include "diagnose/ruling.h"
#include "diagnose/text_pattern.h"
#include "mail/outcome.h"

namespace mxpost::diagnose {

/// A reply code with wildcards: "550", "55x", "5xx".
struct CodePattern {
    std::uint16_t low = 0;
    std::uint16_t high = 0;
};

/// An enhanced status with wildcards: "x.7.28", "5.7.x".
struct StatusPattern {
    std::optional<std::uint8_t> klass;
    std::optional<std::uint16_t> subject;
    std::optional<std::uint16_t> detail;

    bool matches(const mail::EnhancedStatus& status) const;
};

/// All conditions that are set must hold; of those with several values, one.
struct ReplyRule {
    std::string name;
    std::optional<HostSuffixes> hosts;
    std::vector<mail::Step> steps;
    std::vector<CodePattern> codes;
    std::vector<StatusPattern> statuses;
    std::vector<TextPattern> texts;
    std::optional<bool> is_ipv6;       // the family of the connection
    std::optional<bool> has_accepted;  // the transaction had recipients that were accepted
    bool is_delay_stated = false;      // the reply says when to come back
    Ruling ruling;                     // but for the texts
    std::string notice;

    bool has_condition() const;
};

/// The rules of a data file, in its order. An error is one line: "FILE:LINE: WHAT".
Result<std::vector<ReplyRule>> parse_rules(const std::string& file, std::string_view text);

class RuleBook {
public:
    /// The rules that come with the program.
    static RuleBook shipped();
    /// Those of `text` before the shipped ones; where both have a rule of one name, only that of
    /// `text`. Errors as parse_rules'; `file` is for them.
    static Result<RuleBook> make(const std::string& file, std::string_view text);

    /// The first rule that matches, or what RFC 5321 says by the first digit and the step.
    /// `accepted`: how many recipients the server had accepted in the transaction, where known.
    /// Rules are about replies: an outcome without a code gets the RFC's ruling.
    Ruling rule(const mail::RecipientOutcome& outcome, std::optional<std::size_t> accepted = {})
        const;

    std::size_t size() const { return rules_.size(); }

private:
    explicit RuleBook(std::vector<ReplyRule> rules) : rules_(std::move(rules)) {}

    std::vector<ReplyRule> rules_;
};

}  // namespace mxpost::diagnose
