// Resolver: the seam between those who ask (route, tls) and the DNS, so that tests can answer.
#pragma once

#include <cstdint>
#include <string>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "dns/answer.h"

namespace mxpost::dns {

enum class Family : std::uint8_t { ipv4, ipv6 };

/// Names are ASCII (A-labels) and complete: no search list is ever applied, with or without a
/// trailing dot. A text that can't be a domain name gives nx_domain. CNAMEs are followed.
///
/// Every coroutine ends within a bounded time. When the one who waits is cancelled the answer is
/// `temporary`; when the resolver is destroyed the answers still due become `temporary`.
class Resolver {
public:
    virtual ~Resolver() = default;

    /// By preference, the best first; equal ones in no order. RFC 5321 5.1.
    virtual boost::asio::awaitable<Answer<MxRecord>> mx(std::string domain) = 0;
    /// A or AAAA records.
    virtual boost::asio::awaitable<Answer<boost::asio::ip::address>> addresses(
        std::string host, Family family
    ) = 0;
    /// The names that in-addr.arpa or ip6.arpa gives for an address.
    virtual boost::asio::awaitable<Answer<std::string>> ptr(boost::asio::ip::address address) = 0;
    virtual boost::asio::awaitable<Answer<TxtRecord>> txt(std::string name) = 0;
    /// `name` such as "_25._tcp.mx.example.com" (RFC 7672 2.2.3).
    virtual boost::asio::awaitable<Answer<TlsaRecord>> tlsa(std::string name) = 0;
    /// The one CNAME record that `name` itself has, not followed; its own is_secure.
    virtual boost::asio::awaitable<Answer<std::string>> cname(std::string name) = 0;
};

}  // namespace mxpost::dns
