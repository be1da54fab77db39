// Names of entries in a spool, which anybody may make there: messages, requests, boxes. What is
// taken for one of them is one of them alone, has a text of its own, and can't spoil a listing.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "spool/box.h"
#include "spool/entry_name.h"
#include "spool/request.h"

namespace {

using namespace mxpost;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view name(reinterpret_cast<const char*>(data), size);
    const auto message = spool::EntryName::parse(name);
    const auto request = spool::Request::parse(name);
    const bool is_box = spool::is_box_name(name);
    require(int{message.has_value()} + int{request.has_value()} + int{is_box} <= 1);
    if (message) {
        require(message->text() == name && spool::is_message_id(message->id));
        (void)spool::is_untried(*message);
    }
    if (request) {
        require(request->text() == name && spool::is_message_id(request->id));
    }
    if (message || request || is_box) {
        require(std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-';
        }));
    }
    return 0;
}
