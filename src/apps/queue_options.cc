#include "apps/queue_options.h"

#include <algorithm>

#include "base/text.h"
#include "config/values.h"
#include "route/domain_name.h"
#include "spool/entry_name.h"

namespace mxpost::apps {

namespace po = boost::program_options;

namespace {

/// "90m", "2d": before now.
WallTime ago(const std::string& text, const char* option, WallTime now) {
    const auto age = config::parse_duration(text);
    if (!age) {
        throw po::error(std::string("--") + option + " wants " + age.error().message());
    }
    return now - *age;
}

Arguments whole_ids(const po::variables_map& values) {
    Arguments ids = texts_of(values, kIdOperand);
    for (const std::string& id : ids) {
        if (!spool::is_message_id(id)) {
            throw po::error("\"" + printable(id, 100) + "\" is no message id");
        }
    }
    return ids;
}

/// An empty text is a part of every address and id: what a script's unset variable leaves of
/// `delete --sender "$1"` must not mean every message.
Arguments told_texts(const po::variables_map& values, const char* option) {
    Arguments texts = texts_of(values, option);
    if (std::ranges::any_of(texts, &std::string::empty)) {
        throw po::error(std::string("--") + option + " wants a text that isn't empty");
    }
    return texts;
}

/// As the DNS has it: "Bücher.example." is "xn--bcher-kva.example". What is no name of the DNS
/// (an address literal) is only put in lower case.
std::string dns_name(std::string_view domain) {
    return route::to_a_labels(domain).value_or(ascii_lower(domain));
}

}  // namespace

void add_selection_options(po::options_description& options) {
    options.add_options()(kIdOperand, po::value<Arguments>(), "whole ids")(
        "id", po::value<Arguments>(), "whose id contains this"
    )("sender", po::value<Arguments>(), "whose sender contains this")(
        "recipient", po::value<Arguments>(), "with a recipient that contains this"
    )("domain", po::value<Arguments>(), "with a recipient in this domain")(
        "older-than", po::value<std::string>(), "that came longer ago"
    )("newer-than", po::value<std::string>(), "that came less long ago"
    )("held", "that are held")("all", "every message");
}

ParsedSelection parse_selection(const po::variables_map& values, WallTime now) {
    using submit::SelectBy;
    ParsedSelection parsed;
    parsed.selection = submit::QueueSelection(dns_name);
    parsed.ids = whole_ids(values);
    for (const std::string& id : parsed.ids) {
        parsed.selection.add(SelectBy::whole_id, id, false);
    }
    for (const auto& [name, by] :
         {std::pair("id", SelectBy::id),
          std::pair("sender", SelectBy::sender),
          std::pair("recipient", SelectBy::recipient),
          std::pair("domain", SelectBy::domain)}) {
        for (const std::string& text : told_texts(values, name)) {
            parsed.selection.add(by, text, false);
        }
    }
    if (values.contains("older-than")) {
        const auto& age = values["older-than"].as<std::string>();
        parsed.selection.select_before(ago(age, "older-than", now));
    }
    if (values.contains("newer-than")) {
        const auto& age = values["newer-than"].as<std::string>();
        parsed.selection.select_after(ago(age, "newer-than", now));
    }
    if (values.contains("held")) {
        parsed.selection.select_held();
    }
    parsed.is_told = !parsed.selection.is_everything() || values.contains("all");
    return parsed;
}

}  // namespace mxpost::apps
