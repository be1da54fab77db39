#include "protocol/path_command.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/text.h"
#include "mail/xtext.h"

namespace mxpost::protocol {
namespace {

constexpr std::size_t kMaxSizeDigits = 20;  // RFC 1870 4

struct Parameter {
    std::string_view name;
    std::optional<std::string_view> value;  // nothing: there was no "="
};

ServerReply bad_parameter(std::string_view name) {
    return {501, "5.5.4 bad " + std::string(name) + " parameter"};
}

ServerReply unknown_parameter(std::string_view name) {
    const std::string shown = is_ascii(name) ? printable(name, 40) : "";
    return {555, "5.5.4 unknown parameter " + shown};
}

/// "<path> NAME=value …" or, as many write it, "path NAME=value …".
struct Argument {
    std::string_view path;
    bool has_brackets = false;
    std::vector<Parameter> parameters;
};

/// The offset of the bracket that closes the one at the front; npos: there is none.
std::size_t closing_bracket(std::string_view text) {
    bool is_quoted = false;
    for (std::size_t i = 1; i < text.size(); ++i) {
        if (text[i] == '\\' && is_quoted) {
            ++i;
        } else if (text[i] == '"') {
            is_quoted = !is_quoted;
        } else if (text[i] == '>' && !is_quoted) {
            return i;
        }
    }
    return std::string_view::npos;
}

/// Behind "FROM:" or "TO:". Nothing: no such form.
std::optional<Argument> split_argument(std::string_view text) {
    Argument argument;
    text = trim(text);
    std::size_t end = 0;
    if (text.starts_with('<')) {
        const std::size_t bracket = closing_bracket(text);
        if (bracket == std::string_view::npos) {
            return std::nullopt;
        }
        argument.path = text.substr(1, bracket - 1);
        argument.has_brackets = true;
        end = bracket + 1;
    } else {
        end = std::min(text.find(' '), text.size());
        argument.path = text.substr(0, end);
    }
    text.remove_prefix(end);
    if ((argument.path.empty() && !argument.has_brackets) ||
        (!text.empty() && text.front() != ' ')) {
        return std::nullopt;
    }
    for (const std::string_view word : split(text, ' ')) {
        if (word.empty()) {
            continue;
        }
        const std::size_t equals = word.find('=');
        Parameter parameter{word.substr(0, equals), std::nullopt};
        if (equals != std::string_view::npos) {
            parameter.value = word.substr(equals + 1);
        }
        argument.parameters.push_back(parameter);
    }
    return argument;
}

bool has_repeated(const std::vector<Parameter>& parameters) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (ascii_iequals(parameters[i].name, parameters[j].name)) {
                return true;
            }
        }
    }
    return false;
}

/// As RFC 5321 has it, and beyond that ".r@x" and "a..b@x", which some large providers gave out.
std::optional<mail::Address> parse_path(std::string_view path) {
    if (auto address = mail::parse_smtp_address(path)) {
        return std::move(*address);
    }
    if (path.find_first_of(" \t()<>[]:;,\"\\!") != std::string_view::npos) {
        return std::nullopt;
    }
    auto list = mail::parse_address_list(path);
    if (list.addresses.size() != 1 || !list.bad.empty()) {
        return std::nullopt;
    }
    return std::move(list.addresses.front());
}

/// RFC 3461 4.2: an address type and an address in xtext. "utf-8" also takes UTF-8 as it is (RFC
/// 6533 3), which becomes "\x{…}", as the envelope keeps ASCII only.
std::optional<std::string> original_recipient(std::string_view value, bool is_smtp_utf8) {
    const std::size_t semicolon = value.find(';');
    if (semicolon == std::string_view::npos || value.size() > mail::kMaxOriginalRecipient) {
        return std::nullopt;
    }
    const std::string_view type = value.substr(0, semicolon);
    const std::string_view text = value.substr(semicolon + 1);
    const bool is_type = !type.empty() && type.find_first_not_of(
                                              "abcdefghijklmnopqrstuvwxyz"
                                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
                                          ) == std::string_view::npos;
    if (!is_type) {
        return std::nullopt;
    }
    const bool is_unitext =
        is_smtp_utf8 && ascii_iequals(type, "utf-8") && !is_ascii(text) && is_utf8(text);
    const std::string encoded = is_unitext ? mail::to_utf8_xtext(text) : std::string(text);
    if (!mail::is_xtext(encoded)) {
        return std::nullopt;
    }
    return std::string(type) + ";" + encoded;
}

/// RFC 3461 4.1: NEVER alone, or a list of the others.
std::optional<mail::NotifySet> notify_set(std::string_view value) {
    using mail::Notify;
    constexpr std::array<std::pair<std::string_view, Notify>, 4> kWords = {{
        {"NEVER", Notify::never},
        {"SUCCESS", Notify::success},
        {"FAILURE", Notify::failure},
        {"DELAY", Notify::delay},
    }};
    unsigned set = 0;
    const auto words = split(value, ',');
    for (const std::string_view word : words) {
        const auto* const known = std::ranges::find_if(kWords, [&](const auto& row) {
            return ascii_iequals(word, row.first);
        });
        if (known == kWords.end()) {
            return std::nullopt;
        }
        set |= static_cast<unsigned>(known->second);
    }
    const bool is_never = (set & static_cast<unsigned>(Notify::never)) != 0;
    if (is_never && words.size() > 1) {
        return std::nullopt;
    }
    return static_cast<mail::NotifySet>(set);
}

std::optional<ServerReply> apply_size(std::string_view value, MailCommand& command) {
    if (value.size() > kMaxSizeDigits) {
        return bad_parameter("SIZE");
    }
    command.size = parse_unsigned(value);
    return command.size ? std::nullopt : std::optional(bad_parameter("SIZE"));
}

std::optional<ServerReply> apply_body(std::string_view value) {
    if (ascii_iequals(value, "7BIT") || ascii_iequals(value, "8BITMIME")) {
        return std::nullopt;  // the content itself shows which
    }
    if (ascii_iequals(value, "BINARYMIME")) {
        return ServerReply(504, "5.5.4 BINARYMIME isn't offered");
    }
    return bad_parameter("BODY");
}

std::optional<ServerReply> apply_return(std::string_view value, MailCommand& command) {
    if (ascii_iequals(value, "FULL")) {
        command.dsn_return = mail::DsnReturn::full;
    } else if (ascii_iequals(value, "HDRS")) {
        command.dsn_return = mail::DsnReturn::headers;
    } else {
        return bad_parameter("RET");
    }
    return std::nullopt;
}

std::optional<ServerReply> apply(const Parameter& parameter, MailCommand& command) {
    const std::string_view value = parameter.value.value_or("");
    if (ascii_iequals(parameter.name, "SIZE")) {
        return apply_size(value, command);
    }
    if (ascii_iequals(parameter.name, "BODY")) {
        return apply_body(value);
    }
    if (ascii_iequals(parameter.name, "SMTPUTF8")) {
        command.is_smtp_utf8 = true;
        return parameter.value ? std::optional(bad_parameter("SMTPUTF8")) : std::nullopt;
    }
    if (ascii_iequals(parameter.name, "REQUIRETLS")) {
        command.requires_tls = true;
        return parameter.value ? std::optional(bad_parameter("REQUIRETLS")) : std::nullopt;
    }
    if (ascii_iequals(parameter.name, "RET")) {
        return apply_return(value, command);
    }
    if (ascii_iequals(parameter.name, "ENVID")) {
        command.envelope_id = value;
        const bool is_good = mail::is_xtext(value) && value.size() <= mail::kMaxEnvelopeId;
        return is_good ? std::nullopt : std::optional(bad_parameter("ENVID"));
    }
    return unknown_parameter(parameter.name);
}

std::optional<ServerReply> apply(
    const Parameter& parameter, bool is_smtp_utf8, mail::Recipient& recipient
) {
    const std::string_view value = parameter.value.value_or("");
    if (ascii_iequals(parameter.name, "NOTIFY")) {
        const auto set = notify_set(value);
        recipient.notify = set.value_or(0);
        return set ? std::nullopt : std::optional(bad_parameter("NOTIFY"));
    }
    if (ascii_iequals(parameter.name, "ORCPT")) {
        const auto original = original_recipient(value, is_smtp_utf8);
        recipient.original_recipient = original.value_or("");
        return original ? std::nullopt : std::optional(bad_parameter("ORCPT"));
    }
    return unknown_parameter(parameter.name);
}

}  // namespace

ParsedMail parse_mail(std::string_view text) {
    ParsedMail parsed;
    MailCommand& command = parsed.command;
    const auto argument = ascii_istarts_with(text, "FROM:") ? split_argument(text.substr(5))
                                                            : std::optional<Argument>();
    if (!argument || has_repeated(argument->parameters)) {
        parsed.refusal = ServerReply(501, "5.5.4 syntax: MAIL FROM:<address> [parameters]");
        return parsed;
    }
    for (const Parameter& parameter : argument->parameters) {
        if (auto refusal = apply(parameter, command)) {
            parsed.refusal = std::move(refusal);
            return parsed;
        }
    }
    if (argument->path.empty()) {
        return parsed;
    }
    command.sender = parse_path(argument->path);
    if (!command.sender) {
        parsed.refusal = ServerReply(501, "5.1.7 bad sender address");
    } else if (!command.is_smtp_utf8 && !is_ascii(command.sender->text())) {
        parsed.refusal = ServerReply(550, "5.6.7 such a sender needs SMTPUTF8");  // RFC 6531 3.5
    }
    return parsed;
}

ParsedRecipient parse_recipient(std::string_view text, bool is_smtp_utf8) {
    ParsedRecipient parsed;
    const auto argument = ascii_istarts_with(text, "TO:") ? split_argument(text.substr(3))
                                                          : std::optional<Argument>();
    if (!argument || has_repeated(argument->parameters)) {
        parsed.refusal = ServerReply(501, "5.5.4 syntax: RCPT TO:<address> [parameters]");
        return parsed;
    }
    auto address = parse_path(argument->path);
    if (!address) {
        parsed.refusal = ServerReply(501, "5.1.3 bad recipient address");
        return parsed;
    }
    parsed.recipient.address = std::move(*address);
    for (const Parameter& parameter : argument->parameters) {
        if (auto refusal = apply(parameter, is_smtp_utf8, parsed.recipient)) {
            parsed.refusal = std::move(refusal);
            return parsed;
        }
    }
    if (!is_smtp_utf8 && !is_ascii(parsed.recipient.address.text())) {
        parsed.refusal = ServerReply(553, "5.6.7 such a recipient needs SMTPUTF8");  // RFC 6531 3.5
    }
    return parsed;
}

}  // namespace mxpost::protocol
