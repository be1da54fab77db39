// JSON (RFC 8259) as the commands for programs print it: put together from its parts.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mxpost {

/// A JSON string with its quotes: UTF-8 without control characters, whatever `text` is.
std::string json_string(std::string_view text);
/// An array of such strings.
std::string json_strings(const std::vector<std::string>& texts);

class JsonObject {
public:
    /// `value` is JSON.
    JsonObject& raw(std::string_view name, std::string_view value);
    JsonObject& text(std::string_view name, std::string_view value) {
        return raw(name, json_string(value));
    }
    template <class Number>
    JsonObject& number(std::string_view name, Number value) {
        return raw(name, std::to_string(value));
    }
    JsonObject& truth(std::string_view name, bool value) {
        return raw(name, value ? "true" : "false");
    }
    /// Seconds since 1970.
    JsonObject& time(std::string_view name, std::chrono::sys_seconds value) {
        return number(name, static_cast<std::int64_t>(value.time_since_epoch().count()));
    }
    std::string end() const { return text_.empty() ? "{}" : text_ + "}"; }

private:
    std::string text_;
};

class JsonArray {
public:
    /// `value` is JSON.
    void add(std::string_view value);
    std::string end() const { return "[" + text_ + "]"; }

private:
    std::string text_;
};

}  // namespace mxpost
