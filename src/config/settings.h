// Settings: what mxpost.conf and MXPOST_* may change, as typed values. keys.cc has the table of
// names, defaults and texts; an empty file is a good configuration.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/dkim_keys.h"
#include "config/networks.h"
#include "config/resolver_choice.h"
#include "mail/mailbox_place.h"

namespace mxpost::config {

enum class AddressFamily : std::uint8_t { automatic, ipv4, ipv6, prefer_ipv4, prefer_ipv6 };

/// Demands on the way to a recipient's server.
enum class TlsLevel : std::uint8_t {
    none,          // in clear, always
    may,           // encrypted where the server offers it
    no_downgrade,  // as may, but not in clear with a server that has offered it before
    encrypt,       // or not at all
    verify,        // and the certificate must be good for the server's name
    dane           // and TLSA records must vouch for it
};

/// What mail for some domains must have, whatever others say.
struct TlsPolicy {
    TlsPolicy() = default;

    std::string domain;  // lower case; ".example.com": below it; or an address literal
    TlsLevel level = TlsLevel::may;
};

/// The same on the way to the relay. `unset`: verify where there are credentials, else TlsLevel's.
enum class RelayTls : std::uint8_t { unset, none, may, encrypt, verify };

/// Which mail goes through the relay besides that of relay-for's domains. `unset`: all, or, where
/// relay-for names domains, none.
enum class RelayWhen : std::uint8_t { unset, always, blocked };

/// Whether content goes by BDAT (RFC 3030). `automatic`: where the server takes it, and all in one
/// write.
enum class Chunking : std::uint8_t { automatic, never };

/// What becomes of mail that is to be signed and can't be.
enum class DkimFailure : std::uint8_t {
    defer,  // it waits, for a key that can be read
    send    // it goes unsigned
};

/// What `sendmail` does after the message is safe, where its caller doesn't say (-od).
enum class DeliveryMode : std::uint8_t {
    background,   // b: start an engine, don't wait
    interactive,  // i: wait for the first attempt
    queue,        // q: leave it to the next engine
    deferred      // d: as queue
};

/// A copyable value. Empty text: not set. Constructed with the table's defaults.
struct Settings {
    Settings();

    std::string spool;        // absolute path
    std::string user;         // whom an engine started by root becomes
    std::string log;          // "syslog", "stderr", an absolute path, or empty: by circumstance
    std::string from_domain;  // completes unqualified addresses
    std::string host_name;    // this host's own full name
    std::string helo_name;    // domain or address literal
    std::vector<std::string> local_domains;          // lower case
    std::string local_mail_to;                       // an address elsewhere
    std::string sender_map;                          // absolute path
    std::vector<std::string> masquerade_domains;     // lower case, "!" in front: not there
    std::vector<std::string> masquerade_exceptions;  // local parts
    mail::MailboxPlace mailbox;
    std::vector<std::string> alias_files;  // absolute paths
    std::string alias_user;
    std::uint64_t min_local_uid = 0;

    DeliveryMode delivery_mode = {};
    std::chrono::seconds interactive_timeout{};
    std::uint64_t message_size_limit = 0;     // octets
    std::uint64_t header_size_limit = 0;      // octets
    std::uint64_t max_recipients = 0;         // of one message
    std::uint64_t max_queued_messages = 0;    // of one uid
    std::uint64_t max_queued_size = 0;        // of one uid, octets
    std::uint64_t max_queued_recipients = 0;  // of one uid
    std::uint64_t min_free_space = 0;         // octets

    std::chrono::seconds queue_lifetime{};
    std::chrono::seconds bounce_lifetime{};  // of mail without a sender; at most queue_lifetime
    std::chrono::seconds warning_time{};     // 0: no warning
    std::chrono::seconds retry_min{};
    std::chrono::seconds retry_max{};
    std::uint64_t max_sessions = 0;
    std::uint64_t max_sessions_per_site = 0;
    std::string reply_rules;      // absolute path; the file may be missing
    std::string provider_limits;  // the same

    AddressFamily address_family = {};
    std::string source_address_ipv4;
    std::string source_address_ipv6;
    TlsLevel tls = {};                  // not `dane`
    std::vector<TlsPolicy> tls_policy;  // the first that fits counts
    bool mta_sts = false;
    bool tls_reports = false;
    std::string tls_report_contact;       // an address; empty: postmaster of this host
    std::string tls_report_organization;  // empty: this host's domain
    Chunking chunking = {};
    bool dane = false;
    ResolverChoice resolver;
    std::vector<std::string> trusted_resolvers;  // IP addresses
    std::string trust_anchor;                    // absolute path

    std::vector<DkimKey> dkim;
    DkimFailure dkim_failure = {};
    std::string dkim_canonicalization;     // c= of signatures
    std::chrono::seconds dkim_lifetime{};  // of signatures; 0: for ever

    std::vector<std::string> doctor_mail_servers;  // lower case
    std::vector<std::string> doctor_block_lists;   // lower case

    std::vector<ListenAddress> listen;
    std::vector<Network> relay_networks;  // besides this host itself
    std::string listen_tls_certificate;   // absolute path, PEM
    std::string listen_tls_key;           // absolute path, PEM; empty: in the certificate's file
    std::uint64_t listen_max_connections = 0;
    std::uint64_t listen_max_connections_per_client = 0;
    std::uint64_t listen_connection_rate = 0;  // of one client, in a minute; 0: no limit
    std::uint64_t listen_message_rate = 0;     // the same
    std::uint64_t listen_max_errors = 0;       // of one connection
    std::chrono::seconds listen_idle_timeout{};
    std::chrono::seconds listen_session_timeout{};

    std::string relay;                   // see HostPort
    std::string relay_credentials;       // absolute path
    std::vector<std::string> relay_for;  // lower case; ".example.com": below it
    RelayWhen relay_when = {};
    RelayTls relay_tls = {};
    std::vector<std::string> relay_auth;  // names of mechanisms, lower case
};

}  // namespace mxpost::config
