// The listener inside the engine's process: what must be opened while there is privilege, and the
// wires between the two.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/exit_status.h"
#include "base/result.h"
#include "config/settings.h"
#include "deliver/engine.h"
#include "listen/doors.h"
#include "listen/listener.h"
#include "submit/surroundings.h"
#include "tls/server_context.h"

namespace mxpost::apps {

struct Listening {
    std::vector<listen::Door> doors;  // empty: nothing to listen on
    std::unique_ptr<tls::ServerContext> tls;
    std::vector<std::string> warnings;  // for the log
};

/// Sockets that the service manager has passed, and those that the settings name (or the default
/// ones with `wants_default`, where they name none). To be called before the process gives up its
/// privilege. exit_status_of() says how a process ends that can't.
Result<Listening> prepare_listening(const config::Settings& settings, bool wants_default);
ExitStatus exit_status_of(const Error& error);

/// Accepts mail into the engine's own box. The references outlive it.
class ListeningCompanion final : public deliver::Companion {
public:
    ListeningCompanion(
        const boost::asio::any_io_executor& executor,
        Listening listening,
        const submit::Surroundings& around,
        deliver::Engine& engine
    );

    void stop() override { listener_.stop(); }
    bool is_finished() const override { return listener_.is_finished(); }

private:
    listen::Listener listener_;
};

}  // namespace mxpost::apps
