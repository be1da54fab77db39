#include "local/alias_expansion.h"

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace mxpost::local {
namespace {

constexpr std::size_t kMaxDepth = 50;

std::string name_of(const mail::Address& address) {
    return ascii_lower(unquoted_name(address.local_part()));
}

/// Names without an alias of their own go where these do (RFC 2142, RFC 5321 4.5.1).
std::vector<std::string> conventional_names(const std::string& name) {
    if (name == "postmaster") {
        return {name, "root"};
    }
    if (name == "mailer-daemon") {
        return {name, "postmaster", "root"};
    }
    return {name};
}

bool is_owner_name(std::string_view name) {
    return name.starts_with("owner-") || name.ends_with("-request");
}

}  // namespace

/// One recipient's expansion.
class AliasExpander::Walk {
public:
    Walk(AliasExpander& expander, const mail::Address& recipient)
        : source_(expander.source_),
          is_local_(expander.is_local_),
          max_leaves_(expander.max_leaves_),
          recipient_(recipient) {}

    Expansion run() {
        const Alias* alias = find_alias(recipient_, true);
        if (alias == nullptr && !result_.problem) {
            add(Leaf::Kind::user, user_of(recipient_));
        } else if (alias != nullptr) {
            result_.is_alias = true;
            follow(*alias, recipient_);
        }
        settle();
        return std::move(result_);
    }

private:
    /// The mailbox of the names that need not be users.
    static mail::Address user_of(const mail::Address& address) {
        const auto names = conventional_names(name_of(address));
        return names.size() == 1 ? address : mail::Address(names.back(), address.domain());
    }

    void stop(mail::EnhancedStatus status, std::string text) {
        if (!result_.problem) {
            result_.problem = mail::RecipientOutcome(
                status.klass == 5 ? mail::OutcomeKind::failed : mail::OutcomeKind::deferred,
                status,
                std::move(text)
            );
        }
    }

    const Alias* look_up(const std::string& name) {
        if (result_.problem) {
            return nullptr;
        }
        const auto found = source_.find(name);
        if (!found) {
            stop({4, 3, 5}, found.error().message());
            return nullptr;
        }
        return *found;
    }

    /// "user+detail" is tried before "user", and either first as it stands with its domain. The
    /// catch-all is for recipients alone: where a name is an alias's target, it is meant.
    const Alias* find_alias(const mail::Address& address, bool is_recipient) {
        const std::string domain = "@" + ascii_lower(address.domain());
        const std::string whole = name_of(address);
        std::vector<std::string> names = conventional_names(whole);
        const std::size_t plus = whole.find('+');
        if (plus != std::string::npos && plus > 0) {
            names.push_back(whole.substr(0, plus));
        }
        if (is_recipient) {
            names.emplace_back("*");
        }
        for (const std::string& name : names) {
            for (const std::string& key : {name + domain, name}) {
                if (const Alias* const alias = look_up(key)) {
                    return alias;
                }
            }
        }
        return nullptr;
    }

    void add(Leaf::Kind kind, const mail::Address& address) {
        if (result_.leaves.size() >= max_leaves_) {
            stop(
                {4, 5, 3},
                recipient_.text() + " expands to more than " + std::to_string(max_leaves_) +
                    " recipients"
            );
            return;
        }
        const std::string key = std::to_string(static_cast<int>(kind)) + address.local_part() +
                                "@" + ascii_lower(address.domain());
        if (seen_leaves_.insert(key).second) {
            result_.leaves.push_back({kind, address, list_});
        }
    }

    bool has_owner(const Alias& alias) {
        const std::string name = alias.name.substr(0, alias.name.find('@'));
        return name != "*" && !is_owner_name(name) && look_up("owner-" + name) != nullptr;
    }

    void follow(const Alias& alias, const mail::Address& address) {
        // Reached before on another way: what it leads to is known.
        if (!seen_aliases_.insert(alias.name).second) {
            return;
        }
        if (path_.size() >= kMaxDepth) {
            stop({4, 2, 4}, recipient_.text() + ": aliases are nested too deeply");
            return;
        }
        const std::string outer_list = list_;
        if (has_owner(alias)) {
            list_ = alias.name.substr(0, alias.name.find('@'));
        }
        path_.push_back(alias.name);
        for (const AliasTarget& target : alias.targets) {
            if (result_.problem) {
                break;
            }
            take(target, alias, address);
        }
        path_.pop_back();
        list_ = outer_list;
    }

    void take(const AliasTarget& target, const Alias& alias, const mail::Address& address) {
        switch (target.kind) {
            case AliasTarget::Kind::address:
                take_address(target.address);
                break;
            case AliasTarget::Kind::mailbox:
                add(Leaf::Kind::mailbox, mail::Address(target.text, recipient_.domain()));
                break;
            case AliasTarget::Kind::command:
                add(Leaf::Kind::programs, alias_address(alias, address));
                break;
            case AliasTarget::Kind::file:
                if (target.text == "/dev/null") {
                    add(Leaf::Kind::discard, alias_address(alias, address));
                } else {
                    add(Leaf::Kind::programs, alias_address(alias, address));
                }
                break;
            case AliasTarget::Kind::include:
                take_include(target.text);
                break;
        }
    }

    /// The alias under the name that it was found by: whoever has its commands run finds the same.
    static mail::Address alias_address(const Alias& alias, const mail::Address& address) {
        const std::string name = alias.name.substr(0, alias.name.find('@'));
        const bool is_by_own_name = name == name_of(address);
        return is_by_own_name ? address : mail::Address(quoted(name), address.domain());
    }

    static std::string quoted(const std::string& name) {
        const auto list = mail::parse_address_list("\"" + name + "\"");
        return list.addresses.size() == 1 ? list.addresses.front().local_part() : name;
    }

    void take_address(const mail::Address& target) {
        const mail::Address address = target.is_qualified()
                                          ? target
                                          : mail::Address(target.local_part(), recipient_.domain());
        if (!is_local_(address)) {
            add(Leaf::Kind::elsewhere, address);
            return;
        }
        const Alias* const alias = find_alias(address, false);
        if (alias == nullptr) {
            add(Leaf::Kind::user, user_of(address));
        } else if (!path_.empty() && path_.back() == alias->name) {
            // "alice: alice, bob" is how people write that alice keeps her copy.
            add(Leaf::Kind::mailbox, address);
        } else if (std::ranges::find(path_, alias->name) != path_.end()) {
            is_loop_ = true;
            result_.warnings.push_back(
                "alias loop: " + path_text_from(alias->name) + " -> " + alias->name
            );
        } else {
            follow(*alias, address);
        }
    }

    std::string path_text_from(const std::string& name) const {
        std::string text;
        for (auto at = std::ranges::find(path_, name); at != path_.end(); ++at) {
            text += (text.empty() ? "" : " -> ") + *at;
        }
        return text;
    }

    /// Whoever may write to such a file isn't always who may write to the alias file: addresses
    /// only.
    void take_include(const std::string& path) {
        const auto targets = source_.include(path);
        if (!targets) {
            stop({4, 2, 4}, targets.error().message());
            return;
        }
        for (const AliasTarget& target : *targets) {
            if (result_.problem) {
                return;
            }
            if (target.kind == AliasTarget::Kind::address) {
                take_address(target.address);
            } else if (target.kind == AliasTarget::Kind::mailbox) {
                add(Leaf::Kind::mailbox, mail::Address(target.text, recipient_.domain()));
            } else if (result_.warnings.size() < kMaxBadLines) {
                result_.warnings.push_back(
                    path + ": commands, files and :include: are not heeded here"
                );
            }
        }
    }

    /// What is left to say when the walk is over.
    void settle() {
        if (!result_.problem && result_.leaves.empty()) {
            if (is_loop_) {
                stop({5, 4, 6}, result_.warnings.back());
            } else {
                stop({4, 2, 4}, recipient_.text() + " expands to nobody");
            }
        }
        if (!result_.problem && !result_.is_alias && source_.has_just_changed()) {
            result_.may_become_alias = true;
        }
        if (result_.problem) {
            result_.leaves.clear();
        }
    }

    AliasSource& source_;
    const IsLocal& is_local_;
    std::size_t max_leaves_;
    const mail::Address& recipient_;
    Expansion result_;
    std::vector<std::string> path_;  // aliases from the recipient to here
    std::unordered_set<std::string> seen_aliases_;
    std::unordered_set<std::string> seen_leaves_;
    std::string list_;
    bool is_loop_ = false;
};

AliasExpander::AliasExpander(AliasSource& source, IsLocal is_local, std::size_t max_leaves)
    : source_(source), is_local_(std::move(is_local)), max_leaves_(max_leaves) {}

Expansion AliasExpander::expand(const mail::Address& recipient) {
    return Walk(*this, recipient).run();
}

}  // namespace mxpost::local
