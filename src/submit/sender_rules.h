// What mxpost.conf says about sender addresses (sender-map, masquerade-…), read for those who take
// mail in.
#pragma once

#include <string>
#include <vector>

#include "base/file_system.h"
#include "config/settings.h"
#include "mail/sender_rewriter.h"
#include "submit/identity.h"

namespace mxpost::submit {

struct SenderRules {
    mail::SenderRewriter rewriter;
    /// What is wrong with the map, one line each: `/etc/mxpost.senders:3: …`. The lines that are
    /// right hold all the same: mail isn't refused because of a mistake in a map.
    std::vector<std::string> problems;
};

/// Opens nothing where no setting asks for it.
SenderRules load_sender_rules(
    FileSystem& files, const config::Settings& settings, const HostNames& names
);

}  // namespace mxpost::submit
