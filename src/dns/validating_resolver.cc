#include "dns/validating_resolver.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include <boost/asio.hpp>

#include "base/text.h"
#include "dns/private_domains.h"
#include "dns/raw_answer.h"
#include "dns/unbound_context.h"

namespace mxpost::dns {

namespace asio = boost::asio;

namespace {

using ContextPointer = std::shared_ptr<UnboundContext>;

// How long it holds that resolv.conf's servers pass no signatures on, or that they can't be asked.
constexpr std::chrono::seconds kStrippedFor(3600);
constexpr std::chrono::seconds kUnknownFor(60);

bool is_private(const std::string& name) {
    return name.ends_with(kTestDomain) ||
           std::ranges::any_of(kPrivateDomains, [&](std::string_view domain) {
               return name.ends_with(domain);
           });
}

}  // namespace

/// The state that look-ups share. Kept alive by the resolver and by each look-up under way, and
/// stopped (not destroyed) with the resolver.
class ValidatingResolver::Core : public std::enable_shared_from_this<Core> {
public:
    Core(
        asio::any_io_executor executor,
        std::function<ResolvConf()> servers,
        ValidatingSettings settings,
        const Clock& clock
    )
        : executor_(std::move(executor)),
          servers_(std::move(servers)),
          settings_(std::move(settings)),
          clock_(clock),
          probed_(executor_, SteadyTime::max()) {}

    asio::awaitable<RawAnswer> look_up(Question question) {
        const auto self = shared_from_this();
        if (!is_query_name(question.name)) {
            co_return not_a_name(question.name);
        }
        Result<ContextPointer> context = co_await choose();
        if (context && is_private(question.name)) {
            context = forwarding();
        }
        if (!context) {
            co_return RawAnswer(LookupStatus::temporary, context.error().message());
        }
        const SteadyTime deadline = std::chrono::steady_clock::now() + settings_.max_duration;
        co_return co_await (*context)->look_up(std::move(question), deadline);
    }

    void stop() {
        is_stopped_ = true;
        for (const ContextPointer& context : {candidate_, forwarding_, recursing_, chosen_}) {
            if (context) {
                context->stop();
            }
        }
        probed_.cancel();
    }

private:
    /// Whom to ask at present, found out where that isn't known.
    asio::awaitable<Result<ContextPointer>> choose() {
        for (;;) {
            if (is_stopped_) {
                co_return Error::invalid("the resolver was stopped");
            }
            reload();
            if (chosen_ && clock_.steady_now() < until_) {
                co_return chosen_;
            }
            if (!is_probing_) {
                break;
            }
            co_await probed_.async_wait(asio::as_tuple(asio::use_awaitable));
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) {
                co_return Error::invalid("the look-up was cancelled");
            }
        }
        is_probing_ = true;
        const Result<void> chosen = co_await probe();
        is_probing_ = false;
        probed_.cancel();
        if (is_stopped_) {
            co_return Error::invalid("the resolver was stopped");
        }
        co_return chosen ? Result<ContextPointer>(chosen_) : chosen.error();
    }

    asio::awaitable<Result<void>> probe() {
        auto made = UnboundContext::make(executor_, settings_.trust_anchor, &conf_);
        if (!made) {
            co_return made.error();
        }
        const ContextPointer candidate = *made;
        candidate_ = candidate;
        const SteadyTime deadline = std::chrono::steady_clock::now() + settings_.probe_duration;
        const auto signatures = co_await candidate->probe(deadline);
        candidate_ = nullptr;
        if (signatures == UnboundContext::Signatures::there) {
            forwarding_ = candidate;
            chosen_ = candidate;
            until_ = SteadyTime::max();
            co_return Result<void>();
        }
        if (!recursing_) {
            auto recursing = UnboundContext::make(executor_, settings_.trust_anchor, nullptr);
            if (!recursing) {
                co_return recursing.error();
            }
            recursing_ = *recursing;
        }
        const bool is_known = signatures == UnboundContext::Signatures::stripped;
        chosen_ = recursing_;
        until_ = clock_.steady_now() + (is_known ? kStrippedFor : kUnknownFor);
        co_return Result<void>();
    }

    /// resolv.conf's servers for what only they know. Nobody signs that: it doesn't matter here
    /// whether they pass signatures on.
    Result<ContextPointer> forwarding() {
        if (!forwarding_) {
            auto made = UnboundContext::make(executor_, settings_.trust_anchor, &conf_);
            if (!made) {
                return made.error();
            }
            forwarding_ = *made;
        }
        return forwarding_;
    }

    /// Another network: its servers may be better, or worse. Not while the present ones are probed.
    void reload() {
        if (is_probing_) {
            return;
        }
        ResolvConf conf = servers_();
        if (conf != conf_) {
            conf_ = std::move(conf);
            chosen_ = nullptr;
            forwarding_ = nullptr;
        }
    }

    asio::any_io_executor executor_;
    std::function<ResolvConf()> servers_;
    ValidatingSettings settings_;
    const Clock& clock_;
    ResolvConf conf_;
    ContextPointer candidate_;   // is being probed
    ContextPointer forwarding_;  // asks resolv.conf's servers
    ContextPointer recursing_;   // asks the DNS's own
    ContextPointer chosen_;      // one of these two
    SteadyTime until_;
    bool is_probing_ = false;
    bool is_stopped_ = false;
    asio::steady_timer probed_;  // never expires: cancelling it wakes those who wait
};

Result<void> check_trust_anchor(const std::string& path) {
    errno = 0;
    std::ifstream file(path);
    if (!file) {
        return Error::from_errno(errno != 0 ? errno : EIO, "the DNSSEC trust anchor " + path);
    }
    for (std::string line; std::getline(file, line);) {
        const std::string_view text = trim(std::string_view(line).substr(0, line.find(';')));
        if (text.find("DNSKEY") != std::string_view::npos ||
            text.find("DS") != std::string_view::npos) {
            return {};
        }
    }
    return Error::invalid("the DNSSEC trust anchor " + path + " has no DS or DNSKEY record");
}

Result<std::unique_ptr<ValidatingResolver>> ValidatingResolver::make(
    asio::any_io_executor executor,
    std::function<ResolvConf()> servers,
    ValidatingSettings settings,
    const Clock& clock
) {
    if (auto checked = check_trust_anchor(settings.trust_anchor); !checked) {
        return checked.error();
    }
    auto core =
        std::make_shared<Core>(std::move(executor), std::move(servers), std::move(settings), clock);
    return std::unique_ptr<ValidatingResolver>(new ValidatingResolver(std::move(core)));
}

ValidatingResolver::~ValidatingResolver() {
    core_->stop();
}

// Not coroutines themselves: the shared state is taken now, not when the awaitable first runs.
asio::awaitable<Answer<MxRecord>> ValidatingResolver::mx(std::string domain) {
    return look_up_as<MxRecord>(core_, Question(normalised(domain), RecordType::mx));
}

asio::awaitable<Answer<asio::ip::address>> ValidatingResolver::addresses(
    std::string host, Family family
) {
    const RecordType type = family == Family::ipv4 ? RecordType::a : RecordType::aaaa;
    return look_up_as<asio::ip::address>(core_, Question(normalised(host), type));
}

asio::awaitable<Answer<std::string>> ValidatingResolver::ptr(asio::ip::address address) {
    return look_up_as<std::string>(core_, Question(reverse_name(address), RecordType::ptr));
}

asio::awaitable<Answer<TxtRecord>> ValidatingResolver::txt(std::string name) {
    return look_up_as<TxtRecord>(core_, Question(normalised(name), RecordType::txt));
}

asio::awaitable<Answer<TlsaRecord>> ValidatingResolver::tlsa(std::string name) {
    return look_up_as<TlsaRecord>(core_, Question(normalised(name), RecordType::tlsa));
}

asio::awaitable<Answer<std::string>> ValidatingResolver::cname(std::string name) {
    return look_up_as<std::string>(core_, Question(normalised(name), RecordType::cname));
}

}  // namespace mxpost::dns
