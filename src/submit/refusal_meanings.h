// RefusalMeanings: why a queue's mail waits as far as this host is at fault, in the words that the
// engine's log has, counted.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "base/file_system.h"
#include "diagnose/reply_rules.h"
#include "mail/outcome.h"

namespace mxpost::submit {

class RefusalMeanings {
public:
    /// `rules`: the administrator's file, as the settings name it; read when a refusal comes. With
    /// a mistake in it the program's own rules count: mxpost config tells of mistakes.
    RefusalMeanings(FileSystem& files, std::string rules)
        : files_(files), path_(std::move(rules)) {}

    /// A recipient that waits for this reason.
    void note(const mail::RecipientOutcome& outcome);
    /// Without a full stop at the end; and how many recipients wait for that.
    const std::map<std::string, std::size_t>& counts() const { return counts_; }

private:
    FileSystem& files_;
    std::string path_;
    std::optional<diagnose::RuleBook> rules_;
    std::map<std::string, std::size_t> counts_;  // hardly more than there are rules
};

}  // namespace mxpost::submit
