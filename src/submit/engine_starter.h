// Starting the engine so that nothing of our caller stays with it: neither descriptors (callers
// that read our output wait for its end), nor session, directory, mask, limits or environment.
#pragma once

#include <span>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace mxpost::submit {

struct EngineCall {
    std::vector<std::string> arguments;  // behind the program's name
    std::vector<int> descriptors;        // these become 3, 4, … in the engine
    bool keeps_output = false;           // descriptors 0 to 2 and the session stay (foreground)
};

class EngineStarter {
public:
    /// `program` is the path of the engine, `environment` all of its environment.
    EngineStarter(std::string program, std::vector<std::string> environment)
        : program_(std::move(program)), environment_(std::move(environment)) {}

    /// Returns once the program is running (or couldn't be); it is a child of ours.
    Result<pid_t> start(const EngineCall& call) const;
    /// Becomes the engine: returns only when that fails.
    Error replace_process(const EngineCall& call) const;

private:
    std::string program_;
    std::vector<std::string> environment_;
};

/// TZ and the locale out of `environment` ("NAME=value", ends with nullptr), and the MXPOST_…
/// entries that this process honours itself.
std::vector<std::string> engine_environment(
    const char* const* environment, std::span<const std::string> settings
);

}  // namespace mxpost::submit
