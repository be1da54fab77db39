#include "doctor/cron_check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/log.h"
#include "base/text.h"
#include "local/account.h"
#include "local/alias_files.h"

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

/// Why mail for this user of this host arrives nowhere; empty: it does, as far as can be seen.
std::string why_lost(const Context& context, local::AliasFiles& aliases, const std::string& name) {
    const auto alias = aliases.find(ascii_lower(name));
    if (!alias || *alias != nullptr) {
        return {};
    }
    const auto account = local::find_account(name);
    if (!account) {
        return {};  // can't be told now
    }
    if (!*account) {
        return "there is no such user or alias";
    }
    const bool has_mailbox = (*account)->uid >= context.settings.min_local_uid;
    return has_mailbox ? std::string() : "who has neither an alias nor a mailbox (min-local-uid)";
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
    Findings findings;
    NullLog log;
    local::AliasFiles aliases(context.files, context.clock, log, context.settings.alias_files);
    aliases.refresh();
    std::string good;
    for (const std::string& reader : readers) {
        const bool is_here = reader.find('@') == std::string::npos;
        const std::string why = is_here && context.settings.local_mail_to.empty()
                                    ? why_lost(context, aliases, reader)
                                    : std::string();
        if (why.empty()) {
            good += (good.empty() ? "" : ", ") + reader;
            continue;
        }
        Finding finding(
            "cron",
            reader,
            Level::warning,
            "what cron's jobs print is mailed to " + printable(reader, 100) + ", " + why
        );
        findings.push_back(finding.with(Remedy::advice(
            "Say who reads it: \"" + printable(reader, 100) +
            ": you@example.com\" in /etc/aliases, \"local-mail-to = you@example.com\" in "
            "mxpost.conf, or "
            "MAILTO in the crontab"
        )));
    }
    if (findings.empty() && !good.empty()) {
        findings.emplace_back(
            "cron", "", Level::ok, "what its jobs print is mailed to " + printable(good, 200)
        );
    }
    return findings;
}

}  // namespace mxpost::doctor
