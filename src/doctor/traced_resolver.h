// TracedResolver: a resolver whose questions and answers are noted, for `mxpost doctor --verbose`.
#pragma once

#include <string>

#include "base/clock.h"
#include "dns/resolver.h"
#include "protocol/dialogue.h"

namespace mxpost::doctor {

class TracedResolver final : public dns::Resolver {
public:
    /// References must outlive it. A line for each answer: "DNS example.org MX: 10 mx.example.org
    /// (DNSSEC, 12 ms)"; what was asked a moment ago comes from a cache, at once.
    TracedResolver(dns::Resolver& resolver, const Clock& clock, protocol::Dialogue& dialogue)
        : resolver_(resolver), clock_(clock), dialogue_(dialogue) {}

    boost::asio::awaitable<dns::Answer<dns::MxRecord>> mx(std::string domain) override;
    boost::asio::awaitable<dns::Answer<boost::asio::ip::address>> addresses(
        std::string host, dns::Family family
    ) override;
    boost::asio::awaitable<dns::Answer<std::string>> ptr(boost::asio::ip::address address) override;
    boost::asio::awaitable<dns::Answer<dns::TxtRecord>> txt(std::string name) override;
    boost::asio::awaitable<dns::Answer<dns::TlsaRecord>> tlsa(std::string name) override;
    boost::asio::awaitable<dns::Answer<std::string>> cname(std::string name) override;

private:
    template <class T>
    boost::asio::awaitable<dns::Answer<T>> traced(
        std::string question, boost::asio::awaitable<dns::Answer<T>> look_up
    );

    dns::Resolver& resolver_;
    const Clock& clock_;
    protocol::Dialogue& dialogue_;
};

}  // namespace mxpost::doctor
