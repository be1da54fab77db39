// QueueSelection: which messages of the queue are meant (-qI, -qR, -qS and their negations; the
// options of `mxpost queue`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/text.h"
#include "mail/envelope.h"
#include "spool/journal.h"

namespace mxpost::submit {

enum class SelectBy : std::uint8_t {
    id,         // case matters, as with Sendmail
    recipient,  // any for whom the message is still there; case doesn't matter, here and below
    sender,
    whole_id,  // the id is the text
    domain     // any such recipient's; is the text, both in the selection's DomainForm
};

/// A domain as it is compared with others.
using DomainForm = std::string (*)(std::string_view domain);

/// Empty: every message.
class QueueSelection {
public:
    QueueSelection() = default;
    /// For SelectBy::domain, without which domains differ that are written in different ways. It is
    /// the caller's, as A-labels need a library that the front end is spared.
    explicit QueueSelection(DomainForm domain_form) : domain_form_(domain_form) {}

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
    ///
    /// The recipients are those that the message is still there for: who waits for it; where nobody
    /// does, who failed and is still to be reported; where there are none of these either (a report
    /// of success is due, or the removal failed), all.
    bool matches(
        std::string_view id, const mail::Envelope& envelope, const spool::JournalState& journal
    ) const;

private:
    struct Condition {
        SelectBy by;
        std::string text;
        bool is_negated;
    };
    template <class Contains>
    bool holds(SelectBy by, const Contains& contains) const;
    bool has_address(const mail::Envelope& envelope, const spool::JournalState& journal) const;

    DomainForm domain_form_ = ascii_lower;
    std::vector<Condition> conditions_;
    std::optional<WallTime> before_;
    std::optional<WallTime> after_;
    bool is_held_ = false;
    bool is_nothing_ = false;
};

}  // namespace mxpost::submit
