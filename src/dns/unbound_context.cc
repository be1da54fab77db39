#include "dns/unbound_context.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <optional>
#include <span>
#include <utility>

#include <boost/asio.hpp>
#include <unbound.h>

#include "base/text.h"
#include "dns/interpret.h"
#include "dns/private_domains.h"

namespace mxpost::dns {
namespace {

namespace asio = boost::asio;
using Signatures = UnboundContext::Signatures;

constexpr int kClassIn = 1;
constexpr int kTypeDnskey = 48;
constexpr std::size_t kHeaderSize = 12;

struct ContextDeleter {
    void operator()(ub_ctx* context) const { ub_ctx_delete(context); }
};
struct ResultDeleter {
    void operator()(ub_result* result) const { ub_resolve_free(result); }
};
using ContextPointer = std::unique_ptr<ub_ctx, ContextDeleter>;
using ResultPointer = std::unique_ptr<ub_result, ResultDeleter>;

RawAnswer temporary(std::string reason) {
    return RawAnswer(LookupStatus::temporary, std::move(reason));
}

/// The thread that libunbound starts inherits what is blocked here: signals are for the engine's.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

/// One question on its way, and the one who waits for it.
struct Flight {
    Flight(const asio::any_io_executor& executor, SteadyTime deadline)
        : landed(executor, deadline) {}

    asio::steady_timer landed;
    bool is_done = false;
    int error = 0;
    ResultPointer result;
};

/// "192.0.2.53@53": libunbound's form of an endpoint; it keeps no scope of an IPv6 address but its
/// text does.
std::string forwarder_text(const asio::ip::udp::endpoint& endpoint) {
    return endpoint.address().to_string() + "@" + std::to_string(endpoint.port());
}

int configure(ub_ctx* context, const std::string& trust_anchor, const ResolvConf* forwarders) {
    ub_ctx_debugout(context, nullptr);  // not to the engine's stderr
    ub_ctx_debuglevel(context, 0);
    int error = ub_ctx_async(context, 1);
    const auto set = [&](const char* option, const std::string& value) {
        error = error != 0 ? error : ub_ctx_set_option(context, option, value.c_str());
    };
    // The library's own defaults are for a few look-ups at a time.
    set("outgoing-range:", "256");
    set("num-queries-per-thread:", "512");
    set("outgoing-num-tcp:", "10");
    set("msg-cache-size:", "4m");
    set("rrset-cache-size:", "8m");
    // Names of private networks are looked up like others, and nobody signs them.
    set("unblock-lan-zones:", "yes");
    set("insecure-lan-zones:", "yes");
    for (const std::string_view domain : kPrivateDomains) {
        set("domain-insecure:", std::string(domain.substr(1)));
    }
    set("domain-insecure:", std::string(kTestDomain.substr(1)));
    error = error != 0 ? error : ub_ctx_add_ta_file(context, trust_anchor.c_str());
    if (forwarders != nullptr) {
        for (const auto& server : forwarders->servers) {
            error = error != 0 ? error : ub_ctx_set_fwd(context, forwarder_text(server).c_str());
        }
        if (forwarders->is_tcp_only) {
            set("tcp-upstream:", "yes");
        }
    }
    // What "unblock" leaves as it is: the library says itself that these are empty. Last of all,
    // because it ends the setting of options, and reads the trust anchor.
    for (const char* zone : {"home.arpa.", "test."}) {
        error = error != 0 ? error : ub_ctx_zone_remove(context, zone);
    }
    return error;
}

RawAnswer answer_of(const Question& question, const Flight& flight) {
    if (!flight.result) {
        return temporary(
            std::string("the validating resolver failed: ") + ub_strerror(flight.error)
        );
    }
    const ub_result& result = *flight.result;
    if (result.bogus != 0) {
        const std::string why = result.why_bogus != nullptr ? result.why_bogus : "no reason given";
        return temporary(question.name + " fails DNSSEC validation: " + printable(why, 300));
    }
    const std::span<const std::uint8_t> wire(
        static_cast<const std::uint8_t*>(result.answer_packet),
        result.answer_packet != nullptr && result.answer_len > 0
            ? static_cast<std::size_t>(result.answer_len)
            : 0
    );
    if (wire.size() < kHeaderSize) {
        return temporary("no name server gave an answer about " + question.name);
    }
    const auto id = static_cast<std::uint16_t>(wire[0] * 256U + wire[1]);
    const auto reply = decode_reply(wire, question, id);
    if (!reply || !*reply) {
        return temporary(reply ? "unreadable DNS answer" : reply.error().message());
    }
    const ReplyCode code = (*reply)->code;
    if (code != ReplyCode::no_error && code != ReplyCode::nx_domain) {
        return temporary(
            "the name servers of " + question.name + " gave no answer (" +
            std::string(name_of(code)) + ")"
        );
    }
    Finding finding = interpret(**reply, question);
    if (finding.kind == Finding::Kind::bad_chain || finding.kind == Finding::Kind::alias) {
        return temporary(question.name + " is an alias that leads nowhere");
    }
    RawAnswer answer(LookupStatus::ok);
    if (finding.kind != Finding::Kind::records) {
        answer.status = finding.kind == Finding::Kind::no_data ? LookupStatus::no_data
                                                               : LookupStatus::nx_domain;
    }
    answer.records = std::move(finding.records);
    bound(answer.records);
    answer.ttl = finding.ttl;
    answer.is_secure = result.secure != 0;  // of the whole chain
    answer.name = std::move(finding.name);
    return answer;
}

class Context final : public UnboundContext {
public:
    Context(asio::any_io_executor executor, ContextPointer context)
        : executor_(std::move(executor)),
          context_(std::move(context)),
          descriptor_(executor_, ub_fd(context_.get())) {}
    ~Context() override {
        descriptor_.release();  // libunbound's
    }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    asio::awaitable<RawAnswer> look_up(Question question, SteadyTime deadline) override {
        const auto self = shared_from_this();
        const std::shared_ptr<Flight> flight =
            co_await fly(question.name, static_cast<int>(question.type), deadline);
        if (!flight->is_done) {
            co_return temporary(
                is_stopped_ ? "the resolver was stopped"
                            : "no name server gave an answer about " + question.name + " in time"
            );
        }
        co_return answer_of(question, *flight);
    }

    asio::awaitable<Signatures> probe(SteadyTime deadline) override {
        const auto self = shared_from_this();
        const std::shared_ptr<Flight> flight = co_await fly(".", kTypeDnskey, deadline);
        if (!flight->is_done || !flight->result) {
            co_return Signatures::unknown;
        }
        if (flight->result->secure != 0) {
            co_return Signatures::there;
        }
        co_return flight->result->bogus != 0 ? Signatures::stripped : Signatures::unknown;
    }

    void stop() override {
        is_stopped_ = true;
        for (const auto& [id, flight] : std::exchange(flights_, {})) {
            ub_cancel(context_.get(), id);
            flight->landed.cancel();
        }
        descriptor_.cancel();
    }

private:
    /// Until it has landed, the deadline is there, or the one who waits is cancelled.
    asio::awaitable<std::shared_ptr<Flight>> fly(std::string name, int type, SteadyTime deadline) {
        auto flight = std::make_shared<Flight>(executor_, deadline);
        if (is_stopped_) {
            co_return flight;
        }
        int id = 0;
        {
            const SignalsBlocked blocked;
            flight->error = ub_resolve_async(
                context_.get(), name.c_str(), type, kClassIn, flight.get(), &Context::landed, &id
            );
        }
        if (flight->error != 0) {
            flight->is_done = true;
            co_return flight;
        }
        flights_[id] = flight;
        watch();
        co_await flight->landed.async_wait(asio::as_tuple(asio::use_awaitable));
        if (!flight->is_done && flights_.erase(id) > 0) {
            ub_cancel(context_.get(), id);
        } else {
            flights_.erase(id);
        }
        if (flights_.empty()) {
            descriptor_.cancel();  // or an io_context would run on for nothing
        }
        co_return flight;
    }

    /// libunbound's callback, from ub_process(). Never called after ub_cancel().
    static void landed(void* data, int error, ub_result* result) {
        auto* const flight = static_cast<Flight*>(data);
        flight->error = error;
        flight->result.reset(result);
        flight->is_done = true;
        flight->landed.cancel();
    }

    /// While anybody waits.
    void watch() {
        if (is_watching_ || flights_.empty()) {
            return;
        }
        is_watching_ = true;
        descriptor_.async_wait(
            asio::posix::stream_descriptor::wait_read,
            [weak = weak_from_this()](boost::system::error_code error) {
                const auto self = std::static_pointer_cast<Context>(weak.lock());
                if (!self) {
                    return;
                }
                self->is_watching_ = false;
                if (!error) {
                    ub_process(self->context_.get());
                }
                if (!self->is_stopped_) {
                    self->watch();
                }
            }
        );
    }

    asio::any_io_executor executor_;
    ContextPointer context_;
    asio::posix::stream_descriptor descriptor_;
    std::map<int, std::shared_ptr<Flight>> flights_;
    bool is_watching_ = false;
    bool is_stopped_ = false;
};

}  // namespace

Result<std::shared_ptr<UnboundContext>> UnboundContext::make(
    asio::any_io_executor executor, const std::string& trust_anchor, const ResolvConf* forwarders
) {
    ContextPointer context(ub_ctx_create());
    if (!context) {
        return Error::from_errno(errno, "setting the validating resolver up");
    }
    if (const int error = configure(context.get(), trust_anchor, forwarders); error != 0) {
        return Error::invalid(
            std::string("the validating resolver can't be set up: ") + ub_strerror(error)
        );
    }
    return std::shared_ptr<UnboundContext>(
        std::make_shared<Context>(std::move(executor), std::move(context))
    );
}

}  // namespace mxpost::dns
