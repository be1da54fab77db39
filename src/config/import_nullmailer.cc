// nullmailer-send(8), nullmailer-inject(1): a directory of files, most with one line. "remotes" has
// a server a line: "host [protocol] [--option=value …]".
#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "config/import_draft.h"

namespace mxpost::config {
namespace {

constexpr std::size_t kMaxWords = 64;

/// Words as a shell would see them, without expansion: quotes and backslashes are taken off.
std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    std::string word;
    bool is_in_word = false;
    char quote = '\0';
    for (std::size_t i = 0; i < line.size() && words.size() < kMaxWords; ++i) {
        const char c = line[i];
        if (c == '\\' && quote != '\'' && i + 1 < line.size()) {
            word += line[++i];
            is_in_word = true;
        } else if (quote != '\0') {
            quote = c == quote ? '\0' : quote;
            if (quote != '\0') {
                word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            is_in_word = true;
        } else if (c != ' ' && c != '\t') {
            word += c;
            is_in_word = true;
        } else if (is_in_word) {
            words.push_back(std::move(word));
            word.clear();
            is_in_word = false;
        }
    }
    if (is_in_word) {
        words.push_back(std::move(word));
    }
    return words;
}

class Reader {
public:
    Reader(const std::string& directory, const ReadText& read)
        : draft_("nullmailer", directory), directory_(directory), read_(read) {}

    Import run() {
        take("me", "host-name");
        take_domain();
        take("helohost", "helo-name");
        take_admin();
        take_seconds("queuelifetime", "queue-lifetime");
        take_seconds("pausetime", "retry-min");
        take_seconds("maxpause", "retry-max");
        const Line sender = first_line("allmailfrom");
        if (!sender.text.empty()) {
            draft_.map_sender("*", sender.text, sender.origin);
        }
        take_remotes();
        constexpr std::array<std::string_view, 4> kUnknown = {
            "doublebounceto", "bouncefrom", "idhost", "sendtimeout"};
        for (const std::string_view name : kUnknown) {
            const Line line = first_line(name);
            if (!line.text.empty()) {
                draft_.remark(line.origin, name, "has no equal");
            }
        }
        return draft_.take();
    }

private:
    struct Line {
        std::string text;
        std::string origin;
    };

    std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }

    Line first_line(std::string_view name) const {
        const auto lines = import_lines(read_(path(name)).value_or(""));
        return lines.empty()
                   ? Line{}
                   : Line{lines.front().text, import_origin(path(name), lines.front().number)};
    }
    /// Names without a host get `defaulthost` (else `me`), and one without a dot `defaultdomain`.
    void take_domain() {
        Line host = first_line("defaulthost");
        if (host.text.empty()) {
            host = first_line("me");
        }
        const Line domain = first_line("defaultdomain");
        if (host.text.empty()) {
            host = domain;
        } else if (host.text.find('.') == std::string::npos && !domain.text.empty()) {
            host.text += "." + domain.text;
        }
        if (!host.text.empty()) {
            draft_.set("from-domain", host.text, host.origin);
        }
    }
    void take(std::string_view name, std::string_view key) {
        const Line line = first_line(name);
        if (!line.text.empty()) {
            draft_.set(key, line.text, line.origin);
        }
    }
    /// It gets all mail for "localhost" and `me`.
    void take_admin() {
        const Line line = first_line("adminaddr");
        if (!line.text.empty()) {
            draft_.set("local-mail-to", line.text, line.origin);
            draft_.remark_if_root_leaves(line.origin, "adminaddr");
        }
    }
    void take_seconds(std::string_view name, std::string_view key) {
        const Line line = first_line(name);
        if (!line.text.empty()) {
            draft_.set(key, line.text + "s", line.origin);
        }
    }

    void take_remotes() {
        bool is_first = true;
        for (const ImportLine& line : import_lines(read_(path("remotes")).value_or(""))) {
            const std::string origin = import_origin(path("remotes"), line.number);
            const auto words = words_of(line.text);
            if (words.empty()) {
                continue;
            }
            if (!is_first) {
                draft_.remark(origin, words[0], "there is one relay");
            } else if (words.size() > 1 && words[1] != "smtp") {
                draft_.remark(origin, words[0], "is no SMTP server");
            } else {
                is_first = false;
                take_remote(words, origin);
            }
        }
    }

    void take_remote(const std::vector<std::string>& words, const std::string& origin) {
        RelayDraft relay;
        relay.host = words[0];
        relay.origin = origin;
        relay.tls = RelayDraft::Tls::none;
        bool is_insecure = false;
        for (std::size_t i = 2; i < words.size(); ++i) {
            std::string_view word = words[i];
            word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
            const std::size_t equals = std::min(word.find('='), word.size());
            const std::string_view name = word.substr(0, equals);
            const std::string_view value = word.substr(std::min(equals + 1, word.size()));
            if (name == "port") {
                relay.port = value;
            } else if (name == "user") {
                draft_.set_user(value);
            } else if (name == "pass") {
                draft_.set_password(value);
            } else if (name == "ssl" || name == "tls") {
                relay.has_wrapper = true;
                relay.tls = RelayDraft::Tls::verify;
            } else if (name == "starttls") {
                relay.tls = RelayDraft::Tls::verify;
            } else if (name == "insecure") {
                is_insecure = true;
            } else if (name == "auth-login") {
                relay.mechanisms = "login";
            } else if (name == "source") {
                const bool is_v6 = value.find(':') != std::string_view::npos;
                draft_.set(is_v6 ? "source-address-ipv6" : "source-address-ipv4", value, origin);
            } else {
                draft_.remark(origin, name, "has no equal");
            }
        }
        if (is_insecure && relay.tls == RelayDraft::Tls::verify) {
            relay.tls = RelayDraft::Tls::encrypt;
        }
        draft_.set_relay(relay);
    }

    ImportDraft draft_;
    std::string directory_;
    const ReadText& read_;
};

}  // namespace

Import import_nullmailer(const std::string& directory, const ReadText& read) {
    std::string path = directory;
    while (path.size() > 1 && path.ends_with('/')) {
        path.pop_back();
    }
    return Reader(path, read).run();
}

}  // namespace mxpost::config
