// ValidatingResolver: DNSSEC validated here, by libunbound, where no name server can be trusted to.
//
// It asks the name servers of resolv.conf, whose caches are warm, and checks the signatures that
// they pass on. Where they pass on none (some cut them off) it asks the DNS's own servers,
// beginning at the root.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "dns/resolv_conf.h"
#include "dns/resolver.h"

namespace mxpost::dns {

struct ValidatingSettings {
    /// DS or DNSKEY records of the root, as in a zone file; the package dns-root-data has it.
    std::string trust_anchor = "/usr/share/dns/root.key";
    std::chrono::milliseconds max_duration{30000};  // of one look-up
    /// How long it may take the servers to show that they pass signatures on.
    std::chrono::milliseconds probe_duration{5000};
};

/// Lives on one thread: that of `executor`'s io_context, which must outlive it. Look-ups run in a
/// thread of libunbound's, which begins with the first. May be destroyed with look-ups in flight:
/// those who wait get `temporary` as soon as the io_context runs.
class ValidatingResolver final : public Resolver {
public:
    /// `servers` is asked before each look-up (ResolvConfFile::current). Error: no trust anchor
    /// can be read. `clock` must outlive the resolver.
    static Result<std::unique_ptr<ValidatingResolver>> make(
        boost::asio::any_io_executor executor,
        std::function<ResolvConf()> servers,
        ValidatingSettings settings,
        const Clock& clock
    );
    ~ValidatingResolver() override;
    ValidatingResolver(const ValidatingResolver&) = delete;
    ValidatingResolver& operator=(const ValidatingResolver&) = delete;

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
    explicit ValidatingResolver(std::shared_ptr<Core> core) : core_(std::move(core)) {}

    std::shared_ptr<Core> core_;  // look-ups in flight share it
};

/// Error: why the file can't be a trust anchor.
Result<void> check_trust_anchor(const std::string& path);

}  // namespace mxpost::dns
