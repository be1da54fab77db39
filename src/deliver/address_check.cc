#include "deliver/address_check.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "deliver/local_delivery.h"
#include "deliver/relay.h"
#include "local/account.h"

namespace mxpost::deliver {

namespace asio = boost::asio;

namespace {

using Kind = local::Leaf::Kind;

constexpr const char* kTestHelp =
    "ADDRESS                where mail for it goes\n"
    "3,0 ADDRESS            the same; the numbers say nothing here\n"
    "/parse ADDRESS         the same\n"
    "/try MAILER ADDRESS    the same\n"
    "/mx DOMAIN             its mail servers, in the order in which they are tried\n"
    "/quit                  the end";

std::string host_list(const route::Route& route) {
    std::string text;
    for (const route::MxHost& host : route.hosts) {
        text += (text.empty() ? "" : " ") + host.name;
    }
    return text;
}

std::string leaf_text(const local::Leaf& leaf) {
    switch (leaf.kind) {
        case Kind::mailbox:
            return "\\" + leaf.address.text();
        case Kind::programs:
            return "the commands and files of " + leaf.address.text();
        case Kind::discard:
            return "/dev/null";
        default:
            return leaf.address.text();
    }
}

/// "  3,0 x@y" is "x@y".
std::string_view without_rules(std::string_view line) {
    const std::size_t end = line.find_first_not_of("0123456789,");
    const bool has_rules = end != 0 && end != std::string_view::npos && line[end] == ' ';
    return has_rules ? trim(line.substr(end)) : line;
}

std::pair<std::string_view, std::string_view> first_word(std::string_view text) {
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    return {text.substr(0, end), trim(text.substr(end))};
}

/// Permanent troubles before passing ones, and among those the recipient's own first.
int rank(ExitStatus status) {
    constexpr std::array kRanks = {
        ExitStatus::ok,
        ExitStatus::temp_fail,
        ExitStatus::usage,
        ExitStatus::data_error,
        ExitStatus::unavailable,
        ExitStatus::no_host,
        ExitStatus::no_user};
    return static_cast<int>(std::ranges::find(kRanks, status) - kRanks.begin());
}

}  // namespace

void AddressCheck::note(ExitStatus status) {
    if (rank(status) > rank(status_)) {
        status_ = status;
    }
}

void AddressCheck::undeliverable(const std::string& shown, const mail::RecipientOutcome& outcome) {
    const bool is_permanent = outcome.kind == mail::OutcomeKind::failed;
    print_(
        shown + "... " + (is_permanent ? "undeliverable: " : "deferred: ") + outcome.status.text() +
        " " + printable(mail::reply_text(outcome))
    );
    const bool is_user = outcome.status.subject == 1 && outcome.status.detail == 1;
    note(
        !is_permanent ? ExitStatus::temp_fail
        : is_user     ? ExitStatus::no_user
                      : ExitStatus::no_host
    );
}

asio::awaitable<void> AddressCheck::verify(std::string text) {
    mail::AddressList list = mail::parse_address_list(text);
    for (const mail::BadAddress& bad : list.bad) {
        print_(printable(bad.text, 200) + "... bad address: " + bad.reason);
        note(ExitStatus::data_error);
    }
    for (mail::Address& address : list.addresses) {
        co_await verify_one(std::move(address));
    }
}

asio::awaitable<void> AddressCheck::verify_one(mail::Address given) {
    const mail::Address address =
        given.is_qualified() ? given : mail::Address(given.local_part(), domain_);
    const std::string shown = address.text();
    local::Leaf end{Kind::elsewhere, address, {}};
    if (!is_local(services_, address)) {
        co_await verify_end(shown, std::move(end));
        co_return;
    }
    if (services_.local_mail_to) {
        end.address = *services_.local_mail_to;
        print_(shown + "... goes to " + end.address.text() + " (local-mail-to)");
        std::string name = end.address.text();
        co_await verify_end(std::move(name), std::move(end));
        co_return;
    }
    local::AliasExpander expander(
        services_.aliases,
        [this](const mail::Address& each) { return is_local(services_, each); },
        services_.settings.max_recipients
    );
    const local::Expansion expansion = expander.expand(address);
    for (const std::string& warning : expansion.warnings) {
        print_(shown + "... " + printable(warning));
    }
    if (expansion.problem) {
        undeliverable(shown, *expansion.problem);
        co_return;
    }
    if (expansion.is_alias) {
        std::string line = shown + "... aliased to ";
        for (const local::Leaf& leaf : expansion.leaves) {
            line += (&leaf == &expansion.leaves.front() ? "" : ", ") + leaf_text(leaf);
        }
        print_(line);
    }
    for (const local::Leaf& leaf : expansion.leaves) {
        local::Leaf each = leaf;
        std::string name = leaf_text(each);
        co_await verify_end(std::move(name), std::move(each));
    }
}

asio::awaitable<void> AddressCheck::verify_end(std::string shown, local::Leaf leaf) {
    switch (leaf.kind) {
        case Kind::elsewhere:
            co_await verify_elsewhere(std::move(shown), std::move(leaf.address));
            break;
        case Kind::user:
        case Kind::mailbox:
            verify_user(shown, leaf.address);
            break;
        case Kind::programs:
            print_(shown + "... deliverable: mailer prog, alias " + leaf.address.local_part());
            break;
        case Kind::discard:
            print_(shown + "... deliverable: mailer *file*, user /dev/null");
            break;
    }
}

asio::awaitable<void> AddressCheck::verify_elsewhere(std::string shown, mail::Address address) {
    if (services_.relay != nullptr) {
        const std::string asked = ascii_lower(address.domain());
        if (services_.relay->choose(asked, services_.clock.steady_now()) == Way::relay) {
            print_(
                shown + "... deliverable: mailer relay, host " + services_.relay->text() +
                ", user " + address.text()
            );
            co_return;
        }
    }
    std::string domain = address.domain();
    const route::RouteResult found = co_await services_.router.route(std::move(domain));
    if (const auto* const outcome = std::get_if<mail::RecipientOutcome>(&found)) {
        undeliverable(shown, *outcome);
        co_return;
    }
    print_(
        shown + "... deliverable: mailer esmtp, host " + host_list(std::get<route::Route>(found)) +
        ", user " + address.text()
    );
}

/// What the engine's helper would find. May wait for a directory service; nothing else waits.
void AddressCheck::verify_user(const std::string& shown, const mail::Address& address) {
    const std::string name = user_name(address);
    const auto account = local::find_account(name);
    if (!account) {
        undeliverable(shown, {mail::OutcomeKind::deferred, {4, 3, 0}, account.error().message()});
    } else if (!*account) {
        undeliverable(shown, {mail::OutcomeKind::failed, {5, 1, 1}, "User unknown"});
    } else if ((*account)->uid < services_.settings.min_local_uid) {
        undeliverable(
            shown,
            {mail::OutcomeKind::deferred,
             {4, 3, 5},
             name + " has no mailbox (min-local-uid): an alias is needed"}
        );
    } else {
        print_(shown + "... deliverable: mailer local, user " + name);
    }
}

asio::awaitable<bool> AddressCheck::test(std::string line) {
    const std::string_view text = trim(line);
    const auto [command, rest] = first_word(text);
    if (text.empty() || text.starts_with('#')) {
        co_return true;
    }
    if (command == "/quit") {
        co_return false;
    }
    std::string argument(rest);
    if (command == "?" || command == "/help") {
        print_(kTestHelp);
    } else if (command == "/mx" && !rest.empty()) {
        co_await print_mx(std::move(argument));
    } else if (command == "/parse" && !rest.empty()) {
        co_await verify(std::move(argument));
    } else if (command == "/try" && !first_word(rest).second.empty()) {
        argument = first_word(rest).second;
        co_await verify(std::move(argument));
    } else if (command.starts_with('/') || command.starts_with('.') || command.starts_with('=') || command.starts_with('-')) {
        print_("no such test, or nothing behind it: " + printable(text, 80) + " (? for help)");
        note(ExitStatus::usage);
    } else {
        argument = without_rules(text);
        co_await verify(std::move(argument));
    }
    co_return true;
}

asio::awaitable<void> AddressCheck::print_mx(std::string domain) {
    std::string asked = domain;
    const route::RouteResult found = co_await services_.router.route(std::move(asked));
    if (const auto* const outcome = std::get_if<mail::RecipientOutcome>(&found)) {
        undeliverable(printable(domain, 255), *outcome);
        co_return;
    }
    const auto& hosts = std::get<route::Route>(found).hosts;
    print_(
        "getmxrr(" + printable(domain, 255) + ") returns " + std::to_string(hosts.size()) +
        " value(s):"
    );
    for (const route::MxHost& host : hosts) {
        std::string addresses;
        for (const auto& address : host.addresses) {
            addresses += " " + address.to_string();
        }
        print_("\t" + host.name + " (" + std::to_string(host.preference) + ")" + addresses);
    }
}

}  // namespace mxpost::deliver
