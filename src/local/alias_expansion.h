// Expansion: a recipient of this host followed through the aliases to where its mail goes in the
// end. Pure but for the source that it asks; bounded in depth and number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "local/alias_files.h"
#include "mail/address.h"
#include "mail/outcome.h"

namespace mxpost::local {

/// An end of the way.
struct Leaf {
    enum class Kind : std::uint8_t {
        elsewhere,  // `address` is no address of this host
        user,       // a user of this host, who may have a .forward
        mailbox,    // "\user": their mailbox and nothing else
        programs,   // the commands and files of the alias that `address` names
        discard     // /dev/null
    };

    Kind kind = Kind::elsewhere;
    mail::Address address;
    /// The list that it came through, if somebody owns that list: "staff" when there is an alias
    /// "owner-staff", who then hears of trouble instead of the sender. Empty: none.
    std::string list;
};

struct Expansion {
    std::vector<Leaf> leaves;  // each once, in the order of the files; empty with a problem
    bool is_alias = false;     // else the only leaf is the recipient's own
    /// No alias was found in a file that somebody is just writing: no reason to fail for good.
    bool may_become_alias = false;
    /// Set when nothing may be delivered now (deferred) or ever (failed).
    std::optional<mail::RecipientOutcome> problem;
    std::vector<std::string> warnings;  // for the log; the leaves hold all the same
};

class AliasExpander {
public:
    using IsLocal = std::function<bool(const mail::Address&)>;

    /// `is_local`: of addresses with and without domain. `max_leaves` of one recipient. `source`
    /// must outlive it.
    AliasExpander(AliasSource& source, IsLocal is_local, std::size_t max_leaves);

    /// `recipient` is local. Names without a domain get the recipient's.
    Expansion expand(const mail::Address& recipient);

private:
    class Walk;

    AliasSource& source_;
    IsLocal is_local_;
    std::size_t max_leaves_;
};

}  // namespace mxpost::local
