// Request: what somebody wants of a message whose lock another process holds. It is an entry of the
// message's box, ".ask-ID-VERB", which that process acts on when it lets go of the message.
//
// Only the name counts: the entry is never opened. Whoever may write to the box may ask, which is
// no more than they could do to the message itself once it isn't busy.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "spool/entry_name.h"

namespace mxpost::spool {

inline constexpr std::string_view kRequestPrefix = ".ask-";
/// Try the message again as soon as the present attempt ends.
inline constexpr std::string_view kRetryVerb = "retry";

struct Request {
    MessageId id;
    std::string verb;  // one to sixteen lower-case letters; not all are known to every version

    std::string text() const;
    /// Nothing for any other name.
    static std::optional<Request> parse(std::string_view name);
    friend bool operator==(const Request&, const Request&) = default;
};

/// Asks. That the same was asked already is no error.
Result<void> leave_request(FileSystem& files, int box_directory, const Request& request);

}  // namespace mxpost::spool
