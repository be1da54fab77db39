#include "local/recipient_delivery.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

#include "base/text.h"
#include "local/alias_files.h"
#include "local/alias_table.h"
#include "local/command_words.h"
#include "local/forward.h"
#include "local/maildir.h"
#include "local/program.h"

namespace mxpost::local {

namespace {

using mail::OutcomeKind;
using mail::RecipientOutcome;
using Kind = AliasTarget::Kind;

/// How much an outcome decides for the recipient.
int weight(OutcomeKind kind) {
    return kind == OutcomeKind::deferred ? 2 : kind == OutcomeKind::failed ? 1 : 0;
}

/// Do all directories and links on the way to `path` belong to root, as those to /var/mail do? One
/// of a user's could lead anywhere by the time that the mailbox is opened.
bool is_way_of_root(FileSystem& files, const std::string& path) {
    for (std::size_t slash = path.find('/'); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
        const auto status = files.stat(AT_FDCWD, slash == 0 ? "/" : path.substr(0, slash));
        if (!status || status->st_uid != 0) {
            return false;
        }
    }
    return true;
}

}  // namespace

TargetKey key_of(const AliasTarget& target) {
    // FNV-1a.
    TargetKey key = 0xcbf29ce484222325U;
    const std::string text =
        std::to_string(static_cast<int>(target.kind)) + target.text + target.address.text();
    for (const char c : text) {
        key = (key ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    }
    return key;
}

RecipientDelivery::RecipientDelivery(
    const MailboxTools& tools,
    const DeliveryOptions& options,
    const Account& account,
    const Request& request
)
    : tools_(tools),
      options_(options),
      account_(account),
      request_(request),
      from_line_(from_line(request.sender, tools.clock.now())) {}

Answer RecipientDelivery::run() {
    answer_.outcome = RecipientOutcome(OutcomeKind::delivered, {2, 0, 0}, "");
    const auto defer = [&](const std::string& text) {
        answer_.outcome = RecipientOutcome(OutcomeKind::deferred, {4, 3, 0}, text);
        return answer_;
    };
    auto message = MessageReader::open(tools_.files, request_.message.get(), options_.max_message);
    if (!message) {
        return defer(message.error().message());
    }
    message_ = std::move(*message);
    const auto list = targets();
    if (!list) {
        return defer(list.error().message());
    }
    for (const AliasTarget& target : *list) {
        serve(target);
    }
    if (answer_.outcome.kind == OutcomeKind::deferred) {
        answer_.forwards.clear();
        answer_.wants_mailbox = false;
    } else if (answer_.outcome.text.empty() && !answer_.forwards.empty()) {
        answer_.outcome.text = "forwarded by ~/.forward";
    }
    return std::move(answer_);
}

Result<std::vector<AliasTarget>> RecipientDelivery::targets() {
    if (request_.kind == RequestKind::alias_entry) {
        return alias_targets();
    }
    const std::vector<AliasTarget> mailbox{AliasTarget(Kind::mailbox, account_.name)};
    if (request_.kind == RequestKind::mailbox) {
        return mailbox;
    }
    auto forward = read_forward(tools_.files, account_);
    if (!forward) {
        return forward.error();
    }
    for (const std::string& note : forward->notes) {
        tools_.warn(note);
    }
    return forward->targets.empty() ? mailbox : std::move(forward->targets);
}

/// The commands and files of the alias, as the file says now: a request only names it.
Result<std::vector<AliasTarget>> RecipientDelivery::alias_targets() {
    for (const std::string& path : options_.alias_files) {
        const auto text = read_alias_text(tools_.files, tools_.clock, path);
        if (!text) {
            if (text.error().is(ENOENT) || text.error().is(ENOTDIR)) {
                continue;
            }
            return text.error();
        }
        const AliasTable table(*text);
        const Alias* const alias = table.find(ascii_lower(request_.name));
        if (alias == nullptr) {
            continue;
        }
        if (!alias->fault.empty()) {
            return Error::invalid(path + ": " + alias->fault);
        }
        std::vector<AliasTarget> found;
        std::ranges::copy_if(alias->targets, std::back_inserter(found), [](const auto& target) {
            return target.kind == Kind::command || target.kind == Kind::file;
        });
        return found;
    }
    return Error::invalid("the alias " + request_.name + " is no longer there");
}

bool RecipientDelivery::is_self(const mail::Address& address) const {
    const bool is_here = !address.is_qualified() ||
                         std::ranges::find(options_.local_domains, ascii_lower(address.domain())) !=
                             options_.local_domains.end();
    return (is_here && ascii_iequals(unquoted_name(address.local_part()), account_.name)) ||
           ascii_iequals(address.text(), request_.recipient);
}

void RecipientDelivery::forward(const mail::Address& address) {
    const auto is_same = [&](const auto& other) { return other.is_same(address); };
    if (std::ranges::none_of(answer_.forwards, is_same)) {
        answer_.forwards.push_back(address);
    }
}

void RecipientDelivery::serve(const AliasTarget& target) {
    const bool is_mailbox =
        (target.kind == Kind::mailbox && ascii_iequals(target.text, account_.name)) ||
        (target.kind == Kind::address && is_self(target.address)) ||
        (target.kind == Kind::file && options_.mailbox.kind == mail::MailboxKind::mbox &&
         target.text == options_.mailbox.path_for(account_.name, account_.home));
    if (target.kind == Kind::address && !is_mailbox) {
        return forward(target.address);
    }
    if (target.kind == Kind::mailbox && !is_mailbox) {
        // Somebody else's mailbox is theirs to serve.
        return forward(mail::Address(target.text, ""));
    }
    // However it is spelt the mailbox is one target: it gets the message once.
    const AliasTarget named = is_mailbox ? AliasTarget(Kind::mailbox, account_.name) : target;
    const TargetKey key = key_of(named);
    if (std::ranges::find(answer_.done, key) != answer_.done.end()) {
        return;
    }
    if (is_mailbox && options_.mailbox.kind == mail::MailboxKind::lmtp) {
        answer_.wants_mailbox = true;
        return;
    }
    const bool is_done = std::ranges::find(request_.done, key) != request_.done.end();
    const RecipientOutcome outcome =
        is_done ? RecipientOutcome(OutcomeKind::delivered, {2, 0, 0}, "delivered before")
                : deliver(named);
    if (outcome.kind == OutcomeKind::delivered) {
        answer_.done.push_back(key);
    }
    note(outcome);
}

RecipientOutcome RecipientDelivery::deliver(const AliasTarget& target) {
    switch (target.kind) {
        case Kind::mailbox:
            return to_mailbox();
        case Kind::file:
            return to_file(target.text);
        case Kind::command:
            return to_program(target.text);
        default:
            return {OutcomeKind::deferred, {4, 3, 5}, "a target that can't be delivered to"};
    }
}

RecipientOutcome RecipientDelivery::to_mailbox() {
    const std::string path = options_.mailbox.path_for(account_.name, account_.home);
    if (options_.mailbox.kind == mail::MailboxKind::maildir) {
        return deliver_to_maildir(tools_, path, *message_, options_.host_name);
    }
    const bool may_use_group = options_.mail_group && is_way_of_root(tools_.files, path);
    const MailGroup group(may_use_group ? options_.mail_group : std::nullopt);
    const MboxFile mbox{path, account_.uid, 0660, true};
    return append_to_mbox(tools_, mbox, *message_, from_line_);
}

RecipientOutcome RecipientDelivery::to_file(const std::string& path) {
    if (path == "/dev/null") {
        return {OutcomeKind::delivered, {2, 0, 0}, "discarded (/dev/null)"};
    }
    if (path.size() > 1 && path.ends_with('/')) {
        return deliver_to_maildir(
            tools_, path.substr(0, path.find_last_not_of('/') + 1), *message_, options_.host_name
        );
    }
    const MboxFile mbox{path, std::nullopt, 0600, false};
    return append_to_mbox(tools_, mbox, *message_, from_line_);
}

RecipientOutcome RecipientDelivery::to_program(const std::string& command) {
    auto words = split_command(command);
    if (!words) {
        return {
            OutcomeKind::deferred,
            {4, 3, 5},
            "|" + printable(command, 200) + ": " + words.error().message()};
    }
    Program program;
    program.command = command;
    program.words = std::move(*words);
    program.environment = program_environment(
        account_, {account_.name, request_.sender, request_.recipient, request_.original_recipient}
    );
    program.directory = account_.home;
    program.time_limit = options_.program_time;
    program.group = account_.gid;
    return run_program(program, *message_, from_line_);
}

/// Folds one more outcome into the recipient's.
void RecipientDelivery::note(const RecipientOutcome& outcome) {
    RecipientOutcome& sum = answer_.outcome;
    if (weight(outcome.kind) > weight(sum.kind) || sum.text.empty()) {
        sum = outcome;
    } else if (outcome.kind == sum.kind) {
        sum.text += "; " + outcome.text;
    }
}

}  // namespace mxpost::local
