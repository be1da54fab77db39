// One connection to one mail server (SMTP, or LMTP over TCP or a Unix socket):
// protocol::ClientMachine driven over a socket or TLS. The composer (src/deliver) opens it, gives
// it messages while it is usable, and quits.
//
// Every await stands under the deadline of its step (RFC 5321 4.5.3.2) and of the whole; memory is
// bounded by the buffers below, whatever the peer sends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/random.h"
#include "mail/content.h"
#include "mail/outcome.h"
#include "protocol/client_machine.h"
#include "smtp/connector.h"
#include "smtp/peer.h"
#include "smtp/transport.h"
#include "tls/client_context.h"

namespace mxpost::smtp {

using protocol::Dialogue;
using protocol::Timeouts;
using protocol::Transaction;
using protocol::TransactionResult;

struct SessionSettings {
    SessionSettings() = default;

    protocol::Dialect dialect = protocol::Dialect::smtp;
    /// Of peers without a demand of their own; not `dane`. With `is_tls_from_start` anything less
    /// counts as `encrypt`.
    tls::TlsUse tls = tls::TlsUse::may;
    bool is_tls_from_start = false;  // RFC 8314 3.3
    protocol::AuthSettings auth;     // its nonce is filled in here
    Random* random = nullptr;        // for the nonce; not null where there are credentials
    bool is_appointed = false;       // see protocol::ClientSettings
    /// Null: no TLS. What must have it then can't be sent. Must outlive the session.
    tls::ClientContext* tls_context = nullptr;
    Timeouts timeouts;
    std::optional<boost::asio::ip::address> source_v4;  // source-address-ipv4: to bind to
    std::optional<boost::asio::ip::address> source_v6;  // and for IPv6 peers
    /// One message's commands may go out with the content of the one before (RFC 2920 3.1).
    bool may_pipeline_messages = true;
    bool chunking = true;  // BDAT where the server offers CHUNKING and PIPELINING
};

/// One message on its way through a session.
struct Parcel {
    Parcel() = default;

    /// The session fills in content_size and is_eight_bit. It is away while the message is, and
    /// back when its done() comes.
    Transaction transaction;
    std::unique_ptr<mail::Content> content;  // rewound first
    /// Gets the lines of this message, commands and replies; may be null.
    Dialogue* dialogue = nullptr;
    /// False: the next message's commands must not go out with this one's content.
    bool may_be_followed = true;
};

/// Where a session gets its messages from. Called from within Session::deliver() only.
class Feed {
public:
    virtual ~Feed() = default;
    /// The next message that can be sent now; null when there is none. It stays until its done().
    /// Asked again and again while the session may carry one more.
    virtual Parcel* next() = 0;
    /// Each message that next() gave gets one, in order, as soon as its outcomes are known.
    /// Messages whose turn didn't come are `is_unattempted`.
    virtual void done(Parcel& parcel, TransactionResult result) = 0;
};

/// A peer that couldn't be connected to, and what that means for the mail.
struct FailedConnect {
    FailedConnect(Peer peer_, mail::RecipientOutcome outcome_)
        : peer(std::move(peer_)), outcome(std::move(outcome_)) {}

    Peer peer;
    mail::RecipientOutcome outcome;   // deferred, 4.4.1
    bool has_route = true;            // see Session::has_route()
    bool is_source = false;           // the source address of the settings can't be bound to
    boost::system::error_code error;  // asio::error::timed_out: nobody answered
};

/// Not thread-safe; one coroutine at a time. It must outlive the awaitables that it gives. The
/// optional outcomes are trouble that holds for every recipient unless another host does better;
/// nullopt means that all is well.
class Session {
public:
    /// `dialogue` may be null; it must outlive the session.
    Session(
        const boost::asio::any_io_executor& executor, SessionSettings settings, Dialogue* dialogue
    );

    /// The connection only, so that the HELO name can be chosen by local_address(). Also over
    /// again, after close(). Failure: deferred, 4.4.1.
    boost::asio::awaitable<std::optional<mail::RecipientOutcome>> connect(Peer peer);
    /// To the first of `peers` that answers; peer() is that one. They are begun in their order, the
    /// next one when the one before has failed or let Timeouts::connect_stagger pass (Connector).
    /// For peers of equal preference only: RFC 5321 5.1 wants the better ones tried first. Takes
    /// twice Timeouts::connect at most. The outcome is that of the first whose failure isn't for
    /// lack of a way there, and tells how many others have failed.
    boost::asio::awaitable<std::optional<mail::RecipientOutcome>> connect(std::vector<Peer> peers);
    /// Those that failed in the last connect(), in their order. Peers that are neither here nor
    /// peer() were not tried to their end: they may be given to connect() again.
    const std::vector<FailedConnect>& failed_connects() const { return failed_connects_; }
    /// False: the last connect() failed because this host has no way to such addresses: no route,
    /// or a source address that isn't its own.
    bool has_route() const { return has_route_; }
    /// The address that connect() went out from; none for a Unix socket.
    std::optional<boost::asio::ip::address> local_address() const;
    /// Greeting, EHLO, STARTTLS: nullopt means ready for mail. With TlsUse::may a failed
    /// handshake leads to a second connection, in clear; tls_failure() tells. `helo_name`: a domain
    /// name or an address literal.
    boost::asio::awaitable<std::optional<mail::RecipientOutcome>> greet(std::string helo_name);

    /// Sends what `feed` gives until it gives null with nothing under way, or the session can't go
    /// on; is_idle_healthy() tells which. Doesn't ask for a message where the server has closed, or
    /// said something, since the last one. Each outcome carries host, address and TLS.
    boost::asio::awaitable<void> deliver(Feed& feed);
    /// One message. `content` is rewound first and must outlive the call. Each outcome carries
    /// host, address and TLS. See TransactionResult for what to do next.
    boost::asio::awaitable<TransactionResult> send(Transaction transaction, mail::Content& content);

    /// QUIT, and waits shortly for its reply; then closed. Does nothing more than close where the
    /// session isn't idle.
    boost::asio::awaitable<void> quit();
    void close();

    /// The last trouble was that the server took user and password for wrong.
    bool are_credentials_refused() const { return machine_ && machine_->are_credentials_refused(); }
    /// Ready for another message, as far as can be known without asking the server: it has neither
    /// closed nor said anything since.
    bool is_idle_healthy();
    /// What the server offers; nothing before greet() has ended well.
    const protocol::Capabilities& capabilities() const;
    /// The session ended as if the server couldn't bear two messages under way: see ClientMachine.
    /// Such a server is better served with may_pipeline_messages = false.
    bool was_desynchronised() const { return machine_ && machine_->was_desynchronised(); }
    /// The server offers CHUNKING, but refused BDAT as unknown: better with chunking = false.
    bool is_bdat_refused() const { return machine_ && machine_->is_bdat_refused(); }
    /// Recipients a Transaction may have (see ClientMachine::max_recipients).
    std::size_t max_recipients() const;
    const Peer& peer() const { return peer_; }
    /// "TLSv1.3 TLS_AES_256_GCM_SHA384 untrusted"; empty: in clear.
    const std::string& tls_text() const { return tls_text_; }
    /// What the handshake with peer() came to; nullopt: there was none, or it failed.
    const std::optional<tls::Established>& tls() const { return established_; }
    /// A handshake with peer() was begun and failed, for this reason; empty: none did.
    const std::string& tls_failure() const { return tls_failure_; }

private:
    using Instant = Transport::Instant;

    boost::asio::awaitable<std::optional<mail::RecipientOutcome>> open(std::vector<Peer> peers);
    void talk_to(Peer peer);
    void note_failure(const Peer& peer, const ConnectFailure& failure);
    mail::RecipientOutcome all_failed(std::span<const FailedConnect> failed);
    std::optional<boost::asio::ip::address> source_for(const Peer& peer) const;
    tls::Demand demand() const;
    bool may_do_without_tls() const;
    void prepare_machine(const std::string& helo_name, bool is_after_tls_failure);
    void start_clock(std::chrono::milliseconds total);
    void arm();
    bool is_ready();
    bool load(Feed& feed);
    bool may_follow() const;
    void report(Feed& feed);
    boost::asio::awaitable<void> run(Feed* feed);
    boost::asio::awaitable<void> read_replies();
    boost::asio::awaitable<void> start_tls();
    boost::asio::awaitable<void> send_content(Feed& feed);
    bool rewind(mail::Content& content);
    boost::asio::awaitable<bool> flush();
    boost::asio::awaitable<void> hear_last_words(Transport::ErrorCode error, std::size_t written);
    void size_buffer(std::uint64_t content_size);
    void release_buffers();
    void lose(const Transport::ErrorCode& error);
    void complete(mail::RecipientOutcome& outcome) const;
    std::optional<mail::RecipientOutcome> trouble() const;
    TransactionResult unsent(const Transaction& transaction, const mail::RecipientOutcome& outcome)
        const;

    SessionSettings settings_;
    Dialogue* dialogue_;
    Transport transport_;
    Peer peer_;
    std::string tls_text_;
    std::optional<tls::Established> established_;
    std::string tls_failure_;
    std::vector<FailedConnect> failed_connects_;
    bool has_route_ = true;
    std::optional<protocol::ClientMachine> machine_;
    Instant total_deadline_ = Instant::max();
    /// Messages under way, oldest first: two at most.
    struct Loaded {
        Parcel* parcel = nullptr;
        bool is_read = false;  // its content must be rewound before it is read (again)
        std::optional<TransactionResult> early;  // it never came to the machine
    };
    std::vector<Loaded> loaded_;
    std::vector<char> buffer_;  // replies, or one chunk of content as read: never both at a time
    std::string address_text_;  // the peer's
    /// When the end of a message was written whose reply isn't in; max: none is awaited.
    Instant content_sent_ = Instant::max();
    bool has_served_ = false;  // a message has ended since connect()
    bool is_slow_ = false;     // it took its time with a message: no other follows on its heels
};

}  // namespace mxpost::smtp
