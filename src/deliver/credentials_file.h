// The file that `relay-credentials` names: "user:password" in its first line, or "user:token" for
// XOAUTH2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include <sys/types.h>

#include "config/settings.h"
#include "protocol/sasl.h"

namespace mxpost::deliver {

/// Who may own the file and whose group may read it, besides root and this process.
struct TrustedUser {
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
};

/// The engine's own user, as the settings name it; nobody where there is none.
TrustedUser trusted_user(const config::Settings& settings);

struct CredentialsProblem {
    bool is_forbidden = false;  // this process may not read it; another engine may
    std::string text;           // one line that names the file, and what mends it
};

using CredentialsResult =
    std::variant<std::shared_ptr<const protocol::Credentials>, CredentialsProblem>;

/// Refuses a file that others could read or write.
CredentialsResult read_credentials(const std::string& path, const TrustedUser& trusted);

}  // namespace mxpost::deliver
