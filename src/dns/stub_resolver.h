// StubResolver: asks the name servers of resolv.conf, which do the recursion.
//
// Each question goes to one server after the other until one gives a firm answer; firm answers
// are kept for their TTL; the same question asked twice at a time is sent once; no more than
// `max_parallel` questions are out at a time, the others wait their turn.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "dns/resolv_conf.h"
#include "dns/resolver.h"

namespace mxpost::dns {

struct StubResolverSettings {
    /// AD of these counts even without "trust-ad". An address is never trusted for being local.
    /// Where some of the servers are among these, only they are asked.
    std::vector<boost::asio::ip::address> trusted_resolvers;
    std::chrono::milliseconds max_duration{30000};  // of one look-up, all servers and rounds
    std::size_t max_parallel = 64;
    std::size_t max_cached = 4096;  // answers
};

/// Lives on one thread: that of `executor`'s io_context, which must outlive it. May be destroyed
/// with look-ups in flight: those who wait get `temporary` as soon as the io_context runs.
class StubResolver final : public Resolver {
public:
    /// `servers` is asked before each look-up (ResolvConfFile::current); where it gives something
    /// new the cache is emptied. `random` and `clock` must outlive the resolver.
    StubResolver(
        boost::asio::any_io_executor executor,
        std::function<ResolvConf()> servers,
        StubResolverSettings settings,
        Random& random,
        const Clock& clock
    );
    ~StubResolver() override;
    StubResolver(const StubResolver&) = delete;
    StubResolver& operator=(const StubResolver&) = delete;

    boost::asio::awaitable<Answer<MxRecord>> mx(std::string domain) override;
    boost::asio::awaitable<Answer<boost::asio::ip::address>> addresses(
        std::string host, Family family
    ) override;
    boost::asio::awaitable<Answer<std::string>> ptr(boost::asio::ip::address address) override;
    boost::asio::awaitable<Answer<TxtRecord>> txt(std::string name) override;
    boost::asio::awaitable<Answer<TlsaRecord>> tlsa(std::string name) override;
    boost::asio::awaitable<Answer<std::string>> cname(std::string name) override;

private:
    class Core;
    std::shared_ptr<Core> core_;  // look-ups in flight share it
};

}  // namespace mxpost::dns
