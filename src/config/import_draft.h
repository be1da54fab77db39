// What the importers of the formats share: the draft that they fill, and the relay they describe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/import.h"
#include "mail/sender_map.h"

namespace mxpost::config {

/// Where something stands: "FILE:LINE".
std::string import_origin(std::string_view path, std::size_t line);

struct ImportLine {
    std::size_t number = 0;  // from 1
    std::string text;        // trimmed, not empty
};

/// The lines with anything but a comment ('#' as the first character).
std::vector<ImportLine> import_lines(std::string_view text);

/// "yes", "on", "true", "1" in any case.
bool is_yes(std::string_view value);

/// A relay as these programs describe it.
struct RelayDraft {
    enum class Tls { unset, none, may, encrypt, verify };

    std::string host;          // a name or an address, without brackets; empty: no relay
    std::string port;          // empty: 25, or 465
    bool is_by_mx = false;     // the name's MX records count
    bool has_wrapper = false;  // TLS from the first octet on
    Tls tls = Tls::unset;
    std::string origin;
    std::string mechanisms;  // as relay-auth has them; empty: any
};

class ImportDraft {
public:
    ImportDraft(std::string program, std::string path) {
        import_.program = std::move(program);
        import_.path = std::move(path);
    }

    /// Takes the place of an earlier value. One that the key's parser refuses becomes a remark.
    void set(std::string_view key, std::string_view value, const std::string& origin);
    /// The value as it is now, or empty.
    std::string value(std::string_view key) const;
    void map_sender(
        std::string_view pattern, std::string_view replacement, const std::string& origin
    );
    /// `setting` as written, and why it isn't in the result.
    void remark(const std::string& origin, std::string_view setting, std::string_view why);
    /// local-mail-to is set from `setting`, which meant all mail for root: says where that goes
    /// instead, if names without a domain get one that isn't this host's. After all else is set.
    void remark_if_root_leaves(const std::string& origin, std::string_view setting);
    void set_user(std::string_view user) { import_.user = user; }
    bool has_user() const { return !import_.user.empty(); }
    void set_password(std::string_view password) { import_.password = password; }
    /// With user and password as they are now.
    void set_relay(const RelayDraft& relay);

    Import take() { return std::move(import_); }

private:
    Import import_;
    mail::SenderMap map_;
    std::size_t left_out_ = 0;  // remarks over the limit
};

Import import_ssmtp(const std::string& path, const ReadText& read);
Import import_msmtp(const std::string& path, const ReadText& read);
Import import_dma(const std::string& path, const ReadText& read);
Import import_nullmailer(const std::string& directory, const ReadText& read);
Import import_postfix(const std::string& path, const ReadText& read);

}  // namespace mxpost::config
