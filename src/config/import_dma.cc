// dma.conf(8): "KEY value" or "KEY" alone; auth.conf: "user|host:password".
#include "base/text.h"
#include "config/import_draft.h"

namespace mxpost::config {
namespace {

class Reader {
public:
    explicit Reader(const std::string& path) : draft_("dma", path) {}

    void take(std::string_view key, std::string_view value, const std::string& origin) {
        if (key == "SMARTHOST") {
            relay_.host = value;
            relay_.origin = origin;
        } else if (key == "PORT") {
            relay_.port = value;
        } else if (key == "ALIASES") {
            draft_.set("alias-files", value, origin);
        } else if (key == "AUTHPATH") {
            auth_path_ = value;
        } else if (key == "SECURETRANSFER") {
            has_tls_ = true;
        } else if (key == "STARTTLS") {
            has_starttls_ = true;
        } else if (key == "OPPORTUNISTIC_TLS") {
            is_opportunistic_ = true;
        } else if (key == "DEFER") {
            draft_.set("delivery-mode", "queue", origin);
        } else if (key == "MAILNAME") {
            take_mailname(value, origin);
        } else if (key == "MASQUERADE") {
            masquerade_ = value;
            masquerade_origin_ = origin;
        } else if (key == "NULLCLIENT") {
            draft_.remark(origin, key, "alias-files and mailboxes count here; see local-mail-to");
        } else if (key == "SECURE" || key == "INSECURE") {
            draft_.remark(origin, key, "a password is shown under TLS only; see relay-tls");
        } else if (key == "SPOOLDIR") {
            draft_.remark(origin, key, "mxpost has a queue of its own; see spool");
        } else {
            draft_.remark(origin, key, "has no equal");
        }
    }

    const std::string& auth_path() const { return auth_path_; }

    void take_login(std::string_view line, const std::string& origin) {
        const std::size_t bar = line.find('|');
        const std::size_t colon = line.find(':', std::min(bar, line.size()));
        if (bar == std::string_view::npos || colon == std::string_view::npos) {
            draft_.remark(origin, "a line", "is no user|host:password");
            return;
        }
        const std::string_view host = line.substr(bar + 1, colon - bar - 1);
        if (!ascii_iequals(host, relay_.host)) {
            draft_.remark(origin, host, "is not the relay");
            return;
        }
        draft_.set_user(line.substr(0, bar));
        draft_.set_password(line.substr(colon + 1));
    }

    Import finish() {
        relay_.has_wrapper = has_tls_ && !has_starttls_;
        if (!has_tls_) {
            relay_.tls = RelayDraft::Tls::none;
        } else if (is_opportunistic_) {
            relay_.tls = RelayDraft::Tls::may;
        } else if (has_starttls_ && !draft_.has_user()) {
            relay_.tls = RelayDraft::Tls::encrypt;  // it sends nothing without STARTTLS
        }
        draft_.set_relay(relay_);
        finish_masquerade();
        return draft_.take();
    }

private:
    void take_mailname(std::string_view value, const std::string& origin) {
        if (value == "/etc/mailname") {
            return;  // mxpost looks there by itself
        }
        if (value.starts_with('/')) {
            draft_.remark(origin, "MAILNAME", "only /etc/mailname is looked into; see from-domain");
        } else if (!value.empty()) {
            draft_.set("host-name", value, origin);
        }
    }

    /// "[user@][host]".
    void finish_masquerade() {
        const std::size_t at = masquerade_.find('@');
        if (masquerade_.empty()) {
            return;
        }
        if (at == std::string::npos) {
            draft_.set("from-domain", masquerade_, masquerade_origin_);
            draft_.map_sender("*", "@" + masquerade_, masquerade_origin_);
            return;
        }
        std::string domain = masquerade_.substr(at + 1);
        if (domain.empty()) {
            domain = draft_.value("host-name");
        }
        if (domain.empty()) {
            draft_.remark(
                masquerade_origin_, "MASQUERADE " + masquerade_, "the sender map needs a domain"
            );
            return;
        }
        draft_.map_sender("*", masquerade_.substr(0, at) + "@" + domain, masquerade_origin_);
    }

    ImportDraft draft_;
    RelayDraft relay_;
    bool has_tls_ = false;
    bool has_starttls_ = false;
    bool is_opportunistic_ = false;
    std::string auth_path_;
    std::string masquerade_;
    std::string masquerade_origin_;
};

}  // namespace

Import import_dma(const std::string& path, const ReadText& read) {
    Reader reader(path);
    for (const ImportLine& line : import_lines(read(path).value_or(""))) {
        const std::string_view text = line.text;
        const std::size_t gap = std::min(text.find_first_of(" \t"), text.size());
        reader.take(text.substr(0, gap), trim(text.substr(gap)), import_origin(path, line.number));
    }
    const std::string logins = !reader.auth_path().empty()
                                   ? reader.auth_path()
                                   : path.substr(0, path.rfind('/') + 1) + "auth.conf";
    for (const ImportLine& line : import_lines(read(logins).value_or(""))) {
        reader.take_login(line.text, import_origin(logins, line.number));
    }
    return reader.finish();
}

}  // namespace mxpost::config
