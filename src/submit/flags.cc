#include "submit/flags.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"
#include "config/values.h"
#include "mail/xtext.h"

namespace mxpost::submit {
namespace {

using config::DeliveryMode;

Result<void> ignore(Draft&, std::string_view) {
    return {};
}

Error usage(std::string text) {
    return Error::invalid(std::move(text));
}

std::string quoted(std::string_view text) {
    return "\"" + printable(text, 64) + "\"";
}

/// A boolean option's value: on, unless it begins like false, no or 0.
bool is_on(std::string_view value) {
    return value.empty() || std::string_view("fFnN0").find(value.front()) == std::string_view::npos;
}

template <class Table>
auto find_letter(const Table& table, char letter) {
    return std::ranges::find(table, letter, [](const auto& row) { return row.letter; });
}

Result<void> set_error_mode(Draft& draft, std::string_view value) {
    using mail::ErrorMode;
    constexpr std::array<std::pair<char, ErrorMode>, 5> kModes = {{
        {'m', ErrorMode::mail},
        {'p', ErrorMode::print},
        {'q', ErrorMode::quiet},
        {'e', ErrorMode::always_zero},
        {'w', ErrorMode::write},
    }};
    for (const auto& [letter, mode] : kModes) {
        if (value.starts_with(letter)) {
            draft.invocation.error_mode = mode;
        }
    }
    return {};  // another letter means nothing to Sendmail either
}

Result<void> set_delivery_mode(Draft& draft, std::string_view value) {
    constexpr std::array<std::pair<char, DeliveryMode>, 4> kModes = {{
        {'b', DeliveryMode::background},
        {'i', DeliveryMode::interactive},
        {'q', DeliveryMode::queue},
        {'d', DeliveryMode::deferred},
    }};
    for (const auto& [letter, mode] : kModes) {
        if (value.starts_with(letter)) {
            draft.invocation.delivery_mode = mode;
            return {};
        }
    }
    return usage("unknown delivery mode " + quoted(value));
}

Result<void> set_ignore_dots(Draft& draft, std::string_view value) {
    draft.invocation.ignores_dots = is_on(value);
    return {};
}

Result<void> set_verbose(Draft& draft, std::string_view value) {
    draft.invocation.is_verbose = is_on(value);
    return {};
}

constexpr std::array kOptionFlags = {
    SubFlag{'d', Behaviour::honoured, "delivery mode b, i, q or d", set_delivery_mode},
    SubFlag{'e', Behaviour::honoured, "error mode m, p, q, e or w", set_error_mode},
    SubFlag{'i', Behaviour::honoured, "as -i", set_ignore_dots},
    SubFlag{'v', Behaviour::honoured, "as -v", set_verbose},
};

constexpr std::array kLongOptions = {
    LongOption{"DeliveryMode", 8, 'd'},
    LongOption{"ErrorMode", 6, 'e'},
    LongOption{"IgnoreDots", 2, 'i'},
    LongOption{"Verbose", 1, 'v'},
};

Result<void> set_option(Draft& draft, std::string_view value) {
    if (value.empty()) {
        return {};
    }
    const auto* const option = find_letter(kOptionFlags, value.front());
    return option == kOptionFlags.end() ? Result<void>() : option->apply(draft, value.substr(1));
}

Result<void> set_long_option(Draft& draft, std::string_view value) {
    const std::size_t equals = std::min(value.find('='), value.size());
    const std::string_view name = trim(value.substr(0, equals));
    const std::string_view text = trim(value.substr(std::min(equals + 1, value.size())));
    for (const LongOption& option : kLongOptions) {
        if (name.size() >= option.shortest && ascii_istarts_with(option.name, name)) {
            return find_letter(kOptionFlags, option.letter)->apply(draft, text);
        }
    }
    return {};
}

template <Mode mode>
Result<void> set_mode(Draft& draft, std::string_view) {
    draft.invocation.mode = mode;
    return {};
}

Result<void> set_daemon(Draft& draft, std::string_view) {
    draft.wants_daemon = true;
    return {};
}

Result<void> set_foreground_daemon(Draft& draft, std::string_view) {
    draft.wants_daemon = true;
    draft.is_in_foreground = true;
    return {};
}

constexpr std::array kModeFlags = {
    SubFlag{'m', Behaviour::honoured, "deliver a message (default)", set_mode<Mode::deliver>},
    SubFlag{'p', Behaviour::honoured, "print the queue", set_mode<Mode::print_queue>},
    SubFlag{'C', Behaviour::honoured, "check mxpost.conf", set_mode<Mode::check_config>},
    SubFlag{'d', Behaviour::honoured, "start the engine, listening for SMTP", set_daemon},
    SubFlag{'D', Behaviour::honoured, "be that engine, in the foreground", set_foreground_daemon},
    SubFlag{'s', Behaviour::honoured, "SMTP on standard input", set_mode<Mode::speak_smtp>},
    SubFlag{'i', Behaviour::honoured, "check the alias files", set_mode<Mode::check_aliases>},
    SubFlag{'v', Behaviour::honoured, "verify addresses", set_mode<Mode::verify>},
    SubFlag{'t', Behaviour::honoured, "test addresses", set_mode<Mode::test>},
    SubFlag{'h', Behaviour::honoured, "print host status", set_mode<Mode::print_hosts>},
    SubFlag{'H', Behaviour::honoured, "purge host status", set_mode<Mode::purge_hosts>},
    SubFlag{'P', Behaviour::honoured, "print queue counts", set_mode<Mode::count_queue>},
};

/// -bX. What isn't in the table must never send: the caller wants something else than a message.
Result<void> choose_mode(Draft& draft, std::string_view value) {
    const auto* const mode =
        value.empty() ? kModeFlags.end() : find_letter(kModeFlags, value.front());
    if (mode == kModeFlags.end()) {
        return usage("invalid operation mode " + quoted(value.substr(0, 1)));
    }
    draft.wants_daemon = false;
    draft.is_in_foreground = false;
    return mode->apply(draft, value.substr(1));
}

Result<void> set_interval(Draft& draft, std::string_view value) {
    // The time itself has no use here: each message has its own next attempt.
    if (!value.empty() && !config::parse_duration(value, std::chrono::minutes(1))) {
        return usage("invalid queue interval " + quoted(value));
    }
    draft.queue_mode = Mode::start_engine;
    return {};
}

Result<void> set_queue_foreground(Draft& draft, std::string_view) {
    draft.queue_mode = Mode::run_once;
    return {};
}

template <SelectBy by>
Result<void> select(Draft& draft, std::string_view value) {
    draft.invocation.selection.add(by, std::string(value), false);
    return {};
}

/// Messages are never quarantined, nor lost: what is damaged isn't sent by selecting it.
Result<void> select_nothing(Draft& draft, std::string_view) {
    draft.invocation.selection.select_nothing();
    return {};
}

/// There is one group, whatever its name. Sendmail takes one -qG only.
Result<void> set_queue_group(Draft& draft, std::string_view) {
    if (std::exchange(draft.has_queue_group, true)) {
        return usage("-qG given twice");
    }
    return {};
}

/// -q!I, -q!R, -q!S; and -q!Q, -q!L, which mean what -q means.
Result<void> select_others(Draft& draft, std::string_view value) {
    const char kind = value.empty() ? '\0' : value.front();
    const std::string text(value.substr(value.empty() ? 0 : 1));
    QueueSelection& selection = draft.invocation.selection;
    switch (kind) {
        case 'I':
            selection.add(SelectBy::id, text, true);
            return {};
        case 'R':
            selection.add(SelectBy::recipient, text, true);
            return {};
        case 'S':
            selection.add(SelectBy::sender, text, true);
            return {};
        case 'Q':
        case 'L':
            return {};
        default:
            return usage("invalid queue selection " + quoted("!" + std::string(value)));
    }
}

constexpr std::array kQueueFlags = {
    SubFlag{'f', Behaviour::honoured, "run the queue once, waiting", set_queue_foreground},
    SubFlag{'p', Behaviour::honoured, "as an interval", set_interval},
    SubFlag{'I', Behaviour::honoured, "by message id", select<SelectBy::id>},
    SubFlag{'R', Behaviour::honoured, "by recipient", select<SelectBy::recipient>},
    SubFlag{'S', Behaviour::honoured, "by sender", select<SelectBy::sender>},
    SubFlag{'!', Behaviour::honoured, "all but the selected", select_others},
    SubFlag{'G', Behaviour::honoured, "queue group: there is one", set_queue_group},
    SubFlag{'Q', Behaviour::honoured, "quarantined messages: none", select_nothing},
    SubFlag{'L', Behaviour::honoured, "lost messages: none", select_nothing},
};

Result<void> set_queue(Draft& draft, std::string_view value) {
    draft.has_queue_flag = true;
    if (value.empty() || value == "0") {
        draft.queue_mode = Mode::flush_queue;
        return {};
    }
    if (value.front() >= '0' && value.front() <= '9') {
        return set_interval(draft, value);
    }
    const auto* const kind = find_letter(kQueueFlags, value.front());
    if (kind == kQueueFlags.end()) {
        return usage("invalid queue run " + quoted(value));
    }
    return kind->apply(draft, value.substr(1));
}

Result<void> refuse_quarantine(Draft&, std::string_view) {
    return usage("there is no quarantine (-Q)");
}

Result<void> set_sender(Draft& draft, std::string_view value) {
    draft.invocation.sender = std::string(value);
    return {};
}

Result<void> set_full_name(Draft& draft, std::string_view value) {
    draft.invocation.full_name = std::string(value);
    return {};
}

Result<void> set_takes_recipients(Draft& draft, std::string_view) {
    draft.invocation.takes_recipients = true;
    return {};
}

Result<void> set_gateway(Draft& draft, std::string_view) {
    draft.invocation.is_gateway = true;
    return {};
}

Result<void> set_hop_count(Draft& draft, std::string_view value) {
    const auto number = parse_unsigned(trim(value));
    if (!number) {
        return usage("bad hop count " + quoted(value));
    }
    draft.invocation.hop_count = *number;
    return {};
}

/// RFC 3461 4.1. NEVER stands alone.
Result<void> set_notify(Draft& draft, std::string_view value) {
    using mail::Notify;
    constexpr std::array<std::pair<std::string_view, Notify>, 4> kWords = {{
        {"never", Notify::never},
        {"success", Notify::success},
        {"failure", Notify::failure},
        {"delay", Notify::delay},
    }};
    unsigned set = 0;
    for (const std::string_view word : split(value, ',')) {
        const auto* const known = std::ranges::find_if(kWords, [&](const auto& entry) {
            return ascii_iequals(trim(word), entry.first);
        });
        if (known == kWords.end()) {
            return usage("bad -N " + quoted(value) + ": never, or success,failure,delay");
        }
        set |= static_cast<unsigned>(known->second);
    }
    const auto never = static_cast<unsigned>(Notify::never);
    if ((set & never) != 0 && set != never) {
        return usage("bad -N " + quoted(value) + ": never stands alone");
    }
    draft.invocation.notify = static_cast<mail::NotifySet>(set);
    return {};
}

Result<void> set_dsn_return(Draft& draft, std::string_view value) {
    if (draft.invocation.dsn_return != mail::DsnReturn::unset) {
        return usage("-R was given twice");
    }
    if (ascii_iequals(value, "full")) {
        draft.invocation.dsn_return = mail::DsnReturn::full;
    } else if (ascii_iequals(value, "hdrs")) {
        draft.invocation.dsn_return = mail::DsnReturn::headers;
    } else {
        return usage("bad -R " + quoted(value) + ": full or hdrs");
    }
    return {};
}

/// RFC 3461 4.4. To cut or change an id would name another message.
Result<void> set_envelope_id(Draft& draft, std::string_view value) {
    if (!mail::is_xtext(value)) {
        return usage("bad -V " + quoted(value) + ": an id is xtext, without spaces (RFC 3461 4)");
    }
    if (value.size() > mail::kMaxEnvelopeId) {
        return usage(
            "bad -V: an id has at most " + std::to_string(mail::kMaxEnvelopeId) + " characters"
        );
    }
    draft.invocation.envelope_id = std::string(value);
    return {};
}

using enum Argument;
using enum Behaviour;
constexpr std::array kFlags = {
    Flag{'A', required, ignored, "-Ac, -Am: choice of a configuration", ignore},
    Flag{'B', required, ignored, "body type: found out from the message", ignore},
    Flag{'b', required, honoured, "operation mode", choose_mode},
    Flag{'C', lenient, ignored, "configuration file: never opened", ignore},
    Flag{'c', none, ignored, "don't connect to expensive mailers", ignore},
    Flag{'D', required, ignored, "debug output file: never opened", ignore},
    Flag{'d', optional, ignored, "debugging", ignore},
    Flag{'E', optional, ignored, "of old systems", ignore},
    Flag{'e', required, honoured, "error mode, as -oe", set_error_mode},
    Flag{'F', required, honoured, "full name for a missing From field", set_full_name},
    Flag{'f', required, honoured, "envelope sender; \"\" and \"<>\": none", set_sender},
    Flag{'G', none, honoured, "relayed message: addresses are not completed", set_gateway},
    Flag{'h', required, honoured, "hops so far", set_hop_count},
    Flag{'I', none, honoured, "as -bi", set_mode<Mode::check_aliases>},
    Flag{'i', none, honoured, "a line with a lone dot doesn't end the message", set_ignore_dots},
    Flag{'J', optional, ignored, "of old systems", ignore},
    Flag{'L', required, ignored, "syslog tag", ignore},
    Flag{'M', required, ignored, "macro definition", ignore},
    Flag{'m', none, ignored, "keep the sender in its own alias", ignore},
    Flag{'N', required, honoured, "delivery reports: never, or success,failure,delay", set_notify},
    Flag{'n', none, ignored, "no aliases", ignore},
    Flag{'O', required, honoured, "option by name", set_long_option},
    Flag{'o', required, honoured, "option by letter", set_option},
    Flag{'p', required, ignored, "protocol and host for Received", ignore},
    Flag{'Q', optional, unavailable, "quarantine", refuse_quarantine},
    Flag{'q', optional, honoured, "run the queue", set_queue},
    Flag{'R', required, honoured, "what reports return: full or hdrs", set_dsn_return},
    Flag{'r', required, honoured, "as -f", set_sender},
    Flag{'s', none, ignored, "keep the mbox From line", ignore},
    Flag{'T', optional, ignored, "queue timeout", ignore},
    Flag{'t', none, honoured, "recipients from To, Cc and Bcc as well", set_takes_recipients},
    Flag{'U', none, ignored, "SMTPUTF8: found out from the message", ignore},
    Flag{'V', required, honoured, "envelope id for reports", set_envelope_id},
    Flag{'v', none, honoured, "print the dialogue, waiting for it", set_verbose},
    Flag{'X', required, ignored, "traffic log: never opened", ignore},
    Flag{'x', none, ignored, "of old systems", ignore},
};

}  // namespace

std::span<const Flag> flags() {
    return kFlags;
}
std::span<const SubFlag> mode_flags() {
    return kModeFlags;
}
std::span<const SubFlag> option_flags() {
    return kOptionFlags;
}
std::span<const SubFlag> queue_flags() {
    return kQueueFlags;
}
std::span<const LongOption> long_options() {
    return kLongOptions;
}

}  // namespace mxpost::submit
