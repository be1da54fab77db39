#include "config/keys.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

#include "base/text.h"
#include "config/values.h"

namespace mxpost::config {
namespace {

/// The apply function of a key: what `parse` makes of the text goes into `member`.
template <auto member, auto parse>
Result<void> set(Settings& settings, std::string_view text) {
    auto value = parse(text);
    if (!value) {
        return value.error();
    }
    settings.*member = std::move(*value);
    return {};
}

/// The same for keys whose default is empty.
template <auto member, auto parse>
Result<void> set_optional(Settings& settings, std::string_view text) {
    if (text.empty()) {
        settings.*member = {};
        return {};
    }
    return set<member, parse>(settings, text);
}

// NOLINTBEGIN(readability-identifier-naming): functions, in the form that a template takes
constexpr auto duration = [](std::string_view text) { return parse_duration(text); };

/// A duration of which 0 would make no sense.
constexpr auto wait = [](std::string_view text) -> Result<std::chrono::seconds> {
    auto parsed = parse_duration(text);
    if (parsed && *parsed == std::chrono::seconds(0)) {
        return Error::invalid("a time longer than 0, such as 90s, 15m or 4h");
    }
    return parsed;
};

/// A limit in octets: without room for anything no mail would be taken.
constexpr auto size_limit = [](std::string_view text) -> Result<std::uint64_t> {
    auto parsed = parse_size(text);
    if (parsed && *parsed == 0) {
        return Error::invalid("a size larger than 0, such as 64k, 50M or 2G");
    }
    return parsed;
};

/// What a message's file has room for (spool/file_format.h, which takes twice that: completing
/// addresses lengthens a header).
constexpr std::uint64_t kLargestHeader = 8U << 20U;
constexpr std::uint64_t kMostRecipients = 100'000;

constexpr auto header_size = [](std::string_view text) -> Result<std::uint64_t> {
    auto parsed = size_limit(text);
    if (parsed && *parsed > kLargestHeader) {
        return Error::invalid("a size of at most 8M");
    }
    return parsed;
};

constexpr auto recipient_count = [](std::string_view text) -> Result<std::uint64_t> {
    const auto parsed = parse_count(text);
    if (!parsed || *parsed > kMostRecipients) {
        return Error::invalid("a number from 1 to 100000");
    }
    return parsed;
};

/// Whoever may write an alias file would else be root.
constexpr auto user_but_root = [](std::string_view text) -> Result<std::string> {
    if (text == "root") {
        return Error::invalid("a user other than root");
    }
    return parse_text(text);
};

constexpr auto mailbox_place = [](std::string_view text) {
    return mail::MailboxPlace::parse(text);
};

/// A number whose 0 means "no limit".
constexpr auto limit = [](std::string_view text) -> Result<std::uint64_t> {
    return text == "0" ? Result<std::uint64_t>(0) : parse_count(text);
};

constexpr auto yes_or_no = [](std::string_view text) -> Result<bool> {
    if (text == "yes" || text == "no") {
        return text == "yes";
    }
    return Error::invalid("yes or no");
};

constexpr auto delivery_mode = [](std::string_view text) -> Result<DeliveryMode> {
    if (text == "background") {
        return DeliveryMode::background;
    }
    if (text == "interactive") {
        return DeliveryMode::interactive;
    }
    if (text == "queue") {
        return DeliveryMode::queue;
    }
    return Error::invalid("background, interactive or queue");
};

constexpr auto address_family = [](std::string_view text) -> Result<AddressFamily> {
    if (text == "auto") {
        return AddressFamily::automatic;
    }
    if (text == "ipv4") {
        return AddressFamily::ipv4;
    }
    if (text == "ipv6") {
        return AddressFamily::ipv6;
    }
    if (text == "prefer-ipv4") {
        return AddressFamily::prefer_ipv4;
    }
    if (text == "prefer-ipv6") {
        return AddressFamily::prefer_ipv6;
    }
    return Error::invalid("auto, ipv4, ipv6, prefer-ipv4 or prefer-ipv6");
};

/// `dane` for all mail would be mail for few.
constexpr auto tls_level = [](std::string_view text) -> Result<TlsLevel> {
    const auto level = parse_tls_level(text);
    if (!level || *level == TlsLevel::dane) {
        return Error::invalid("none, may, no-downgrade, encrypt or verify");
    }
    return *level;
};

constexpr auto dkim_failure = [](std::string_view text) -> Result<DkimFailure> {
    if (text == "defer") {
        return DkimFailure::defer;
    }
    if (text == "send") {
        return DkimFailure::send;
    }
    return Error::invalid("defer or send");
};

constexpr auto chunking = [](std::string_view text) -> Result<Chunking> {
    if (text == "auto") {
        return Chunking::automatic;
    }
    if (text == "never") {
        return Chunking::never;
    }
    return Error::invalid("auto or never");
};

constexpr auto relay_when = [](std::string_view text) -> Result<RelayWhen> {
    if (text == "always") {
        return RelayWhen::always;
    }
    if (text == "blocked") {
        return RelayWhen::blocked;
    }
    return Error::invalid("always or blocked");
};

constexpr auto relay_tls = [](std::string_view text) -> Result<RelayTls> {
    if (text == "none") {
        return RelayTls::none;
    }
    if (text == "may") {
        return RelayTls::may;
    }
    if (text == "encrypt") {
        return RelayTls::encrypt;
    }
    if (text == "verify") {
        return RelayTls::verify;
    }
    return Error::invalid("none, may, encrypt or verify");
};
// NOLINTEND(readability-identifier-naming)

constexpr std::array kKeys = {
    Key{"spool",
        "/var/spool/mxpost",
        Scope::both,
        "the queue's directory",
        set<&Settings::spool, parse_path>},
    Key{"user",
        "mxpost",
        Scope::engine,
        "the user that an engine started by root becomes",
        set<&Settings::user, parse_text>},
    Key{"log",
        "",
        Scope::both,
        "syslog, stderr or a file; unset: syslog, or stderr where there is no /dev/log",
        set_optional<&Settings::log, parse_log_target>},
    Key{"from-domain",
        "",
        Scope::both,
        "the domain of unqualified addresses; unset: /etc/mailname, then this host's name",
        set_optional<&Settings::from_domain, parse_domain>},
    Key{"host-name",
        "",
        Scope::both,
        "this host's full name; unset: what the system says",
        set_optional<&Settings::host_name, parse_domain>},
    Key{"helo-name",
        "",
        Scope::engine,
        "the name given to other mail servers; unset: host-name, or the connection's PTR name",
        set_optional<&Settings::helo_name, parse_helo_name>},
    Key{"local-domains",
        "",
        Scope::engine,
        "domains that are this host's own, besides its names",
        set_optional<&Settings::local_domains, parse_domains>},
    Key{"local-mail-to",
        "",
        Scope::engine,
        "the address elsewhere that gets all mail for local domains; unset: aliases and mailboxes "
        "do",
        set_optional<&Settings::local_mail_to, parse_address>},
    Key{"sender-map",
        "",
        Scope::both,
        "the file that says which sender addresses leave as which others",
        set_optional<&Settings::sender_map, parse_path>},
    Key{"masquerade-domains",
        "",
        Scope::both,
        "domains whose host names are left out of sender addresses",
        set_optional<&Settings::masquerade_domains, parse_masquerade_domains>},
    Key{"masquerade-exceptions",
        "",
        Scope::both,
        "users whose addresses masquerade-domains leaves as they are",
        set_optional<&Settings::masquerade_exceptions, parse_users>},
    Key{"mailbox",
        "mbox",
        Scope::engine,
        "where users' mail goes: mbox, mbox:/path/%u, maildir, maildir:PATH or lmtp:SERVER",
        set<&Settings::mailbox, mailbox_place>},
    Key{"alias-files",
        "/etc/aliases",
        Scope::both,
        "the files that say where mail for names of this host goes; unset: none",
        set_optional<&Settings::alias_files, parse_paths>},
    Key{"alias-user",
        "nobody",
        Scope::engine,
        "the user whose rights commands and files of the alias files get; never root",
        set<&Settings::alias_user, user_but_root>},
    Key{"min-local-uid",
        "1000",
        Scope::engine,
        "the lowest uid that has a mailbox; accounts below need an alias",
        set<&Settings::min_local_uid, parse_count>},
    Key{"delivery-mode",
        "background",
        Scope::front_end,
        "background, interactive or queue, where the caller doesn't say (-od)",
        set<&Settings::delivery_mode, delivery_mode>},
    Key{"interactive-timeout",
        "5m",
        Scope::front_end,
        "how long -odi and -v wait for the first attempt",
        set<&Settings::interactive_timeout, duration>},
    Key{"message-size-limit",
        "50M",
        Scope::both,
        "the largest message accepted",
        set<&Settings::message_size_limit, size_limit>},
    Key{"header-size-limit",
        "1M",
        Scope::front_end,
        "the largest header accepted",
        set<&Settings::header_size_limit, header_size>},
    Key{"max-recipients",
        "10000",
        Scope::both,
        "the most recipients of one message",
        set<&Settings::max_recipients, recipient_count>},
    Key{"max-queued-messages",
        "100000",
        Scope::both,
        "the most messages that one user may have in the queue",
        set<&Settings::max_queued_messages, parse_count>},
    Key{"max-queued-size",
        "10G",
        Scope::both,
        "the most octets of messages that one user may have in the queue",
        set<&Settings::max_queued_size, size_limit>},
    Key{"max-queued-recipients",
        "2000000",
        Scope::both,
        "the most recipients, of all messages together, that one user may have in the queue",
        set<&Settings::max_queued_recipients, parse_count>},
    Key{"min-free-space",
        "64M",
        Scope::front_end,
        "room that submissions leave free on the spool's file system",
        set<&Settings::min_free_space, parse_size>},
    Key{"queue-lifetime",
        "5d",
        Scope::engine,
        "how long delivery is tried before the message is returned",
        set<&Settings::queue_lifetime, duration>},
    Key{"bounce-lifetime",
        "2d",
        Scope::engine,
        "the same for bounces and other mail without a sender, if that is shorter",
        set<&Settings::bounce_lifetime, duration>},
    Key{"warning-time",
        "4h",
        Scope::engine,
        "after how long the sender hears that delivery is late; 0: never",
        set<&Settings::warning_time, duration>},
    Key{"retry-min",
        "5m",
        Scope::engine,
        "the shortest wait between two attempts",
        set<&Settings::retry_min, wait>},
    Key{"retry-max",
        "4h",
        Scope::engine,
        "the longest wait between two attempts",
        set<&Settings::retry_max, wait>},
    Key{"max-sessions",
        "500",
        Scope::engine,
        "the most SMTP sessions of one engine",
        set<&Settings::max_sessions, parse_count>},
    Key{"max-sessions-per-site",
        "10",
        Scope::engine,
        "the most SMTP sessions with one set of MX hosts",
        set<&Settings::max_sessions_per_site, parse_count>},
    Key{"reply-rules",
        "/etc/mxpost/replies",
        Scope::engine,
        "the file that says what refusals of other servers mean, besides the rules that are built "
        "in",
        set_optional<&Settings::reply_rules, parse_path>},
    Key{"provider-limits",
        "/etc/mxpost/providers",
        Scope::engine,
        "the file that says what large receivers take at a time, besides the limits that are built "
        "in",
        set_optional<&Settings::provider_limits, parse_path>},
    Key{"address-family",
        "auto",
        Scope::engine,
        "auto, ipv4, ipv6, prefer-ipv4 or prefer-ipv6",
        set<&Settings::address_family, address_family>},
    Key{"source-address-ipv4",
        "",
        Scope::engine,
        "the IPv4 address to connect from",
        set_optional<&Settings::source_address_ipv4, parse_ipv4>},
    Key{"source-address-ipv6",
        "",
        Scope::engine,
        "the IPv6 address to connect from",
        set_optional<&Settings::source_address_ipv6, parse_ipv6>},
    Key{"tls",
        "may",
        Scope::engine,
        "none, may (where the server offers it), no-downgrade (and always where it once did), "
        "encrypt (or don't deliver) or verify",
        set<&Settings::tls, tls_level>},
    Key{"tls-policy",
        "",
        Scope::engine,
        "domain:level for domains whose mail needs more, or less, than tls says; levels as there, "
        "and dane",
        set_optional<&Settings::tls_policy, parse_tls_policies>},
    Key{"dane",
        "yes",
        Scope::engine,
        "yes (TLSA records of servers are heeded, where DNSSEC covers them) or no",
        set<&Settings::dane, yes_or_no>},
    Key{"mta-sts",
        "yes",
        Scope::engine,
        "yes (policies that domains publish by MTA-STS are heeded) or no",
        set<&Settings::mta_sts, yes_or_no>},
    Key{"tls-reports",
        "no",
        Scope::engine,
        "yes (domains that ask for it get a daily report of TLS with their servers) or no",
        set<&Settings::tls_reports, yes_or_no>},
    Key{"tls-report-contact",
        "",
        Scope::engine,
        "the address that TLS reports come from; unset: postmaster of this host's domain",
        set_optional<&Settings::tls_report_contact, parse_address>},
    Key{"tls-report-organization",
        "",
        Scope::engine,
        "who TLS reports say that they are from; unset: this host's domain",
        set_optional<&Settings::tls_report_organization, parse_text>},
    Key{"chunking",
        "auto",
        Scope::engine,
        "auto (content by BDAT where the server offers CHUNKING and PIPELINING) or never",
        set<&Settings::chunking, chunking>},
    Key{"relay",
        "",
        Scope::engine,
        "the server that passes mail on, such as smtp.example.com:587; unset: none",
        set_optional<&Settings::relay, parse_relay>},
    Key{"relay-credentials",
        "",
        Scope::engine,
        "the file with user:password for the relay",
        set_optional<&Settings::relay_credentials, parse_path>},
    Key{"relay-for",
        "",
        Scope::engine,
        "domains whose mail goes through the relay; .example.com: all below it",
        set_optional<&Settings::relay_for, parse_domain_patterns>},
    Key{"relay-when",
        "",
        Scope::engine,
        "always or blocked (when port 25 is); unset: always, or with relay-for only for that",
        set_optional<&Settings::relay_when, relay_when>},
    Key{"relay-tls",
        "",
        Scope::engine,
        "none, may, encrypt or verify; unset: verify with relay-credentials, else as tls says",
        set_optional<&Settings::relay_tls, relay_tls>},
    Key{"relay-auth",
        "scram-sha-256,cram-md5,plain,login",
        Scope::engine,
        "how to log in at the relay, of these and xoauth2",
        set<&Settings::relay_auth, parse_mechanisms>},
    Key{"resolver",
        "",
        Scope::engine,
        "name servers to ask instead of those in /etc/resolv.conf; validating: check DNSSEC here",
        set_optional<&Settings::resolver, parse_resolver>},
    Key{"trusted-resolver",
        "",
        Scope::engine,
        "name servers whose word for DNSSEC counts, besides resolv.conf's with its trust-ad",
        set_optional<&Settings::trusted_resolvers, parse_ip_addresses>},
    Key{"trust-anchor",
        "/usr/share/dns/root.key",
        Scope::engine,
        "the file with the DNSSEC keys of the root, for resolver = validating",
        set<&Settings::trust_anchor, parse_path>},
    Key{"dkim",
        "",
        Scope::engine,
        "the keys that sign mail: domain selector file, separated by commas; unset: none",
        set_optional<&Settings::dkim, parse_dkim_keys>},
    Key{"dkim-failure",
        "defer",
        Scope::engine,
        "defer or send (unsigned): what becomes of mail whose key can't be used",
        set<&Settings::dkim_failure, dkim_failure>},
    Key{"dkim-canonicalization",
        "relaxed/relaxed",
        Scope::engine,
        "the canonical forms of header and body, each relaxed or simple",
        set<&Settings::dkim_canonicalization, parse_dkim_canonicalization>},
    Key{"dkim-lifetime",
        "0",
        Scope::engine,
        "how long a signature is good; 0: for ever",
        set<&Settings::dkim_lifetime, duration>},
    Key{"doctor-mail-servers",
        "gmail-smtp-in.l.google.com,mx01.mail.icloud.com",
        Scope::engine,
        "servers that mxpost doctor tries to reach where no recipient's server answers",
        set_optional<&Settings::doctor_mail_servers, parse_domains>},
    Key{"doctor-block-lists",
        "zen.spamhaus.org,bl.spamcop.net",
        Scope::engine,
        "DNS block lists that mxpost doctor looks this host's addresses up in",
        set_optional<&Settings::doctor_block_lists, parse_domains>},
    Key{"listen",
        "",
        Scope::engine,
        "addresses and Unix sockets on which mxpost run takes mail by SMTP",
        set_optional<&Settings::listen, parse_listen_addresses>},
    Key{"relay-networks",
        "",
        Scope::engine,
        "networks whose hosts may send through this one, besides this host itself",
        set_optional<&Settings::relay_networks, parse_networks>},
    Key{"listen-tls-certificate",
        "",
        Scope::engine,
        "the certificate (PEM) for STARTTLS; unset: not offered",
        set_optional<&Settings::listen_tls_certificate, parse_path>},
    Key{"listen-tls-key",
        "",
        Scope::engine,
        "its key (PEM); unset: it is in the certificate's file",
        set_optional<&Settings::listen_tls_key, parse_path>},
    Key{"listen-max-connections",
        "1000",
        Scope::engine,
        "the most connections at a time",
        set<&Settings::listen_max_connections, parse_count>},
    Key{"listen-max-connections-per-client",
        "200",
        Scope::engine,
        "the most connections of one address or user at a time",
        set<&Settings::listen_max_connections_per_client, parse_count>},
    Key{"listen-connection-rate",
        "0",
        Scope::engine,
        "the most connections of one address or user in a minute; 0: no limit",
        set<&Settings::listen_connection_rate, limit>},
    Key{"listen-message-rate",
        "0",
        Scope::engine,
        "the most messages of one address or user in a minute; 0: no limit",
        set<&Settings::listen_message_rate, limit>},
    Key{"listen-max-errors",
        "20",
        Scope::engine,
        "how many errors end a connection",
        set<&Settings::listen_max_errors, parse_count>},
    Key{"listen-idle-timeout",
        "5m",
        Scope::engine,
        "how long a client may take for its next command or piece of content",
        set<&Settings::listen_idle_timeout, wait>},
    Key{"listen-session-timeout",
        "1h",
        Scope::engine,
        "how long a connection may last without a message being accepted",
        set<&Settings::listen_session_timeout, wait>},
};

/// Levenshtein's: insertions, removals and changes that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({change, diagonal + 1, row[j] + 1});
        }
    }
    return row[b.size()];
}

}  // namespace

Settings::Settings() {
    for (const Key& key : kKeys) {
        key.apply(*this, key.default_text).value();
    }
}

std::span<const Key> keys() {
    return kKeys;
}

const Key* find_key(std::string_view name) {
    const auto* const found = std::ranges::find(kKeys, name, &Key::name);
    return found == kKeys.end() ? nullptr : found;
}

const Key* nearest_key(std::string_view name) {
    constexpr std::size_t kLongest = 64;  // a bound on the work for hostile input
    std::string asked = ascii_lower(name.substr(0, kLongest));
    std::ranges::replace(asked, '_', '-');
    const auto distance = [&](const Key& key) { return edit_distance(asked, key.name); };
    const auto* const best = std::ranges::min_element(kKeys, {}, distance);
    if (distance(*best) * 2 <= best->name.size()) {
        return best;
    }
    const auto* const begun = std::ranges::find_if(kKeys, [&](const Key& key) {
        return asked.size() >= 3 && key.name.starts_with(asked);
    });
    return begun == kKeys.end() ? nullptr : begun;
}

std::string environment_name(const Key& key) {
    std::string name = "MXPOST_";
    for (const char c : key.name) {
        name += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    }
    return name;
}

}  // namespace mxpost::config
