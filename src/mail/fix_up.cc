#include "mail/fix_up.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mail/address_lexer.h"
#include "mail/ascii_header.h"
#include "mail/completion.h"
#include "mail/date.h"
#include "mail/encoded_word.h"

namespace mxpost::mail {
namespace {

// RFC 5322 2.1.1: lines should not pass 78.
constexpr std::size_t kLineWanted = 78;

bool is_any_of(const HeaderField& field, std::initializer_list<std::string_view> names) {
    return std::any_of(names.begin(), names.end(), [&](std::string_view name) {
        return field.is(name);
    });
}

void append(AddressList& to, AddressList from) {
    std::move(from.addresses.begin(), from.addresses.end(), std::back_inserter(to.addresses));
    std::move(from.bad.begin(), from.bad.end(), std::back_inserter(to.bad));
}

AddressList header_recipients(const HeaderBlock& header) {
    const bool is_resent =
        std::any_of(header.fields.begin(), header.fields.end(), [](const HeaderField& field) {
            return is_any_of(field, {"Resent-To", "Resent-Cc", "Resent-Bcc"});
        });
    AddressList recipients;
    for (const HeaderField& field : header.fields) {
        if (is_resent ? is_any_of(field, {"Resent-To", "Resent-Cc", "Resent-Bcc"})
                      : is_any_of(field, {"To", "Cc", "Bcc"})) {
            append(recipients, parse_address_list(field.value));
        }
    }
    return recipients;
}

void remove_unwanted(HeaderBlock& header) {
    std::erase_if(header.fields, [](const HeaderField& field) {
        if (is_any_of(field, {"Bcc", "Resent-Bcc", "Return-Path", "Content-Length"})) {
            return true;
        }
        return field.text().empty() &&
               is_any_of(field, {"From", "Sender", "Reply-To", "To", "Cc", "Date", "Message-ID"});
    });
}

/// Keeps the first field of this name, but the first with text rather than an empty one: PHP's
/// mail() writes "Subject: " in front of the Subject among the additional headers.
void keep_one(HeaderBlock& header, std::string_view name) {
    const HeaderField* kept = header.find(name);
    if (kept == nullptr) {
        return;
    }
    for (const HeaderField& field : header.fields) {
        if (field.is(name) && !field.text().empty()) {
            kept = &field;
            break;
        }
    }
    std::vector<HeaderField> fields;
    for (HeaderField& field : header.fields) {
        if (&field == kept || !field.is(name)) {
            fields.push_back(std::move(field));
        }
    }
    header.fields = std::move(fields);
}

/// Length of a list without the commas and white space behind it, unless a backslash quotes them.
std::size_t list_length(std::string_view list) {
    const std::size_t length = list.find_last_not_of(", \t\r\n") + 1;
    const std::string_view text = list.substr(0, length);
    const std::size_t backslashes = length - (text.find_last_not_of('\\') + 1);
    return std::min(list.size(), length + backslashes % 2);
}

/// Joins all fields of this name in the first; not where one of them can't be parsed, since its
/// open quote or bracket would swallow the next.
void join_all(HeaderBlock& header, std::string_view name) {
    const bool is_parsed =
        std::all_of(header.fields.begin(), header.fields.end(), [&](const HeaderField& field) {
            return !field.is(name) || parse_address_list(field.value).bad.empty();
        });
    if (!is_parsed || header.count(name) < 2) {
        return;
    }
    std::vector<HeaderField> fields;
    std::size_t first = header.fields.size();
    for (HeaderField& field : header.fields) {
        if (!field.is(name)) {
            fields.push_back(std::move(field));
        } else if (first == header.fields.size()) {
            first = fields.size();
            fields.push_back(std::move(field));
        } else {
            std::string& value = fields[first].value;
            std::string_view next =
                std::string_view(field.value).substr(0, list_length(field.value));
            next.remove_prefix(std::min(next.find_first_not_of(" \t\r\n"), next.size()));
            if (!next.empty()) {
                value.erase(list_length(value));
                value.append(",\r\n\t").append(next);
            }
        }
    }
    header.fields = std::move(fields);
}

std::string domain_or(const std::string& name, std::string_view fallback) {
    return is_domain_name(name) ? name : std::string(fallback);
}

Address originator_address(const FixUpOptions& options) {
    const std::string domain = options.qualifies ? domain_or(options.domain, "") : "";
    const Address address = options.sender.value_or(Address("MAILER-DAEMON", ""));
    return address.is_qualified() ? address : Address(address.local_part(), domain);
}

/// The value of a From field. `name`: a phrase, or empty.
std::string mailbox(const std::string& name, const Address& address, std::size_t column) {
    const std::string text = address.text();
    if (name.empty()) {
        return " " + text;
    }
    const std::size_t last_line = name.rfind('\n');
    const std::size_t used =
        last_line == std::string::npos ? column + name.size() : name.size() - last_line;
    const bool fits = used + text.size() + 3 <= kLineWanted;
    return " " + name + (fits ? " <" : "\r\n <") + text + ">";
}

std::string originator(const FixUpOptions& options, std::size_t column) {
    const std::string name =
        options.sender ? display_name(options.full_name, column) : std::string();
    return mailbox(name, originator_address(options), column);
}

bool has_group(std::string_view list) {
    AddressLexer lexer(list);
    AddressToken token = lexer.next();
    while (token.kind != AddressToken::Kind::end && token.kind != AddressToken::Kind::colon) {
        token = lexer.next();
    }
    return token.kind == AddressToken::Kind::colon;
}

/// RFC 5322 3.6.2. A group without members will do, its writer means to be unknown (RFC 6854).
bool names_originator(std::string_view from) {
    const AddressList list = parse_address_list(from);
    return !list.addresses.empty() || (list.bad.empty() && has_group(from));
}

/// The originator, with what stands in From instead of an address ("My Website") as his name.
std::string named_originator(const HeaderField& from, const FixUpOptions& options) {
    constexpr std::size_t kColumn = 6;
    const std::string text = from.text();
    const bool is_encoded = text.find("=?") != std::string::npos;
    const std::string name =
        is_encoded ? std::string(trim(from.value)) : display_name(text, kColumn);
    const std::string value = mailbox(name, originator_address(options), kColumn);
    const bool is_name = text.find_first_not_of("<>@,;:. ") != std::string::npos;
    return is_name && parse_address_list(value).bad.empty() ? value : originator(options, kColumn);
}

/// Mail from nobody isn't signed, and large receivers refuse it.
void complete_from(HeaderBlock& header, const FixUpOptions& options) {
    for (HeaderField& field : header.fields) {
        if (field.is("From") && !names_originator(field.value)) {
            field.value = named_originator(field, options);
        }
    }
}

std::string safe_id(const std::string& id) {
    std::string result;
    std::copy_if(id.begin(), id.end(), std::back_inserter(result), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               c == '.' || c == '-';
    });
    return result.empty() ? "0" : result;
}

std::string message_id(const FixUpOptions& options) {
    const std::string host = domain_or(options.host, "localhost");
    const std::string domain = domain_or(options.domain, "");
    std::string right = host.find('.') != std::string::npos ? host : domain;
    if (right.empty() && !options.qualifies) {
        right = host;  // nobody is going to complete it
    }
    return " <" + compact_time(options.now) + "." + safe_id(options.id) +
           (right.empty() ? "" : "@" + right) + ">";
}

void add_missing(HeaderBlock& header, const FixUpOptions& options) {
    const std::string date = " " + date_text(options.now, options.utc_offset);
    const auto add = [&](const char* name, std::string value) {
        if (header.find(name) == nullptr) {
            header.fields.emplace_back(name, std::move(value));
        }
    };
    add("Date", date);
    add("From", originator(options, 6));
    add("Message-ID", message_id(options));

    const bool is_resent =
        std::any_of(header.fields.begin(), header.fields.end(), [](const HeaderField& field) {
            return ascii_istarts_with(field.name, "Resent-");
        });
    if (!is_resent) {
        return;
    }
    // In front, where the newest block of Resent fields stands (RFC 5322 3.6.6).
    const auto add_in_front = [&](const char* name, std::string value) {
        if (header.find(name) == nullptr) {
            header.fields.insert(header.fields.begin(), HeaderField(name, std::move(value)));
        }
    };
    add_in_front("Resent-Message-ID", message_id(options));
    add_in_front("Resent-From", originator(options, 13));
    add_in_front("Resent-Date", date);
}

/// RFC 5321 4.4. A local program has no name to put behind "from".
HeaderField received(const FixUpOptions& options) {
    std::string value;
    if (!options.client.empty()) {
        value += " from " + options.client + "\r\n\t";
    }
    value += (value.empty() ? " by " : "by ") + domain_or(options.host, "localhost") + " (mxpost";
    if (options.uid) {
        value += ", from userid " + std::to_string(*options.uid);
    }
    value += ")";
    if (!options.protocol.empty()) {
        value += " with " + options.protocol;
    }
    value += "\r\n\tid " + safe_id(options.id) + "; " + date_text(options.now, options.utc_offset);
    return {"Received", std::move(value)};
}

bool waits_for_completion(HeaderBlock header) {
    const bool has_open_id =
        std::any_of(header.fields.begin(), header.fields.end(), [](const HeaderField& field) {
            return is_any_of(field, {"Message-ID", "Resent-Message-ID"}) &&
                   is_incomplete_message_id(field.value);
        });
    return has_open_id || qualify_fields(header, "invalid");
}

}  // namespace

FixUpResult fix_up(HeaderBlock header, const FixUpOptions& options) {
    FixUpResult result;
    if (options.takes_recipients) {
        result.recipients = header_recipients(header);
    }
    result.hops = header.count("Received");
    remove_unwanted(header);
    if (options.qualifies) {
        for (const char* name : {"Date", "Message-ID", "Subject", "From", "Sender", "Reply-To"}) {
            keep_one(header, name);
        }
    }
    if (options.makes_ascii) {
        make_ascii(header);  // first: a list that can't be read may be one word afterwards
    }
    if (options.qualifies) {
        complete_from(header, options);
        join_all(header, "To");
        join_all(header, "Cc");
    }
    add_missing(header, options);
    if (options.qualifies && is_domain_name(options.domain)) {
        qualify_fields(header, options.domain);
    }
    if (options.qualifies && options.senders != nullptr) {
        rewrite_senders(header, *options.senders);
    }
    if (options.qualifies && !is_domain_name(options.domain)) {
        result.is_incomplete = waits_for_completion(header);
    }
    header.fields.insert(header.fields.begin(), received(options));
    const std::string text = header.text();
    result.needs_smtp_utf8 = options.makes_ascii && !is_ascii(text);
    result.has_long_lines = has_long_line(text);
    result.header = std::move(header);
    return result;
}

std::string full_name_from_gecos(std::string_view gecos, std::string_view login) {
    std::string name;
    for (const char c : gecos.substr(0, gecos.find(','))) {
        if (c != '&') {
            name += c;
            continue;
        }
        const std::size_t start = name.size();
        name += login;
        if (start < name.size() && name[start] >= 'a' && name[start] <= 'z') {
            name[start] = static_cast<char>(name[start] - 'a' + 'A');
        }
    }
    return std::string(trim(name));
}

}  // namespace mxpost::mail
