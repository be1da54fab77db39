#include "spool/fields.h"

#include <algorithm>

namespace mxpost::spool {
namespace {

template <class T>
void put(std::string& out, T value) {
    for (std::size_t i = 0; i < sizeof value; ++i) {
        out.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
    }
}

template <class T>
T get(std::string_view text) {
    T value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) {
        value |= static_cast<T>(static_cast<unsigned char>(text[i])) << (8 * i);
    }
    return value;
}

constexpr std::size_t kFieldHead = 5;

}  // namespace

void put_u32(std::string& out, std::uint32_t value) {
    put(out, value);
}
void put_u64(std::string& out, std::uint64_t value) {
    put(out, value);
}
std::uint32_t get_u32(std::string_view text) {
    return get<std::uint32_t>(text);
}
std::uint64_t get_u64(std::string_view text) {
    return get<std::uint64_t>(text);
}

WallTime Field::time() const {
    constexpr std::uint64_t kLatest = std::uint64_t{1} << 55;
    return WallTime(std::chrono::microseconds(static_cast<std::int64_t>(std::min(number(), kLatest))
    ));
}

void FieldWriter::text(std::uint8_t tag, std::string_view value) {
    out_.push_back(static_cast<char>(tag));
    put_u32(out_, static_cast<std::uint32_t>(value.size()));
    out_ += value;
}

void FieldWriter::number(std::uint8_t tag, std::uint64_t value) {
    out_.push_back(static_cast<char>(tag));
    put_u32(out_, sizeof value);
    put_u64(out_, value);
}

std::optional<Field> FieldReader::next() {
    if (text_.empty()) {
        return std::nullopt;
    }
    if (text_.size() < kFieldHead || text_.size() - kFieldHead < get_u32(text_.substr(1))) {
        is_broken_ = true;
        text_ = {};
        return std::nullopt;
    }
    const std::size_t size = get_u32(text_.substr(1));
    const Field field{static_cast<std::uint8_t>(text_[0]), text_.substr(kFieldHead, size)};
    text_.remove_prefix(kFieldHead + size);
    return field;
}

}  // namespace mxpost::spool
