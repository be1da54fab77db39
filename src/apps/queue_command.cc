#include "apps/queue_command.h"

#include <algorithm>
#include <array>
#include <iostream>
#include <set>

#include <unistd.h>

#include "apps/progress_line.h"
#include "apps/queue_options.h"
#include "apps/watch_queue.h"
#include "config/values.h"
#include "submit/message_details.h"
#include "submit/message_trace.h"
#include "submit/queue_json.h"
#include "submit/queue_listing.h"
#include "submit/queue_orders.h"
#include "submit/queue_stats.h"

namespace mxpost::apps {

namespace po = boost::program_options;

namespace {

const submit::LineSink kOut = print_line;
const submit::LineSink kComplain = complain_line;

/// What was printed has arrived.
ExitStatus printed(ExitStatus status) {
    return std::cout.flush() ? status : ExitStatus::io_error;
}

/// Tells which of the ids weren't found, or that nothing was.
ExitStatus missing(
    const ParsedSelection& wanted, const std::set<std::string>& found, ExitStatus status
) {
    if (wanted.ids.empty() && found.empty() && status == ExitStatus::ok) {
        complain_line("no message matches");
    }
    for (const std::string& id : wanted.ids) {
        if (!found.contains(id)) {
            complain_line(id + ": no such message in the queue");
            status = status == ExitStatus::ok ? ExitStatus::unavailable : status;
        }
    }
    return status;
}

ExitStatus list(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object a line")("verbose,v", "more of each message");
    add_selection_options(options);
    const auto values = parse_arguments(arguments, options, kIdOperand);
    const auto tool = QueueTool::make();
    if (!tool) {
        return ExitStatus::config;
    }
    const WallTime now = tool->clock().now();
    const auto parsed = parse_selection(values, now);
    submit::RefusalMeanings meanings(tool->files(), tool->around().settings.reply_rules);
    submit::QueueListing listing(
        kOut,
        to_seconds(now),
        values.contains("verbose"),
        parsed.selection.is_everything(),
        meanings
    );
    submit::QueueJson json(kOut, to_seconds(now));
    submit::QueueFormat& format =
        values.contains("json") ? static_cast<submit::QueueFormat&>(json) : listing;
    return printed(
        submit::show_queue(tool->around(), tool->starter(), parsed.selection, format, kComplain)
    );
}

ExitStatus show(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object a line")("content", "the message itself");
    add_selection_options(options);
    const auto values = parse_arguments(arguments, options, kIdOperand);
    submit::DetailChoice choice;
    choice.is_json = values.contains("json");
    choice.has_content = values.contains("content");
    choice.is_for_terminal = ::isatty(STDOUT_FILENO) == 1;
    const auto tool = QueueTool::make();
    if (!tool) {
        return ExitStatus::config;
    }
    const auto parsed = parse_selection(values, tool->clock().now());
    if (!parsed.is_told) {
        return usage_error("queue show wants message ids, a selection, or --all");
    }
    if (choice.has_content && (choice.is_json || parsed.ids.size() != 1)) {
        return usage_error("--content wants one message's id, and is no JSON");
    }
    const submit::MessageDetails::OctetSink octets = [](std::string_view text) {
        std::cout.write(text.data(), static_cast<std::streamsize>(text.size()));
    };
    submit::MessageDetails details(
        tool->files(), kOut, octets, to_seconds(tool->clock().now()), choice
    );
    auto status =
        submit::show_queue(tool->around(), tool->starter(), parsed.selection, details, kComplain);
    status = details.is_incomplete() ? ExitStatus::os_error : status;
    return printed(missing(parsed, details.shown(), status));
}

ExitStatus stats(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object");
    add_selection_options(options);
    const auto values = parse_arguments(arguments, options, kIdOperand);
    const auto tool = QueueTool::make();
    if (!tool) {
        return ExitStatus::config;
    }
    const WallTime now = tool->clock().now();
    const auto parsed = parse_selection(values, now);
    submit::QueueStats stats(kOut, now, values.contains("json"));
    return printed(
        submit::show_queue(tool->around(), tool->starter(), parsed.selection, stats, kComplain)
    );
}

ExitStatus watch(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object a line")(
        "interval", po::value<std::string>(), "between two looks"
    )("count", po::value<std::string>(), "looks, then the end");
    const auto values = parse_arguments(arguments, options);
    WatchCall call;
    call.is_json = values.contains("json");
    if (values.contains("interval")) {
        call.interval = parse_interval(values["interval"].as<std::string>());
    }
    if (values.contains("count")) {
        const auto count = config::parse_count(values["count"].as<std::string>());
        if (!count) {
            return usage_error("--count wants " + count.error().message());
        }
        call.count = *count;
    }
    const auto tool = QueueTool::make();
    return tool ? watch_queue(*tool, call) : ExitStatus::config;
}

ExitStatus give_orders(spool::Verb verb, const Arguments& arguments) {
    po::options_description options;
    options.add_options(
    )("json", "one JSON object a line")("dry-run,n", "only say which messages are meant");
    add_selection_options(options);
    const auto values = parse_arguments(arguments, options, kIdOperand);
    const auto tool = QueueTool::make();
    if (!tool) {
        return ExitStatus::config;
    }
    const auto parsed = parse_selection(values, tool->clock().now());
    if (!parsed.is_told) {
        return usage_error(
            "queue " + std::string(spool::verb_word(verb)) +
            " wants message ids, a selection, or --all"
        );
    }
    submit::OrderCall call;
    call.verb = verb;
    call.selection = parsed.selection;
    call.ids = parsed.ids;
    call.is_dry_run = values.contains("dry-run");
    const bool is_json = values.contains("json");
    // Where the results go to the same terminal they are progress enough.
    ProgressLine progress(STDERR_FILENO, ::isatty(STDOUT_FILENO) != 1);
    const submit::OrderSink sink = [&](const submit::OrderReport& report) {
        if (is_json) {
            print_line(submit::order_json(verb, report));
        } else if (report.fate == submit::Fate::gone || report.fate == submit::Fate::failed) {
            progress.clear();
            complain_line(submit::order_text(verb, report));
        } else {
            print_line(submit::order_text(verb, report));
        }
    };
    const auto status = submit::order_messages(
        tool->around(),
        tool->starter(),
        call,
        sink,
        kComplain,
        [&](std::size_t done, std::size_t of) {
            progress.show([&] {
                return std::to_string(done) + " of " + std::to_string(of) + " messages";
            });
        }
    );
    progress.clear();
    return printed(status);
}

}  // namespace

ExitStatus manage_queue(Arguments arguments) {
    using Command = ExitStatus (*)(const Arguments&);
    constexpr std::array<std::pair<const char*, Command>, 4> kCommands = {{
        {"list", list},
        {"show", show},
        {"stats", stats},
        {"watch", watch},
    }};
    const std::string names = "list, show, retry, hold, release, delete, bounce, stats or watch";
    if (arguments.empty()) {
        return usage_error("queue wants a command: " + names);
    }
    const std::string name = arguments.front();
    arguments.erase(arguments.begin());
    for (const auto& [command, run] : kCommands) {
        if (name == command) {
            return run(arguments);
        }
    }
    const auto verb = spool::parse_verb(name);
    return verb ? give_orders(*verb, arguments)
                : usage_error("unknown queue command \"" + name + "\": " + names);
}

ExitStatus trace_messages(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object a line");
    add_selection_options(options);
    const auto values = parse_arguments(arguments, options, kIdOperand);
    const auto tool = QueueTool::make();
    if (!tool) {
        return ExitStatus::config;
    }
    const auto parsed = parse_selection(values, tool->clock().now());
    if (!parsed.is_told) {
        return usage_error("trace wants message ids, a selection, or --all");
    }
    submit::MessageTrace trace(tool->files(), kOut, values.contains("json"));
    auto status =
        submit::show_queue(tool->around(), tool->starter(), parsed.selection, trace, kComplain);
    status = trace.is_incomplete() ? ExitStatus::os_error : status;
    return printed(missing(parsed, trace.shown(), status));
}

}  // namespace mxpost::apps
