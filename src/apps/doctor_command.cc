#include "apps/doctor_command.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <unistd.h>

#include "apps/progress_line.h"
#include "apps/resolvers.h"
#include "apps/test_message.h"
#include "base/state_directory.h"
#include "base/text.h"
#include "config/relay.h"
#include "config/values.h"
#include "deliver/credentials_file.h"
#include "deliver/relay_server.h"
#include "deliver/signing.h"
#include "deliver/tls_policies.h"
#include "diagnose/load.h"
#include "doctor/doctor.h"
#include "doctor/render.h"
#include "doctor/traced_resolver.h"
#include "mail/address.h"
#include "route/domain_name.h"
#include "route/sender_domain.h"
#include "route/source_check.h"
#include "submit/identity.h"
#include "submit/sender_rules.h"
#include "tls/https_client.h"

namespace mxpost::apps {

namespace asio = boost::asio;
namespace po = boost::program_options;

namespace {

constexpr std::chrono::seconds kResolverLimit{6};

struct Wanted {
    std::string from;
    std::vector<std::string> recipients;
    std::string html;
    std::chrono::seconds limit{20};
    bool is_json = false;
    bool is_verbose = false;
    bool sends = false;
    bool asks_recipients = false;
};

bool are_addresses(const std::vector<std::string>& texts) {
    return std::ranges::all_of(texts, [](const std::string& text) {
        const auto address = mail::parse_smtp_address(text);
        return address && address->is_qualified();
    });
}

Wanted parse_wanted(const Arguments& arguments) {
    Wanted wanted;
    std::string limit;
    po::options_description options;
    options.add_options()("from", po::value<std::string>(&wanted.from), "whose mail")(
        "html", po::value<std::string>(&wanted.html), "writes a page"
    )("time-limit", po::value<std::string>(&limit), "of all checks together"
    )("json", "one JSON object")("send", "a test message")("probe", "RCPT")(
        "verbose", "every dialogue"
    )("recipient", po::value<Arguments>(), "whom to");
    const auto values = parse_arguments(arguments, options, "recipient");
    wanted.recipients = texts_of(values, "recipient");
    wanted.is_json = values.contains("json");
    wanted.is_verbose = values.contains("verbose");
    wanted.sends = values.contains("send");
    wanted.asks_recipients = values.contains("probe");
    if ((wanted.sends || wanted.asks_recipients) &&
        (wanted.recipients.empty() || !are_addresses(wanted.recipients))) {
        throw po::error("--send and --probe want the addresses of recipients");
    }
    if (!limit.empty()) {
        const auto seconds = config::parse_duration(limit);
        if (!seconds || seconds->count() < 1 || *seconds > std::chrono::minutes(10)) {
            throw po::error("--time-limit wants a time of at most ten minutes, such as 20s");
        }
        wanted.limit = *seconds;
    }
    return wanted;
}

/// Of "user@example.com" or "example.com"; A-labels.
std::string recipient_domain(const std::string& text) {
    const std::size_t at = text.rfind('@');
    const std::string domain = at == std::string::npos ? text : text.substr(at + 1);
    const auto parsed = config::parse_domain(domain);
    const auto ascii = parsed ? route::to_a_labels(*parsed) : parsed;
    if (!ascii) {
        throw po::error("not an address or a domain: " + text);
    }
    return *ascii;
}

/// Shows dialogues on standard error.
class Transcript final : public protocol::Dialogue {
public:
    void client(std::string_view line) override { show("-> ", line); }
    void server(std::string_view line) override { show("<- ", line); }
    void note(std::string_view line) override { show("== ", line); }

private:
    static void show(const char* lead, std::string_view line) {
        std::cerr << lead << printable(line) << "\n";
    }
};

std::optional<asio::ip::address> configured_source(const std::string& address) {
    return address.empty() ? std::nullopt : std::optional(asio::ip::make_address(address));
}

std::vector<asio::ip::address> sources(const config::Settings& settings) {
    std::vector<asio::ip::address> addresses = route::default_sources();
    for (const std::string& address :
         {settings.source_address_ipv4, settings.source_address_ipv6}) {
        if (const auto configured = configured_source(address)) {
            std::erase_if(addresses, [&](const asio::ip::address& other) {
                return other.is_v4() == configured->is_v4();
            });
            addresses.push_back(*configured);
        }
    }
    return addresses;
}

smtp::SessionSettings session_settings(
    const config::Settings& settings, tls::ClientContext* context
) {
    smtp::SessionSettings session;
    session.tls = context == nullptr ? tls::TlsUse::none : deliver::tls_use(settings.tls);
    session.tls_context = context;
    session.source_v4 = configured_source(settings.source_address_ipv4);
    session.source_v6 = configured_source(settings.source_address_ipv6);
    session.timeouts.connect = std::chrono::seconds(5);
    session.timeouts.greeting = std::chrono::seconds(8);
    session.timeouts.hello = std::chrono::seconds(5);
    session.timeouts.start_tls = std::chrono::seconds(5);
    session.timeouts.quit = std::chrono::seconds(1);
    session.timeouts.total = std::chrono::seconds(12);
    return session;
}

/// Everything that the checks stand on.
class Practice {
public:
    Practice(const config::Settings& settings, diagnose::RuleBook rules, bool is_verbose)
        : settings_(settings),
          rules_(std::move(rules)),
          names_(submit::find_host_names(settings_, submit::HostFiles(), submit::system_host_name())
          ),
          real_resolver_(
              make_resolver(settings_, io_.get_executor(), random_, clock_, kResolverLimit)
          ),
          traced_resolver_(*real_resolver_, clock_, transcript_),
          resolver_(is_verbose ? static_cast<dns::Resolver&>(traced_resolver_) : *real_resolver_),
          reverse_names_(resolver_, clock_),
          helo_name_(
              settings_.helo_name.empty() ? settings_.host_name : settings_.helo_name,
              names_.host,
              reverse_names_
          ),
          state_(files_, log_),
          https_(io_.get_executor(), tls::TrustSettings()),
          sts_(io_.get_executor(), resolver_, https_, state_, clock_, log_) {
        if (auto context = tls::ClientContext::make(tls::TrustSettings())) {
            tls_context_ = std::move(*context);
        }
    }

    /// The report, as far as it got within the time.
    doctor::Report examine(const Wanted& wanted) {
        context_.emplace(make_context(wanted.is_verbose ? &transcript_ : nullptr));
        ProgressLine progress(STDERR_FILENO, !wanted.is_verbose);
        std::string step;
        doctor_.emplace(*context_, [&](const std::string& what) {
            step = what;
            progress.show([&] { return "mxpost: looking at " + what; });
        });
        bool is_done = false;
        asio::steady_timer limit(io_, wanted.limit);
        limit.async_wait([&](const boost::system::error_code& error) {
            if (!error) {
                io_.stop();
            }
        });
        asio::co_spawn(io_, look_into(wanted), [&](const std::exception_ptr& error) {
            is_done = true;
            io_.stop();  // whatever the resolver would go on with
            if (error) {
                std::rethrow_exception(error);
            }
        });
        io_.run();
        progress.clear();
        doctor::Report report = doctor_->report();
        if (!is_done) {
            report.parts.front().findings.emplace_back(
                "time",
                "",
                doctor::Level::warning,
                "the checks took longer than " + std::to_string(wanted.limit.count()) +
                    " s and are not complete: " + step + " had not answered"
            );
        }
        return report;
    }

private:
    doctor::Context make_context(protocol::Dialogue* dialogue) {
        doctor::Context context{
            io_.get_executor(),
            clock_,
            files_,
            settings_,
            resolver_,
            helo_name_,
            reverse_names_,
            rules_,
            session_settings(settings_, tls_context_.get()),
            names_.host.find('.') == std::string::npos ? std::string() : names_.host,
            submit::system_host_name(),
            [this](const asio::ip::address& destination) {
                return route::source_to(
                    destination,
                    configured_source(
                        destination.is_v4() ? settings_.source_address_ipv4
                                            : settings_.source_address_ipv6
                    )
                );
            },
            sources(settings_),
            deliver::key_entries(settings_),
            nullptr,
            why_dane_is_off(settings_),
            dialogue,
            25,
            std::nullopt};
        if (settings_.mta_sts && settings_.tls != config::TlsLevel::none) {
            context.sts = &sts_;
        }
        context.relay = relay(context.session);
        return context;
    }

    std::optional<doctor::Relay> relay(const smtp::SessionSettings& usual) {
        const auto server = config::HostPort::parse(settings_.relay);
        if (!server) {
            return std::nullopt;  // none is set
        }
        doctor::Relay relay;
        relay.text = settings_.relay;
        relay.host = server->host;
        relay.port = config::relay_port(*server);
        relay.has_mx_lookup = config::has_mx_lookup(settings_, *server);
        relay.session = usual;
        deliver::adapt_to_relay(settings_, *server, relay.session);
        relay.credentials = settings_.relay_credentials;
        const auto trusted = deliver::trusted_user(settings_);
        if (const auto problem =
                deliver::add_relay_credentials(settings_, trusted, random_, relay.session)) {
            relay.credentials_problem = problem->text;
            relay.is_for_root_to_read = problem->is_forbidden && ::geteuid() != 0;
        }
        return relay;
    }

    asio::awaitable<void> look_into(const Wanted& wanted) {
        std::string from = wanted.from;
        if (from.empty()) {
            from = co_await own_address();
        }
        doctor::Questions asked = questions(wanted, from);
        co_await doctor_->run(std::move(asked));
    }

    /// The address that the caller's mail leaves with, as submission and engine make it; "user@"
    /// where there is none.
    asio::awaitable<std::string> own_address() {
        const std::string login = submit::find_identity(::geteuid(), submit::HostFiles()).login;
        const std::string& helo = settings_.helo_name;
        route::SenderDomain finder(
            names_.domain,
            route::is_valid_helo_name(helo) ? helo : std::string(),
            [this] { return sources(settings_); },
            resolver_,
            clock_
        );
        const std::string domain = co_await finder.find();
        const mail::Address address(login, domain);
        const auto senders = submit::load_sender_rules(files_, settings_, names_);
        co_return senders.rewriter.rewrite(address).text();
    }

    doctor::Questions questions(const Wanted& wanted, const std::string& from) const {
        doctor::Questions questions;
        const auto address = mail::parse_smtp_address(from);
        const auto domain = address && address->is_qualified()
                                ? route::to_a_labels(address->domain())
                                : Result<std::string>(Error::invalid("no domain"));
        if (!domain) {
            throw po::error(
                wanted.from.empty() ? "this host has no name to send as; say --from ADDRESS"
                                    : "--from wants an address such as user@example.com"
            );
        }
        questions.local_part = address->local_part();
        questions.domain = *domain;
        for (const std::string& recipient : wanted.recipients) {
            const std::string name = recipient_domain(recipient);
            if (std::ranges::find(questions.recipients, name) == questions.recipients.end()) {
                questions.recipients.push_back(name);
            }
            if (wanted.asks_recipients) {
                const auto asked = mail::parse_smtp_address(recipient);
                questions.addresses.emplace_back(asked->local_part(), name);
            }
        }
        questions.known_hosts = settings_.doctor_mail_servers;
        return questions;
    }

    config::Settings settings_;
    diagnose::RuleBook rules_;
    submit::HostNames names_;
    NullLog log_;
    PosixFileSystem files_;
    SystemClock clock_;
    SystemRandom random_;
    // Before the loop, which destroys the checks that the time limit cut off.
    Transcript transcript_;
    std::optional<doctor::Context> context_;
    std::optional<doctor::Doctor> doctor_;
    asio::io_context io_{1};
    std::unique_ptr<dns::Resolver> real_resolver_;
    doctor::TracedResolver traced_resolver_;
    dns::Resolver& resolver_;
    route::ReverseNames reverse_names_;
    route::HeloName helo_name_;
    StateDirectory state_;
    tls::HttpsClient https_;
    tls::StsCache sts_;
    std::unique_ptr<tls::ClientContext> tls_context_;
};

/// "bob@example.com... Sent (250 …)": see submit::outcome_line().
bool is_taken(const std::string& outcome) {
    return outcome.find("... Sent ") != std::string::npos;
}

/// Sends a test message to each recipient, and adds what became of it.
void send_tests(const Wanted& wanted, doctor::Report& report) {
    for (const std::string& recipient : wanted.recipients) {
        const std::string domain = recipient_domain(recipient);
        const auto part = std::ranges::find_if(report.parts, [&](const auto& one) {
            return one.section == doctor::Section::recipient && one.subject == domain;
        });
        // Without a name server there is no part for recipients.
        doctor::Findings& findings =
            part == report.parts.end() ? report.parts.front().findings : part->findings;
        const auto sent =
            send_test_message(report.sender, recipient, report.host, SystemClock().now());
        // A message that waits isn't refused, and may never arrive all the same.
        const doctor::Level level = !sent || sent->status != 0 ? doctor::Level::problem
                                    : is_taken(sent->outcome)  ? doctor::Level::ok
                                                               : doctor::Level::warning;
        findings.emplace_back(
            "send",
            recipient,
            level,
            "test message: " + (!sent ? sent.error().message()
                                : sent->outcome.empty()
                                    ? "exit status " + std::to_string(sent->status)
                                    : sent->outcome)
        );
    }
}

bool write_page(const std::string& path, const doctor::Report& report) {
    std::ofstream file(path, std::ios::trunc);
    file << doctor::render_html(report);
    file.close();
    if (!file) {
        complain_line("can't write " + path);
    }
    return static_cast<bool>(file);
}

void print_report(const doctor::Report& report) {
    const bool has_colours = ::isatty(STDOUT_FILENO) == 1 && ::getenv("NO_COLOR") == nullptr;
    bool is_first = true;
    for (const doctor::Report::Part& part : report.parts) {
        if (!is_first) {
            print_line("");
        }
        is_first = false;
        for (const std::string& line : doctor::render_text(part, has_colours)) {
            print_line(line);
        }
    }
}

}  // namespace

ExitStatus examine(const Arguments& arguments) {
    const Wanted wanted = parse_wanted(arguments);
    PosixFileSystem files;
    const auto loaded = load_settings(files, tool_environment(files));
    if (!loaded) {
        return ExitStatus::config;
    }
    if (const auto checked = check_resolver(loaded->values); !checked) {
        complain_line(checked.error().message());
        return ExitStatus::config;
    }
    auto rules = diagnose::load_rules(files, loaded->values.reply_rules);
    if (!rules) {
        complain_line(rules.error().message());
        return ExitStatus::config;
    }
    Practice practice(loaded->values, std::move(*rules), wanted.is_verbose);
    doctor::Report report = practice.examine(wanted);
    if (wanted.sends) {
        send_tests(wanted, report);
    }
    if (wanted.is_json) {
        print_line(doctor::render_json(report));
    } else {
        print_report(report);
    }
    if (!wanted.html.empty() && !write_page(wanted.html, report)) {
        return ExitStatus::io_error;
    }
    if (!std::cout.flush()) {
        return ExitStatus::io_error;
    }
    return static_cast<ExitStatus>(report.worst());  // 0, 1 or 2
}

}  // namespace mxpost::apps
