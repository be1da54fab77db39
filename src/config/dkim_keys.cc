#include "config/dkim_keys.h"

#include <algorithm>

#include "base/text.h"
#include "config/values.h"

namespace mxpost::config {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (const std::string_view word : split(text, ' ')) {
        if (!trim(word).empty()) {
            words.push_back(trim(word));
        }
    }
    return words;
}

Result<DkimKey> parse_key(std::string_view text) {
    std::string spaced(text);
    std::ranges::replace(spaced, '\t', ' ');
    const auto words = words_of(spaced);
    Error expected = Error::invalid(
        "domain selector file, such as \"example.com s1 "
        "/etc/mxpost/dkim/example.com.s1.pem\", separated by commas"
    );
    if (words.size() != 3) {
        return expected;
    }
    DkimKey key;
    key.is_below = words[0].starts_with("*.");
    const auto domain = parse_domain(words[0].substr(key.is_below ? 2 : 0));
    const auto selector = parse_domain(words[1]);
    const auto path = parse_path(words[2]);
    if (!domain || !selector || !is_ascii(*selector) || !path) {
        return expected;
    }
    key.domain = *domain;
    key.selector = *selector;
    key.path = *path;
    return key;
}

}  // namespace

Result<std::vector<DkimKey>> parse_dkim_keys(std::string_view text) {
    std::vector<DkimKey> keys;
    for (const std::string_view part : split(text, ',')) {
        if (trim(part).empty()) {
            continue;
        }
        auto key = parse_key(part);
        if (!key) {
            return key.error();
        }
        const bool is_there = std::ranges::any_of(keys, [&](const DkimKey& other) {
            return other.domain == key->domain && other.is_below == key->is_below &&
                   other.selector == key->selector;
        });
        if (is_there) {
            return Error::invalid("each selector of a domain once");
        }
        keys.push_back(std::move(*key));
    }
    return keys;
}

Result<std::string> parse_dkim_canonicalization(std::string_view text) {
    for (const char* known :
         {"relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"}) {
        if (text == known) {
            return std::string(text);
        }
    }
    return Error::invalid("relaxed/relaxed, relaxed/simple, simple/relaxed or simple/simple");
}

}  // namespace mxpost::config
