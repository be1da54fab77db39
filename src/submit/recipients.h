// Recipients: those of the command line and of the header, once each, completed.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "mail/address.h"
#include "mail/envelope.h"
#include "submit/invocation.h"

namespace mxpost::submit {

class Recipients {
public:
    /// `domain` completes unqualified addresses; empty: they stay as they are.
    explicit Recipients(std::string domain) : domain_(std::move(domain)) {}

    /// The words behind the flags. One that begins with "-" is taken for a misplaced flag and is
    /// bad, unless "--" said that it is none.
    void add_operands(const Invocation& invocation);
    /// Duplicates (Address::is_same) are dropped; the first one's place counts.
    void add(const mail::AddressList& list);

    const std::vector<mail::Address>& addresses() const { return addresses_; }
    const std::vector<mail::BadAddress>& bad() const { return bad_; }
    /// Some address is still unqualified.
    bool is_incomplete() const { return is_incomplete_; }

private:
    void add(mail::Address address);

    std::string domain_;
    std::vector<mail::Address> addresses_;
    std::unordered_set<std::string> seen_;
    std::vector<mail::BadAddress> bad_;
    bool is_incomplete_ = false;
};

}  // namespace mxpost::submit
