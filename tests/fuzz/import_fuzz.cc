// Another program's configuration, whatever it says: what is made of it is an mxpost.conf that can
// be read, holds no password, and has its settings on lines of their own.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "base/text.h"
#include "config/import.h"
#include "config/keys.h"

namespace {

void require(bool is_true) {
    if (!is_true) {
        std::abort();
    }
}

/// Each line is empty, a comment, or a setting that its key takes.
void check_text(const std::string& text) {
    mxpost::config::Settings settings;
    for (const std::string_view line : mxpost::split(text, '\n')) {
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const std::size_t equals = line.find(" = ");
        require(equals != std::string_view::npos && line.find(" #") == std::string_view::npos);
        const auto* const key = mxpost::config::find_key(line.substr(0, equals));
        require(key != nullptr && key->apply(settings, line.substr(equals + 3)).has_value());
    }
}

}  // namespace

/// The first octet chooses the program; every file of its has the rest as its text.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    constexpr std::array<const char*, 5> kPaths = {
        "/etc/ssmtp/ssmtp.conf",
        "/etc/msmtprc",
        "/etc/dma/dma.conf",
        "/etc/nullmailer",
        "/etc/postfix/main.cf"};
    if (size == 0) {
        return 0;
    }
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto import =
        mxpost::config::import_settings(kPaths[data[0] % kPaths.size()], [&](const std::string&) {
            return std::optional<std::string>(text);
        });
    require(import.has_value());
    const std::string made = mxpost::config::import_text(*import);
    require(mxpost::printable(made, made.size()).size() == made.size());
    check_text(made);
    return 0;
}
