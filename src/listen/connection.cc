#include "listen/connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace mxpost::listen {

namespace asio = boost::asio;
using Want = protocol::ServerMachine::Want;

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
/// A client that isn't ready is given that long while places are rare.
constexpr std::chrono::seconds kCrowdedTimeout{10};
constexpr std::size_t kPiece = 4096;
constexpr std::size_t kMuchOutput = 16384;

protocol::ServerSettings machine_settings(const ConnectionContext& context, const Peer& peer) {
    const config::Settings& settings = context.around.settings;
    protocol::ServerSettings result = submit::server_settings(context.around);
    result.takes_lmtp = !peer.address;
    result.offers_start_tls = context.tls != nullptr;
    result.max_errors = settings.listen_max_errors;
    result.timeout = settings.listen_idle_timeout;
    return result;
}

submit::SmtpOrigin origin_of(const Peer& peer, const spool::Box* box) {
    submit::SmtpOrigin origin;
    if (!peer.address) {
        origin.uid = peer.user;
    } else if (peer.address->is_ipv4()) {
        origin.address = "[" + peer.address->text() + "]";
    } else {
        origin.address = "[IPv6:" + peer.address->text() + "]";
    }
    origin.box = box;
    // Nobody waits for a delivery here: without a spool nothing is taken.
    origin.invocation.delivery_mode = config::DeliveryMode::queue;
    return origin;
}

}  // namespace

Connection::Connection(
    const asio::any_io_executor& executor,
    const ConnectionContext& context,
    const spool::Box& box,
    Fd socket,
    const Peer& peer,
    std::string client
)
    : context_(context),
      client_(std::move(client)),
      stream_(executor, std::move(socket), context.buffer),
      incoming_(context.around, origin_of(peer, &box), context.outlet, context.gate, client_),
      machine_(machine_settings(context, peer), incoming_),
      committed_(executor),
      useful_since_(context.around.clock.steady_now()) {}

asio::awaitable<void> Connection::run() {
    if (stream_.has_unread()) {
        // Who speaks before the greeting doesn't listen: a browser, say, or a proxy.
        co_await read();
    }
    machine_.greet();
    for (;;) {
        const bool is_written = co_await flush();
        const Want want = machine_.want();
        if (!is_written || want == Want::finished) {
            break;
        }
        if (want == Want::commit) {
            co_await commit();
        } else if (is_stopping_ && !incoming_.has_intake()) {
            machine_.shut_down();
        } else if (want == Want::start_tls) {
            co_await start_tls();
        } else if (!rest_.empty()) {
            const std::string rest = std::exchange(rest_, {});
            feed(rest);
        } else {
            co_await read();
        }
    }
    stream_.close();
}

/// False: the client is gone, or doesn't read.
asio::awaitable<bool> Connection::flush() {
    if (machine_.output().empty()) {
        co_return true;
    }
    sending_.swap(machine_.output());
    begin_to_wait(Waiting::output);
    const auto error = co_await stream_.write(sending_);
    waiting_ = Waiting::nothing;
    sending_.clear();
    if (error) {
        machine_.closed();  // a message that was coming in is abandoned
    }
    co_return !error;
}

asio::awaitable<void> Connection::read() {
    if (has_progressed_) {
        begin_to_wait(Waiting::input);
        has_progressed_ = false;
    }
    waiting_ = Waiting::input;
    const auto [error, octets] = co_await stream_.read();
    waiting_ = Waiting::nothing;
    if (!error) {
        is_timed_out_ = false;  // it came at the last moment
        feed(octets);
    } else if (is_timed_out_) {
        context_.around.log.info("client " + client_ + ": timed out");
        machine_.timed_out();
    } else if (error != asio::error::operation_aborted) {
        machine_.closed();
    } else if (is_cut_off_) {
        machine_.shut_down();
    }  // else stop() has woken us: run() goes on
}

/// The machine answers a piece before it sees the next, so that replies to a flood of pipelined
/// commands don't heap up. `octets` are in a buffer that others use after the next await, so what
/// must wait for that is copied.
void Connection::feed(std::string_view octets) {
    while (!octets.empty() && machine_.want() == Want::read &&
           machine_.output().size() < kMuchOutput) {
        const std::string_view piece = octets.substr(0, kPiece);
        octets.remove_prefix(piece.size());
        machine_.received(piece);
    }
    rest_ = octets;
    // A command's time runs from the last reply on, whatever drips in; content moves it on.
    has_progressed_ |= incoming_.has_progressed() || !machine_.output().empty();
}

asio::awaitable<void> Connection::start_tls() {
    auto ssl = context_.tls->new_connection();
    if (!rest_.empty() || !ssl) {
        // Octets behind the command were sent in clear: by somebody in between (RFC 3207 6).
        machine_.tls_failed();
        co_return;
    }
    begin_to_wait(Waiting::input);
    tls::SslPointer handle = std::move(*ssl);
    const auto problem = co_await stream_.start_tls(std::move(handle));
    waiting_ = Waiting::nothing;
    has_progressed_ = true;
    if (problem) {
        context_.around.log.info("client " + client_ + ": TLS handshake failed: " + *problem);
        machine_.tls_failed();
    } else {
        machine_.tls_established();
    }
}

asio::awaitable<void> Connection::commit() {
    submit::Intake& intake = incoming_.intake();
    context_.outlet.expect(intake.id());
    synced_.reset();
    committed_.expires_at(SteadyTime::max());
    CommitJob job;
    job.directory = intake.writer().directory();
    job.publish = [&intake]() -> Result<void> {
        auto synced = intake.writer().sync_content(intake.is_eight_bit(), intake.has_long_lines());
        return synced ? intake.writer().link(intake.due()) : synced;
    };
    job.done = [this, &intake](const Result<void>& synced) {
        const Result<void> done =
            synced ? synced : Result<void>(intake.writer().withdraw(synced.error()));
        asio::post(committed_.get_executor(), [this, done] {
            synced_ = done;
            committed_.cancel();
        });
    };
    context_.pool.commit(std::move(job));
    while (!synced_) {
        co_await committed_.async_wait(kAwait);
    }
    settle(*synced_);
    has_progressed_ = true;
}

void Connection::settle(const Result<void>& synced) {
    submit::Intake& intake = incoming_.intake();
    const std::string id = intake.id();
    const bool is_safe = intake.settle(
        synced ? Result<spool::Committed>(intake.writer().finish())
               : Result<spool::Committed>(synced.error())
    );
    if (!is_safe) {
        const auto reply = submit::reply_for(intake.refusal());
        incoming_.forget();
        context_.outlet.withdrawn(id);
        machine_.refused(reply);
        return;
    }
    submit::Accepted accepted = intake.take_accepted();
    const spool::EntryName name = accepted.committed->name;
    accepted.committed.reset();  // and with it the message's lock
    incoming_.forget();
    useful_since_ = context_.around.clock.steady_now();
    machine_.committed("2.0.0 queued as " + id);
    // After the reply has left: the client shall not wait for the delivery's first steps.
    asio::post(committed_.get_executor(), [&outlet = context_.outlet, name] {
        outlet.accepted(name);
    });
}

// The time

void Connection::begin_to_wait(Waiting what) {
    waiting_ = what;
    waits_since_ = context_.around.clock.steady_now();
}

void Connection::check_time(SteadyTime now, bool is_crowded) {
    if (waiting_ == Waiting::nothing || (waiting_ == Waiting::input && is_timed_out_)) {
        return;
    }
    // The last words of one that was timed out don't get that time again.
    const bool is_hurried = is_crowded || is_timed_out_;
    const auto patience = is_hurried
                              ? std::min<SteadyTime::duration>(machine_.timeout(), kCrowdedTimeout)
                              : SteadyTime::duration(machine_.timeout());
    const auto session = context_.around.settings.listen_session_timeout;
    if (now - waits_since_ >= patience || (!is_timed_out_ && now - useful_since_ >= session)) {
        is_timed_out_ = true;
        stream_.cancel();
    }
}

void Connection::stop() {
    is_stopping_ = true;
    if (waiting_ == Waiting::input && !incoming_.has_intake()) {
        stream_.cancel();
    }
}

void Connection::cut_off() {
    is_stopping_ = true;
    is_cut_off_ = true;
    if (waiting_ != Waiting::nothing) {
        stream_.cancel();
    }
}

}  // namespace mxpost::listen
