#include "apps/listening.h"

#include <cerrno>
#include <utility>

namespace mxpost::apps {
namespace {

listen::Outlet outlet_to(deliver::Engine& engine) {
    return {
        [&engine] { return engine.own_box(); },
        [&engine] { return engine.queued(); },
        [&engine](const spool::MessageId& id) { engine.expect(id); },
        [&engine](const spool::EntryName& name) { engine.accepted(name); },
        [&engine](const spool::MessageId& id) { engine.withdrawn(id); }};
}

}  // namespace

Result<Listening> prepare_listening(const config::Settings& settings, bool wants_default) {
    Listening listening;
    auto passed = listen::take_passed_sockets();
    if (!passed) {
        return passed.error();
    }
    std::vector<config::ListenAddress> addresses = settings.listen;
    if (addresses.empty() && passed->empty() && wants_default) {
        addresses = listen::default_addresses();
    }
    std::vector<config::ListenAddress> all = addresses;
    for (const listen::Door& door : *passed) {
        all.push_back(door.address);
    }
    if (all.empty()) {
        return listening;
    }
    if (auto checked = config::check_reach(all, settings.relay_networks); !checked) {
        return checked.error();
    }
    listening.warnings = config::reach_warnings(settings.relay_networks);
    if (!settings.listen_tls_certificate.empty()) {
        auto tls =
            tls::ServerContext::make(settings.listen_tls_certificate, settings.listen_tls_key);
        if (!tls) {
            return tls.error();
        }
        listening.tls = std::move(*tls);
    }
    auto doors = listen::open_doors(addresses, std::move(*passed), [&](std::string_view line) {
        listening.warnings.emplace_back(line);
    });
    if (!doors) {
        return doors.error();
    }
    listening.doors = std::move(*doors);
    return listening;
}

ExitStatus exit_status_of(const Error& error) {
    if (error.is(EACCES) || error.is(EPERM)) {
        return ExitStatus::no_permission;
    }
    return error.is(EADDRINUSE) ? ExitStatus::os_error : ExitStatus::config;
}

ListeningCompanion::ListeningCompanion(
    const boost::asio::any_io_executor& executor,
    Listening listening,
    const submit::Surroundings& around,
    deliver::Engine& engine
)
    : listener_(
          executor, std::move(listening.doors), std::move(listening.tls), around, outlet_to(engine)
      ) {
    engine.accompany(*this);
    listener_.start();
}

}  // namespace mxpost::apps
