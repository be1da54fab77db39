// DnsPacket: builds DNS messages octet by octet, with no library in between, so that tests can make
// wrong ones too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mxpost::test {

class DnsPacket {
public:
    // Flag bits of the header's third and fourth octet (RFC 1035 4.1.1, RFC 4035 3.2).
    static constexpr std::uint16_t kReply = 0x8000;
    static constexpr std::uint16_t kAuthoritative = 0x0400;
    static constexpr std::uint16_t kTruncated = 0x0200;
    static constexpr std::uint16_t kRecursive = 0x0080;
    static constexpr std::uint16_t kAuthentic = 0x0020;

    DnsPacket(std::uint16_t id, std::uint16_t flags) {
        u16(id);
        u16(flags);
        wire_.append(8, '\0');
    }

    static std::string name(std::string_view dotted) {
        std::string wire;
        while (!dotted.empty()) {
            const std::size_t dot = dotted.find('.');
            const std::string_view label = dotted.substr(0, dot);
            wire += static_cast<char>(label.size());
            wire += label;
            dotted = dot == std::string_view::npos ? "" : dotted.substr(dot + 1);
        }
        return wire + '\0';
    }
    static std::string be16(std::uint32_t value) {
        return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
    }
    static std::string be32(std::uint32_t value) { return be16(value >> 16U) + be16(value); }
    static std::string mx_data(std::uint16_t preference, std::string_view exchange) {
        return be16(preference) + name(exchange);
    }
    static std::string soa_data(std::uint32_t minimum) {
        return name("ns.example") + name("root.example") + be32(1) + be32(2) + be32(3) + be32(4) +
               be32(minimum);
    }

    DnsPacket& question(std::string_view dotted, std::uint16_t type) {
        wire_ += name(dotted) + be16(type) + be16(1);
        return count(5);
    }
    DnsPacket& answer(
        std::string_view owner, std::uint16_t type, std::string_view data, std::uint32_t ttl = 300
    ) {
        return record(7, name(owner), type, data, ttl);
    }
    DnsPacket& authority(
        std::string_view owner, std::uint16_t type, std::string_view data, std::uint32_t ttl = 300
    ) {
        return record(9, name(owner), type, data, ttl);
    }
    DnsPacket& additional(
        std::string_view owner, std::uint16_t type, std::string_view data, std::uint32_t ttl = 300
    ) {
        return record(11, name(owner), type, data, ttl);
    }
    /// `owner` in wire form: compression pointers, odd octets.
    DnsPacket& raw_answer(
        std::string_view owner, std::uint16_t type, std::string_view data, std::uint32_t ttl = 300
    ) {
        return record(7, owner, type, data, ttl);
    }
    DnsPacket& raw(std::string_view octets) {
        wire_ += octets;
        return *this;
    }
    const std::string& wire() const { return wire_; }

private:
    void u16(std::uint32_t value) { wire_ += be16(value); }
    DnsPacket& record(
        std::size_t counter,
        std::string_view owner,
        std::uint16_t type,
        std::string_view data,
        std::uint32_t ttl
    ) {
        wire_ += owner;
        wire_ += be16(type) + be16(1) + be32(ttl);
        wire_ += be16(static_cast<std::uint32_t>(data.size()));
        wire_ += data;
        return count(counter);
    }
    /// Adds one to the 16-bit counter whose low octet is at `at`.
    DnsPacket& count(std::size_t at) {
        auto low = static_cast<std::uint8_t>(wire_[at]);
        wire_[at] = static_cast<char>(++low);
        if (low == 0) {
            ++wire_[at - 1];
        }
        return *this;
    }

    std::string wire_;
};

}  // namespace mxpost::test
