// ssmtp.conf(5): "key=value", names in any case; revaliases: "account:address:server".
#include "base/text.h"
#include "config/import_draft.h"

namespace mxpost::config {
namespace {

/// "host", "host:port"; "[::1]:25".
void read_server(RelayDraft& relay, std::string_view value) {
    const std::size_t close = value.find(']');
    const std::size_t colon = value.find(':', close == std::string_view::npos ? 0 : close);
    std::string_view host = value.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    relay.host = host;
    relay.port = colon == std::string_view::npos ? "" : std::string(value.substr(colon + 1));
}

class Reader {
public:
    explicit Reader(const std::string& path) : draft_("ssmtp", path) {}

    void take(std::string_view name, std::string_view value, const std::string& origin) {
        const std::string key = ascii_lower(name);
        if (key == "mailhub") {
            read_server(relay_, value);
            relay_.origin = origin;
        } else if (key == "rewritedomain") {
            take_if_set("from-domain", value, origin);
        } else if (key == "hostname") {
            take_if_set("host-name", value, origin);
        } else if (key == "root") {
            root_ = value;
            root_origin_ = origin;
        } else if (key == "usetls") {
            has_tls_ = is_yes(value);
        } else if (key == "usestarttls") {
            has_starttls_ = is_yes(value);
        } else if (key == "authuser") {
            draft_.set_user(value);
        } else if (key == "authpass") {
            draft_.set_password(value);
        } else if (key == "authmethod") {
            relay_.mechanisms = ascii_lower(value);
        } else if (key == "fromlineoverride") {
            if (!is_yes(value)) {
                draft_.remark(origin, name, "From stays as the caller writes it; see sender-map");
            }
        } else {
            draft_.remark(origin, name, "has no equal");
        }
    }

    void take_alias(std::string_view line, const std::string& origin) {
        const auto fields = split(line, ':');
        if (fields.size() < 2) {
            draft_.remark(origin, line, "is no account:address");
            return;
        }
        draft_.map_sender(trim(fields[0]), trim(fields[1]), origin);
        if (fields.size() > 2) {
            draft_.remark(origin, fields[2], "there is one relay for all senders");
        }
    }

    Import finish() {
        relay_.has_wrapper = has_tls_ && !has_starttls_;
        // ssmtp looks at no certificate; where a password is sent, the default does.
        relay_.tls = has_tls_ || has_starttls_ ? RelayDraft::Tls::unset : RelayDraft::Tls::none;
        if (has_starttls_ && !draft_.has_user()) {
            relay_.tls = RelayDraft::Tls::encrypt;  // it sends nothing without STARTTLS
        }
        draft_.set_relay(relay_);
        finish_root();
        return draft_.take();
    }

private:
    void take_if_set(std::string_view key, std::string_view value, const std::string& origin) {
        if (!value.empty()) {
            draft_.set(key, value, origin);
        }
    }

    /// Who gets the mail of accounts below uid 1000.
    void finish_root() {
        if (root_.empty()) {
            return;
        }
        std::string domain = draft_.value("from-domain");
        if (domain.empty()) {
            domain = draft_.value("host-name");
        }
        if (root_.find('@') == std::string::npos && domain.empty()) {
            draft_.remark(root_origin_, "root=" + root_, "local-mail-to needs a domain");
            return;
        }
        const std::string address =
            root_.find('@') == std::string::npos ? root_ + "@" + domain : root_;
        draft_.set("local-mail-to", address, root_origin_);
        draft_.remark_if_root_leaves(root_origin_, "root=" + root_);
    }

    ImportDraft draft_;
    RelayDraft relay_;
    bool has_tls_ = false;
    bool has_starttls_ = false;
    std::string root_;
    std::string root_origin_;
};

}  // namespace

Import import_ssmtp(const std::string& path, const ReadText& read) {
    Reader reader(path);
    for (const ImportLine& line : import_lines(read(path).value_or(""))) {
        const std::size_t equals = std::min(line.text.find('='), line.text.size());
        const std::string_view text = line.text;
        reader.take(
            trim(text.substr(0, equals)),
            trim(text.substr(std::min(equals + 1, text.size()))),
            import_origin(path, line.number)
        );
    }
    const std::string aliases = path.substr(0, path.rfind('/') + 1) + "revaliases";
    for (const ImportLine& line : import_lines(read(aliases).value_or(""))) {
        reader.take_alias(line.text, import_origin(aliases, line.number));
    }
    return reader.finish();
}

}  // namespace mxpost::config
