#include "apps/engine_main.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <malloc.h>
#include <memory>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include "apps/command.h"
#include "apps/listening.h"
#include "apps/local_main.h"
#include "apps/resolvers.h"
#include "apps/run_progress.h"
#include "apps/tls_services.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/state_directory.h"
#include "base/text.h"
#include "config/load.h"
#include "config/relay.h"
#include "deliver/address_check.h"
#include "deliver/engine.h"
#include "deliver/helper_agent.h"
#include "deliver/loose_delivery.h"
#include "deliver/port_watch.h"
#include "deliver/privilege.h"
#include "deliver/relay.h"
#include "deliver/routes.h"
#include "deliver/signing.h"
#include "deliver/site_memory.h"
#include "deliver/sites.h"
#include "deliver/tls_memory.h"
#include "deliver/tls_policies.h"
#include "diagnose/load.h"
#include "local/account.h"
#include "local/alias_files.h"
#include "route/host_name.h"
#include "route/own_addresses.h"
#include "route/reverse_name.h"
#include "route/source_check.h"
#include "submit/identity.h"
#include "submit/process.h"
#include "submit/sender_rules.h"
#include "submit/surroundings.h"
#include "submit/system_engine.h"

namespace mxpost::apps {

namespace asio = boost::asio;

namespace {

route::AddressFamily family(config::AddressFamily setting) {
    switch (setting) {
        case config::AddressFamily::ipv4:
            return route::AddressFamily::ipv4;
        case config::AddressFamily::ipv6:
            return route::AddressFamily::ipv6;
        case config::AddressFamily::prefer_ipv4:
            return route::AddressFamily::prefer_ipv4;
        case config::AddressFamily::prefer_ipv6:
            return route::AddressFamily::prefer_ipv6;
        case config::AddressFamily::automatic:
            break;
    }
    return route::AddressFamily::automatic;
}

/// A source address; settings are checked when they are read. Empty: the kernel's choice.
std::optional<asio::ip::address> source(const std::string& address) {
    return address.empty() ? std::nullopt : std::optional(asio::ip::make_address(address));
}

std::string configured_helo_name(const config::Settings& settings) {
    return settings.helo_name.empty() ? settings.host_name : settings.helo_name;
}

schedule::RetryPolicy retry_policy(const config::Settings& settings) {
    schedule::RetryPolicy policy;
    policy.first_delay = settings.retry_min;
    policy.max_delay = settings.retry_max;
    policy.lifetime = settings.queue_lifetime;
    policy.warning = settings.warning_time;
    return policy;
}

/// Where this engine's own uid would queue: reports about other uids' mail go there.
std::vector<std::string> spools(const config::Settings& settings) {
    const submit::Identity identity = submit::find_identity(::geteuid(), submit::HostFiles());
    return spool::spool_candidates(
        settings.spool, config::Settings().spool, identity.uid, identity.home
    );
}

/// For messages: what the descriptor of a box was opened as.
std::string path_of(const Fd& fd) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd.get());
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    return size > 0 ? std::string(path.data(), static_cast<std::size_t>(size)) : "box";
}

std::unique_ptr<deliver::LocalAgent> make_local_agent(
    const asio::any_io_executor& executor, deliver::HelperConnector helper
) {
    if (helper) {
        return std::make_unique<deliver::HelperAgent>(executor, std::move(helper));
    }
    return std::make_unique<deliver::NoLocalAgent>();
}

/// How this engine reaches a local helper, called before it gives up root; none: it can't, because
/// it runs as the submitter.
deliver::HelperConnector find_helper(const config::Settings& settings, std::string& problem) {
    auto connect = deliver::connect_to_helper(kHelperSocket);
    if (::geteuid() == 0) {
        if (connect()) {
            return connect;
        }
        auto channel = fork_local_helper(settings);
        if (channel) {
            return deliver::connect_through(std::move(*channel));
        }
        problem = "no local helper can be started: " + channel.error().message();
        return connect;
    }
    const auto user = local::find_account(settings.user);
    return user && *user && (*user)->uid == ::geteuid() ? connect : nullptr;
}

/// Whoever waits for the engine to serve may have gone.
void tell(const Fd& ready, std::string_view words) {
    if (ready) {
        (void)!::write(ready.get(), words.data(), words.size());
    }
}

/// Says why the engine can't start to everyone who may want to know.
ExitStatus give_up(const EngineStart& start, Log& log, ExitStatus status, const std::string& why) {
    log.error("engine can't start: " + why);
    std::cerr << "mxpost: " << why << "\n";
    tell(start.ready, why + "\n");
    return status;
}

/// What the settings name of diagnose's data. Loading looks at the other files that they name, too.
struct DataFiles {
    diagnose::RuleBook rules;
    diagnose::Providers providers;
};

Result<DataFiles> load_data(FileSystem& files, const config::Settings& settings) {
    auto rules = diagnose::load_rules(files, settings.reply_rules);
    if (!rules) {
        return rules.error();
    }
    auto providers = diagnose::load_providers(files, settings.provider_limits);
    if (!providers) {
        return providers.error();
    }
    if (auto resolver = check_resolver(settings); !resolver) {
        return resolver.error();
    }
    return DataFiles{std::move(*rules), std::move(*providers)};
}

/// Everything that an engine stands on, made in order and destroyed in reverse.
class Process {
public:
    Process(config::Settings settings, DataFiles data, Log& log, deliver::HelperConnector helper)
        : settings_(std::move(settings)),
          data_(std::move(data)),
          names_(submit::find_host_names(settings_, submit::HostFiles(), submit::system_host_name())
          ),
          log_(log),
          addresses_(clock_),
          resolver_(make_resolver(settings_, io_.get_executor(), random_, clock_)),
          reverse_names_(*resolver_, clock_),
          helo_name_(configured_helo_name(settings_), names_.host, reverse_names_),
          source_check_(
              [this](const auto& destination) { return source_of(destination); }, reverse_names_
          ),
          router_(
              *resolver_,
              random_,
              router_settings(),
              [this](const auto& address) { return addresses_.contains(address); }
          ),
          sender_domain_(
              names_.domain, helo_name(), [this] { return sources(); }, *resolver_, clock_
          ),
          session_(session_settings()),
          routes_(io_.get_executor(), router_, session_, settings_, clock_, resolver_.get()),
          sites_(io_.get_executor(), site_limits(), clock_, random_, data_.providers),
          local_agent_(make_local_agent(io_.get_executor(), std::move(helper))),
          aliases_(files_, clock_, log_, settings_.alias_files),
          services_{
              io_.get_executor(),
              clock_,
              random_,
              log_,
              settings_,
              names_.host,
              local_domains(settings_, names_.host),
              local_mail_to(),
              retry_policy(settings_),
              data_.rules,
              data_.providers,
              notices_,
              *resolver_,
              router_,
              routes_,
              sites_,
              port_watch_,
              session_,
              *local_agent_,
              aliases_,
              files_} {
        services_.sender_domain = &sender_domain_;
        services_.helo_name = &helo_name_;
    }

    ExitStatus serve(EngineStart start, Listening listening) {
        set_up_ways(!start.box);
        set_up_state(start);
        const bool is_system = !start.box && !start.is_once;
        if (is_system) {
            tell_if_another_serves();
        }
        deliver::EngineOptions options;
        options.spools = spools(settings_);
        options.own_spool = settings_.spool;
        options.threads = 2;
        options.role = start.box       ? deliver::EngineRole::on_demand
                       : start.is_once ? deliver::EngineRole::once
                                       : deliver::EngineRole::system;
        deliver::Engine engine(io_, files_, services_, std::move(options));
        if (start.box) {
            const std::string path = path_of(start.box);
            auto box = spool::adopt_box(files_, std::move(start.box), path);
            if (!box) {
                log_.error("the box that was handed over can't be used: " + box.error().message());
                return ExitStatus::temp_fail;
            }
            engine.adopt(std::move(*box));
        }
        std::optional<submit::Surroundings> around;
        std::optional<ListeningCompanion> companion;
        if (!listening.doors.empty()) {
            around.emplace(surroundings());
            companion.emplace(io_.get_executor(), std::move(listening), *around, engine);
        }
        tell(start.ready, submit::kEngineReady);
        start.ready.reset();
        if (is_system) {
            asio::co_spawn(io_, tell_if_dane_is_off(settings_, *resolver_, log_), asio::detached);
        }
        std::optional<RunProgress> progress;
        if (start.is_once) {
            progress.emplace(engine, clock_);
        } else {
            engine.observe([this] { tls_services_->tick(); });
        }
        if (is_system) {
            tls_services_->start_reports(services_, engine);
        }
        engine.run();
        if (progress) {
            progress->finish();
        }
        if (engine.is_cut_off()) {
            // As after a kill: the coroutines that are left would be destroyed after what they
            // hold.
            std::_Exit(static_cast<int>(ExitStatus::ok));
        }
        return ExitStatus::ok;
    }

    ExitStatus check(const std::vector<std::string>& texts, bool is_test) {
        set_up_ways(false);
        const std::string domain = names_.domain.empty() ? names_.host : names_.domain;
        int output_error = 0;  // errno, of a line that couldn't be written
        deliver::AddressCheck addresses(services_, domain, [&](const std::string& line) {
            errno = 0;
            std::cout << line << std::endl;  // each at once: who reads may wait for it
            if (!std::cout && output_error == 0) {
                output_error = errno != 0 ? errno : ENOSPC;
            }
        });
        bool goes_on = true;
        const auto take = [&](const std::string& text) {
            auto work = check_one(addresses, text, is_test, goes_on);
            asio::co_spawn(io_, std::move(work), [](const std::exception_ptr& error) {
                if (error) {
                    std::rethrow_exception(error);
                }
            });
            io_.restart();
            io_.run();
        };
        for (std::size_t i = 0; i < texts.size() && goes_on && output_error == 0; ++i) {
            take(texts[i]);
        }
        std::string line;
        while (texts.empty() && goes_on && output_error == 0 && std::getline(std::cin, line)) {
            take(line);
        }
        // Who closes a pipe, as head(1) does, has read enough.
        const bool is_lost = output_error != 0 && output_error != EPIPE;
        return is_lost ? ExitStatus::io_error : addresses.status();
    }

    ExitStatus serve_loose(EngineStart start) {
        const spool::MessageId id = spool::is_message_id(start.message_id)
                                        ? start.message_id
                                        : spool::make_message_id(clock_.now(), random_);
        spool::LooseStore store(files_, std::move(start.message), std::move(start.report), id);
        set_up_ways(false);
        set_up_state(start);
        deliver::LooseDelivery delivery(services_, store);
        asio::signal_set signals(io_, SIGTERM, SIGINT, SIGHUP);
        signals.async_wait([&](const boost::system::error_code& error, int) {
            if (!error) {
                delivery.stop();
                signals.async_wait([](const boost::system::error_code& again, int) {
                    if (!again) {
                        std::_Exit(static_cast<int>(ExitStatus::temp_fail));
                    }
                });
            }
        });
        bool is_done = false;
        asio::co_spawn(io_, delivery.run(), [&](const std::exception_ptr& error, bool result) {
            is_done = result;
            sites_.stop();
            signals.cancel();
            if (error) {
                std::rethrow_exception(error);
            }
        });
        io_.run();
        return is_done ? ExitStatus::ok : ExitStatus::temp_fail;
    }

private:
    static asio::awaitable<void> check_one(
        deliver::AddressCheck& addresses, std::string text, bool is_test, bool& goes_on
    ) {
        if (is_test) {
            goes_on = co_await addresses.test(std::move(text));
        } else {
            co_await addresses.verify(std::move(text));
        }
    }

    /// Two system engines may be meant (the other is about to end), but this one delivers nothing
    /// till then. Asked before it has boxes of its own.
    void tell_if_another_serves() {
        bool is_served = false;
        const auto look = [&](const spool::Box& box) {
            is_served = is_served || spool::is_wanted_by_system(files_, box.directory());
        };
        (void)spool::visit_boxes(files_, settings_.spool, spool::kAnyOwner, look).has_value();
        if (is_served) {
            log_.warning(
                "another engine serves the boxes in " + settings_.spool +
                "; this one waits until it ends"
            );
        }
    }

    submit::Surroundings surroundings() {
        submit::SenderRules senders = submit::load_sender_rules(files_, settings_, names_);
        for (const std::string& problem : senders.problems) {
            log_.warning(problem);
        }
        return {
            files_,
            clock_,
            random_,
            log_,
            settings_,
            submit::find_identity(::geteuid(), submit::HostFiles()),
            names_,
            submit::kSystemSpool,
            "",
            std::move(senders.rewriter)};
    }

    route::RouterSettings router_settings() {
        route::RouterSettings result;
        result.family = family(settings_.address_family);
        result.source_check = &source_check_;
        for (const std::string& name : {settings_.host_name, settings_.helo_name, names_.host}) {
            if (name.find('.') != std::string::npos) {
                result.own_names.insert(ascii_lower(name));
            }
        }
        return result;
    }

    smtp::SessionSettings session_settings() {
        smtp::SessionSettings session;
        session.tls = deliver::tls_use(settings_.tls);
        if (session.tls != tls::TlsUse::none || !settings_.relay.empty() ||
            !settings_.tls_policy.empty()) {
            auto context = tls::ClientContext::make(tls::TrustSettings());
            if (context) {
                tls_context_ = std::move(*context);
            } else {
                log_.error("TLS can't be set up: " + context.error().message());
            }
        }
        session.tls_context = tls_context_.get();
        session.chunking = settings_.chunking == config::Chunking::automatic;
        session.source_v4 = source(settings_.source_address_ipv4);
        session.source_v6 = source(settings_.source_address_ipv6);
        return session;
    }

    /// What was learned earlier: by engines of this spool's user, or of the box's owner.
    void set_up_state(const EngineStart& start) {
        const auto user = local::find_account(settings_.user);
        if (start.box) {
            state_.emplace(StateDirectory::in_box(files_, log_, start.box.get(), path_of(start.box))
            );
        } else if (user && *user && (*user)->uid == ::geteuid()) {
            state_.emplace(StateDirectory::at(files_, log_, kSystemStatePath));
        } else {
            state_.emplace(files_, log_);
        }
        tls_memory_.emplace(*state_, clock_);
        site_memory_.emplace(*state_, clock_);
        sites_.remember_in(*site_memory_);
        services_.tls_memory = &*tls_memory_;
        tls_services_.emplace(io_.get_executor(), settings_, *resolver_, *state_, clock_, log_);
        tls_services_->join(routes_);
    }

    /// What needs secrets, which the system engine is meant to read.
    void set_up_ways(bool is_system_engine) {
        if (const auto problem = config::relay_problem(settings_); problem && is_system_engine) {
            log_.warning(*problem);
        }
        const auto trusted = deliver::trusted_user(settings_);
        relay_ = deliver::Relay::make(settings_, trusted, is_system_engine, port_watch_);
        services_.relay = relay_.get();
        signing_ = deliver::Signing::make(files_, clock_, log_, settings_, is_system_engine);
        services_.signing = signing_.get();
    }

    deliver::SiteLimits site_limits() const {
        deliver::SiteLimits limits;
        limits.max_sessions = settings_.max_sessions;
        limits.site.max_sessions = settings_.max_sessions_per_site;
        // Who wants messages tried again sooner wants sites tried sooner.
        limits.site.first_rest = std::min(limits.site.first_rest, settings_.retry_min);
        limits.site.longest_rest = std::min(limits.site.longest_rest, settings_.retry_max);
        return limits;
    }

    /// The configured one, where servers accept it.
    std::string helo_name() const {
        const std::string& helo = settings_.helo_name;
        return route::is_valid_helo_name(helo) ? helo : std::string();
    }

    /// Where a connection to `destination` comes from.
    std::optional<asio::ip::address> source_of(const asio::ip::address& destination) const {
        const std::string& configured =
            destination.is_v4() ? settings_.source_address_ipv4 : settings_.source_address_ipv6;
        return route::source_to(destination, source(configured));
    }

    /// The addresses that mail leaves from.
    std::vector<asio::ip::address> sources() const {
        std::vector<asio::ip::address> addresses;
        for (const std::string& address :
             {settings_.source_address_ipv4, settings_.source_address_ipv6}) {
            if (const auto configured = source(address)) {
                addresses.push_back(*configured);
            }
        }
        return addresses.empty() ? route::default_sources() : addresses;
    }

    std::optional<mail::Address> local_mail_to() const {
        const auto address = mail::parse_smtp_address(settings_.local_mail_to);
        return address && address->is_qualified() ? std::optional(*address) : std::nullopt;
    }

    config::Settings settings_;
    DataFiles data_;
    diagnose::NoticeBoard notices_;
    submit::HostNames names_;
    Log& log_;
    PosixFileSystem files_;
    SystemClock clock_;
    SystemRandom random_;
    asio::io_context io_{1};
    route::InterfaceAddresses addresses_;
    std::unique_ptr<dns::Resolver> resolver_;
    route::ReverseNames reverse_names_;
    route::HeloName helo_name_;
    route::SourceCheck source_check_;
    route::Router router_;
    route::SenderDomain sender_domain_;
    std::unique_ptr<tls::ClientContext> tls_context_;
    smtp::SessionSettings session_;
    deliver::Routes routes_;
    std::optional<StateDirectory> state_;
    std::optional<deliver::SiteMemory> site_memory_;
    deliver::Sites sites_;
    deliver::PortWatch port_watch_;
    std::unique_ptr<deliver::LocalAgent> local_agent_;
    local::AliasFiles aliases_;
    std::unique_ptr<deliver::Relay> relay_;
    std::optional<deliver::TlsMemory> tls_memory_;
    std::unique_ptr<deliver::Signing> signing_;
    deliver::Services services_;
    std::optional<TlsServices> tls_services_;
};

}  // namespace

ExitStatus run_engine(EngineStart start) {
    submit::occupy_standard_descriptors();
    submit::ignore_write_signals();
#ifdef M_ARENA_MAX  // glibc: the few threads hardly allocate, so no heap of their own for each
    ::mallopt(M_ARENA_MAX, 1);
#endif
    ::umask(0007);
    (void)!::chdir("/");
    PosixFileSystem files;
    // `mxpost run` is the one program whose environment root's engine honours (design 8); an engine
    // that a submission started has been given a clean one.
    const auto environment = config::own_environment(::environ);
    const auto loaded = config::load(files, config::kFile, environment);
    if (!loaded) {
        const auto log = open_log("", "mxpost");
        return give_up(start, *log, ExitStatus::config, loaded.error().message());
    }
    auto data = load_data(files, loaded->values);
    if (!data) {
        const auto log = open_log(loaded->values.log, "mxpost");
        return give_up(start, *log, ExitStatus::config, data.error().message());
    }
    std::string helper_problem;
    auto helper = find_helper(loaded->values, helper_problem);
    // From here on this process waits for no child, but as PID 1 of a container it gets every
    // orphan.
    submit::ignore_children();
    // Ports below 1024, and the certificate's key, are for root.
    const bool is_system = !start.box && !start.message && !start.is_once;
    auto listening = is_system ? prepare_listening(loaded->values, start.listens)
                               : Result<Listening>(Listening());
    const auto dropped = deliver::drop_root(loaded->values.user);
    // As the user that it is to be written as.
    const auto log = open_log(loaded->values.log, "mxpost");
    if (!dropped) {
        return give_up(start, *log, ExitStatus::config, dropped.error().message());
    }
    if (!listening) {
        const Error error = listening.error();
        return give_up(start, *log, exit_status_of(error), error.message());
    }
    for (const std::string& line : listening->warnings) {
        log->warning(line);
    }
    for (const std::string& name : loaded->ignored) {
        log->warning("environment " + name + " names no setting and is ignored");
    }
    if (!helper_problem.empty()) {
        log->warning(helper_problem);
    }
    deliver::raise_descriptor_limit();
    Process process(loaded->values, std::move(*data), *log, std::move(helper));
    if (start.message) {
        return process.serve_loose(std::move(start));
    }
    return process.serve(std::move(start), std::move(*listening));
}

ExitStatus check_addresses(const std::vector<std::string>& texts, bool is_test) {
    submit::occupy_standard_descriptors();
    submit::ignore_write_signals();
    PosixFileSystem files;
    const auto loaded = load_settings(files, tool_environment(files));
    if (!loaded) {
        return ExitStatus::config;
    }
    auto data = load_data(files, loaded->values);
    if (!data) {
        std::cerr << "mxpost: " << data.error().message() << "\n";
        return ExitStatus::config;
    }
    NullLog log;
    Process process(loaded->values, std::move(*data), log, nullptr);
    return process.check(texts, is_test);
}

}  // namespace mxpost::apps
