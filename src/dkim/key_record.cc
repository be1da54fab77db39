#include "dkim/key_record.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "mail/base64.h"

namespace mxpost::dkim {
namespace {

constexpr std::size_t kMostTags = 100;
constexpr std::size_t kMostWords = 20;  // in one of them

std::vector<std::string> words_of(std::string_view value) {
    std::vector<std::string> words;
    for (const std::string_view word : split(value, ':')) {
        if (words.size() < kMostWords) {
            words.push_back(ascii_lower(trim(word)));
        }
    }
    return words;
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
    return std::ranges::find(words, word) != words.end();
}

/// Base64 with white space anywhere (RFC 6376 2.10).
std::optional<std::string> decode(std::string_view value) {
    std::string text;
    std::ranges::copy_if(value, std::back_inserter(text), [](char c) {
        return std::string_view(" \t\r\n").find(c) == std::string_view::npos;
    });
    return mail::base64_decoded(text);
}

Result<void> apply(
    std::string_view name, std::string_view value, bool is_first, KeyRecord& record
) {
    if (name == "v" && (value != "DKIM1" || !is_first)) {
        return Error::invalid("its v= isn't DKIM1 at the front");
    }
    if (name == "k") {
        record.type = value;
    } else if (name == "h") {
        record.hashes = words_of(value);
    } else if (name == "t") {
        const auto flags = words_of(value);
        record.is_testing = contains(flags, "y");
        record.is_strict = contains(flags, "s");
    } else if (name == "p") {
        const auto key = decode(value);
        if (!key) {
            return Error::invalid("its p= isn't base64");
        }
        record.public_key = *key;
    }
    return {};
}

}  // namespace

Result<KeyRecord> parse_key_record(std::string_view text) {
    KeyRecord record;
    std::vector<std::string_view> seen;
    for (const std::string_view part : split(text, ';')) {
        const std::string_view tag = trim(part);
        if (tag.empty()) {
            continue;  // one behind the last ';' is allowed
        }
        const std::size_t equals = tag.find('=');
        if (equals == std::string_view::npos) {
            return Error::invalid("it isn't a list of tags (\"k=rsa; p=…\")");
        }
        const std::string_view name = trim(tag.substr(0, equals));
        if (std::ranges::find(seen, name) != seen.end() || seen.size() >= kMostTags) {
            return Error::invalid("it has a tag twice, or too many");
        }
        if (const auto done = apply(name, trim(tag.substr(equals + 1)), seen.empty(), record);
            !done) {
            return done.error();
        }
        seen.push_back(name);
    }
    if (std::ranges::find(seen, "p") == seen.end()) {
        return Error::invalid("it has no p=");
    }
    return record;
}

std::string mismatch(const KeyRecord& record, const PrivateKey& key) {
    if (record.public_key.empty()) {
        return "the key is revoked (its p= is empty)";
    }
    if (record.type != word_of(key.type())) {
        return "it is for a key of type " + printable(record.type, 32) + ", not " +
               word_of(key.type());
    }
    if (record.public_key != key.public_key()) {
        return "it has another public key";
    }
    if (!record.hashes.empty() && !contains(record.hashes, "sha256")) {
        return "its h= doesn't allow sha256";
    }
    return {};
}

std::string record_name(std::string_view selector, std::string_view domain) {
    return std::string(selector) + "._domainkey." + std::string(domain);
}

std::string record_text(const PrivateKey& key) {
    return std::string("v=DKIM1; k=") + word_of(key.type()) +
           "; p=" + mail::base64_encoded(key.public_key());
}

std::string zone_line(std::string_view name, std::string_view text) {
    constexpr std::size_t kLongestString = 255;
    std::string line = std::string(name) + ". IN TXT (";
    for (std::size_t at = 0; at < text.size(); at += kLongestString) {
        line += " \"";
        line += text.substr(at, kLongestString);
        line += '"';
    }
    return line + " )";
}

}  // namespace mxpost::dkim
