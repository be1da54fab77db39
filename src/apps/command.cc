#include "apps/command.h"

#include <iostream>

#include <unistd.h>

namespace mxpost::apps {

namespace po = boost::program_options;

po::variables_map parse_arguments(
    const Arguments& arguments, const po::options_description& options, const char* operand
) {
    po::positional_options_description operands;
    if (operand != nullptr) {
        operands.add(operand, -1);
    }
    const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::variables_map values;
    try {
        po::store(
            po::command_line_parser(arguments)
                .options(options)
                .style(style)
                .positional(operands)
                .run(),
            values
        );
    } catch (const po::too_many_positional_options_error&) {
        throw po::error("this command takes options and no other words");
    }
    po::notify(values);
    return values;
}

Arguments texts_of(const po::variables_map& values, const char* name) {
    return values.contains(name) ? values[name].as<Arguments>() : Arguments();
}

ExitStatus usage_error(const std::string& message) {
    std::cerr << "mxpost: " << message << " (see mxpost --help)\n";
    return ExitStatus::usage;
}

std::vector<std::string> tool_environment(FileSystem& files) {
    return ::getuid() == 0 ? config::init_environment(files) : config::own_environment(::environ);
}

std::optional<config::Loaded> load_settings(
    FileSystem& files, const std::vector<std::string>& environment
) {
    auto loaded = config::load(files, config::kFile, environment);
    if (!loaded) {
        complain_line(loaded.error().message());
        return std::nullopt;
    }
    return std::move(*loaded);
}

QueueTool::QueueTool(config::Settings settings, const std::vector<std::string>& environment)
    : settings_(std::move(settings)),
      log_(open_log(settings_.log, "mxpost")),
      around_{
          files_,
          clock_,
          random_,
          *log_,
          settings_,
          submit::find_identity(::getuid(), submit::HostFiles()),
          submit::find_host_names(settings_, submit::HostFiles(), submit::system_host_name()),
          submit::kSystemSpool,
          ""},
      starter_("/proc/self/exe", submit::engine_environment(::environ, environment)) {}

std::unique_ptr<QueueTool> QueueTool::make() {
    PosixFileSystem files;
    const auto environment = tool_environment(files);
    auto loaded = load_settings(files, environment);
    return loaded
               ? std::unique_ptr<QueueTool>(new QueueTool(std::move(loaded->values), environment))
               : nullptr;
}

void print_line(std::string_view line) {
    std::cout << line << "\n";
}

void complain_line(std::string_view line) {
    std::cerr << "mxpost: " << line << "\n";
}

}  // namespace mxpost::apps
