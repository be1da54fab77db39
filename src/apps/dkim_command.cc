#include "apps/dkim_command.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <iostream>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <unistd.h>

#include "apps/dkim_keys.h"
#include "apps/listening.h"
#include "apps/resolvers.h"
#include "apps/secret_file.h"
#include "base/json.h"
#include "base/text.h"
#include "config/values.h"
#include "deliver/signing.h"
#include "dkim/key_record.h"
#include "doctor/key_check.h"
#include "local/account.h"
#include "route/domain_name.h"

namespace mxpost::apps {

namespace po = boost::program_options;

namespace {

// new

/// "mx202611": one a month is more often than most people change keys.
std::string selector_of_the_month(WallTime now) {
    const std::time_t seconds = to_seconds(now).time_since_epoch().count();
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    const int month = utc.tm_mon + 1;
    return "mx" + std::to_string(utc.tm_year + 1900) + (month < 10 ? "0" : "") +
           std::to_string(month);
}

struct Wanted {
    std::string domain;  // A-labels
    std::string selector;
    std::string directory = kKeyDirectory;
    std::vector<dkim::KeyType> types;
};

/// What `--type` may say.
std::vector<dkim::KeyType> types_of(const std::string& word) {
    if (word == "rsa2048") {
        return {dkim::KeyType::rsa};
    }
    if (word == "ed25519") {
        return {dkim::KeyType::ed25519};
    }
    if (word == "both") {
        return {dkim::KeyType::rsa, dkim::KeyType::ed25519};
    }
    throw po::error("--type is rsa2048, ed25519 or both");
}

Wanted parse_wanted(const Arguments& arguments, WallTime now) {
    Wanted wanted;
    wanted.selector = selector_of_the_month(now);
    std::string type = "rsa2048";
    po::options_description options;
    options.add_options()(
        "selector", po::value<std::string>(&wanted.selector), "under which it is published"
    )("type", po::value<std::string>(&type), "rsa2048, ed25519 or both")(
        "directory", po::value<std::string>(&wanted.directory), "where its file goes"
    )("domain", po::value<Arguments>(), "whose mail it signs");
    const auto values = parse_arguments(arguments, options, "domain");
    const Arguments domains = texts_of(values, "domain");
    const auto domain = domains.size() == 1 ? config::parse_domain(domains.front())
                                            : Result<std::string>(Error::invalid(""));
    const auto ascii = domain ? route::to_a_labels(*domain) : domain;
    if (!ascii) {
        throw po::error("dkim new wants one domain name");
    }
    wanted.domain = *ascii;
    const auto selector = config::parse_domain(wanted.selector);
    if (!selector || !is_ascii(*selector)) {
        throw po::error("--selector wants a name such as s1");
    }
    wanted.selector = *selector;
    const auto directory = config::parse_path(wanted.directory);
    if (!directory) {
        throw po::error("--directory wants an absolute path");
    }
    wanted.directory = *directory;
    wanted.types = types_of(type);
    return wanted;
}

Result<std::vector<NewKey>> make_keys(const Wanted& wanted) {
    std::vector<NewKey> keys;
    for (const dkim::KeyType type : wanted.types) {
        auto key = dkim::PrivateKey::generate(type);
        if (!key) {
            return key.error();
        }
        // Of two keys each needs a name of its own.
        const bool is_second = !keys.empty();
        const std::string selector =
            wanted.selector + (is_second ? std::string("-") + dkim::word_of(type) : "");
        keys.push_back(
            {selector,
             wanted.directory + "/" + wanted.domain + "." + selector + ".pem",
             std::move(*key)}
        );
    }
    return keys;
}

/// The group of the system engine, which is to read them.
std::optional<gid_t> reading_group(const config::Settings& settings) {
    const auto group = engine_group(settings);
    if (!group && ::geteuid() == 0) {
        complain_line("there is no user " + settings.user + ": only root can read the new key");
    }
    return group;
}

std::string setting_with(
    const config::Settings& settings, const std::string& domain, const std::vector<NewKey>& keys
) {
    std::string line;
    const auto add = [&](const std::string& entry) { line += (line.empty() ? "" : ", ") + entry; };
    for (const config::DkimKey& key : settings.dkim) {
        add((key.is_below ? "*." : "") + key.domain + " " + key.selector + " " + key.path);
    }
    for (const NewKey& key : keys) {
        add(domain + " " + key.selector + " " + key.path);
    }
    return "dkim = " + line;
}

ExitStatus make_new(const Arguments& arguments) {
    PosixFileSystem files;
    const auto loaded = load_settings(files, tool_environment(files));
    if (!loaded) {
        return ExitStatus::config;
    }
    const Wanted wanted = parse_wanted(arguments, SystemClock().now());
    const auto keys = make_keys(wanted);
    if (!keys) {
        complain_line(keys.error().message());
        return ExitStatus::os_error;
    }
    const auto written = write_keys(files, wanted.directory, *keys, reading_group(loaded->values));
    if (!written) {
        const bool is_there = written.error().is(EEXIST);
        complain_line(written.error().message() + (is_there ? "; name another --selector" : ""));
        return is_there ? ExitStatus::unavailable : exit_status_of(written.error());
    }
    for (const NewKey& key : *keys) {
        print_line("key written to " + key.path);
    }
    print_line("\nRecord for the zone file of " + wanted.domain + ":\n");
    for (const NewKey& key : *keys) {
        print_line(dkim::zone_line(
            dkim::record_name(key.selector, wanted.domain), dkim::record_text(key.key)
        ));
    }
    print_line("\nThe same for a form that asks for type TXT, name and value:\n");
    for (const NewKey& key : *keys) {
        print_line("name:  " + dkim::record_name(key.selector, wanted.domain));
        print_line("value: " + dkim::record_text(key.key));
    }
    print_line(
        "\nLine for " + std::string(config::kFile) +
        ", when the DNS has the record (\"mxpost dkim check\" then compares them):\n"
    );
    print_line(setting_with(loaded->values, wanted.domain, *keys));
    return std::cout.flush() ? ExitStatus::ok : ExitStatus::io_error;
}

// check

std::vector<doctor::KeyFinding> find_records(const config::Settings& settings) {
    PosixFileSystem files;
    SystemClock clock;
    SystemRandom random;
    boost::asio::io_context io;
    const auto resolver = make_resolver(settings, io.get_executor(), random, clock);
    doctor::KeyCheck check(files, clock, *resolver, deliver::key_entries(settings));
    std::vector<doctor::KeyFinding> findings;
    boost::asio::co_spawn(io, check.run(), [&](const std::exception_ptr& error, auto found) {
        findings = std::move(found);
        io.stop();  // whatever the resolver would go on with
        if (error) {
            std::rethrow_exception(error);
        }
    });
    io.run();
    return findings;
}

std::string finding_json(const doctor::KeyFinding& finding) {
    JsonObject object;
    object.text("domain", (finding.entry.is_below ? "*." : "") + finding.entry.domain)
        .text("selector", finding.entry.selector)
        .text("file", finding.entry.path)
        .text("state", word_of(finding.state))
        .text("reason", finding.reason)
        .text("name", finding.record_name)
        .text("value", finding.record_text);
    return object.end();
}

void print_finding(const doctor::KeyFinding& finding) {
    std::string line = (finding.entry.is_below ? "*." : "") + finding.entry.domain + " " +
                       finding.entry.selector + ": " + word_of(finding.state);
    line += finding.reason.empty() ? "" : ": " + printable(finding.reason);
    print_line(line);
    const bool is_wanted =
        finding.state == doctor::KeyState::missing || finding.state == doctor::KeyState::different;
    if (is_wanted) {
        print_line("    " + dkim::zone_line(finding.record_name, finding.record_text));
    }
}

ExitStatus status_of(doctor::KeyState state) {
    switch (state) {
        case doctor::KeyState::ok:
        case doctor::KeyState::testing:
            return ExitStatus::ok;
        case doctor::KeyState::unreadable:
            return ExitStatus::no_permission;
        case doctor::KeyState::unknown:
            return ExitStatus::temp_fail;
        case doctor::KeyState::missing:
        case doctor::KeyState::different:
        case doctor::KeyState::bad:
            break;
    }
    return ExitStatus::config;
}

/// The one that says most: what is wrong, before what can't be known.
ExitStatus worse_of(ExitStatus a, ExitStatus b) {
    constexpr std::array kWorstFirst = {
        ExitStatus::config, ExitStatus::no_permission, ExitStatus::temp_fail, ExitStatus::ok};
    return *std::ranges::find_if(kWorstFirst, [&](ExitStatus status) {
        return status == a || status == b;
    });
}

ExitStatus check(const Arguments& arguments) {
    po::options_description options;
    options.add_options()("json", "one JSON object a line");
    const auto values = parse_arguments(arguments, options);
    PosixFileSystem files;
    const auto loaded = load_settings(files, tool_environment(files));
    if (!loaded) {
        return ExitStatus::config;
    }
    if (const auto checked = check_resolver(loaded->values); !checked) {
        complain_line(checked.error().message());
        return ExitStatus::config;
    }
    const auto findings = find_records(loaded->values);
    if (findings.empty()) {
        complain_line(
            "no key is named: put the line that \"mxpost dkim new\" printed into /etc/mxpost.conf"
        );
        return ExitStatus::config;
    }
    ExitStatus status = ExitStatus::ok;
    for (const doctor::KeyFinding& finding : findings) {
        status = worse_of(status, status_of(finding.state));
        if (values.contains("json")) {
            print_line(finding_json(finding));
        } else {
            print_finding(finding);
        }
    }
    return std::cout.flush() ? status : ExitStatus::io_error;
}

}  // namespace

ExitStatus manage_keys(Arguments arguments) {
    const std::string command = arguments.empty() ? "" : arguments.front();
    if (command != "new" && command != "check") {
        return usage_error("dkim wants a command: new, check");
    }
    arguments.erase(arguments.begin());
    return command == "new" ? make_new(arguments) : check(arguments);
}

}  // namespace mxpost::apps
