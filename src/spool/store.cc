#include "spool/store.h"

#include <string_view>

namespace mxpost::spool {

Result<std::unique_ptr<Claim>> Store::submit(
    const MessageId& id,
    const mail::Envelope& envelope,
    const std::string& header,
    const std::string& body,
    std::chrono::sys_seconds due
) {
    std::string_view rest = body;
    const BodySource source = [&](std::span<char> buffer) -> Result<std::size_t> {
        const std::size_t size = rest.copy(buffer.data(), buffer.size());
        rest.remove_prefix(size);
        return size;
    };
    return submit_stream(id, envelope, header, source, due);
}

}  // namespace mxpost::spool
