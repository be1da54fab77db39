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

constexpr std::size_t kInputSize = 4096;
constexpr std::size_t kChunkSize = 32768;
/// What is gathered before a write: a framed chunk is at most 4/3 of kChunkSize.
constexpr std::size_t kOutputSize = 65536;

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
    std::optional<mail::RecipientOutcome> outcome;
    const std::string problem = co_await open();
    if (!problem.empty()) {
        outcome = deferral(4, 1, "connect to " + peer_.text() + ": " + problem);
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
    machine_->output().reserve(kOutputSize);
    input_.resize(kInputSize);
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

// Sending

asio::awaitable<TransactionResult> Session::send(Transaction transaction, mail::Content& content) {
    if (!machine_ || machine_->want() != Want::idle || !transport_.is_open()) {
        auto result = unsent(transaction, deferral(4, 2, "the session is not open"));
        result.may_try_next_host = true;
        co_return result;
    }
    const auto rewound = content.rewind();
    if (!rewound) {
        auto result = unsent(transaction, deferral(3, 0, "the content can't be read"));
        result.is_session_usable = machine_->is_ready();
        result.is_content_bad = true;
        result.content_problem = rewound.error().message();
        co_return result;
    }
    transaction.content_size = content.size();
    transaction.is_eight_bit = content.is_eight_bit();
    start_clock(settings_.timeouts.total + std::chrono::seconds(transaction.content_size / 4096));
    content_.resize(kChunkSize);
    machine_->start(std::move(transaction));
    co_await run(&content);
    auto result = machine_->result();
    for (auto& outcome : result.outcomes) {
        complete(outcome);
    }
    co_return result;
}

/// Reads ahead before it writes, so that the last octets and the final dot leave together.
asio::awaitable<void> Session::send_content(mail::Content& content) {
    for (;;) {
        const auto size = content.read(content_);
        if (!size) {
            machine_->content_failed(size.error().message());
            co_return;
        }
        if (*size == 0) {
            machine_->content_end();  // read_replies() writes what is left
            co_return;
        }
        const std::size_t framed_size = *size + *size / 3 + 1;
        if (machine_->output().size() + framed_size > kOutputSize) {
            arm();
            const bool is_written = co_await flush();
            if (!is_written) {
                co_return;
            }
        }
        if (!machine_->content(std::string_view(content_.data(), *size))) {
            co_return;
        }
    }
}

TransactionResult Session::unsent(
    const Transaction& transaction, const mail::RecipientOutcome& outcome
) const {
    auto completed = outcome;
    complete(completed);
    TransactionResult result;
    result.outcomes.assign(transaction.recipients.size(), completed);
    return result;
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

asio::awaitable<void> Session::run(mail::Content* content) {
    for (Want want = machine_->want(); want != Want::idle && want != Want::finished;
         want = machine_->want()) {
        if (want == Want::start_tls) {
            co_await start_tls();
        } else if (want == Want::content) {
            co_await send_content(*content);
        } else {
            co_await read_replies();
        }
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
    while (machine_->want() == Want::read && machine_->reply_count() == replies) {
        const auto [error, size] = co_await transport_.read(input_);
        if (transport_.is_timed_out()) {
            machine_->timed_out();
            co_return;
        }
        machine_->received(std::string_view(input_.data(), size));
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
    const auto error = co_await transport_.write(machine_->output());
    machine_->output_written();
    if (!error) {
        co_return true;
    }
    if (transport_.is_timed_out()) {
        machine_->timed_out();
    } else {
        co_await hear_last_words(error);
    }
    co_return false;
}

/// A server that stops reading has often said why ("552 too big").
asio::awaitable<void> Session::hear_last_words(Transport::ErrorCode error) {
    transport_.set_deadline(std::chrono::steady_clock::now() + std::chrono::seconds(1));
    const auto [read_error, size] = co_await transport_.read(input_);
    machine_->write_failed(error.message(), std::string_view(input_.data(), size));
}

void Session::lose(const Transport::ErrorCode& error) {
    // An end of file needs no reason: "connection lost" says it.
    const bool is_end = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    machine_->closed(is_end ? std::string() : error.message());
}

void Session::complete(mail::RecipientOutcome& outcome) const {
    outcome.remote_host = peer_.host;
    outcome.remote_address = peer_.path.empty() ? peer_.address.to_string() : std::string();
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
