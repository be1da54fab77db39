// RecipientDelivery: serves one request with the rights of its account: what ~/.forward says, the
// mailbox, files and programs.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "local/account.h"
#include "local/alias_targets.h"
#include "local/mbox.h"
#include "local/request.h"
#include "mail/mailbox_place.h"

namespace mxpost::local {

/// The administrator's choices: from mxpost.conf, never from a request.
struct DeliveryOptions {
    mail::MailboxPlace mailbox;
    std::vector<std::string> alias_files;
    std::vector<std::string> local_domains;  // lower case
    std::string host_name;                   // for names in Maildirs
    std::uint64_t max_message = 0;           // octets
    std::chrono::seconds program_time{300};
    /// Owner of /var/mail, within reach of the process; used where none but root could have made
    /// the way to the mailbox.
    std::optional<gid_t> mail_group;
};

class RecipientDelivery {
public:
    /// References outlive it; request.message is there. `tools.warn` gets what a user should see in
    /// the log.
    RecipientDelivery(
        const MailboxTools& tools,
        const DeliveryOptions& options,
        const Account& account,
        const Request& request
    );

    /// Called as the account's user.
    Answer run();

private:
    Result<std::vector<AliasTarget>> targets();
    Result<std::vector<AliasTarget>> alias_targets();
    void serve(const AliasTarget& target);
    bool is_self(const mail::Address& address) const;
    void forward(const mail::Address& address);
    mail::RecipientOutcome deliver(const AliasTarget& target);
    mail::RecipientOutcome to_mailbox();
    mail::RecipientOutcome to_file(const std::string& path);
    mail::RecipientOutcome to_program(const std::string& command);
    void note(const mail::RecipientOutcome& outcome);

    const MailboxTools& tools_;
    const DeliveryOptions& options_;
    const Account& account_;
    const Request& request_;
    std::optional<MessageReader> message_;
    std::string from_line_;
    Answer answer_;
};

/// The same text gives the same key.
TargetKey key_of(const AliasTarget& target);

}  // namespace mxpost::local
