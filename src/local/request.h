// What an engine asks the local helper to do, and what comes back: "user U (or: alias A), this
// message". No text in it ever becomes a command or a path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "mail/address.h"
#include "mail/outcome.h"

namespace mxpost::local {

enum class RequestKind : std::uint8_t {
    user = 1,         // `name` is a user of this host: ~/.forward, else the mailbox
    alias_entry = 2,  // the pipes and files of the alias `name`, as `alias-user`
    mailbox = 3       // as `user`, but without ~/.forward: an alias leads to "\user"
};

/// Names one target of an earlier attempt that succeeded, so that it isn't served twice.
using TargetKey = std::uint64_t;

struct Request {
    RequestKind kind = RequestKind::user;
    std::string name;                // the user as looked up, or the alias name as in the file
    std::string recipient;           // the address that led here, as in Delivered-To
    std::string original_recipient;  // the envelope's, before aliases
    std::string sender;              // return path without brackets, "" for the null one
    std::string message_id;          // the queue's, for the log
    std::vector<TargetKey> done;     // kept by the agent that sends requests, not by its caller
    /// The message, LF lines, no From_ line (deliver/local_message.h makes it). A regular file, of
    /// which the helper trusts nothing; its offset isn't used.
    Fd message;
};

struct Answer {
    /// All targets folded to one: any deferred one defers the recipient (those that succeeded are
    /// remembered), else any failed one fails it. `delivered` with 2.0.0 when only `forwards` or
    /// the mailbox of the engine (`wants_mailbox`) are left to do.
    mail::RecipientOutcome outcome;
    /// Where ~/.forward sends the message on, duplicates removed: in a child message with
    /// Delivered-To. Unqualified ones are local, aliases apply. Empty while `outcome` is deferred.
    std::vector<mail::Address> forwards;
    /// The mailbox is the engine's to serve (mailbox = lmtp:…). False while `outcome` is deferred.
    bool wants_mailbox = false;
    std::vector<TargetKey> done;  // for the agent that sent the request
};

}  // namespace mxpost::local
