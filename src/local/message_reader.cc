#include "local/message_reader.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <vector>

namespace mxpost::local {

namespace {

constexpr std::string_view kFrom = "From ";

}  // namespace

Result<MessageReader> MessageReader::open(FileSystem& files, int fd, std::uint64_t limit) {
    const auto status = files.fstat(fd);
    if (!status) {
        return status.error();
    }
    if (!S_ISREG(status->st_mode)) {
        return Error::invalid("the message is not a regular file");
    }
    const auto size = static_cast<std::uint64_t>(status->st_size);
    if (size > limit) {
        return Error::invalid("the message is too large");
    }
    return MessageReader(files, fd, size);
}

Result<void> MessageReader::read(const std::function<Result<void>(std::string_view)>& take) const {
    std::vector<char> buffer(64 * 1024);
    std::uint64_t offset = 0;
    while (offset < size_) {
        const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), size_ - offset);
        const auto got = files_->pread(fd_, buffer.data(), wanted, offset);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return Error::invalid("the message became shorter while it was read");
        }
        offset += *got;
        if (auto taken = take(std::string_view(buffer.data(), *got)); !taken) {
            return taken;
        }
    }
    return {};
}

std::string from_line(std::string_view sender, WallTime now) {
    std::string line(kFrom);
    line += sender.empty() ? "MAILER-DAEMON" : sender;
    // Readers take the first space for the end of the address.
    std::replace_if(
        line.begin() + kFrom.size(),
        line.end(),
        [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; },
        '_'
    );
    const std::time_t seconds = std::chrono::system_clock::to_time_t(to_seconds(now));
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 64> text{};
    // What asctime(3) writes; the C locale's names, because no program here sets another locale.
    std::strftime(text.data(), text.size(), " %a %b %e %H:%M:%S %Y", &local);
    return line + text.data();
}

std::string FromQuoter::quote(std::string_view piece) {
    std::string out;
    out.reserve(piece.size() + 16);
    for (const char c : piece) {
        if (is_line_start_ && c == kFrom[held_.size()]) {
            held_ += c;
            if (held_ == kFrom) {
                out += ">" + held_;
                held_.clear();
                is_line_start_ = false;
            }
            continue;
        }
        out += held_;
        held_.clear();
        out += c;
        is_line_start_ = c == '\n';
    }
    return out;
}

std::string FromQuoter::finish() {
    std::string out = std::move(held_);
    held_.clear();
    if (!out.empty() || !is_line_start_) {
        out += '\n';
    }
    is_line_start_ = true;
    return out;
}

}  // namespace mxpost::local
