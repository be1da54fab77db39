// What the doctor's checks look at this host and the DNS with. They send no mail.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "config/settings.h"
#include "diagnose/reply_rules.h"
#include "dkim/key_ring.h"
#include "dns/resolver.h"
#include "route/host_name.h"
#include "route/reverse_name.h"
#include "smtp/session.h"
#include "tls/sts_cache.h"

namespace mxpost::doctor {

/// The server that takes mail for others, where one is set.
struct Relay {
    Relay() = default;

    std::string text;  // as in the settings: "smtp.example.com:587"
    std::string host;  // a domain name or an IP address
    std::uint16_t port = 25;
    bool has_mx_lookup = false;
    smtp::SessionSettings session;
    std::string credentials;          // the file; empty: none
    std::string credentials_problem;  // why it can't be used; empty: it can
    bool is_for_root_to_read = false;
};

struct Context {
    boost::asio::any_io_executor executor;
    const Clock& clock;
    FileSystem& files;
    const config::Settings& settings;
    dns::Resolver& resolver;
    route::HeloName& helo_name;
    route::ReverseNames& reverse_names;
    const diagnose::RuleBook& rules;
    smtp::SessionSettings session;
    /// This host's own full name; empty: it has none. As short as gethostname(2) gave it: below.
    std::string full_name;
    std::string node_name;
    /// The address that a connection to `destination` would come from; see route::source_to().
    std::function<std::optional<boost::asio::ip::address>(const boost::asio::ip::address&)>
        source_to;
    /// The addresses that mail leaves from, at most one of each family.
    std::vector<boost::asio::ip::address> sources;
    std::vector<dkim::KeyEntry> keys;  // that sign
    tls::StsCache* sts = nullptr;      // null: MTA-STS is off
    std::string why_dane_is_off;       // empty: it isn't
    /// Gets each dialogue's lines, for --verbose; may be null.
    protocol::Dialogue* dialogue = nullptr;
    std::uint16_t port = 25;  // of everybody's mail servers
    std::optional<Relay> relay;
};

}  // namespace mxpost::doctor
