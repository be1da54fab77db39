#include "diagnose/host_suffixes.h"

#include <algorithm>

#include "base/text.h"
#include "diagnose/data_file.h"

namespace mxpost::diagnose {
namespace {

constexpr std::size_t kMaxName = 255;

bool is_host_text(std::string_view text) {
    constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.:[]";
    return !text.empty() && text != "." && text.size() <= kMaxName &&
           text.find_first_not_of(kAllowed) == std::string_view::npos &&
           text.find("..") == std::string_view::npos;
}

}  // namespace

Result<HostSuffixes> HostSuffixes::parse(std::string_view text) {
    HostSuffixes hosts;
    for (const std::string_view word : words(text)) {
        std::string name = ascii_lower(word);
        if (name.size() > 1 && name.ends_with('.')) {
            name.pop_back();
        }
        if (!is_host_text(name)) {
            return Error::invalid(
                "host: " + quoted(word) +
                " is no host's name (\".example.com\" is all below example.com)"
            );
        }
        hosts.suffixes_.push_back(std::move(name));
    }
    if (hosts.suffixes_.empty()) {
        return Error::invalid("host needs names, such as \".example.com\"");
    }
    return hosts;
}

bool HostSuffixes::contains(std::string_view host) const {
    if (host.ends_with('.')) {
        host.remove_suffix(1);
    }
    const std::string name = ascii_lower(host);
    return std::ranges::any_of(suffixes_, [&](const std::string& suffix) {
        return suffix.starts_with('.') ? name.ends_with(suffix) : name == suffix;
    });
}

}  // namespace mxpost::diagnose
