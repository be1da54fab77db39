// msmtp(1)'s msmtprc: "defaults", "account NAME [: PARENT,…]", and "command argument" lines between
// them. The account that sends without -a is "default", or else the first.
#include <algorithm>
#include <map>
#include <vector>

#include "base/text.h"
#include "config/import_draft.h"

namespace mxpost::config {
namespace {

// Accounts copy their parents: bounds on what that multiplies.
constexpr std::size_t kMaxAccounts = 100;
constexpr std::size_t kMaxCommands = 200;
constexpr std::size_t kLongestArgument = 2048;

struct Argument {
    std::string value;
    std::string origin;
};
using Commands = std::map<std::string, Argument, std::less<>>;

struct Account {
    std::string name;
    Commands commands;
};

std::string unquoted(std::string_view text) {
    if (text.size() > 1 && text.front() == '"' && text.back() == '"') {
        text = text.substr(1, text.size() - 2);
    }
    return std::string(text);
}

class Accounts {
public:
    void take(std::string_view text, const std::string& origin) {
        const std::size_t gap = std::min(text.find_first_of(" \t"), text.size());
        std::string command = ascii_lower(text.substr(0, gap));
        const std::string_view argument = trim(text.substr(gap));
        if (command == "defaults") {
            current_ = &defaults_;
        } else if (command == "account") {
            begin(argument);
        } else if (current_ != nullptr && current_->size() < kMaxCommands &&
                   command.size() + argument.size() <= kLongestArgument) {
            (*current_)[std::move(command)] = {unquoted(argument), origin};
        }
    }

    const Commands* chosen() const {
        const auto found = std::ranges::find(accounts_, "default", &Account::name);
        if (found != accounts_.end()) {
            return &found->commands;
        }
        return accounts_.empty() ? nullptr : &accounts_.front().commands;
    }
    const std::vector<Account>& all() const { return accounts_; }

private:
    /// "NAME", "NAME : PARENT, PARENT": what the defaults and the parents say holds at first.
    void begin(std::string_view argument) {
        current_ = nullptr;
        if (accounts_.size() == kMaxAccounts) {
            return;
        }
        const std::size_t colon = std::min(argument.find(':'), argument.size());
        Commands commands = defaults_;
        if (colon < argument.size()) {
            for (const std::string_view parent : split(argument.substr(colon + 1), ',')) {
                const auto found = std::ranges::find(accounts_, trim(parent), &Account::name);
                if (found != accounts_.end()) {
                    for (const auto& [command, value] : found->commands) {
                        commands[command] = value;
                    }
                }
            }
        }
        accounts_.push_back({unquoted(trim(argument.substr(0, colon))), std::move(commands)});
        current_ = &accounts_.back().commands;  // until the next one is begun
    }

    Commands defaults_;
    std::vector<Account> accounts_;
    Commands* current_ = nullptr;
};

class Reader {
public:
    Reader(const std::string& path, const Commands& commands, const ReadText& read)
        : draft_("msmtp", path), commands_(commands), read_(read) {}

    Import run() {
        take_relay();
        take_sender();
        set_if_there("domain", "helo-name");
        take_aliases();
        if (const Argument* source = find("source_ip")) {
            const bool is_v6 = source->value.find(':') != std::string::npos;
            draft_.set(
                is_v6 ? "source-address-ipv6" : "source-address-ipv4", source->value, source->origin
            );
        }
        if (text("logfile").starts_with('/')) {
            set_if_there("logfile", "log");
        }
        name_the_rest();
        return draft_.take();
    }

private:
    const Argument* find(std::string_view command) {
        known_.emplace_back(command);
        const auto found = commands_.find(command);
        return found == commands_.end() ? nullptr : &found->second;
    }
    std::string text(std::string_view command) {
        const Argument* const found = find(command);
        return found == nullptr ? "" : found->value;
    }
    /// Commands without an argument mean "on".
    bool is_on(std::string_view command, bool otherwise) {
        const Argument* const found = find(command);
        return found == nullptr ? otherwise : found->value.empty() || is_yes(found->value);
    }
    void set_if_there(std::string_view command, std::string_view key) {
        if (const Argument* const found = find(command)) {
            draft_.set(key, found->value, found->origin);
        }
    }

    void take_aliases() {
        const Argument* const file = find("aliases");
        if (file == nullptr || !file->value.starts_with('/')) {
            return;
        }
        draft_.set("alias-files", file->value, file->origin);
        for (const ImportLine& line : import_lines(read_(file->value).value_or(""))) {
            if (ascii_istarts_with(line.text, "default:")) {
                draft_.remark(
                    import_origin(file->value, line.number),
                    "default:",
                    "the alias of everybody without one is \"*:\" here, or local-mail-to"
                );
            }
        }
    }

    void take_relay() {
        using Tls = RelayDraft::Tls;
        RelayDraft relay;
        if (const Argument* const host = find("host")) {
            relay.host = host->value;
            relay.origin = host->origin;
        }
        relay.port = text("port");
        const bool has_tls = is_on("tls", false);
        const bool has_starttls = is_on("tls_starttls", true);
        relay.has_wrapper = has_tls && !has_starttls;
        const bool is_checked = is_on("tls_certcheck", true);
        relay.tls = !has_tls ? Tls::none : is_checked ? Tls::verify : Tls::encrypt;
        std::string method = ascii_lower(text("auth"));
        if (method.empty() && find("auth") != nullptr) {
            method = "on";  // as for msmtp
        }
        constexpr std::string_view kOurs = " plain login cram-md5 scram-sha-256 xoauth2 ";
        if (method.empty() || method == "off") {
            known_.insert(known_.end(), {"user", "password", "passwordeval"});
        } else {
            take_login();
            if (kOurs.find(" " + method + " ") != std::string_view::npos) {
                relay.mechanisms = method;
            } else if (method != "on") {
                draft_.remark(find("auth")->origin, "auth " + method, "see relay-auth");
            }
        }
        draft_.set_relay(relay);
    }

    void take_login() {
        draft_.set_user(text("user"));
        if (const Argument* const password = find("password")) {
            draft_.set_password(password->value);
        }
        if (const Argument* const command = find("passwordeval")) {
            draft_.remark(
                command->origin, "passwordeval", "the password is read from relay-credentials only"
            );
        }
    }

    /// "from" is the sender where the caller gives none; with allow_from_override off of all mail.
    void take_sender() {
        set_if_there("maildomain", "from-domain");
        const bool is_for_all = !is_on("allow_from_override", true);
        find("set_from_header");
        find("auto_from");
        const Argument* const from = find("from");
        if (from == nullptr) {
            return;
        }
        const std::size_t at = from->value.rfind('@');
        if (at == std::string::npos) {
            draft_.remark(from->origin, "from " + from->value, "the sender map needs a domain");
            return;
        }
        const std::string user = from->value.substr(0, at);
        const std::string domain = from->value.substr(at + 1);
        if (draft_.value("from-domain").empty()) {
            draft_.set("from-domain", domain, from->origin);
        }
        if (user == "%U") {  // the login name, which is the default
            if (is_for_all) {
                draft_.map_sender("*", "@" + domain, from->origin);
            }
        } else if (user.find('%') != std::string::npos) {
            draft_.remark(from->origin, "from " + from->value, "only %U has an equal");
        } else {
            const std::string pattern = is_for_all ? "*" : "@" + draft_.value("from-domain");
            draft_.map_sender(pattern, from->value, from->origin);
        }
    }

    void name_the_rest() {
        // What mxpost does by itself.
        known_.insert(
            known_.end(),
            {"syslog", "logfile_time_format", "add_missing_from_header", "add_missing_date_header"}
        );
        for (const auto& [command, argument] : commands_) {
            if (std::ranges::find(known_, command) == known_.end()) {
                draft_.remark(argument.origin, command, "has no equal");
            }
        }
    }

    ImportDraft draft_;
    const Commands& commands_;
    const ReadText& read_;
    std::vector<std::string> known_;
};

}  // namespace

Import import_msmtp(const std::string& path, const ReadText& read) {
    Accounts accounts;
    for (const ImportLine& line : import_lines(read(path).value_or(""))) {
        accounts.take(line.text, import_origin(path, line.number));
    }
    const Commands none;
    const Commands* const chosen = accounts.chosen();
    Import import = Reader(path, chosen == nullptr ? none : *chosen, read).run();
    for (const Account& account : accounts.all()) {
        if (&account.commands != chosen) {
            import.remarks.push_back(printable(
                path + ": account " + printable(account.name, 80) +
                    ": there is one relay for all mail",
                400
            ));
        }
    }
    return import;
}

}  // namespace mxpost::config
