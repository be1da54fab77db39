// QueueSelection: which messages of the queue are meant (-qI, -qR, -qS and their negations; the
// options of `mxpost queue`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "mail/envelope.h"

namespace mxpost::submit {

enum class SelectBy : std::uint8_t {
    id,         // case matters, as with Sendmail
    recipient,  // any of the message's; case doesn't matter, here and below
    sender,
    whole_id,  // the id is the text
    domain     // any recipient's; is the text
};

/// Empty: every message.
class QueueSelection {
public:
    /// Messages whose id, a recipient or the sender contains `text` (or doesn't).
    void add(SelectBy by, std::string text, bool is_negated);
    /// Of a kind of message that there is none of here: quarantined, lost.
    void select_nothing() { is_nothing_ = true; }
    /// That came before this time, or after it.
    void select_before(WallTime time) { before_ = time; }
    void select_after(WallTime time) { after_ = time; }
    void select_held() { is_held_ = true; }

    bool is_everything() const {
        return conditions_.empty() && !is_nothing_ && !before_ && !after_ && !is_held_;
    }
    /// False: the id alone rules the message out. True: see `matches`.
    bool may_match(std::string_view id) const;
    /// Ids aren't enough.
    bool needs_envelope() const;
    /// Of several conditions of one kind one must hold, and none of the negated ones may fail.
    bool matches(std::string_view id, const mail::Envelope& envelope, bool is_held = false) const;

private:
    struct Condition {
        SelectBy by;
        std::string text;
        bool is_negated;
    };
    template <class Contains>
    bool holds(SelectBy by, const Contains& contains) const;
    bool has_address(const mail::Envelope& envelope) const;

    std::vector<Condition> conditions_;
    std::optional<WallTime> before_;
    std::optional<WallTime> after_;
    bool is_held_ = false;
    bool is_nothing_ = false;
};

}  // namespace mxpost::submit
