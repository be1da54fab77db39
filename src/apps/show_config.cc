#include "apps/show_config.h"

#include <algorithm>
#include <iomanip>
#include <iostream>

#include "apps/command.h"
#include "apps/resolvers.h"
#include "base/file_system.h"
#include "config/load.h"
#include "config/relay.h"
#include "diagnose/load.h"
#include "submit/sender_rules.h"

namespace mxpost::apps {

ExitStatus show_config() {
    PosixFileSystem files;
    const auto loaded = load_settings(files, tool_environment(files));
    if (!loaded) {
        return ExitStatus::config;
    }
    const config::Settings& values = loaded->values;
    if (auto checked = config::check_reach(values.listen, values.relay_networks); !checked) {
        std::cerr << "mxpost: " << checked.error().message() << "\n";
        return ExitStatus::config;
    }
    for (const std::string& line : config::reach_warnings(values.relay_networks)) {
        std::cerr << "mxpost: " << line << "\n";
    }
    for (const std::string& name : loaded->ignored) {
        std::cerr << "mxpost: environment " << name << " names no setting and is ignored\n";
    }
    const auto rows = config::describe(*loaded);
    std::size_t key_width = 0;
    std::size_t value_width = 0;
    for (const auto& row : rows) {
        key_width = std::max(key_width, row.key.size());
        value_width = std::max(value_width, std::min<std::size_t>(row.value.size(), 40));
    }
    for (const auto& row : rows) {
        std::cout << std::left << std::setw(static_cast<int>(key_width)) << row.key << " = "
                  << std::setw(static_cast<int>(value_width)) << row.value << "  # " << row.origin
                  << ": " << row.text << "\n";
    }
    if (!std::cout.flush()) {
        return ExitStatus::io_error;
    }
    const auto names =
        submit::find_host_names(loaded->values, submit::HostFiles(), submit::system_host_name());
    auto problems = submit::load_sender_rules(files, loaded->values, names).problems;
    if (const auto rules = diagnose::load_rules(files, values.reply_rules); !rules) {
        problems.push_back(rules.error().message());
    }
    if (const auto providers = diagnose::load_providers(files, values.provider_limits);
        !providers) {
        problems.push_back(providers.error().message());
    }
    if (const auto resolver = check_resolver(values); !resolver) {
        problems.push_back(resolver.error().message());
    }
    // What has no effect is told of, and keeps nobody from sending.
    if (const auto relay = config::relay_problem(values)) {
        std::cerr << "mxpost: " << *relay << "\n";
    }
    if (const std::string why = why_dane_is_off(values); !why.empty()) {
        std::cerr << "mxpost: " << why << "\n";
    }
    for (const std::string& problem : problems) {
        std::cerr << "mxpost: " << problem << "\n";
    }
    return problems.empty() ? ExitStatus::ok : ExitStatus::config;
}

}  // namespace mxpost::apps
