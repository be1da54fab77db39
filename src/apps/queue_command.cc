#include "apps/queue_command.h"

#include <iostream>

#include <unistd.h>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "config/load.h"
#include "submit/engine_starter.h"
#include "submit/queue_json.h"
#include "submit/queue_listing.h"

namespace mxpost::apps {
namespace {

submit::QueueSelection selection(const QueueListCall& call) {
    submit::QueueSelection result;
    for (const auto& [by, texts] :
         {std::pair(submit::SelectBy::id, &call.ids),
          std::pair(submit::SelectBy::recipient, &call.recipients),
          std::pair(submit::SelectBy::sender, &call.senders)}) {
        for (const std::string& text : *texts) {
            result.add(by, text, false);
        }
    }
    return result;
}

}  // namespace

ExitStatus list_queue(const QueueListCall& call) {
    PosixFileSystem files;
    const auto environment =
        ::getuid() == 0 ? config::init_environment(files) : config::own_environment(::environ);
    const auto loaded = config::load(files, config::kFile, environment);
    if (!loaded) {
        std::cerr << "mxpost: " << loaded.error().message() << "\n";
        return ExitStatus::config;
    }
    SystemClock clock;
    SystemRandom random;
    const auto log = open_log(loaded->values.log, "mxpost");
    const submit::HostFiles host_files;
    const submit::Surroundings around{
        files,
        clock,
        random,
        *log,
        loaded->values,
        submit::find_identity(::getuid(), host_files),
        submit::find_host_names(loaded->values, host_files, submit::system_host_name()),
        submit::kSystemSpool,
        ""};
    const submit::LineSink out = [](std::string_view line) { std::cout << line << "\n"; };
    const submit::LineSink complain = [](std::string_view line) {
        std::cerr << "mxpost: " << line << "\n";
    };
    const submit::EngineStarter starter(
        "/proc/self/exe", submit::engine_environment(::environ, environment)
    );
    const auto now = to_seconds(clock.now());
    submit::QueueListing listing(out, now, call.is_verbose);
    submit::QueueJson json(out, now);
    submit::QueueFormat& format = call.is_json ? static_cast<submit::QueueFormat&>(json) : listing;
    const ExitStatus status =
        submit::show_queue(around, starter, selection(call), format, complain);
    return std::cout.flush() ? status : ExitStatus::io_error;
}

}  // namespace mxpost::apps
