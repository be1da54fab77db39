// UnboundContext: one libunbound resolver, which asks, follows and validates in a thread of its
// own, on an io_context. libunbound's types stay in unbound_context.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "dns/raw_answer.h"
#include "dns/resolv_conf.h"

namespace mxpost::dns {

/// Lives on one thread: that of `executor`'s io_context. Owned by shared pointers: a look-up keeps
/// its context until it ends.
class UnboundContext : public std::enable_shared_from_this<UnboundContext> {
public:
    /// `trust_anchor`: path of a file with DS or DNSKEY records of the root, which is read now.
    /// `forwarders`: whom to ask; null: the DNS's own servers, from the root on, who know nothing
    /// of private_domains.h's. No thread runs before the first look-up.
    static Result<std::shared_ptr<UnboundContext>> make(
        boost::asio::any_io_executor executor,
        const std::string& trust_anchor,
        const ResolvConf* forwarders
    );
    virtual ~UnboundContext() = default;

    /// What is insecure has an answer as well, with is_secure unset; what is bogus is `temporary`
    /// with the validator's reason. Ended at `deadline`, and where the one who waits is cancelled,
    /// by `temporary`. `question.name` is one of is_query_name().
    virtual boost::asio::awaitable<RawAnswer> look_up(Question question, SteadyTime deadline) = 0;

    enum class Signatures : std::uint8_t { there, stripped, unknown };
    /// Whether the servers give what validating needs: the root's keys, signed.
    virtual boost::asio::awaitable<Signatures> probe(SteadyTime deadline) = 0;

    /// Answers `temporary` to all who wait, and from now on.
    virtual void stop() = 0;
};

}  // namespace mxpost::dns
