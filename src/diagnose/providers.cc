#include "diagnose/providers.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "diagnose/data_file.h"
#include "diagnose/shipped.h"

namespace mxpost::diagnose {
namespace {

Result<Provider> parse_provider(const std::string& file, const DataBlock& block) {
    Provider provider;
    provider.name = block.name;
    bool has_host = false;
    for (const DataLine& line : block.lines) {
        if (line.key == "host") {
            auto hosts = HostSuffixes::parse(line.value);
            if (!hosts) {
                return bad_line(file, line.number, hosts.error().message());
            }
            if (has_host) {
                return bad_line(file, line.number, "the provider has a \"host\" line already");
            }
            provider.hosts = std::move(*hosts);
            has_host = true;
            continue;
        }
        const auto known = provider.limits.set(line.key, line.value);
        if (!known) {
            return bad_line(file, line.number, known.error().message());
        }
        if (!*known) {
            return bad_line(
                file,
                line.number,
                quoted(line.key) +
                    " is none of a provider's words (host, sessions, messages, recipients, rate)"
            );
        }
    }
    if (!has_host) {
        return bad_line(file, block.number, "provider " + quoted(block.name) + " has no host");
    }
    return provider;
}

Result<std::vector<Provider>> parse_providers(const std::string& file, std::string_view text) {
    const auto blocks = parse_blocks(file, text, "provider");
    if (!blocks) {
        return blocks.error();
    }
    std::vector<Provider> providers;
    for (const DataBlock& block : *blocks) {
        auto provider = parse_provider(file, block);
        if (!provider) {
            return provider.error();
        }
        providers.push_back(std::move(*provider));
    }
    return providers;
}

}  // namespace

Providers Providers::shipped() {
    auto providers = parse_providers("providers", kShippedProviders);
    if (!providers) {
        throw std::logic_error(providers.error().message());  // a test sees to it that it doesn't
    }
    return Providers(std::move(*providers));
}

Result<Providers> Providers::make(const std::string& file, std::string_view text) {
    auto providers = parse_providers(file, text);
    if (!providers) {
        return providers.error();
    }
    const std::size_t own = providers->size();
    for (Provider& provider : shipped().providers_) {
        const auto own_end = providers->begin() + static_cast<std::ptrdiff_t>(own);
        const bool is_replaced =
            std::any_of(providers->begin(), own_end, [&](const Provider& other) {
                return other.name == provider.name;
            });
        if (!is_replaced) {
            providers->push_back(std::move(provider));
        }
    }
    return Providers(std::move(*providers));
}

SiteLimits Providers::limits_for(std::span<const std::string> mx_hosts) const {
    SiteLimits limits;
    for (const std::string& host : mx_hosts) {
        const auto found = std::ranges::find_if(providers_, [&](const Provider& provider) {
            return provider.hosts.contains(host);
        });
        if (found != providers_.end()) {
            limits.tighten(found->limits);
        }
    }
    return limits;
}

}  // namespace mxpost::diagnose
