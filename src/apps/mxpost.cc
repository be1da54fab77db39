// mxpost: the engine and the administrator's tool. Wiring only.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/program_options.hpp>

#include <sys/prctl.h>

#include "apps/command.h"
#include "apps/dkim_command.h"
#include "apps/doctor_command.h"
#include "apps/engine_main.h"
#include "apps/import_config.h"
#include "apps/local_main.h"
#include "apps/queue_command.h"
#include "apps/show_config.h"
#include "base/exit_status.h"
#include "base/fd.h"
#include "base/text.h"

namespace {

namespace po = boost::program_options;
using mxpost::ExitStatus;
using mxpost::apps::Arguments;
using mxpost::apps::usage_error;

constexpr const char* kUsage =
    "usage: mxpost run [--once | --listen]\n"
    "       mxpost local [--socket PATH]\n"
    "       mxpost queue list [-v | --json] [SELECTION]\n"
    "       mxpost queue show [--json | --content] SELECTION | --all\n"
    "       mxpost queue retry | hold | release | delete | bounce [-n] [--json] SELECTION | --all\n"
    "       mxpost queue stats [--json] [SELECTION]\n"
    "       mxpost queue watch [--json] [--interval TIME] [--count N]\n"
    "       mxpost trace [--json] SELECTION | --all\n"
    "       mxpost route [--test] [ADDRESS...]\n"
    "       mxpost dkim new DOMAIN [--selector NAME] [--type rsa2048 | ed25519 | both]\n"
    "                       [--directory PATH]\n"
    "       mxpost dkim check [--json]\n"
    "       mxpost doctor [--from ADDRESS] [--json] [--html FILE] [--verbose] [--probe]\n"
    "                     [--send] [--time-limit TIME] [RECIPIENT...]\n"
    "       mxpost config [--import [FILE ...] [--credentials FILE]]\n"
    "       mxpost --version | --help\n"
    "\n"
    "  run           deliver queued mail until told to end (SIGTERM)\n"
    "  run --once    deliver what is due, then end\n"
    "  run --listen  take mail by SMTP as well, on port 25 of this host unless \"listen\" is set\n"
    "  local         serve this host's mailboxes to the engine (as root)\n"
    "  queue list    show the messages that wait, and why\n"
    "  queue show    everything that is known of a message\n"
    "  queue retry, hold, release, delete, bounce\n"
    "                make messages due now; leave them alone until they are released; remove\n"
    "                them; return them to their senders.  -n: only say which are meant\n"
    "  queue stats   count the queue by destination and age\n"
    "  queue watch   show it live, or a line at each look where there is no terminal\n"
    "  trace         what servers said in each attempt at a message\n"
    "  route         say where mail for each address goes, without sending any\n"
    "  dkim new      make a key that signs mail, and print its record for the DNS\n"
    "  dkim check    compare what the DNS has with the keys\n"
    "  doctor        say why mail won't arrive, and what mends it\n"
    "  config        show every setting, its value, and where it comes from\n"
    "  config --import  print the mxpost.conf that says what another program's files say\n"
    "\n"
    "A SELECTION is any of ID..., --id TEXT, --sender TEXT, --recipient TEXT, --domain NAME,\n"
    "--older-than AGE, --newer-than AGE (90m, 4h, 2d), --held. Root manages everyone's mail.\n"
    "\n"
    "See mxpost(8), mxpost.conf(5); mailq(1) shows the queue.\n";

/// A descriptor that the starting sendmail hands over, or none.
mxpost::Fd handed_over(const po::variables_map& values, const char* name) {
    return values.contains(name) ? mxpost::Fd(values[name].as<int>()) : mxpost::Fd();
}

ExitStatus run(const Arguments& arguments) {
    mxpost::apps::EngineStart start;
    po::options_description options;
    options.add_options()("once", "deliver what is due, then end")("listen", "take mail by SMTP")(
        "ready-fd", po::value<int>(), "told when the engine serves"
    )("box-fd", po::value<int>(), "a box whose lock comes with the descriptor")(
        "message-fd", po::value<int>(), "a message without spool"
    )("message-id", po::value<std::string>(&start.message_id), "its id"
    )("report-fd", po::value<int>(), "where its journal goes");
    const auto values = mxpost::apps::parse_arguments(arguments, options);
    start.is_once = values.contains("once");
    start.listens = values.contains("listen");
    if (start.is_once && start.listens) {
        return usage_error("--once and --listen don't go together: it would end at once");
    }
    start.ready = handed_over(values, "ready-fd");
    start.box = handed_over(values, "box-fd");
    start.message = handed_over(values, "message-fd");
    start.report = handed_over(values, "report-fd");
    return mxpost::apps::run_engine(std::move(start));
}

ExitStatus serve_mailboxes(const Arguments& arguments) {
    std::string socket = mxpost::apps::kHelperSocket;
    po::options_description options;
    options.add_options()("socket", po::value<std::string>(&socket), "where to listen");
    const auto values = mxpost::apps::parse_arguments(arguments, options);
    if (!socket.starts_with('/')) {
        return usage_error("--socket wants an absolute path");
    }
    return mxpost::apps::run_local_helper(socket);
}

ExitStatus config(const Arguments& arguments) {
    Arguments files;
    std::string credentials;
    po::options_description options;
    options.add_options()("import", "what other programs' files say")(
        "credentials", po::value<std::string>(&credentials), "where the relay's password goes"
    )("file", po::value<Arguments>(&files), "to import");
    const auto values = mxpost::apps::parse_arguments(arguments, options, "file");
    if (values.contains("import")) {
        return mxpost::apps::import_config(files, credentials);
    }
    return arguments.empty() ? mxpost::apps::show_config()
                             : usage_error("config takes files with --import only");
}

ExitStatus route(Arguments arguments) {
    bool is_test = false;
    while (!arguments.empty() && arguments.front().starts_with('-')) {
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
    return mxpost::apps::check_addresses(arguments, is_test);
}

/// To standard output, and says whether it got there. Who closes a pipe, as head(1) does, has read
/// enough.
ExitStatus print(std::string_view text) {
    errno = 0;
    std::cout << text << std::flush;
    return std::cout || errno == EPIPE ? ExitStatus::ok : ExitStatus::io_error;
}

/// The lines of kUsage that are about this command; empty: there are none.
std::string usage_of(const std::string& command) {
    std::string_view text = kUsage;
    text = text.substr(0, text.find("\n\n"));
    bool is_meant = false;
    std::string lines;
    for (const std::string_view line : mxpost::split(text, '\n')) {
        const std::size_t begin = line.find("mxpost ");
        if (begin != std::string_view::npos) {
            is_meant = line.substr(begin + 7).starts_with(command + " ") ||
                       line.substr(begin + 7) == command;
        }
        if (is_meant) {
            lines += std::string(line) + "\n";
        }
    }
    return lines.empty() ? lines : lines + "(mxpost --help says more; mxpost(8) all)\n";
}

ExitStatus dispatch(Arguments arguments) {
    if (arguments.empty()) {
        return usage_error("no command given");
    }
    const std::string command = arguments.front();
    arguments.erase(arguments.begin());
    const auto end_of_options = std::ranges::find(arguments, "--");
    if (std::find(arguments.begin(), end_of_options, "--help") != end_of_options) {
        if (const std::string usage = usage_of(command); !usage.empty()) {
            return print(usage);
        }
    }
    if (command == "--help" || command == "-h" || command == "help") {
        return print(kUsage);
    }
    if (command == "--version" || command == "version") {
        return print("mxpost " MXPOST_VERSION "\n");
    }
    if (command == "run") {
        return run(arguments);
    }
    if (command == "local") {
        return serve_mailboxes(arguments);
    }
    if (command == "queue") {
        return mxpost::apps::manage_queue(std::move(arguments));
    }
    if (command == "trace") {
        return mxpost::apps::trace_messages(arguments);
    }
    if (command == "route") {
        return route(std::move(arguments));
    }
    if (command == "dkim") {
        return mxpost::apps::manage_keys(std::move(arguments));
    }
    if (command == "doctor") {
        return mxpost::apps::examine(arguments);
    }
    if (command == "config") {
        return config(arguments);
    }
    return usage_error("unknown command \"" + command + "\"");
}

}  // namespace

int main(int argc, char** argv) {
    ::prctl(PR_SET_NAME, "mxpost");  // one that was started through /proc is "exe" in ps, else
    try {
        return static_cast<int>(dispatch({argv + (argc > 0 ? 1 : 0), argv + argc}));
    } catch (const po::error& error) {
        return static_cast<int>(usage_error(error.what()));
    } catch (const std::exception& exception) {
        std::cerr << "mxpost: internal error: " << exception.what() << "\n";
        return static_cast<int>(ExitStatus::software);
    }
}
