#include "submit/sender_rules.h"

#include <utility>

namespace mxpost::submit {
namespace {

constexpr std::size_t kLargestMap = 4U << 20U;

mail::SenderMap load_map(
    FileSystem& files, const std::string& path, std::vector<std::string>& problems
) {
    const auto text = read_whole_file(files, path, kLargestMap);
    if (!text) {
        problems.push_back("sender-map: " + text.error().message());
        return {};
    }
    mail::ParsedSenderMap parsed = mail::parse_sender_map(*text);
    for (const mail::BadLine& line : parsed.bad) {
        problems.push_back(path + ":" + std::to_string(line.number) + ": " + line.reason);
    }
    return std::move(parsed.map);
}

}  // namespace

SenderRules load_sender_rules(
    FileSystem& files, const config::Settings& settings, const HostNames& names
) {
    SenderRules rules;
    if (settings.sender_map.empty() && settings.masquerade_domains.empty()) {
        return rules;
    }
    mail::SenderMap map;
    if (!settings.sender_map.empty()) {
        map = load_map(files, settings.sender_map, rules.problems);
    }
    std::vector<std::string> own = settings.local_domains;
    own.insert(own.end(), {names.domain, names.host, "localhost", "localhost.localdomain"});
    rules.rewriter = mail::SenderRewriter(
        std::move(map), own, {settings.masquerade_domains, settings.masquerade_exceptions}
    );
    return rules;
}

}  // namespace mxpost::submit
