// What another program's configuration says, in mxpost.conf's words: for those who come from
// ssmtp, msmtp, dma, nullmailer or a Postfix that only sends.
//
// The files are hostile input: sizes are the reader's to bound, work is linear, and a value gets
// into the result only if its key's own parser takes it. What can't be said in mxpost.conf is
// named, never dropped in silence. Passwords are in no text that is made here but
// credentials_text().
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mxpost::config {

/// The text of a file; nothing when it isn't there or can't be read.
using ReadText = std::function<std::optional<std::string>(const std::string& path)>;

struct ImportedSetting {
    std::string key;
    std::string value;
    std::string origin;  // "/etc/ssmtp/ssmtp.conf:5"
};

struct Import {
    std::string program;  // "ssmtp"
    std::string path;     // of its main file
    std::vector<ImportedSetting> settings;
    std::vector<std::string> sender_map;  // lines of a sender map
    std::vector<std::string> remarks;     // `FILE:LINE: setting: why it isn't there`, printable
    std::string user;                     // at the relay; empty: none
    std::string password;                 // empty: not known
};

/// Where these programs have their files on Debian, in the order in which they are looked for.
const std::vector<std::string>& import_candidates();

/// Reads the configuration whose main file (for nullmailer: whose directory) is `path`; its name
/// says whose it is: ssmtp.conf, msmtprc (.msmtprc), dma.conf, main.cf, nullmailer. Files that
/// belong to it (revaliases, auth.conf, password maps) are read as well. Nothing when the name is
/// none of these.
std::optional<Import> import_settings(const std::string& path, const ReadText& read);

/// For one that stands behind others in an mxpost.conf, where each key is there once: what `taken`
/// has set already becomes a remark, and the rest joins `taken`. The relay's keys belong together:
/// a login is for the server that it came with, and goes with it.
void leave_to_earlier(Import& import, std::vector<ImportedSetting>& taken);

/// An mxpost.conf that says the same; what couldn't be said stands there as comments.
/// `credentials`: the file that relay-credentials is to name, if there is a login; empty: the
/// usual.
std::string import_text(const Import& import, const std::string& credentials = {});

/// The line of the file that relay-credentials names: the one place for a password.
std::string credentials_text(const Import& import);

}  // namespace mxpost::config
