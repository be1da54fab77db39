// /etc/resolv.conf: the name servers to ask and how (resolv.conf(5)).
//
// "search", "domain" and "ndots" are left unread on purpose: a mail domain is always complete.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/udp.hpp>

#include "base/clock.h"

namespace mxpost::dns {

struct ResolvConf {
    std::vector<boost::asio::ip::udp::endpoint> servers;  // never empty once parsed, at most eight
    std::chrono::milliseconds timeout{5000};              // for one server in one round
    int attempts = 2;                                     // rounds through all servers
    bool is_rotating = false;  // "rotate": begin with another server each time
    bool trusts_ad = false;    // "trust-ad": AD of these servers means validated
    bool is_tcp_only = false;  // "use-vc"

    friend bool operator==(const ResolvConf&, const ResolvConf&) = default;
};

/// Unknown lines and options, and servers whose address can't be read, are skipped, as libc does.
/// Limits are libc's: timeout 1 to 30 s, attempts 1 to 5. No server at all: 127.0.0.1.
ResolvConf parse_resolv_conf(std::string_view text);

/// A missing or unreadable file is an empty one.
ResolvConf load_resolv_conf(const std::string& path);

/// The file as it stands now: looked at again at most every two seconds, read again when another
/// file is there or its time has changed.
class ResolvConfFile {
public:
    ResolvConfFile(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}

    const ResolvConf& current();

private:
    struct Version {
        std::uint64_t device = 0, inode = 0;
        std::int64_t size = -1, seconds = 0, nanoseconds = 0;
        friend bool operator==(const Version&, const Version&) = default;
    };

    Version version() const;

    std::string path_;
    const Clock& clock_;
    std::optional<Version> version_;
    SteadyTime checked_;
    ResolvConf conf_;
};

}  // namespace mxpost::dns
