// Recipients: those of the command line and of the header, once each, completed.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "mail/address.h"
#include "mail/envelope.h"
#include "submit/invocation.h"

namespace mxpost::submit {

/// The words behind the flags.
struct Operands {
    std::vector<std::string> words;  // the good ones
    std::vector<mail::BadAddress> bad;
};

/// One that begins with "-" is taken for a misplaced flag and is bad, unless "--" said that it is
/// none; "-" alone is nobody.
Operands sort_operands(const Invocation& invocation);

class Recipients {
public:
    /// `domain` completes unqualified addresses; empty: they stay as they are.
    explicit Recipients(std::string domain) : domain_(std::move(domain)) {}

    /// As sort_operands() says; each word may be a list.
    void add_operands(const Invocation& invocation);
    /// Duplicates (Address::is_same) are dropped; the first one's place counts.
    void add(const mail::AddressList& list);
    /// The same for one with delivery report wishes of its own.
    void add(mail::Recipient recipient);

    const std::vector<mail::Recipient>& all() const { return recipients_; }
    /// For all that have no wishes of their own (-N). Where reports are asked for they name the
    /// address as it is here (RFC 3461 4.2).
    void set_notify(mail::NotifySet notify);
    const std::vector<mail::BadAddress>& bad() const { return bad_; }
    /// Some address is still unqualified.
    bool is_incomplete() const { return is_incomplete_; }

private:
    std::string domain_;
    std::vector<mail::Recipient> recipients_;
    std::unordered_set<std::string> seen_;
    std::vector<mail::BadAddress> bad_;
    bool is_incomplete_ = false;
};

}  // namespace mxpost::submit
