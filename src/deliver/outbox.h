// Outbox: where an engine puts the messages that it makes itself: reports about a message, and
// copies of it that go on to other addresses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

#include "dsn/report.h"
#include "spool/store.h"

namespace mxpost::deliver {

enum class Finality : std::uint8_t {
    keep_trying,    // deferred recipients stay in the queue
    single_attempt  // no queue: what isn't delivered now is reported, if anything was delivered
};

class Outbox {
public:
    virtual ~Outbox() = default;
    /// Queues a report durably; it is claimed, and not sent before release().
    virtual Result<std::unique_ptr<spool::Claim>> submit(
        const dsn::Report& report, const spool::MessageId& id
    ) = 0;
    /// The same for a copy, whose body is read from `body`. Should this process die before the
    /// release, others leave the copy alone for some minutes, in which the original is looked at.
    virtual Result<std::unique_ptr<spool::Claim>> submit_copy(
        const spool::MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const spool::BodySource& body
    ) = 0;
    /// The original's journal says that the message exists: it may go.
    virtual void release(std::unique_ptr<spool::Claim> message) = 0;
    /// True when a report with this id is in the queue already: an earlier process died between
    /// writing it and noting so.
    virtual bool has(const spool::MessageId& id) = 0;
    /// The same for a copy of a message of `submitter`, in whose box an earlier engine may have put
    /// it.
    virtual bool has_copy(const spool::MessageId& id, uid_t submitter) = 0;
};

}  // namespace mxpost::deliver
