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
namespace errc = boost::system::errc;
using protocol::ClientMachine;
using protocol::deferral;
using Want = ClientMachine::Want;

namespace {

/// Of the one buffer: for replies, and for content at most. There may be hundreds of sessions that
/// wait for a reply.
constexpr std::size_t kMinBuffer = 512;
constexpr std::size_t kMaxBuffer = 16384;

bool is_too_long(const Peer& peer) {
    return peer.path.size() >= sizeof(sockaddr_un::sun_path);
}

ConnectTarget::Endpoint endpoint_of(const Peer& peer) {
    if (peer.path.empty()) {
        return ConnectTarget::Endpoint(asio::ip::tcp::endpoint(peer.address, peer.port));
    }
    return ConnectTarget::Endpoint(asio::local::stream_protocol::endpoint(peer.path));
}

/// Errors of this host, whatever the peer is like. EADDRNOTAVAIL: it has no address to come from,
/// or no port left.
bool is_for_lack_of_route(const Transport::ErrorCode& error) {
    return error == asio::error::network_unreachable ||
           error == asio::error::address_family_not_supported ||
           error == errc::address_not_available;
}

std::string problem_of(const ConnectFailure& failure, const std::string& source, bool is_ipv6) {
    if (failure.is_source) {
        const std::string setting = (is_ipv6 ? "source-address-ipv6 " : "source-address-ipv4 ");
        return failure.error == errc::address_not_available
                   ? setting + source + " isn't an address of this host"
                   : setting + source + " can't be used: " + failure.error.message();
    }
    if (failure.error == errc::filename_too_long) {
        return "the path is too long for a socket";
    }
    return failure.error == asio::error::timed_out ? "timed out" : failure.error.message();
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

Session::Session(
    const asio::any_io_executor& executor, SessionSettings settings, Dialogue* dialogue
)
    : settings_(std::move(settings)), dialogue_(dialogue), transport_(executor) {}

// Opening

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::connect(Peer peer) {
    std::vector<Peer> peers;
    peers.push_back(std::move(peer));
    auto outcome = co_await connect(std::move(peers));
    co_return outcome;
}

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::connect(std::vector<Peer> peers) {
    failed_connects_.clear();
    tls_failure_.clear();
    auto outcome = co_await open(std::move(peers));
    co_return outcome;
}

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::open(std::vector<Peer> peers) {
    transport_.close();
    tls_text_.clear();
    established_.reset();
    machine_.reset();
    content_sent_ = Instant::max();
    is_slow_ = false;
    has_served_ = false;
    has_route_ = true;
    const std::size_t earlier = failed_connects_.size();
    std::erase_if(peers, [this](const Peer& peer) {
        const bool is_bad = is_too_long(peer);
        if (is_bad) {
            note_failure(peer, {0, make_error_code(errc::filename_too_long), false});
        }
        return is_bad;
    });
    std::vector<ConnectTarget> targets;
    for (const Peer& peer : peers) {
        targets.push_back({endpoint_of(peer), source_for(peer)});
    }
    ConnectLimits limits;
    limits.stagger = settings_.timeouts.connect_stagger;
    limits.each = settings_.timeouts.connect;
    limits.total = 2 * settings_.timeouts.connect;
    Connector connector(transport_.executor(), std::move(targets), limits);
    co_await connector.run();
    for (const ConnectFailure& failure : connector.failures()) {
        note_failure(peers.at(failure.target), failure);
    }
    std::optional<mail::RecipientOutcome> outcome;
    if (const auto winner = connector.connected()) {
        talk_to(std::move(peers.at(*winner)));
        transport_.adopt(connector.take_socket());
        if (dialogue_ != nullptr) {
            dialogue_->note("connected to " + peer_.text());
        }
    } else {
        outcome = all_failed(std::span(failed_connects_).subspan(earlier));
    }
    co_return outcome;
}

void Session::talk_to(Peer peer) {
    peer_ = std::move(peer);
    address_text_ = peer_.path.empty() ? peer_.address.to_string() : std::string();
}

std::optional<asio::ip::address> Session::source_for(const Peer& peer) const {
    if (!peer.path.empty()) {
        return std::nullopt;
    }
    return peer.is_ipv6() ? settings_.source_v6 : settings_.source_v4;
}

void Session::note_failure(const Peer& peer, const ConnectFailure& failure) {
    const auto source = source_for(peer);
    const std::string problem =
        problem_of(failure, source ? source->to_string() : std::string(), peer.is_ipv6());
    talk_to(peer);  // for complete()
    FailedConnect failed(peer, deferral(4, 1, "connect to " + peer.text() + ": " + problem));
    failed.outcome.step = mail::Step::connect;
    complete(failed.outcome);
    failed.is_source = failure.is_source;
    failed.error = failure.error;
    failed.has_route = !failure.is_source && !is_for_lack_of_route(failure.error);
    if (dialogue_ != nullptr) {
        dialogue_->note(failed.outcome.text);
    }
    failed_connects_.push_back(std::move(failed));
}

/// What to say of several: that the best one can't be reached says most; a source address that
/// isn't ours more than that there is no route.
mail::RecipientOutcome Session::all_failed(std::span<const FailedConnect> failed) {
    if (failed.empty()) {
        return deferral(4, 1, "there is no address to connect to");
    }
    auto best = std::ranges::find_if(failed, &FailedConnect::has_route);
    has_route_ = best != failed.end();
    if (!has_route_) {
        best = std::ranges::find_if(failed, &FailedConnect::is_source);
    }
    best = best == failed.end() ? failed.begin() : best;
    talk_to(best->peer);
    mail::RecipientOutcome outcome = best->outcome;
    if (const std::size_t others = failed.size() - 1; others > 0) {
        outcome.text += " (and " + std::to_string(others) + " more " +
                        (others == 1 ? "address fails" : "addresses fail") + ")";
    }
    return outcome;
}

std::optional<asio::ip::address> Session::local_address() const {
    return transport_.local_address();
}

tls::Demand Session::demand() const {
    tls::Demand demand = peer_.demand ? *peer_.demand : tls::Demand(settings_.tls);
    const bool is_more = demand.use == tls::TlsUse::verify || demand.use == tls::TlsUse::dane;
    if (settings_.is_tls_from_start && !is_more) {
        demand.use = tls::TlsUse::encrypt;
    } else if (settings_.tls_context == nullptr && demand.use == tls::TlsUse::may) {
        demand.use = tls::TlsUse::none;
    }
    return demand;
}

bool Session::may_do_without_tls() const {
    return demand().use == tls::TlsUse::may;
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
    const tls::Demand demanded = demand();
    const tls::TlsUse use = demanded.use;
    settings.tls_required_for = demanded.source;
    if (is_after_tls_failure || use == tls::TlsUse::none) {
        settings.start_tls = protocol::StartTls::never;
    } else if (use != tls::TlsUse::may) {
        settings.start_tls = protocol::StartTls::required;
    }
    machine_.emplace(settings, dialogue_);
    start_clock(settings_.timeouts.total);
}

asio::awaitable<std::optional<mail::RecipientOutcome>> Session::greet(std::string helo_name) {
    prepare_machine(helo_name, peer_.is_tls_broken && may_do_without_tls());
    co_await run(nullptr);
    if (machine_->is_tls_failure()) {
        tls_failure_ = machine_->trouble()->text;
    }
    if (machine_->is_tls_failure() && may_do_without_tls()) {
        // What its TLS is worth can't be known; a bounce would be worth less (RFC 7435 3).
        std::vector<Peer> again = {peer_};
        const auto refused = co_await open(std::move(again));
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
    const tls::Demand demanded = demand();
    const std::string endpoint = address_text_ + ' ' + std::to_string(peer_.port);
    auto ssl = settings_.tls_context->new_connection(peer_.host, demanded, endpoint);
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
    established_ = tls::established(transport_.ssl(), demanded.use);
    tls_text_ = established_->text();
    if (!established_->is_enough_for(demanded.use)) {
        const std::string by = demanded.source.empty() ? "" : ", for " + demanded.source;
        machine_->tls_failed(
            "the certificate of " + peer_.host + by + ": " + established_->problem
        );
        co_return;
    }
    machine_->tls_established(tls_text_ + (established_->is_resumed ? " resumed" : ""));
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
    size_buffer(0);
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
    size_buffer(0);
    const auto [read_error, size] = co_await transport_.read(buffer_);
    machine_->write_failed(error.message(), written, std::string_view(buffer_.data(), size));
}

void Session::size_buffer(std::uint64_t content_size) {
    const auto size = std::clamp<std::uint64_t>(content_size, kMinBuffer, kMaxBuffer);
    if (buffer_.size() != size) {
        buffer_ = std::vector<char>(static_cast<std::size_t>(size));
    }
}

/// There may be hundreds of sessions that wait.
void Session::release_buffers() {
    std::vector<char>().swap(buffer_);
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
