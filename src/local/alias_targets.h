// Where an alias leads: the syntax of the right-hand side in alias files, which :include: files and
// ~/.forward share (aliases(5) of Sendmail and Postfix). Pure; what a target may do where is
// decided by who expands it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/address.h"

namespace mxpost::local {

struct AliasTarget {
    enum class Kind : std::uint8_t {
        address,  // `address`, possibly unqualified: then a name of this host
        mailbox,  // "\user": the mailbox of `text`, without aliases and .forward
        command,  // "|command": `text` is what stands behind the bar
        file,     // "/file": `text` is its path
        include   // ":include:/file": `text` is its path
    };

    AliasTarget() = default;
    AliasTarget(Kind kind_, std::string text_) : kind(kind_), text(std::move(text_)) {}
    explicit AliasTarget(mail::Address address_) : address(std::move(address_)) {}

    Kind kind = Kind::address;
    std::string text;
    mail::Address address;

    friend bool operator==(const AliasTarget&, const AliasTarget&) = default;
};

/// A file may name this many targets in all, and a command or path be this long.
inline constexpr std::size_t kMaxAliasTargets = 100'000;
inline constexpr std::size_t kMaxTargetText = 8192;

/// A list, separated by commas: "ops@example.com, "|/usr/bin/log -x", /var/log/mail.copy". White
/// space around elements, empty elements, comments in parentheses and "# …" after white space to
/// the end of its line say nothing. The error says what is wrong, in words for people.
Result<std::vector<AliasTarget>> parse_alias_targets(std::string_view text);

struct BadLine {
    BadLine(std::size_t number_, std::string reason_)
        : number(number_), reason(std::move(reason_)) {}

    std::size_t number;  // from 1 on
    std::string reason;  // printable, bounded

    friend bool operator==(const BadLine&, const BadLine&) = default;
};
inline constexpr std::size_t kMaxBadLines = 100;  // kept of one file

struct TargetFile {
    std::vector<AliasTarget> targets;
    std::vector<BadLine> bad;  // the good lines count all the same
};

/// A file of lists, one in each line: an :include: file or a ~/.forward.
TargetFile parse_target_file(std::string_view text);

/// The name that a local part means: quotes and backslashes removed ("john doe").
std::string unquoted_name(std::string_view local_part);

}  // namespace mxpost::local
