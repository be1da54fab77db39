#include "doctor/cron_check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "local/account.h"
#include "local/alias_expansion.h"
#include "local/alias_files.h"
#include "mail/address.h"
#include "route/domain_name.h"
#include "route/host_name.h"

namespace mxpost::doctor {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kMaxCrontab = std::size_t{1} << 20;

std::string_view unquoted(std::string_view text) {
    text = trim(text);
    const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                           text.back() == text.front();
    return is_quoted ? text.substr(1, text.size() - 2) : text;
}

/// "NAME = value", which is no job: jobs begin with digits, '*' or '@'.
bool is_setting(std::string_view line) {
    const std::string_view name = trim(line.substr(0, line.find('=')));
    return line.find('=') != std::string_view::npos && !name.empty() &&
           std::ranges::all_of(name, [](char c) {
               return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
           });
}

/// The user in a job of the system's: behind the time, which has five fields, or is one "@daily".
std::string user_of(std::string_view job) {
    std::istringstream fields{std::string(job)};
    std::string field;
    fields >> field;
    for (int left = field.starts_with('@') ? 1 : 5; left > 0; --left) {
        fields >> field;
    }
    return fields ? field : std::string();
}

std::optional<std::string> read_crontab(const fs::path& path) {
    std::error_code error;
    if (!fs::is_regular_file(path, error) || fs::file_size(path, error) > kMaxCrontab || error) {
        return std::nullopt;
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return file ? std::optional(std::move(text).str()) : std::nullopt;
}

void add_readers(
    const fs::path& path, const std::optional<std::string>& owner, std::set<std::string>& readers
) {
    if (const auto text = read_crontab(path)) {
        readers.merge(cron_readers(*text, owner));
    }
}

template <class Visit>
void for_each_file(const std::string& folder, const Visit& visit) {
    std::error_code error;
    for (auto at = fs::directory_iterator(folder, error); !error && at != fs::directory_iterator();
         at.increment(error)) {
        visit(at->path());
    }
}

/// What submission completes names with: see submit::find_host_names(). Empty: nothing, and they
/// are this host's.
std::string completing_domain(const Context& context, const std::string& mailname) {
    if (!context.settings.from_domain.empty()) {
        return context.settings.from_domain;
    }
    std::ifstream file(mailname);
    std::string line;
    std::getline(file, line);
    std::string_view name = trim(line);
    name.remove_suffix(name.ends_with('.') ? 1 : 0);
    return route::is_valid_helo_name(name) ? std::string(name) : context.full_name;
}

/// The same domain may be written with U-labels here and with A-labels there.
std::string dns_form(const std::string& domain) {
    return is_ascii(domain) ? ascii_lower(domain)
                            : route::to_a_labels(domain).value_or(ascii_lower(domain));
}

/// As the engine sees it: this host's names, and what local-domains adds.
bool is_local(const Context& context, const mail::Address& address) {
    const std::string domain = dns_form(address.domain());
    const std::string& host = context.full_name.empty() ? context.node_name : context.full_name;
    return !address.is_qualified() || domain == "localhost" || domain == "localhost.localdomain" ||
           domain == dns_form(host) ||
           std::ranges::any_of(context.settings.local_domains, [&](const std::string& own) {
               return domain == dns_form(own);
           });
}

/// Why mail for this address of this host arrives nowhere; empty: it does, as far as can be seen.
std::string why_lost(
    const Context& context, local::AliasFiles& aliases, const mail::Address& address
) {
    local::AliasExpander expander(
        aliases,
        [&context](const mail::Address& each) { return is_local(context, each); },
        context.settings.max_recipients
    );
    const local::Expansion expansion = expander.expand(address);
    if (expansion.is_alias || expansion.problem || expansion.leaves.size() != 1) {
        return {};
    }
    const std::string name =
        ascii_lower(local::unquoted_name(expansion.leaves[0].address.local_part()));
    const std::size_t plus = name.find('+');
    const auto account = local::find_account(plus == 0 ? name : name.substr(0, plus));
    if (!account) {
        return {};  // can't be told now
    }
    if (!*account) {
        return "there is no such user or alias";
    }
    const bool has_mailbox = (*account)->uid >= context.settings.min_local_uid;
    return has_mailbox ? std::string() : "who has neither an alias nor a mailbox (min-local-uid)";
}

Finding lost(const std::string& reader, const std::string& why) {
    const std::string shown = printable(reader, 100);
    Finding finding(
        "cron", reader, Level::warning, "what cron's jobs print is mailed to " + shown + ", " + why
    );
    finding.with(Remedy::advice(
        "Say who reads it: \"" + shown +
        ": you@example.com\" in /etc/aliases, \"local-mail-to = you@example.com\" in mxpost.conf, "
        "or MAILTO in the crontab"
    ));
    return finding;
}

/// No alias, mailbox or local-mail-to of this host applies there, so these are no remedies.
Finding leaves(const std::string& addresses) {
    Finding finding(
        "cron", "", Level::ok, "what its jobs print leaves as " + printable(addresses, 200)
    );
    finding.with(Remedy::advice("Where nobody reads it: MAILTO=you@example.com in the crontab"));
    return finding;
}

std::set<std::string> all_readers(const CronPlaces& places) {
    std::set<std::string> readers;
    for (const std::string& path : places.crontabs) {
        add_readers(path, std::nullopt, readers);
    }
    for (const std::string& folder : places.folders) {
        for_each_file(folder, [&](const fs::path& path) {
            if (path.filename().string().find('.') ==
                std::string::npos) {  // cron(8) reads no other
                add_readers(path, std::nullopt, readers);
            }
        });
    }
    for_each_file(places.users, [&](const fs::path& path) {
        add_readers(path, path.filename().string(), readers);
    });
    return readers;
}

void add_word(std::string& words, const std::string& word) {
    words += (words.empty() ? "" : ", ") + word;
}

}  // namespace

std::set<std::string> cron_readers(
    std::string_view crontab, const std::optional<std::string>& owner
) {
    std::set<std::string> readers;
    std::optional<std::string> mail_to;
    for (std::string_view line : split(crontab, '\n')) {
        line = trim(line);
        if (line.empty() || line.front() == '#') {
            continue;
        }
        if (is_setting(line)) {
            const std::size_t equals = line.find('=');
            if (trim(line.substr(0, equals)) == "MAILTO") {
                mail_to = unquoted(line.substr(equals + 1));
            }
            continue;
        }
        const std::string user = owner.value_or(user_of(line));
        const std::string who = mail_to.value_or(user);
        for (const std::string_view each : split(who, ',')) {
            if (!trim(each).empty()) {
                readers.emplace(trim(each));
            }
        }
    }
    return readers;
}

Findings check_cron(Context& context, const CronPlaces& places) {
    const std::string domain = completing_domain(context, places.mailname);
    NullLog log;
    local::AliasFiles aliases(context.files, context.clock, log, context.settings.alias_files);
    aliases.refresh();
    Findings findings;
    std::string good;
    std::string elsewhere;
    for (const std::string& reader : all_readers(places)) {
        const mail::AddressList parsed = mail::parse_address_list(reader);
        if (!parsed.bad.empty() || parsed.addresses.size() != 1) {
            findings.push_back(lost(reader, "which is no mail address"));
            continue;
        }
        const mail::Address& written = parsed.addresses.front();
        const mail::Address address =
            written.is_qualified() ? written : mail::Address(written.local_part(), domain);
        const bool is_here = is_local(context, address);
        const std::string why = is_here && context.settings.local_mail_to.empty()
                                    ? why_lost(context, aliases, address)
                                    : std::string();
        if (!why.empty()) {
            findings.push_back(lost(reader, why));
        } else if (is_here || written.is_qualified()) {
            add_word(good, reader);
        } else {
            add_word(elsewhere, address.text());
        }
    }
    if (findings.empty() && !good.empty()) {
        findings.emplace_back(
            "cron", "", Level::ok, "what its jobs print is mailed to " + printable(good, 200)
        );
    }
    if (!elsewhere.empty()) {
        findings.push_back(leaves(elsewhere));
    }
    return findings;
}

}  // namespace mxpost::doctor
