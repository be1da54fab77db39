// What every submission works with, however its message comes in.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "config/settings.h"
#include "mail/sender_rewriter.h"
#include "submit/identity.h"

namespace mxpost::submit {

/// The system's spool, which is tried after the configured one.
inline constexpr const char* kSystemSpool = "/var/spool/mxpost";

/// The references outlive it.
struct Surroundings {
    FileSystem& files;
    Clock& clock;
    Random& random;
    Log& log;
    const config::Settings& settings;
    Identity identity;
    HostNames names;
    std::string system_spool;  // kSystemSpool
    std::string full_name;     // the NAME variable, may be empty
    /// load_sender_rules(): for every sender but a null one and that of a relayed message (-G).
    mail::SenderRewriter senders = {};
};

}  // namespace mxpost::submit
