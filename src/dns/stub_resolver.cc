#include "dns/stub_resolver.h"

#include <algorithm>
#include <deque>
#include <exception>
#include <map>
#include <set>

#include <boost/asio.hpp>

#include "dns/cache.h"
#include "dns/exchange.h"
#include "dns/interpret.h"
#include "dns/message.h"
#include "dns/raw_answer.h"

namespace mxpost::dns {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

/// A server that didn't answer is asked last for so long.
constexpr std::chrono::seconds kPenalty(30);

RawAnswer temporary(std::string reason) {
    return RawAnswer(LookupStatus::temporary, std::move(reason));
}

/// One question on its way, and those who wait for it.
struct Flight {
    Flight(const asio::any_io_executor& executor, Question question_)
        : question(std::move(question_)), landed(executor, SteadyTime::max()) {}

    void finish(RawAnswer result) {
        answer = std::move(result);
        is_done = true;
        landed.cancel();
    }

    Question question;
    asio::steady_timer landed;  // never expires: cancelling it wakes those who wait
    asio::cancellation_signal cancel;
    bool is_done = false;
    RawAnswer answer;
    std::exception_ptr bug;  // what is no DNS failure; thrown at those who wait
};

/// Why a reply is no answer; empty when it is one.
std::string why_useless(const Reply& reply) {
    if (reply.code != ReplyCode::no_error && reply.code != ReplyCode::nx_domain) {
        return "answered " + std::string(name_of(reply.code));
    }
    // A referral or an empty answer from a server that neither recurses nor knows the zone.
    if (reply.answers.empty() && !reply.is_recursive && !reply.is_authoritative) {
        return "is lame (neither recursion nor authority)";
    }
    return {};
}

struct ServerReply {
    ServerReply(Reply reply_, bool is_secure_) : reply(std::move(reply_)), is_secure(is_secure_) {}

    Reply reply;
    bool is_secure;
};

}  // namespace

/// The state that look-ups share. Kept alive by the resolver and by each look-up under way, and
/// stopped (not destroyed) with the resolver.
class StubResolver::Core : public std::enable_shared_from_this<Core> {
public:
    Core(
        asio::any_io_executor executor,
        std::function<ResolvConf()> servers,
        StubResolverSettings settings,
        Random& random,
        const Clock& clock
    )
        : executor_(std::move(executor)),
          servers_(std::move(servers)),
          settings_(std::move(settings)),
          random_(random),
          clock_(clock),
          cache_(settings_.max_cached),
          sockets_(executor_) {}

    /// From the cache, a flight under way, or a new one.
    asio::awaitable<RawAnswer> look_up(Question question);
    void stop();

private:
    using Key = std::pair<std::string, RecordType>;

    std::shared_ptr<Flight> join(const Question& question);
    void start(std::shared_ptr<Flight> flight);
    void land(const std::shared_ptr<Flight>& flight, std::exception_ptr failure, RawAnswer answer);
    asio::awaitable<RawAnswer> resolve(Question question);
    asio::awaitable<Result<ServerReply>> ask_servers(const Question& question, SteadyTime deadline);
    ExchangeOptions options_for(const udp::endpoint& server, int round, SteadyTime deadline) const;
    void reload();
    std::vector<udp::endpoint> servers_in_order();
    bool is_trusted(const udp::endpoint& server) const;

    asio::any_io_executor executor_;
    std::function<ResolvConf()> servers_;
    StubResolverSettings settings_;
    Random& random_;
    const Clock& clock_;
    Cache cache_;
    UdpSockets sockets_;
    ResolvConf conf_;
    std::map<Key, std::shared_ptr<Flight>> flights_;
    std::deque<std::shared_ptr<Flight>> queued_;
    std::size_t running_ = 0;
    std::size_t rotation_ = 0;
    std::map<udp::endpoint, SteadyTime> penalties_;
    bool is_stopped_ = false;
};

asio::awaitable<RawAnswer> StubResolver::Core::look_up(Question question) {
    const auto self = shared_from_this();  // this frame may outlive the resolver
    if (!is_query_name(question.name)) {
        co_return not_a_name(question.name);
    }
    if (is_stopped_) {
        co_return temporary("the resolver was stopped");
    }
    reload();
    if (auto cached = cache_.find(question, clock_.steady_now())) {
        co_return std::move(*cached);
    }
    const std::shared_ptr<Flight> flight = join(question);
    while (!flight->is_done) {
        co_await flight->landed.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none) {
            co_return temporary("the look-up was cancelled");
        }
    }
    if (flight->bug) {
        std::rethrow_exception(flight->bug);
    }
    co_return flight->answer;
}

std::shared_ptr<Flight> StubResolver::Core::join(const Question& question) {
    const Key key(question.name, question.type);
    if (const auto found = flights_.find(key); found != flights_.end()) {
        return found->second;
    }
    auto flight = std::make_shared<Flight>(executor_, question);
    flights_.emplace(key, flight);
    if (running_ < settings_.max_parallel) {
        start(flight);
    } else {
        queued_.push_back(flight);
    }
    return flight;
}

void StubResolver::Core::start(std::shared_ptr<Flight> flight) {
    ++running_;
    const auto slot = flight->cancel.slot();
    auto land_here = [self = shared_from_this(), flight](
                         std::exception_ptr failure, RawAnswer answer
                     ) { self->land(flight, std::move(failure), std::move(answer)); };
    asio::co_spawn(
        executor_,
        resolve(flight->question),
        asio::bind_cancellation_slot(slot, std::move(land_here))
    );
}

void StubResolver::Core::land(
    const std::shared_ptr<Flight>& flight, std::exception_ptr failure, RawAnswer answer
) {
    if (is_stopped_) {
        return;  // stop() has answered already
    }
    --running_;
    flights_.erase({flight->question.name, flight->question.type});
    if (!failure) {
        cache_.insert(flight->question, answer, clock_.steady_now());
    }
    flight->bug = std::move(failure);
    flight->finish(std::move(answer));
    if (!queued_.empty() && running_ < settings_.max_parallel) {
        const auto next = queued_.front();
        queued_.pop_front();
        start(next);
    } else if (running_ == 0) {
        sockets_.keep_one();  // an engine may have nothing to ask for hours
    }
}

void StubResolver::Core::stop() {
    is_stopped_ = true;
    queued_.clear();
    sockets_.clear();
    const auto flights = std::exchange(flights_, {});
    for (const auto& [key, flight] : flights) {
        flight->finish(temporary("the resolver was stopped"));
        flight->cancel.emit(asio::cancellation_type::terminal);
    }
}

asio::awaitable<RawAnswer> StubResolver::Core::resolve(Question question) {
    const auto self = shared_from_this();
    const SteadyTime deadline = std::chrono::steady_clock::now() + settings_.max_duration;
    RawAnswer answer;
    answer.ttl = std::chrono::seconds::max();
    answer.is_secure = true;
    std::set<std::string> asked;
    while (asked.size() <= kMaxCnames && asked.insert(question.name).second) {
        Result<ServerReply> got = co_await ask_servers(question, deadline);
        if (!got) {
            co_return temporary(got.error().message());
        }
        Finding finding = interpret(got->reply, question);
        answer.is_secure = answer.is_secure && got->is_secure;
        answer.ttl = std::min(answer.ttl, finding.ttl);
        answer.name = std::move(finding.name);
        switch (finding.kind) {
            case Finding::Kind::records:
                answer.status = LookupStatus::ok;
                answer.records = std::move(finding.records);
                bound(answer.records);
                co_return answer;
            case Finding::Kind::no_data:
                answer.status = LookupStatus::no_data;
                co_return answer;
            case Finding::Kind::nx_domain:
                answer.status = LookupStatus::nx_domain;
                co_return answer;
            case Finding::Kind::alias:
                if (!is_query_name(finding.alias)) {
                    answer.status = LookupStatus::no_data;  // an alias of what is no host
                    co_return answer;
                }
                question.name = std::move(finding.alias);
                break;
            case Finding::Kind::bad_chain:
                co_return temporary(question.name + " is an alias of an alias without end");
        }
    }
    co_return temporary(question.name + " is an alias of an alias without end");
}

asio::awaitable<Result<ServerReply>> StubResolver::Core::ask_servers(
    const Question& question, SteadyTime deadline
) {
    const std::vector<udp::endpoint> servers = servers_in_order();
    const int rounds = conf_.attempts;
    std::vector<std::string> problems(servers.size());
    std::vector<bool> is_settled(servers.size(), false);
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t i = 0; i < servers.size(); ++i) {
            if (is_settled[i] || std::chrono::steady_clock::now() >= deadline) {
                continue;
            }
            const ExchangeOptions options = options_for(servers[i], round, deadline);
            Result<Reply> reply =
                co_await exchange(servers[i], question, options, random_, sockets_);
            const std::string server = servers[i].address().to_string();
            if (!reply) {
                // Only silence is worth asking again: the packet may have been lost.
                is_settled[i] = !reply.error().is(ETIMEDOUT);
                problems[i] = server + ": " + reply.error().message();
                penalties_[servers[i]] = std::chrono::steady_clock::now() + kPenalty;
                continue;
            }
            penalties_.erase(servers[i]);
            const std::string useless = why_useless(*reply);
            if (useless.empty()) {
                const bool is_secure = reply->is_authentic && is_trusted(servers[i]);
                co_return ServerReply(std::move(*reply), is_secure);
            }
            is_settled[i] = true;
            problems[i] = server + " " + useless;
        }
    }
    std::string all;
    for (const std::string& problem : problems) {
        if (!problem.empty()) {
            all += (all.empty() ? "" : "; ") + problem;
        }
    }
    co_return Error::invalid(all.empty() ? "no name server answered in time" : all);
}

ExchangeOptions StubResolver::Core::options_for(
    const udp::endpoint& server, int round, SteadyTime deadline
) const {
    ExchangeOptions options;
    options.timeout = conf_.timeout;
    options.deadline = deadline;
    options.has_edns = round == 0;  // some fire walls drop what has EDNS: the next round is without
    options.wants_ad = is_trusted(server);
    options.is_tcp_only = conf_.is_tcp_only;
    return options;
}

void StubResolver::Core::reload() {
    ResolvConf conf = servers_();
    if (conf != conf_) {
        conf_ = std::move(conf);
        cache_.clear();  // another network may answer otherwise
        penalties_.clear();
        sockets_.clear();
    }
}

/// Where one is trusted to check DNSSEC, the others aren't asked at all: what it takes for forged,
/// or can't tell at the moment, would come from them as an answer that nobody has signed, and DANE
/// would be off for that host (RFC 7672 2.1.2, 2.1.3 want the mail to wait).
std::vector<udp::endpoint> StubResolver::Core::servers_in_order() {
    std::vector<udp::endpoint> servers = conf_.servers;
    const auto is_trusted_one = [this](const udp::endpoint& server) { return is_trusted(server); };
    if (std::ranges::any_of(servers, is_trusted_one)) {
        std::erase_if(servers, std::not_fn(is_trusted_one));
    }
    if (conf_.is_rotating && !servers.empty()) {
        const auto first = static_cast<std::ptrdiff_t>(rotation_++ % servers.size());
        std::rotate(servers.begin(), servers.begin() + first, servers.end());
    }
    const SteadyTime now = std::chrono::steady_clock::now();
    std::stable_partition(servers.begin(), servers.end(), [&](const udp::endpoint& server) {
        const auto penalty = penalties_.find(server);
        return penalty == penalties_.end() || penalty->second <= now;
    });
    return servers;
}

bool StubResolver::Core::is_trusted(const udp::endpoint& server) const {
    const auto& named = settings_.trusted_resolvers;
    return conf_.trusts_ad ||
           std::find(named.begin(), named.end(), server.address()) != named.end();
}

StubResolver::StubResolver(
    asio::any_io_executor executor,
    std::function<ResolvConf()> servers,
    StubResolverSettings settings,
    Random& random,
    const Clock& clock
)
    : core_(std::make_shared<Core>(
          std::move(executor), std::move(servers), std::move(settings), random, clock
      )) {}

StubResolver::~StubResolver() {
    core_->stop();
}

// Not coroutines themselves: the shared state is taken now, not when the awaitable first runs.
asio::awaitable<Answer<MxRecord>> StubResolver::mx(std::string domain) {
    return look_up_as<MxRecord>(core_, Question(normalised(domain), RecordType::mx));
}

asio::awaitable<Answer<asio::ip::address>> StubResolver::addresses(
    std::string host, Family family
) {
    const RecordType type = family == Family::ipv4 ? RecordType::a : RecordType::aaaa;
    return look_up_as<asio::ip::address>(core_, Question(normalised(host), type));
}

asio::awaitable<Answer<std::string>> StubResolver::ptr(asio::ip::address address) {
    return look_up_as<std::string>(core_, Question(reverse_name(address), RecordType::ptr));
}

asio::awaitable<Answer<TxtRecord>> StubResolver::txt(std::string name) {
    return look_up_as<TxtRecord>(core_, Question(normalised(name), RecordType::txt));
}

asio::awaitable<Answer<TlsaRecord>> StubResolver::tlsa(std::string name) {
    return look_up_as<TlsaRecord>(core_, Question(normalised(name), RecordType::tlsa));
}

asio::awaitable<Answer<std::string>> StubResolver::cname(std::string name) {
    return look_up_as<std::string>(core_, Question(normalised(name), RecordType::cname));
}

}  // namespace mxpost::dns
