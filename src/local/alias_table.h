// AliasTable: an alias file, parsed (aliases(5) of Sendmail and Postfix).
//
//     # comment                          a line that begins with white space continues the one
//     root: ops@example.com, alice       before it; names are compared without regard to case
//     "john doe": john
//     list: :include:/etc/mail/list
//     owner-list: alice
//     *: catch-all@example.com
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "local/alias_targets.h"

namespace mxpost::local {

struct Alias {
    std::string name;      // lower case, without quotes: "root", "root@host.example", "*"
    std::size_t line = 0;  // where it begins, from 1 on
    std::vector<AliasTarget> targets;
    std::string fault;  // not empty: the list is wrong, and mail for the name has to wait
};

inline constexpr std::size_t kMaxAliases = 100'000;  // in one file

class AliasTable {
public:
    AliasTable() = default;
    /// Never fails: lines that are wrong are in bad_lines(). Work and memory are linear in `text`.
    explicit AliasTable(std::string_view text);

    /// `name` in lower case; null when it is no alias.
    const Alias* find(const std::string& name) const;
    const std::vector<Alias>& aliases() const { return aliases_; }
    /// In the order of the file, kMaxBadLines at most.
    const std::vector<BadLine>& bad_lines() const { return bad_; }
    /// Those and the others.
    std::size_t bad_count() const { return bad_count_; }

private:
    void take(std::string_view entry, std::size_t number);
    void complain(std::size_t number, std::string reason);

    std::vector<Alias> aliases_;
    std::unordered_map<std::string, std::size_t> by_name_;
    std::vector<BadLine> bad_;
    std::size_t bad_count_ = 0;
    std::size_t target_count_ = 0;
};

}  // namespace mxpost::local
