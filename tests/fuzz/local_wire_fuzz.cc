// A packet to and from the local helper, and a command line of a .forward. What is accepted must be
// within its bounds and survive being sent on.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "local/command_words.h"
#include "local/wire.h"

namespace {

using namespace mxpost;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

void check_request(std::string_view packet) {
    const auto request = local::decode_request(packet);
    if (!request) {
        return;
    }
    require(!request->name.empty() && request->name.size() <= local::kMaxName);
    for (const char c : request->name + request->recipient + request->sender) {
        require(static_cast<unsigned char>(c) >= 0x20);
    }
    const auto again = local::encode(*request);
    require(again.has_value() && *again == packet);
}

void check_answer(std::string_view packet) {
    const auto answer = local::decode_answer(packet);
    if (!answer) {
        return;
    }
    const std::string once = local::encode(*answer);
    require(once.size() <= local::kMaxAnswerPacket);
    const auto again = local::decode_answer(once);
    require(again.has_value() && again->forwards.size() <= answer->forwards.size());
    require(again->outcome.kind == answer->outcome.kind || again->forwards.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check_request(text);
    check_answer(text);
    if (const auto words = local::split_command(text)) {
        require(!words->empty() && !words->front().empty());
    }
    return 0;
}
