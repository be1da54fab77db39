#include "smtp/session.h"

#include <algorithm>
#include <string_view>

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/error.hpp>

#include <sys/un.h>

#include "mail/base64.h"

namespace mxpost::smtp {

namespace asio = boost::asio;
using protocol::ClientMachine;
using protocol::deferral;
using Want = ClientMachine::Want;

namespace {

/// Of the one buffer: replies, and content up to the second.
constexpr std::size_t kMinBuffer = 2048;
constexpr std::size_t kMaxBuffer = 16384;

/// None when the path is longer than the kernel takes.
std::optional<Transport::Endpoint> endpoint_of(const Peer& peer) {
    if (peer.path.empty()) {
        return Transport::Endpoint(asio::ip::tcp::endpoint(peer.address, peer.port));
    }
    if (peer.path.size() >= sizeof(sockaddr_un::sun_path)) {
        return std::nullopt;
    }
    return Transport::Endpoint(asio::local::stream_protocol::endpoint(peer.path));
}

/// 192 bits in base64.
std::string nonce(Random& random) {
    std::string octets;
    for (int i = 0; i < 3; ++i) {
        const std::uint64_t bits = random.bits();
        for (unsigned shift = 0; shift < 64; shift += 8) {
            octets += static_cast<char>((bits >> shift) & 0xffU);
        }
    }
    return mail::base64_encoded(octets);
}

}  // namespace

std::string Peer::text() const {
    return path.empty() ? host + "[" + address.to_string() + "]:" + std::to_string(port) : host;
}

Session::Session(
    const asio::any_io_executor& executor, SessionSettings settings, Dialogue* dialogue
)
    : settings_(std::move(settings)), dialogue_(dialogue), transport_(executor) {}

// Opening

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::connect(Peer peer) {
    peer_ = std::move(peer);
    tls_text_.clear();
    machine_.reset();
    content_sent_ = Instant::max();
    is_slow_ = false;
    address_text_ = peer_.path.empty() ? peer_.address.to_string() : std::string();
    std::optional<mail::RecipientOutcome> outcome;
    const std::string problem = co_await open();
    if (!problem.empty()) {
        outcome = deferral(4, 1, "connect to " + peer_.text() + ": " + problem);
        outcome->step = mail::Step::connect;
        complete(*outcome);
        transport_.close();
    }
    if (dialogue_ != nullptr) {
        dialogue_->note(outcome ? outcome->text : "connected to " + peer_.text());
    }
    co_return outcome;
}

/// Why there is no connection; empty: there is one.
asio::awaitable<std::string> Session::open() {
    const auto endpoint = endpoint_of(peer_);
    if (!endpoint) {
        co_return "the path is too long for a socket";
    }
    const auto deadline = std::chrono::steady_clock::now() + settings_.timeouts.connect;
    std::optional<asio::ip::address> source;
    if (peer_.path.empty()) {
        source = peer_.address.is_v4() ? settings_.source_v4 : settings_.source_v6;
    }
    const auto error = co_await transport_.connect(*endpoint, source, deadline);
    transport_.clear_deadline();
    has_route_ = error != asio::error::network_unreachable &&
                 error != asio::error::address_family_not_supported;
    if (transport_.is_timed_out()) {
        co_return "timed out";
    }
    co_return error || !transport_.is_open() ? error.message() : std::string();
}

std::optional<asio::ip::address> Session::local_address() const {
    return transport_.local_address();
}

tls::TlsUse Session::tls_use() const {
    if (settings_.tls_context == nullptr && settings_.tls == tls::TlsUse::may) {
        return tls::TlsUse::none;
    }
    const bool is_verified = settings_.tls == tls::TlsUse::verify;
    return settings_.is_tls_from_start && !is_verified ? tls::TlsUse::encrypt : settings_.tls;
}

void Session::prepare_machine(const std::string& helo_name, bool is_after_tls_failure) {
    protocol::ClientSettings settings(helo_name);
    settings.dialect = settings_.dialect;
    settings.timeouts = settings_.timeouts;
    settings.is_after_tls_failure = is_after_tls_failure;
    settings.is_appointed = settings_.is_appointed;
    settings.is_tls_from_start = settings_.is_tls_from_start;
    settings.may_chunk = settings_.chunking;
    settings.auth = settings_.auth;
    if (settings_.auth.credentials) {
        settings.auth.nonce = nonce(*settings_.random);
    }
    if (is_after_tls_failure || tls_use() == tls::TlsUse::none) {
        settings.start_tls = protocol::StartTls::never;
    } else if (tls_use() != tls::TlsUse::may) {
        settings.start_tls = protocol::StartTls::required;
    }
    machine_.emplace(settings, dialogue_);
    start_clock(settings_.timeouts.total);
}

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::greet(std::string helo_name) {
    prepare_machine(helo_name, false);
    co_await run(nullptr);
    if (machine_->is_tls_failure() && tls_use() == tls::TlsUse::may) {
        // What its TLS is worth can't be known; a bounce would be worth less (RFC 7435 3).
        Peer again = peer_;
        const auto refused = co_await connect(std::move(again));
        if (refused) {
            co_return refused;
        }
        prepare_machine(helo_name, true);
        co_await run(nullptr);
    }
    co_return trouble();
}

asio::awaitable<void> Session::start_tls() {
    arm();
    if (settings_.tls_context == nullptr) {
        machine_->tls_failed("it can't be set up here");
        co_return;
    }
    auto ssl = settings_.tls_context->new_connection(peer_.host, tls_use());
    if (!ssl) {
        machine_->tls_failed(ssl.error().message());
        co_return;
    }
    tls::SslPointer handle = std::move(*ssl);
    const auto problem = co_await transport_.start_tls(std::move(handle));
    if (transport_.is_timed_out()) {
        machine_->timed_out();
        co_return;
    }
    if (problem) {
        machine_->tls_failed(*problem);
        co_return;
    }
    const auto established = tls::established(transport_.ssl());
    tls_text_ = established.text();
    if (tls_use() == tls::TlsUse::verify && !established.is_verified) {
        machine_->tls_failed("the certificate of " + peer_.host + ": " + established.problem);
        co_return;
    }
    machine_->tls_established(tls_text_);
}

// Ending

asio::awaitable<void> Session::quit() {
    if (machine_ && machine_->want() == Want::idle && transport_.is_open()) {
        start_clock(settings_.timeouts.quit);
        machine_->quit();
        co_await run(nullptr);
    }
    close();
}

void Session::close() {
    transport_.close();
    if (machine_) {
        machine_->closed("closed here");
    }
}

bool Session::is_idle_healthy() {
    return machine_ && machine_->is_ready() && transport_.is_silent();
}

const protocol::Capabilities& Session::capabilities() const {
    static const protocol::Capabilities nothing;
    return machine_ ? machine_->capabilities() : nothing;
}

std::size_t Session::max_recipients() const {
    return machine_ ? machine_->max_recipients() : 0;
}

// The machine's wishes

void Session::start_clock(std::chrono::milliseconds total) {
    total_deadline_ = std::chrono::steady_clock::now() + total;
}

void Session::arm() {
    const auto step = std::chrono::steady_clock::now() + machine_->timeout();
    transport_.set_deadline(std::min(step, total_deadline_));
}

/// Until it is idle or finished. `feed` may be null where no message is under way.
asio::awaitable<void> Session::run(Feed* feed) {
    for (Want want = machine_->want(); want != Want::idle && want != Want::finished;
         want = machine_->want()) {
        if (want == Want::start_tls) {
            co_await start_tls();
        } else if (want == Want::content) {
            co_await send_content(*feed);
        } else {
            co_await read_replies();
        }
        if (feed != nullptr) {
            report(*feed);
        }
    }
    if (feed != nullptr) {
        report(*feed);
    }
    transport_.clear_deadline();
    if (machine_->want() == Want::finished) {
        transport_.close();
    }
}

/// Until one reply was complete: its deadline doesn't move when single octets drip in.
asio::awaitable<void> Session::read_replies() {
    arm();
    const bool is_written = co_await flush();
    if (!is_written) {
        co_return;
    }
    const auto replies = machine_->reply_count();
    reserve_buffer(0);
    while (machine_->want() == Want::read && machine_->reply_count() == replies) {
        const auto [error, size] = co_await transport_.read(buffer_);
        if (transport_.is_timed_out()) {
            machine_->timed_out();
            co_return;
        }
        machine_->received(std::string_view(buffer_.data(), size));
        if (error) {
            lose(error);
            co_return;
        }
    }
}

/// False: the connection is gone, and the machine knows.
asio::awaitable<bool> Session::flush() {
    if (machine_->output().empty()) {
        co_return true;
    }
    const bool has_content_end = machine_->has_content_end();
    const auto [error, size] = co_await transport_.write(machine_->output());
    if (!error) {
        machine_->output_written();
        if (has_content_end) {
            content_sent_ = std::chrono::steady_clock::now();
        }
        co_return true;
    }
    if (transport_.is_timed_out()) {
        machine_->timed_out();
    } else {
        co_await hear_last_words(error, size);
    }
    co_return false;
}

/// A server that stops reading has often said why ("552 too big").
asio::awaitable<void> Session::hear_last_words(Transport::ErrorCode error, std::size_t written) {
    transport_.set_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    reserve_buffer(0);
    const auto [read_error, size] = co_await transport_.read(buffer_);
    machine_->write_failed(error.message(), written, std::string_view(buffer_.data(), size));
}

void Session::reserve_buffer(std::uint64_t content_size) {
    const auto size = std::clamp<std::uint64_t>(content_size, kMinBuffer, kMaxBuffer);
    if (buffer_.size() < size) {
        buffer_.resize(static_cast<std::size_t>(size));
    }
}

/// There may be hundreds of sessions that wait.
void Session::release_buffers() {
    buffer_ = {};
    if (machine_) {
        machine_->output().shrink_to_fit();
    }
}

void Session::lose(const Transport::ErrorCode& error) {
    // An end of file needs no reason: "connection lost" says it.
    const bool is_end = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    machine_->closed(is_end ? std::string() : error.message());
}

void Session::complete(mail::RecipientOutcome& outcome) const {
    outcome.remote_host = peer_.host;
    outcome.remote_address = address_text_;
    outcome.remote_port = peer_.port;
    outcome.tls = tls_text_;
}

std::optional<mail::RecipientOutcome> Session::trouble() const {
    auto outcome = machine_->trouble();
    if (outcome) {
        complete(*outcome);
    }
    return outcome;
}

}  // namespace mxpost::smtp
