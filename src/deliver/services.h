// What every delivery needs, made once by the engine. References: all outlive all deliveries.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "config/settings.h"
#include "deliver/local_agent.h"
#include "diagnose/notice_board.h"
#include "diagnose/providers.h"
#include "diagnose/reply_rules.h"
#include "dns/resolver.h"
#include "local/alias_files.h"
#include "mail/address.h"
#include "route/host_name.h"
#include "route/router.h"
#include "route/sender_domain.h"
#include "schedule/retry.h"
#include "smtp/session.h"
#include "tls/report_log.h"

namespace mxpost::deliver {

class PortWatch;
class Relay;
class Routes;
class Signing;
class Sites;
class TlsMemory;

struct Services {
    boost::asio::any_io_executor executor;
    const Clock& clock;
    Random& random;
    Log& log;
    const config::Settings& settings;
    std::string host_name;  // this host's full name as far as it is known; may be empty
    std::vector<std::string> local_domains;      // lower case
    std::optional<mail::Address> local_mail_to;  // who gets the mail of local_domains
    schedule::RetryPolicy retry;
    const diagnose::RuleBook& rules;       // what refusals mean
    const diagnose::Providers& providers;  // what sites take at a time
    diagnose::NoticeBoard& notices;        // what the administrator was told of refusals
    dns::Resolver& resolver;
    route::Router& router;
    Routes& routes;
    Sites& sites;
    PortWatch& port_watch;
    smtp::SessionSettings session;  // of every session; its TLS context is there for all
    LocalAgent& local_agent;        // delivers to this host's mailboxes
    local::AliasSource& aliases;
    FileSystem& files;  // for copies of messages that mailboxes get
    /// Of senders that submission couldn't complete; null: host_name.
    route::SenderDomain* sender_domain = nullptr;
    /// What EHLO says; null: the literal of the address that the connection comes from.
    route::HeloName* helo_name = nullptr;
    TlsMemory* tls_memory = nullptr;        // null: nothing is known of servers' TLS
    tls::ReportLog* tls_reports = nullptr;  // null: nobody counts how sessions' TLS goes
    Relay* relay = nullptr;      // null: all mail goes straight to its recipients' servers
    Signing* signing = nullptr;  // null: nothing is signed
};

}  // namespace mxpost::deliver
