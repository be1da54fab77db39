// mxpost: the engine and the administrator's tool. Wiring only.
#include <cstdio>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <boost/program_options.hpp>

#include "apps/engine_main.h"
#include "apps/import_config.h"
#include "apps/local_main.h"
#include "apps/queue_command.h"
#include "apps/show_config.h"
#include "base/exit_status.h"
#include "base/fd.h"

namespace {

namespace po = boost::program_options;
using mxpost::ExitStatus;

constexpr const char* kUsage =
    "usage: mxpost run [--once | --listen]\n"
    "       mxpost local [--socket PATH]\n"
    "       mxpost queue list [-v | --json] [--id TEXT] [--recipient TEXT] [--sender TEXT]\n"
    "       mxpost route [--test] [ADDRESS...]\n"
    "       mxpost config [--import [FILE ...] [--credentials FILE]]\n"
    "       mxpost --version | --help\n"
    "\n"
    "  run           deliver queued mail until told to end (SIGTERM)\n"
    "  run --once    deliver what is due, then end\n"
    "  run --listen  take mail by SMTP as well, on port 25 of this host unless \"listen\" is set\n"
    "  local         serve this host's mailboxes to the engine (as root)\n"
    "  queue list    show the messages that wait, and why\n"
    "  route         say where mail for each address goes, without sending any\n"
    "  config        show every setting, its value, and where it comes from\n"
    "  config --import  print the mxpost.conf that says what another program's files say\n"
    "\n"
    "See mxpost(8), mxpost.conf(5); mailq(1) shows the queue.\n";

int usage_error(const std::string& message) {
    std::cerr << "mxpost: " << message << " (see mxpost --help)\n";
    return static_cast<int>(ExitStatus::usage);
}

/// A descriptor that the starting sendmail hands over, or none.
mxpost::Fd handed_over(const po::variables_map& values, const char* name) {
    return values.contains(name) ? mxpost::Fd(values[name].as<int>()) : mxpost::Fd();
}

int run(const std::vector<std::string>& arguments) {
    mxpost::apps::EngineStart start;
    po::options_description options;
    options.add_options()("once", "deliver what is due, then end")("listen", "take mail by SMTP")(
        "ready-fd", po::value<int>(), "told when the engine serves"
    )("box-fd", po::value<int>(), "a box whose lock comes with the descriptor")(
        "message-fd", po::value<int>(), "a message without spool"
    )("message-id", po::value<std::string>(&start.message_id), "its id"
    )("report-fd", po::value<int>(), "where its journal goes");
    po::variables_map values;
    const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description no_operands;
    po::store(
        po::command_line_parser(arguments)
            .options(options)
            .style(style)
            .positional(no_operands)
            .run(),
        values
    );
    po::notify(values);
    start.is_once = values.contains("once");
    start.listens = values.contains("listen");
    start.ready = handed_over(values, "ready-fd");
    start.box = handed_over(values, "box-fd");
    start.message = handed_over(values, "message-fd");
    start.report = handed_over(values, "report-fd");
    return static_cast<int>(mxpost::apps::run_engine(std::move(start)));
}

int serve_mailboxes(const std::vector<std::string>& arguments) {
    std::string socket = mxpost::apps::kHelperSocket;
    po::options_description options;
    options.add_options()("socket", po::value<std::string>(&socket), "where to listen");
    po::variables_map values;
    const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description no_operands;
    po::store(
        po::command_line_parser(arguments)
            .options(options)
            .style(style)
            .positional(no_operands)
            .run(),
        values
    );
    po::notify(values);
    if (!socket.starts_with('/')) {
        return usage_error("--socket wants an absolute path");
    }
    return static_cast<int>(mxpost::apps::run_local_helper(socket));
}

int manage_queue(std::vector<std::string> arguments) {
    if (arguments.empty() || arguments.front() != "list") {
        return usage_error(
            arguments.empty() ? "queue wants a command: list"
                              : "unknown queue command \"" + arguments.front() + "\""
        );
    }
    arguments.erase(arguments.begin());
    using Texts = std::vector<std::string>;
    po::options_description options;
    options.add_options()("json", "one JSON object a line")("verbose,v", "more of each message")(
        "id", po::value<Texts>(), "whose id contains this"
    )("recipient", po::value<Texts>(), "with a recipient that contains this"
    )("sender", po::value<Texts>(), "whose sender contains this");
    po::variables_map values;
    const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    const po::positional_options_description no_operands;
    po::store(
        po::command_line_parser(arguments)
            .options(options)
            .style(style)
            .positional(no_operands)
            .run(),
        values
    );
    po::notify(values);
    mxpost::apps::QueueListCall call;
    call.is_json = values.contains("json");
    call.is_verbose = values.contains("verbose");
    for (const auto& [name, texts] :
         {std::pair("id", &call.ids),
          std::pair("recipient", &call.recipients),
          std::pair("sender", &call.senders)}) {
        if (values.contains(name)) {
            *texts = values[name].as<Texts>();
        }
    }
    return static_cast<int>(mxpost::apps::list_queue(call));
}

int config(const std::vector<std::string>& arguments) {
    std::vector<std::string> files;
    std::string credentials;
    po::options_description options;
    options.add_options()("import", "what other programs' files say")(
        "credentials", po::value<std::string>(&credentials), "where the relay's password goes"
    )("file", po::value<std::vector<std::string>>(&files), "to import");
    po::positional_options_description operands;
    operands.add("file", -1);
    po::variables_map values;
    const auto style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(
        po::command_line_parser(arguments).options(options).style(style).positional(operands).run(),
        values
    );
    po::notify(values);
    if (values.contains("import")) {
        return static_cast<int>(mxpost::apps::import_config(files, credentials));
    }
    return arguments.empty() ? static_cast<int>(mxpost::apps::show_config())
                             : usage_error("config takes files with --import only");
}

int route(std::vector<std::string> arguments) {
    bool is_test = false;
    while (!arguments.empty() && arguments.front().starts_with("--")) {
        const std::string word = arguments.front();
        arguments.erase(arguments.begin());
        if (word == "--") {
            break;
        }
        if (word != "--test" && word != "--verify") {
            return usage_error("route: unknown option " + word);
        }
        is_test = word == "--test";
    }
    return static_cast<int>(mxpost::apps::check_addresses(arguments, is_test));
}

int dispatch(std::vector<std::string> arguments) {
    if (arguments.empty()) {
        return usage_error("no command given");
    }
    const std::string command = arguments.front();
    arguments.erase(arguments.begin());
    if (command == "--help" || command == "-h" || command == "help") {
        std::cout << kUsage;
        return 0;
    }
    if (command == "--version" || command == "version") {
        std::cout << "mxpost " << MXPOST_VERSION << "\n";
        return 0;
    }
    if (command == "run") {
        return run(arguments);
    }
    if (command == "local") {
        return serve_mailboxes(arguments);
    }
    if (command == "queue") {
        return manage_queue(arguments);
    }
    if (command == "route") {
        return route(std::move(arguments));
    }
    if (command == "config") {
        return config(arguments);
    }
    return usage_error("unknown command \"" + command + "\"");
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return dispatch({argv + (argc > 0 ? 1 : 0), argv + argc});
    } catch (const po::error& error) {
        return usage_error(error.what());
    } catch (const std::exception& exception) {
        std::cerr << "mxpost: internal error: " << exception.what() << "\n";
        return static_cast<int>(ExitStatus::software);
    }
}
