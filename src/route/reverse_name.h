// The names that the DNS has for an address of this host, and whether one of them leads back to it
// (RFC 8601 2.7.3: "iprev"; receivers ask the same about us).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>

#include "base/clock.h"
#include "dns/resolver.h"

namespace mxpost::route {

struct ReverseName {
    // Constructors on purpose: g++ 12 miscompiles aggregate temporaries in co_await expressions.
    ReverseName() = default;

    bool is_confirmed = false;  // a PTR name leads back to the address
    /// One that is_valid_helo_name(): one that leads back, or else any; empty: there is none.
    std::string host_name;
    bool is_host_name_confirmed = false;
    bool is_settled = false;  // false: a look-up failed or takes long, nothing is known for sure
};

/// Asks for the PTR names of `source` and for the addresses of ten of them at most, until one leads
/// back. Begins no look-up after ten seconds. References must outlive the coroutine.
boost::asio::awaitable<ReverseName> look_up_reverse_name(
    boost::asio::ip::address source, dns::Resolver& resolver, const Clock& clock
);

/// What was found, kept for a while: two hours where a name leads back, five minutes where none
/// does, one minute where that isn't known. A name that leads back stays until another look-up says
/// that it doesn't: none that failed. One look-up at a time for each address. Not thread-safe.
class ReverseNames {
public:
    /// Both must outlive this and the look-ups in flight, which end by themselves.
    ReverseNames(dns::Resolver& resolver, const Clock& clock)
        : resolver_(resolver), clock_(clock) {}

    /// Waits no longer than until the first look-up of `source` is `patience` old: then nothing is
    /// settled. What was once known is given at once, and looked up again behind the scenes when
    /// it is too old.
    boost::asio::awaitable<ReverseName> find(
        boost::asio::ip::address source, std::chrono::milliseconds patience
    );

private:
    struct Entry;

    std::shared_ptr<Entry> entry_of(const boost::asio::ip::address& source);
    void start(
        const boost::asio::any_io_executor& executor,
        const std::shared_ptr<Entry>& entry,
        const boost::asio::ip::address& source
    );

    dns::Resolver& resolver_;
    const Clock& clock_;
    std::map<boost::asio::ip::address, std::shared_ptr<Entry>> entries_;
};

}  // namespace mxpost::route
