#include "config/import.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "config/import_draft.h"
#include "config/keys.h"

namespace mxpost::config {
namespace {

constexpr std::size_t kMaxRemarks = 500;
constexpr std::size_t kMaxMapLines = 10000;
constexpr const char* kCredentials = "/etc/mxpost.credentials";

std::string base_name(std::string_view path) {
    while (path.size() > 1 && path.ends_with('/')) {
        path.remove_suffix(1);
    }
    return std::string(path.substr(path.rfind('/') + 1));
}

std::string directory_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash);
}

/// A file of nullmailer's: named alone it stands for its directory.
bool is_nullmailer_file(std::string_view path, std::string_view name) {
    constexpr std::array<std::string_view, 5> kNames = {
        "remotes", "me", "defaultdomain", "adminaddr", "allmailfrom"};
    return path.find("nullmailer/") != std::string_view::npos &&
           std::ranges::find(kNames, name) != kNames.end();
}

/// The parsers trim nothing and a comment would cut the value when it is read again.
bool is_one_value(std::string_view value) {
    return !value.empty() && printable(value, value.size()) == value && trim(value) == value &&
           value.find(" #") == std::string_view::npos && !value.starts_with('#');
}

bool is_relay_key(std::string_view key) {
    return key == "relay" || (key.starts_with("relay-") && key != "relay-networks");
}

/// The setting of `taken` that leaves no place for `key`, or null.
const ImportedSetting* find_rival(const std::vector<ImportedSetting>& taken, std::string_view key) {
    const auto rival = std::ranges::find_if(taken, [key](const ImportedSetting& earlier) {
        return earlier.key == key || (is_relay_key(earlier.key) && is_relay_key(key));
    });
    return rival == taken.end() ? nullptr : &*rival;
}

std::string remark_text(const std::string& origin, std::string_view setting, std::string_view why) {
    return printable(origin + ": " + printable(setting, 80) + ": " + std::string(why), 400);
}

std::string comment(std::string_view text) {
    return "# " + std::string(text) + "\n";
}

}  // namespace

std::string import_origin(std::string_view path, std::size_t line) {
    return std::string(path) + ":" + std::to_string(line);
}

std::vector<ImportLine> import_lines(std::string_view text) {
    std::vector<ImportLine> lines;
    std::size_t number = 0;
    for (const std::string_view whole : split(text, '\n')) {
        ++number;
        const std::string_view line = trim(whole);
        if (!line.empty() && line.front() != '#') {
            lines.push_back({number, std::string(line)});
        }
    }
    return lines;
}

bool is_yes(std::string_view value) {
    return std::ranges::any_of(
        std::array<std::string_view, 4>{"yes", "on", "true", "1"},
        [&](std::string_view word) { return ascii_iequals(word, value); }
    );
}

void ImportDraft::remark(
    const std::string& origin, std::string_view setting, std::string_view why
) {
    if (import_.remarks.size() < kMaxRemarks) {
        import_.remarks.push_back(remark_text(origin, setting, why));
    } else if (left_out_++ == 0) {
        import_.remarks.emplace_back("… and more");
    }
}

void ImportDraft::set(std::string_view key, std::string_view value, const std::string& origin) {
    Settings scratch;
    const Key* const row = find_key(key);
    Result<void> applied = Error::invalid("one word or list");
    if (row != nullptr && is_one_value(value)) {
        applied = row->apply(scratch, value);
    }
    if (!applied) {
        remark(origin, value, std::string(key) + " must be " + applied.error().message());
        return;
    }
    const auto same = std::ranges::find(import_.settings, key, &ImportedSetting::key);
    if (same != import_.settings.end()) {
        *same = {std::string(key), std::string(value), origin};
    } else {
        import_.settings.push_back({std::string(key), std::string(value), origin});
    }
}

std::string ImportDraft::value(std::string_view key) const {
    const auto found = std::ranges::find(import_.settings, key, &ImportedSetting::key);
    return found == import_.settings.end() ? "" : found->value;
}

void ImportDraft::remark_if_root_leaves(const std::string& origin, std::string_view setting) {
    const std::string domain = value("from-domain");
    const std::string host = value("host-name");
    if (value("local-mail-to").empty() || domain.empty() || ascii_iequals(domain, host) ||
        ascii_iequals(domain, "localhost")) {
        return;
    }
    remark(
        origin,
        setting,
        "local-mail-to is for this host's own domains: root's mail leaves as root@" + domain +
            ", which from-domain makes of it" +
            (host.empty() ? " (unless that is this host's name)" : "")
    );
}

void ImportDraft::map_sender(
    std::string_view pattern, std::string_view replacement, const std::string& origin
) {
    const auto added = import_.sender_map.size() < kMaxMapLines
                           ? map_.add(pattern, replacement)
                           : Error::invalid("too many lines for a sender map");
    if (!added) {
        remark(origin, pattern, added.error().message());
        return;
    }
    import_.sender_map.push_back(std::string(pattern) + " " + std::string(replacement));
}

void ImportDraft::set_relay(const RelayDraft& relay) {
    using Tls = RelayDraft::Tls;
    if (relay.host.empty()) {
        return;
    }
    const std::string port = !relay.port.empty() ? relay.port : relay.has_wrapper ? "465" : "";
    const bool is_mx_port = port.empty() || port == "25";
    const bool needs_brackets =
        relay.host.find(':') != std::string::npos || (is_mx_port && !relay.is_by_mx);
    std::string value = needs_brackets ? "[" + relay.host + "]" : relay.host;
    value += port.empty() ? "" : ":" + port;
    set("relay", value, relay.origin);
    if (relay.has_wrapper && port != "465") {
        remark(relay.origin, value, "TLS from the first octet on is spoken on port 465 only");
    }
    const bool has_login = !import_.user.empty();
    if (has_login) {
        set("relay-credentials", kCredentials, relay.origin);
        if (!relay.mechanisms.empty()) {
            set("relay-auth", relay.mechanisms, relay.origin);
        }
    }
    switch (relay.tls) {
        case Tls::unset:
            break;
        case Tls::none:
            // Encrypting where it is offered loses nothing; a login must not wait for it, though.
            if (has_login) {
                set("relay-tls", "may", relay.origin);
            }
            break;
        case Tls::may:
            set("relay-tls", "may", relay.origin);
            break;
        case Tls::encrypt:
            set("relay-tls", "encrypt", relay.origin);
            break;
        case Tls::verify:
            set("relay-tls", "verify", relay.origin);
            break;
    }
}

const std::vector<std::string>& import_candidates() {
    static const std::vector<std::string> kPaths = {
        "/etc/ssmtp/ssmtp.conf",
        "/etc/msmtprc",
        "/etc/dma/dma.conf",
        "/etc/nullmailer",
        "/etc/postfix/main.cf"};
    return kPaths;
}

std::optional<Import> import_settings(const std::string& path, const ReadText& read) {
    const std::string name = base_name(path);
    if (name == "ssmtp.conf" || name == "revaliases") {
        return import_ssmtp(directory_of(path) + "/ssmtp.conf", read);
    }
    if (name == "msmtprc" || name == ".msmtprc") {
        return import_msmtp(path, read);
    }
    if (name == "dma.conf" || name == "auth.conf") {
        return import_dma(directory_of(path) + "/dma.conf", read);
    }
    if (name == "nullmailer") {
        return import_nullmailer(path, read);
    }
    if (is_nullmailer_file(path, name)) {
        return import_nullmailer(directory_of(path), read);
    }
    if (name == "main.cf") {
        return import_postfix(path, read);
    }
    return std::nullopt;
}

void leave_to_earlier(Import& import, std::vector<ImportedSetting>& taken) {
    std::vector<ImportedSetting> kept;
    if (std::ranges::any_of(taken, is_relay_key, &ImportedSetting::key)) {
        import.user.clear();
        import.password.clear();
    }
    for (ImportedSetting& setting : import.settings) {
        const ImportedSetting* const rival = find_rival(taken, setting.key);
        if (rival == nullptr) {
            kept.push_back(std::move(setting));
            continue;
        }
        import.remarks.push_back(remark_text(
            setting.origin,
            setting.key + " = " + setting.value,
            rival->key + " is set already, from " + rival->origin
        ));
    }
    taken.insert(taken.end(), kept.begin(), kept.end());
    import.settings = std::move(kept);
}

std::string import_text(const Import& import, const std::string& credentials) {
    const std::string file = credentials.empty() ? kCredentials : credentials;
    std::string text = comment(
        "mxpost.conf, made from " + printable(import.path, 256) + " (" + import.program + ")."
    );
    for (const ImportedSetting& setting : import.settings) {
        const std::string& value = setting.key == "relay-credentials" ? file : setting.value;
        text += "\n" + comment(printable(setting.origin, 256)) + setting.key + " = " + value + "\n";
    }
    if (!import.user.empty() && credentials.empty()) {
        text +=
            "\n" + comment("The relay's user and password belong into a file that only mxpost") +
            comment("may read; `mxpost config --import --credentials FILE` writes it:") +
            comment("  printf 'USER:PASSWORD\\n' | install -m 640 -g mxpost /dev/stdin " + file);
    }
    if (!import.sender_map.empty()) {
        text += "\n" + comment("Sender addresses: put these lines into a file, and name it here.") +
                comment("sender-map = /etc/mxpost.senders");
        for (const std::string& line : import.sender_map) {
            text += comment("  " + line);
        }
    }
    if (!import.remarks.empty()) {
        text += "\n" + comment("What mxpost.conf has no equal for, or does by itself:");
        for (const std::string& remark : import.remarks) {
            text += comment("  " + remark);
        }
    }
    return text;
}

std::string credentials_text(const Import& import) {
    return import.user + ":" + import.password + "\n";
}

}  // namespace mxpost::config
