// postconf(5)'s main.cf, as far as a Postfix that only sends has it: "name = value", lines that
// begin with white space continue the one before, "$name" is another one's value.
#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "base/text.h"
#include "config/import_draft.h"

namespace mxpost::config {
namespace {

constexpr std::size_t kMaxDepth = 10;        // of values within values
constexpr std::size_t kMaxExpanded = 65536;  // octets looked at

struct Parameter {
    std::string value;
    std::string origin;
};
using Parameters = std::map<std::string, Parameter, std::less<>>;

Parameters parse(const std::string& path, std::string_view text) {
    Parameters parameters;
    Parameter* last = nullptr;
    std::size_t number = 0;
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        const std::string_view content = trim(line);
        if (content.empty() || content.front() == '#') {
            continue;  // they end no value
        }
        if (line.front() == ' ' || line.front() == '\t') {
            if (last != nullptr) {
                last->value.append(" ").append(content);
            }
            continue;
        }
        const std::size_t equals = content.find('=');
        if (equals == std::string_view::npos) {
            last = nullptr;
            continue;
        }
        last = &parameters[std::string(trim(content.substr(0, equals)))];
        *last = {std::string(trim(content.substr(equals + 1))), import_origin(path, number)};
    }
    return parameters;
}

bool is_name_octet(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// "$name", "${name}", "$(name)". Unknown names are nothing, as for Postfix.
class Expander {
public:
    explicit Expander(const Parameters& parameters) : parameters_(parameters) {}

    std::string run(std::string_view text, std::size_t depth = 0) {
        std::string result;
        for (std::size_t i = 0; i < text.size() && spent_ < kMaxExpanded; ++i, ++spent_) {
            if (text[i] != '$' || i + 1 == text.size()) {
                result += text[i];
                continue;
            }
            if (text[i + 1] == '$') {
                result += text[++i];
                continue;
            }
            const bool is_in_brackets = text[i + 1] == '{' || text[i + 1] == '(';
            std::size_t begin = i + (is_in_brackets ? 2 : 1);
            std::size_t end = begin;
            while (end < text.size() && is_name_octet(text[end])) {
                ++end;
            }
            const std::string_view name = text.substr(begin, end - begin);
            i = is_in_brackets && end < text.size() ? end : end - 1;
            if (depth < kMaxDepth) {
                result += value_of(name, depth + 1);
            }
        }
        return result;
    }

private:
    std::string value_of(std::string_view name, std::size_t depth) {
        const auto found = parameters_.find(name);
        if (found != parameters_.end()) {
            return run(found->second.value, depth);
        }
        if (name == "mydomain") {  // what is behind the first dot of myhostname
            const std::string host = value_of("myhostname", depth);
            const std::size_t dot = host.find('.');
            return dot == std::string::npos ? host : host.substr(dot + 1);
        }
        return "";
    }

    const Parameters& parameters_;
    std::size_t spent_ = 0;
};

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(", \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(", \t", at), text.size());
        words.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

struct SameValue {
    std::string_view parameter;
    std::string_view key;
};
/// Whose values have the same form in mxpost.conf.
constexpr std::array<SameValue, 12> kSame = {{
    {"myhostname", "host-name"},
    {"smtp_helo_name", "helo-name"},
    {"smtp_bind_address", "source-address-ipv4"},
    {"smtp_bind_address6", "source-address-ipv6"},
    {"message_size_limit", "message-size-limit"},
    {"maximal_queue_lifetime", "queue-lifetime"},
    {"bounce_queue_lifetime", "bounce-lifetime"},
    {"delay_warning_time", "warning-time"},
    {"minimal_backoff_time", "retry-min"},
    {"maximal_backoff_time", "retry-max"},
    {"masquerade_domains", "masquerade-domains"},
    {"masquerade_exceptions", "masquerade-exceptions"},
}};
/// Of no use here, and no loss.
constexpr std::array<std::string_view, 12> kNeedless = {
    "biff",
    "readme_directory",
    "compatibility_level",
    "append_dot_mydomain",
    "smtpd_banner",
    "mydomain",
    "alias_database",
    "queue_directory",
    "command_directory",
    "daemon_directory",
    "smtp_tls_session_cache_database",
    "smtpd_tls_session_cache_database"};

class Reader {
public:
    Reader(const std::string& path, const ReadText& read)
        : draft_("postfix", path),
          read_(read),
          parameters_(parse(path, read(path).value_or(""))),
          expander_(parameters_) {}

    Import run() {
        for (const auto& [parameter, key] : kSame) {
            const std::string value = take(parameter);
            // Postfix says "no limit" with 0, and its bare numbers are seconds or hours.
            if (!value.empty() && value != "0") {
                draft_.set(key, with_unit(parameter, value), origin_);
            }
        }
        take_origin();
        take_destinations();
        take_protocols();
        take_listening();
        take_networks();
        take_relay();
        take_aliases();
        for (const char* parameter :
             {"sender_canonical_maps", "canonical_maps", "smtp_generic_maps"}) {
            take_sender_map(parameter);
        }
        name_the_rest();
        return draft_.take();
    }

private:
    /// The expanded value, and from now on its origin.
    std::string take(std::string_view parameter) {
        known_.emplace_back(parameter);
        const auto found = parameters_.find(parameter);
        if (found == parameters_.end()) {
            return "";
        }
        origin_ = found->second.origin;
        return Expander(expander_).run(found->second.value);
    }

    static std::string with_unit(std::string_view parameter, const std::string& value) {
        const bool is_time = parameter.ends_with("_time") || parameter.ends_with("_lifetime");
        if (!is_time || !parse_unsigned(value)) {
            return value;
        }
        return value + (parameter.ends_with("_queue_lifetime") ? "d"
                        : parameter == "delay_warning_time"    ? "h"
                                                               : "s");
    }

    void take_origin() {
        const std::string value = take("myorigin");
        if (value.starts_with('/')) {
            if (value != "/etc/mailname") {
                draft_.remark(origin_, "myorigin", "only /etc/mailname is looked into");
            }
        } else if (!value.empty()) {
            draft_.set("from-domain", value, origin_);
        }
    }

    void take_destinations() {
        std::string domains;
        const std::string host = draft_.value("host-name");
        for (const std::string& word : words_of(take("mydestination"))) {
            if (word.find_first_of("/:") != std::string::npos) {
                draft_.remark(origin_, word, "local-domains has no look-up tables");
            } else if (word != host && !word.starts_with("localhost")) {
                domains += (domains.empty() ? "" : ", ") + word;
            }
        }
        if (!domains.empty()) {
            draft_.set("local-domains", domains, origin_);
        }
    }

    void take_protocols() {
        const std::string value = take("inet_protocols");
        if (value == "ipv4" || value == "ipv6") {
            draft_.set("address-family", value, origin_);
        }
    }

    void take_listening() {
        const std::string value = take("inet_interfaces");
        if (value == "loopback-only" || value == "localhost") {
            // The unit's engine has no right to open port 25 itself.
            draft_.remark(
                origin_,
                "inet_interfaces = " + value,
                "for software that speaks SMTP to localhost: systemctl enable --now mxpost.socket"
            );
        } else if (!value.empty()) {
            draft_.remark(
                origin_,
                "inet_interfaces = " + value,
                "mxpost listens to nobody by default; see listen"
            );
        }
    }

    void take_networks() {
        for (const std::string& word : words_of(take("mynetworks"))) {
            const bool is_loopback = word.starts_with("127.") || word.starts_with("[::1]") ||
                                     word.starts_with("[::ffff:127.");
            if (!is_loopback) {
                draft_.remark(origin_, word, "see listen and relay-networks");
            }
        }
    }

    /// "[host]:port", "host:port", "host".
    void take_relay() {
        RelayDraft relay;
        const std::string value = take("relayhost");
        relay.origin = origin_;
        const std::size_t close = value.find(']');
        const bool is_bracketed = value.starts_with('[') && close != std::string::npos;
        const std::size_t colon = value.find(':', is_bracketed ? close : 0);
        relay.host = is_bracketed ? value.substr(1, close - 1) : value.substr(0, colon);
        relay.port = colon == std::string::npos ? "" : value.substr(colon + 1);
        // The names of services that its own examples use.
        if (relay.port == "smtp") {
            relay.port = "25";
        } else if (relay.port == "submission") {
            relay.port = "587";
        } else if (relay.port == "smtps" || relay.port == "submissions") {
            relay.port = "465";
        }
        relay.is_by_mx = !is_bracketed;
        relay.tls = tls_level(!relay.host.empty());
        relay.has_wrapper = is_yes(take("smtp_tls_wrappermode"));
        if (is_yes(take("smtp_sasl_auth_enable"))) {
            take_login({value, relay.host});
        } else {
            take("smtp_sasl_password_maps");
        }
        take("smtp_sasl_security_options");  // relay-tls decides what a password is shown to
        take("smtp_sasl_tls_security_options");
        draft_.set_relay(relay);
    }

    RelayDraft::Tls tls_level(bool has_relay) {
        using Tls = RelayDraft::Tls;
        if (is_yes(take("smtp_enforce_tls"))) {
            return level("encrypt", has_relay);
        }
        const bool uses_tls = is_yes(take("smtp_use_tls"));
        const std::string value = take("smtp_tls_security_level");
        return value.empty() && !uses_tls ? Tls::unset
                                          : level(value.empty() ? "may" : value, has_relay);
    }

    RelayDraft::Tls level(const std::string& value, bool has_relay) {
        using Tls = RelayDraft::Tls;
        if (value == "none") {
            draft_.set("tls", "none", origin_);
            return Tls::none;
        }
        if (value == "may") {
            return has_relay ? Tls::may : Tls::unset;  // without a relay the default
        }
        if (value == "encrypt") {
            if (!has_relay) {
                draft_.set("tls", "encrypt", origin_);
            }
            return Tls::encrypt;
        }
        if (has_relay && (value == "verify" || value == "secure")) {
            return Tls::verify;
        }
        draft_.remark(origin_, "smtp_tls_security_level = " + value, "see tls");
        return Tls::unset;
    }

    /// The file that a map was made from: "hash:/etc/postfix/sasl_passwd".
    std::optional<std::string> map_text(std::string_view map, std::string& path) {
        constexpr std::array<std::string_view, 6> kTypes = {
            "hash:", "lmdb:", "texthash:", "btree:", "cdb:", "dbm:"};
        for (const std::string_view type : kTypes) {
            if (map.starts_with(type)) {
                path = map.substr(type.size());
                return read_(path);
            }
        }
        return std::nullopt;
    }

    /// `names`: under which its table may have the relay.
    void take_login(const std::vector<std::string>& names) {
        for (const std::string& map : words_of(take("smtp_sasl_password_maps"))) {
            std::string path;
            const auto text = map_text(map, path);
            if (!text) {
                draft_.remark(origin_, map, "can't be read");
                continue;
            }
            for (const ImportLine& line : import_lines(*text)) {
                const auto gap = std::min(line.text.find_first_of(" \t"), line.text.size());
                const std::string_view login = trim(std::string_view(line.text).substr(gap));
                const std::size_t colon = login.find(':');
                const std::string_view name = std::string_view(line.text).substr(0, gap);
                if (std::ranges::find(names, name) != names.end() &&
                    colon != std::string_view::npos) {
                    draft_.set_user(login.substr(0, colon));
                    draft_.set_password(login.substr(colon + 1));
                    return;
                }
            }
            draft_.remark(origin_, map, "has no line for the relay");
        }
    }

    void take_aliases() {
        std::string files;
        for (const std::string& map : words_of(take("alias_maps"))) {
            const std::size_t colon = map.find(':');
            if (map.starts_with("hash:") || map.starts_with("lmdb:") ||
                map.starts_with("texthash:")) {
                files += (files.empty() ? "" : ", ") + map.substr(colon + 1);
            } else {
                draft_.remark(origin_, map, "alias-files are text files");
            }
        }
        if (!files.empty() && files != "/etc/aliases") {
            draft_.set("alias-files", files, origin_);
        }
    }

    void take_sender_map(const char* parameter) {
        for (const std::string& map : words_of(take(parameter))) {
            std::string path;
            const auto text = map_text(map, path);
            if (!text) {
                draft_.remark(origin_, map, "can't be read as lines of a sender map");
                continue;
            }
            for (const ImportLine& line : import_lines(*text)) {
                const auto words = words_of(line.text);
                const std::string origin = import_origin(path, line.number);
                if (words.size() == 2) {
                    draft_.map_sender(words[0], words[1], origin);
                } else {
                    draft_.remark(origin, "a line", "is no pair of addresses");
                }
            }
            if (std::string_view(parameter) == "canonical_maps") {
                draft_.remark(origin_, parameter, "recipients aren't rewritten; see alias-files");
            }
        }
    }

    void name_the_rest() {
        for (const auto& [name, parameter] : parameters_) {
            const bool is_known = std::ranges::find(known_, name) != known_.end() ||
                                  std::ranges::find(kNeedless, name) != kNeedless.end();
            if (!is_known && !parameter.value.empty()) {
                draft_.remark(parameter.origin, name, "has no equal");
            }
        }
    }

    ImportDraft draft_;
    const ReadText& read_;
    Parameters parameters_;
    Expander expander_;
    std::string origin_;
    std::vector<std::string> known_;
};

}  // namespace

Import import_postfix(const std::string& path, const ReadText& read) {
    return Reader(path, read).run();
}

}  // namespace mxpost::config
