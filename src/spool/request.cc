#include "spool/request.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace mxpost::spool {
namespace {

constexpr std::size_t kLongestVerb = 16;

bool is_verb(std::string_view text) {
    return !text.empty() && text.size() <= kLongestVerb &&
           std::ranges::all_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

std::string Request::text() const {
    return std::string(kRequestPrefix) + id + "-" + verb;
}

std::optional<Request> Request::parse(std::string_view name) {
    if (!name.starts_with(kRequestPrefix)) {
        return std::nullopt;
    }
    name.remove_prefix(kRequestPrefix.size());
    if (name.size() <= kMessageIdSize || name[kMessageIdSize] != '-' ||
        !is_message_id(name.substr(0, kMessageIdSize)) ||
        !is_verb(name.substr(kMessageIdSize + 1))) {
        return std::nullopt;
    }
    return Request{
        MessageId(name.substr(0, kMessageIdSize)), std::string(name.substr(kMessageIdSize + 1))};
}

Result<void> leave_request(FileSystem& files, int box_directory, const Request& request) {
    // Without a sync: a crash ends the attempt that was asked about, too.
    auto made = files.open(
        box_directory,
        request.text(),
        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY,
        0660
    );
    if (!made && !made.error().is(EEXIST)) {
        return made.error();
    }
    return {};
}

}  // namespace mxpost::spool
