// The table of settings: one row a key. Everything that knows about keys (the file, the
// environment, `mxpost config`, the manual's test) reads it.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/settings.h"

namespace mxpost::config {

/// Which program reads the key.
enum class Scope : std::uint8_t { front_end, engine, both };

struct Key {
    std::string_view name;  // as in mxpost.conf
    std::string_view default_text;
    Scope scope;
    std::string_view text;  // one line for people, without a full stop
    /// Parses a value into its member. The error says what was expected ("an absolute path").
    /// Empty text is accepted by keys whose default is empty, and means that.
    Result<void> (*apply)(Settings& settings, std::string_view value);
};

std::span<const Key> keys();

/// The row of that exact name, or nullptr.
const Key* find_key(std::string_view name);

/// The key that was probably meant, or nullptr where none comes near. '_' counts as '-', case
/// doesn't matter.
const Key* nearest_key(std::string_view name);

/// "from-domain" -> "MXPOST_FROM_DOMAIN".
std::string environment_name(const Key& key);

}  // namespace mxpost::config
