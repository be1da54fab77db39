#include "dns/resolv_conf.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <net/if.h>
#include <sys/stat.h>

#include "base/text.h"

namespace mxpost::dns {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t kMaxServers = 8;
constexpr std::size_t kMaxFileSize = 65536;
constexpr std::uint16_t kPort = 53;
constexpr std::chrono::seconds kCheckInterval(2);

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    std::size_t at = 0;
    while (at < line.size()) {
        const std::size_t begin = line.find_first_not_of(" \t\r", at);
        if (begin == std::string_view::npos) {
            break;
        }
        const std::size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
        words.push_back(line.substr(begin, end - begin));
        at = end;
    }
    return words;
}

/// "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "fe80::1%2".
std::optional<ip::address> parse_server(std::string_view text) {
    const std::size_t percent = text.find('%');
    boost::system::error_code error;
    ip::address address = ip::make_address(text.substr(0, percent), error);
    if (error) {
        return std::nullopt;
    }
    if (percent == std::string_view::npos) {
        return address;
    }
    if (!address.is_v6()) {
        return std::nullopt;
    }
    const std::string scope(text.substr(percent + 1));
    const auto number = parse_unsigned(scope);
    const std::uint64_t index = number ? *number : ::if_nametoindex(scope.c_str());
    if (index == 0 || index > UINT32_MAX) {
        return std::nullopt;
    }
    ip::address_v6 scoped = address.to_v6();
    scoped.scope_id(static_cast<ip::scope_id_type>(index));
    return scoped;
}

std::optional<std::uint64_t> number_after(std::string_view option, std::string_view name) {
    if (!option.starts_with(name)) {
        return std::nullopt;
    }
    return parse_unsigned(option.substr(name.size()));
}

void apply_option(ResolvConf& conf, std::string_view option) {
    if (const auto seconds = number_after(option, "timeout:")) {
        conf.timeout = std::chrono::seconds(std::clamp<std::uint64_t>(*seconds, 1, 30));
    } else if (const auto attempts = number_after(option, "attempts:")) {
        conf.attempts = static_cast<int>(std::clamp<std::uint64_t>(*attempts, 1, 5));
    } else if (option == "rotate") {
        conf.is_rotating = true;
    } else if (option == "trust-ad") {
        conf.trusts_ad = true;
    } else if (option == "use-vc") {
        conf.is_tcp_only = true;
    }
}

void apply_line(ResolvConf& conf, std::string_view line) {
    const auto words = words_of(line.substr(0, line.find_first_of("#;")));
    if (words.size() < 2) {
        return;
    }
    if (words[0] == "nameserver" && conf.servers.size() < kMaxServers) {
        if (const auto address = parse_server(words[1])) {
            conf.servers.emplace_back(*address, kPort);
        }
    } else if (words[0] == "options") {
        for (std::size_t i = 1; i < words.size(); ++i) {
            apply_option(conf, words[i]);
        }
    }
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
    ResolvConf conf;
    for (const std::string_view line : split(text, '\n')) {
        apply_line(conf, line);
    }
    if (conf.servers.empty()) {
        conf.servers.emplace_back(ip::address_v4::loopback(), kPort);
    }
    return conf;
}

ResolvConf load_resolv_conf(const std::string& path) {
    std::string text(kMaxFileSize, '\0');
    std::ifstream file(path, std::ios::binary);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    return parse_resolv_conf(text);
}

const ResolvConf& ResolvConfFile::current() {
    const SteadyTime now = clock_.steady_now();
    if (version_ && now - checked_ < kCheckInterval) {
        return conf_;
    }
    checked_ = now;
    // Taken before reading: if the file changes in between, the next check reads it again.
    const Version found = version();
    if (version_ != found) {
        version_ = found;
        conf_ = load_resolv_conf(path_);
    }
    return conf_;
}

ResolvConfFile::Version ResolvConfFile::version() const {
    struct stat status {};
    Version found;
    if (::stat(path_.c_str(), &status) == 0) {
        found.device = status.st_dev;
        found.inode = status.st_ino;
        found.size = status.st_size;
        found.seconds = status.st_mtim.tv_sec;
        found.nanoseconds = status.st_mtim.tv_nsec;
    }
    return found;
}

}  // namespace mxpost::dns
