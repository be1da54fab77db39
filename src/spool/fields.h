// Length-prefixed fields, of which envelope and journal records are made:
// tag (1 octet), length (4 octets, little-endian), value. Numbers are 8 octets, little-endian.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace mxpost::spool {

void put_u32(std::string& out, std::uint32_t value);
void put_u64(std::string& out, std::uint64_t value);
/// Of the first 4 or 8 octets of `text`, which must be there.
std::uint32_t get_u32(std::string_view text);
std::uint64_t get_u64(std::string_view text);

class FieldWriter {
public:
    explicit FieldWriter(std::string& out) : out_(out) {}
    void text(std::uint8_t tag, std::string_view value);
    void number(std::uint8_t tag, std::uint64_t value);

private:
    std::string& out_;
};

struct Field {
    std::uint8_t tag = 0;
    std::string_view value;  // points into the reader's text

    /// The value as a number; 0 when it isn't 8 octets long.
    std::uint64_t number() const { return value.size() == 8 ? get_u64(value) : 0; }
    /// The value as microseconds since 1970; hostile ones are cut to the year 3111, so that
    /// reckoning with them can't overflow.
    WallTime time() const;
};

/// Reads fields off `text`, which must outlive it. Hostile input: a length that runs past the end
/// makes is_broken() true and ends the reading.
class FieldReader {
public:
    explicit FieldReader(std::string_view text) : text_(text) {}
    std::optional<Field> next();
    bool is_broken() const { return is_broken_; }

private:
    std::string_view text_;
    bool is_broken_ = false;
};

}  // namespace mxpost::spool
