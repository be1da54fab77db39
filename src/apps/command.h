// What the subcommands of mxpost share: how they take their arguments, and what those that look at
// the queue or the settings work with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

#include "base/clock.h"
#include "base/exit_status.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/random.h"
#include "config/load.h"
#include "submit/engine_starter.h"
#include "submit/surroundings.h"

namespace mxpost::apps {

using Arguments = std::vector<std::string>;

/// Options in full only. `operand`: the option that operands are values of; null: there are none.
/// Throws boost::program_options::error, whose text is for the user.
boost::program_options::variables_map parse_arguments(
    const Arguments& arguments,
    const boost::program_options::options_description& options,
    const char* operand = nullptr
);

/// All values of an option that may be given several times.
Arguments texts_of(const boost::program_options::variables_map& values, const char* name);

/// Says on standard error what is wrong with the command line.
ExitStatus usage_error(const std::string& message);

/// What an engine would see: for uid 0 the environment of process 1 counts, not its caller's.
std::vector<std::string> tool_environment(FileSystem& files);
/// The settings with that environment; nothing: they have an error, which was told on standard
/// error (EX_CONFIG).
std::optional<config::Loaded> load_settings(
    FileSystem& files, const std::vector<std::string>& environment
);

/// What a command that works on the queue works with, all of it the caller's own. It stays where it
/// was made.
class QueueTool {
public:
    /// Null: the settings have an error, as above.
    static std::unique_ptr<QueueTool> make();

    QueueTool(const QueueTool&) = delete;
    QueueTool& operator=(const QueueTool&) = delete;
    ~QueueTool() = default;

    const submit::Surroundings& around() const { return around_; }
    const submit::EngineStarter& starter() const { return starter_; }
    FileSystem& files() { return files_; }
    Clock& clock() { return clock_; }

private:
    QueueTool(config::Settings settings, const std::vector<std::string>& environment);

    PosixFileSystem files_;
    SystemClock clock_;
    SystemRandom random_;
    config::Settings settings_;
    std::unique_ptr<Log> log_;
    submit::Surroundings around_;
    submit::EngineStarter starter_;
};

/// Lines to standard output, and to standard error with the program's name in front.
void print_line(std::string_view line);
void complain_line(std::string_view line);

}  // namespace mxpost::apps
