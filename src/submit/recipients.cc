#include "submit/recipients.h"

#include "base/text.h"
#include "mail/xtext.h"

namespace mxpost::submit {

Operands sort_operands(const Invocation& invocation) {
    Operands sorted;
    for (const std::string& word : invocation.operands) {
        if (word == "-" && !invocation.has_operand_mark) {
            continue;  // "standard input", say those who write it: that is read anyway
        }
        if (word.starts_with('-') && !invocation.has_operand_mark) {
            sorted.bad.push_back(
                {printable(word, 256), "begins with \"-\"; flags come before recipients"}
            );
        } else {
            sorted.words.push_back(word);
        }
    }
    return sorted;
}

void Recipients::add_operands(const Invocation& invocation) {
    Operands sorted = sort_operands(invocation);
    for (const std::string& word : sorted.words) {
        add(mail::parse_address_list(word));
    }
    bad_.insert(bad_.end(), sorted.bad.begin(), sorted.bad.end());
}

void Recipients::add(const mail::AddressList& list) {
    for (const mail::Address& address : list.addresses) {
        add(mail::Recipient(address));
    }
    bad_.insert(bad_.end(), list.bad.begin(), list.bad.end());
}

void Recipients::add(mail::Recipient recipient) {
    mail::Address& address = recipient.address;
    if (!address.is_qualified()) {
        if (domain_.empty()) {
            is_incomplete_ = true;
        } else {
            address = mail::Address(address.local_part(), domain_);
        }
    }
    // '@' can't be in doubt: the domain has none.
    if (seen_.insert(address.local_part() + "@" + ascii_lower(address.domain())).second) {
        recipients_.push_back(std::move(recipient));
    }
}

void Recipients::set_notify(mail::NotifySet notify) {
    for (mail::Recipient& recipient : recipients_) {
        recipient.notify = recipient.notify != 0 ? recipient.notify : notify;
        if (recipient.notify != 0 && recipient.original_recipient.empty() &&
            recipient.address.is_qualified()) {
            recipient.original_recipient = mail::original_recipient_of(recipient.address);
        }
    }
}

}  // namespace mxpost::submit
