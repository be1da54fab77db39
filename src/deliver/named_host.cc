#include "deliver/named_host.h"

#include <array>
#include <utility>

#include "deliver/services.h"
#include "route/domain_name.h"
#include "route/special_address.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

asio::awaitable<Result<std::vector<asio::ip::address>>> addresses_of(
    std::string host, Services& services
) {
    const auto family = services.settings.address_family;
    std::vector<asio::ip::address> found;
    boost::system::error_code error;
    const auto literal = asio::ip::make_address(host, error);
    if (!error) {
        found.push_back(route::unmapped(literal));
        co_return found;
    }
    const auto name = route::to_a_labels(host);
    std::string problem = host + " has no address";
    std::array order = {dns::Family::ipv4, dns::Family::ipv6};
    if (family == config::AddressFamily::prefer_ipv6) {
        std::swap(order[0], order[1]);
    }
    for (const auto wanted : order) {
        const bool is_v4 = wanted == dns::Family::ipv4;
        if (!name ||
            family == (is_v4 ? config::AddressFamily::ipv6 : config::AddressFamily::ipv4)) {
            continue;
        }
        if (host == "localhost") {  // RFC 6761 6.3: never asked for
            found.push_back(
                is_v4 ? asio::ip::address(asio::ip::address_v4::loopback())
                      : asio::ip::address(asio::ip::address_v6::loopback())
            );
            continue;
        }
        const auto answer = co_await services.resolver.addresses(*name, wanted);
        if (answer.status == dns::LookupStatus::temporary) {
            problem = host + " can't be looked up now: " + answer.reason;
        }
        for (const auto& address : answer.records) {
            found.push_back(route::unmapped(address));
        }
    }
    if (found.empty()) {
        co_return Error::invalid(problem);
    }
    co_return found;
}

}  // namespace mxpost::deliver
