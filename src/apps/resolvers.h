// The resolver that the settings ask for, and whether DANE can work with it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "config/settings.h"
#include "dns/resolver.h"

namespace mxpost::apps {

/// Error: why make_resolver() would throw.
Result<void> check_resolver(const config::Settings& settings);

/// `random` and `clock` must outlive it. `limit`: of one look-up. Only `resolver = validating`
/// starts a thread, at the first look-up.
std::unique_ptr<dns::Resolver> make_resolver(
    const config::Settings& settings,
    const boost::asio::any_io_executor& executor,
    Random& random,
    const Clock& clock,
    std::chrono::milliseconds limit = std::chrono::seconds(30)
);

/// Why no answer will ever count as covered by DNSSEC, one line for people; empty: some may, or
/// `dane` is no.
std::string why_dane_is_off(const config::Settings& settings);

/// Tells the log once whether DANE is off: as above, or because the name server that is trusted to
/// validate doesn't. For engines that stay; one question. All must outlive it.
boost::asio::awaitable<void> tell_if_dane_is_off(
    const config::Settings& settings, dns::Resolver& resolver, Log& log
);

}  // namespace mxpost::apps
