#include "doctor/probe.h"

#include <array>
#include <ctime>
#include <utility>

#include <boost/asio/error.hpp>

#include "doctor/together.h"
#include "mail/content.h"

namespace mxpost::doctor {

namespace asio = boost::asio;

namespace {

/// Keeps the server's first line, finds the address in its greeting and its answer to EHLO, and
/// passes all on.
class Listener final : public protocol::Dialogue {
public:
    Listener(protocol::Dialogue* next, const Clock& clock, Probe& probe)
        : next_(next), clock_(clock), probe_(probe) {}

    void client(std::string_view line) override {
        if (next_ != nullptr) {
            next_->client(line);
        }
    }
    void server(std::string_view line) override {
        if (probe_.banner.empty()) {
            probe_.banner = line;
            if (const auto time = time_in(line)) {
                probe_.clock_ahead = *time - to_seconds(clock_.now());
            }
        }
        if (!probe_.seen && (line.starts_with("220") || line.starts_with("250"))) {
            probe_.seen = address_in(line);
        }
        if (next_ != nullptr) {
            next_->server(line);
        }
    }
    void note(std::string_view line) override {
        if (next_ != nullptr) {
            next_->note(line);
        }
    }

private:
    protocol::Dialogue* next_;
    const Clock& clock_;
    Probe& probe_;
};

/// Of a message that is never sent.
class NoContent final : public mail::Content {
public:
    std::uint64_t size() const override { return 0; }
    bool is_eight_bit() const override { return false; }
    Result<void> rewind() override { return {}; }
    Result<std::size_t> read(std::span<char> /*buffer*/) override { return std::size_t{0}; }
};

}  // namespace

std::optional<asio::ip::address> address_in(std::string_view line) {
    for (std::size_t open = line.find('['); open != std::string_view::npos;
         open = line.find('[', open + 1)) {
        const std::size_t close = line.find(']', open);
        if (close == std::string_view::npos) {
            break;
        }
        std::string_view inside = line.substr(open + 1, close - open - 1);
        if (inside.starts_with("IPv6:")) {
            inside.remove_prefix(5);
        }
        boost::system::error_code error;
        const auto address = asio::ip::make_address(std::string(inside), error);
        if (!error) {
            return address;
        }
    }
    return std::nullopt;
}

std::optional<std::chrono::sys_seconds> time_in(std::string_view line) {
    constexpr std::array kDays = {"Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "};
    for (const char* const day : kDays) {
        const std::size_t at = line.find(day);
        if (at == std::string_view::npos) {
            continue;
        }
        std::tm time{};
        const std::string text(line.substr(at + 5));
        if (::strptime(text.c_str(), "%d %b %Y %H:%M:%S %z", &time) != nullptr) {
            const long offset = time.tm_gmtoff;  // timegm(3) resets it
            return std::chrono::sys_seconds(std::chrono::seconds(::timegm(&time) - offset));
        }
    }
    return std::nullopt;
}

bool Probe::is_silent() const {
    return !is_connected && error == asio::error::timed_out;
}

bool Probe::is_refused() const {
    return !is_connected && has_route &&
           (error == asio::error::connection_refused || error == asio::error::host_unreachable ||
            error == asio::error::network_unreachable ||
            error == boost::system::errc::operation_not_permitted ||
            error == boost::system::errc::permission_denied);
}

asio::awaitable<Probe> probe(
    Context& context, smtp::SessionSettings settings, smtp::Peer peer, RecipientQuestion question
) {
    Probe result;
    result.peer = peer;
    Listener listener(context.dialogue, context.clock, result);
    smtp::Session session(context.executor, std::move(settings), &listener);
    const SteadyTime begin = context.clock.steady_now();
    result.trouble = co_await session.connect(std::move(peer));
    result.connect_time =
        std::chrono::duration_cast<std::chrono::milliseconds>(context.clock.steady_now() - begin);
    if (result.trouble) {
        result.has_route = session.has_route();
        if (!session.failed_connects().empty()) {
            result.error = session.failed_connects().back().error;
        }
        co_return result;
    }
    result.is_connected = true;
    result.source = session.local_address();
    std::string name = co_await context.helo_name.find(result.source.value_or(asio::ip::address()));
    result.trouble = co_await session.greet(std::move(name));
    result.capabilities = session.capabilities();
    result.are_credentials_refused = session.are_credentials_refused();
    result.tls = session.tls_text();
    result.tls_problem = session.tls_failure();
    if (const auto& established = session.tls()) {
        result.tls_problem = established->problem;
    }
    if (!result.trouble && !question.recipients.empty()) {
        protocol::Transaction transaction(
            std::move(question.sender), std::move(question.recipients)
        );
        transaction.is_probe = true;
        NoContent content;
        auto answered = co_await session.send(std::move(transaction), content);
        result.recipients = std::move(answered.outcomes);
    }
    co_await session.quit();
    co_return result;
}

asio::awaitable<std::vector<Probe>> probe_all(
    Context& context,
    smtp::SessionSettings session,
    std::vector<smtp::Peer> peers,
    RecipientQuestion question
) {
    std::vector<asio::awaitable<Probe>> tasks;
    for (smtp::Peer& peer : peers) {
        tasks.push_back(probe(context, session, std::move(peer), question));
    }
    co_return co_await all_of(context.executor, std::move(tasks));
}

}  // namespace mxpost::doctor
