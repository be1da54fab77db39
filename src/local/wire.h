// The one packet that an engine sends to the local helper, and the one that comes back. Both sides
// may be hostile: fixed layout, every length bounded, nothing left over.
//
//     request: "MXL1" kind:1 name recipient original sender message-id done:2 (key:8)…
//     answer:  "MXR1" kind:1 class:1 subject:2 detail:2 mailbox:1 text forwards:2 (address)… done:2
//              (key:8)…
//
// Numbers are little-endian; a text is its length (2 octets) and its octets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "local/request.h"

namespace mxpost::local {

inline constexpr std::size_t kMaxRequestPacket = 8U << 10U;
inline constexpr std::size_t kMaxAnswerPacket = 128U << 10U;
inline constexpr std::size_t kMaxName = 256;
inline constexpr std::size_t kMaxAddress = 1024;
inline constexpr std::size_t kMaxForwards = 1000;
inline constexpr std::size_t kMaxDone = 64;

/// Texts over their limit are an error: the engine defers such a recipient.
Result<std::string> encode(const Request& request);
/// Everything but the message. No text of an accepted request holds a control character, and `name`
/// isn't empty.
Result<Request> decode_request(std::string_view packet);

/// Text is cut, and forwards that don't fit make the answer a failure that says so.
std::string encode(const Answer& answer);
Result<Answer> decode_answer(std::string_view packet);

}  // namespace mxpost::local
