// Probe: one session with a mail server, as far as EHLO and STARTTLS and no further.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "doctor/context.h"

namespace mxpost::doctor {

struct Probe {
    Probe() = default;

    smtp::Peer peer;
    bool is_connected = false;
    bool has_route = true;
    boost::system::error_code error;                // why not connected
    std::optional<mail::RecipientOutcome> trouble;  // what mail would meet; none: all is well
    std::chrono::milliseconds connect_time{0};
    std::string banner;  // the server's first line
    protocol::Capabilities capabilities;
    bool are_credentials_refused = false;
    std::string tls;          // as Session::tls_text()
    std::string tls_problem;  // why the certificate isn't trusted, or the handshake failed
    std::optional<boost::asio::ip::address> source;  // where the connection came from
    /// The address that the server says it sees, where its greeting or its answer to EHLO has one.
    std::optional<boost::asio::ip::address> seen;
    /// By how much its clock, where the greeting has the time, is ahead of ours.
    std::optional<std::chrono::seconds> clock_ahead;

    bool is_silent() const;   // nobody answered in time
    bool is_refused() const;  // somebody answered, at once and with no
    /// What it said to each of `recipients` (see Transaction::is_probe), where it was asked.
    std::vector<mail::RecipientOutcome> recipients;
    /// "mx.example.com[192.0.2.1]"
    std::string text() const { return peer.host + "[" + peer.address.to_string() + "]"; }
};

/// Whether a server would take mail of this sender for these recipients (RCPT, but no DATA).
struct RecipientQuestion {
    RecipientQuestion() = default;

    mail::ReversePath sender;
    std::vector<mail::Recipient> recipients;  // none: nothing is asked
};

/// Bounded by the settings' timeouts. `session`: the context's, or the relay's.
boost::asio::awaitable<Probe> probe(
    Context& context, smtp::SessionSettings session, smtp::Peer peer, RecipientQuestion question
);
/// All at once.
boost::asio::awaitable<std::vector<Probe>> probe_all(
    Context& context,
    smtp::SessionSettings session,
    std::vector<smtp::Peer> peers,
    RecipientQuestion question
);

/// The first address literal in a line such as "mx.google.com at your service, [192.0.2.1]".
std::optional<boost::asio::ip::address> address_in(std::string_view line);
/// The time in a greeting such as "220 mx ESMTP; Fri, 27 Nov 2026 06:47:24 +0000".
std::optional<std::chrono::sys_seconds> time_in(std::string_view line);

}  // namespace mxpost::doctor
