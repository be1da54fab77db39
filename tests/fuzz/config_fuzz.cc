// mxpost.conf and the environment, whatever they say: settings that are within their bounds, or one
// line that names the place.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>

#include "base/text.h"
#include "config/load.h"

namespace {

using namespace mxpost;

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

/// Whose one file has this text.
class OneFile final : public PosixFileSystem {
public:
    explicit OneFile(std::string_view text) : text_(text) {}

    Result<Fd> open(int, const std::string&, int, mode_t) override {
        return PosixFileSystem::open(AT_FDCWD, "/dev/null", O_RDONLY, 0);
    }
    Result<struct stat> fstat(int) override {
        struct stat status {};
        status.st_mode = S_IFREG | 0644;
        status.st_size = static_cast<off_t>(text_.size());
        return status;
    }
    Result<std::size_t> read(int, char* buffer, std::size_t size) override {
        const std::size_t count = std::min(size, text_.size() - at_);
        std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at_), count, buffer);
        at_ += count;
        return count;
    }
    Result<std::size_t> pread(int, char* buffer, std::size_t size, std::uint64_t offset) override {
        const std::size_t at = std::min<std::uint64_t>(offset, text_.size());
        const std::size_t count = std::min(size, text_.size() - at);
        std::copy_n(text_.begin() + static_cast<std::ptrdiff_t>(at), count, buffer);
        return count;
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

}  // namespace

/// Up to the first NUL the file, then entries of the environment between NULs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::size_t cut = std::min(text.find('\0'), text.size());
    OneFile files(text.substr(0, cut));
    std::vector<std::string> environment;
    for (const std::string_view entry : split(text.substr(std::min(cut + 1, text.size())), '\0')) {
        environment.push_back("MXPOST_" + std::string(entry));
    }
    const auto loaded = config::load(files, "/etc/mxpost.conf", environment);
    if (!loaded) {
        const std::string message = loaded.error().message();
        require(!message.empty() && message.find('\n') == std::string::npos);
        return 0;
    }
    require(loaded->values.max_recipients > 0 && loaded->values.retry_min.count() > 0);
    require(loaded->values.retry_max.count() > 0 && loaded->values.listen_idle_timeout.count() > 0);
    for (const config::Effective& row : config::describe(*loaded)) {
        require(!row.key.empty() && row.value.find('\n') == std::string::npos);
    }
    return 0;
}
