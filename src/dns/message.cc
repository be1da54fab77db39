#include "dns/message.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include <ldns/ldns.h>

#include "base/text.h"

namespace mxpost::dns {
namespace {

namespace ip = boost::asio::ip;

constexpr std::uint16_t kEdnsSize = 1232;  // fits one unfragmented IPv6 packet (DNS flag day 2020)
constexpr std::size_t kHeaderSize = 12;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kAuthenticData = 0x0020;  // RFC 6840 5.7: "I understand AD"

struct PacketDeleter {
    void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, PacketDeleter>;
struct RecordDeleter {
    void operator()(ldns_rr* record) const { ldns_rr_free(record); }
};

Error unreadable(ldns_status status) {
    std::string text = "unreadable DNS reply: ";
    text += ldns_get_errorstr_by_id(status);
    return Error::invalid(std::move(text));
}

std::span<const std::uint8_t> bytes_of(const ldns_rdf& rdf) {
    return {ldns_rdf_data(&rdf), ldns_rdf_size(&rdf)};
}

void append_octet(std::string& text, std::uint8_t octet) {
    const bool is_plain = (octet >= 'a' && octet <= 'z') || (octet >= '0' && octet <= '9') ||
                          octet == '-' || octet == '_';
    if (is_plain) {
        text += static_cast<char>(octet);
    } else if (octet >= 'A' && octet <= 'Z') {
        text += static_cast<char>(octet - 'A' + 'a');
    } else {
        text += '\\';
        text += static_cast<char>('0' + octet / 100);
        text += static_cast<char>('0' + octet / 10 % 10);
        text += static_cast<char>('0' + octet % 10);
    }
}

/// Presentation form of an uncompressed name; the root is "". A label with an odd octet keeps it as
/// \DDD, so that no name can pass for another.
std::string name_text(const ldns_rdf& name) {
    const auto wire = bytes_of(name);
    std::string text;
    std::size_t at = 0;
    while (at < wire.size() && wire[at] != 0) {
        const std::size_t length = wire[at++];
        if (length > wire.size() - at) {
            break;  // ldns checked it already; never trust it twice
        }
        if (!text.empty()) {
            text += '.';
        }
        for (const std::uint8_t octet : wire.subspan(at, length)) {
            append_octet(text, octet);
        }
        at += length;
    }
    return text;
}

const ldns_rdf* field_of(const ldns_rr& record, std::size_t index, ldns_rdf_type type) {
    if (index >= ldns_rr_rd_count(&record)) {
        return nullptr;
    }
    const ldns_rdf* field = ldns_rr_rdf(&record, index);
    return field != nullptr && ldns_rdf_get_type(field) == type ? field : nullptr;
}

template <class AddressBytes>
std::optional<AddressBytes> fixed_bytes(const ldns_rdf* field) {
    AddressBytes bytes{};
    if (field == nullptr || ldns_rdf_size(field) != bytes.size()) {
        return std::nullopt;
    }
    std::memcpy(bytes.data(), ldns_rdf_data(field), bytes.size());
    return bytes;
}

std::optional<RecordData> address_data(const ldns_rr& record, RecordType type) {
    if (type == RecordType::a) {
        const auto bytes =
            fixed_bytes<ip::address_v4::bytes_type>(field_of(record, 0, LDNS_RDF_TYPE_A));
        return bytes ? std::optional<RecordData>(ip::address(ip::address_v4(*bytes)))
                     : std::nullopt;
    }
    const auto bytes =
        fixed_bytes<ip::address_v6::bytes_type>(field_of(record, 0, LDNS_RDF_TYPE_AAAA));
    return bytes ? std::optional<RecordData>(ip::address(ip::address_v6(*bytes))) : std::nullopt;
}

std::optional<RecordData> text_data(const ldns_rr& record) {
    TxtRecord data;
    for (std::size_t i = 0; i < ldns_rr_rd_count(&record); ++i) {
        const ldns_rdf* field = field_of(record, i, LDNS_RDF_TYPE_STR);
        if (field == nullptr || ldns_rdf_size(field) == 0) {
            return std::nullopt;
        }
        const auto string = bytes_of(*field).subspan(1);  // without its length
        data.text.append(string.begin(), string.end());
    }
    return data;
}

std::optional<RecordData> tlsa_data(const ldns_rr& record) {
    const ldns_rdf* usage = field_of(record, 0, LDNS_RDF_TYPE_CERTIFICATE_USAGE);
    const ldns_rdf* selector = field_of(record, 1, LDNS_RDF_TYPE_SELECTOR);
    const ldns_rdf* matching_type = field_of(record, 2, LDNS_RDF_TYPE_MATCHING_TYPE);
    const ldns_rdf* octets = field_of(record, 3, LDNS_RDF_TYPE_HEX);
    if (usage == nullptr || selector == nullptr || matching_type == nullptr || octets == nullptr) {
        return std::nullopt;
    }
    TlsaRecord data;
    data.usage = ldns_rdf2native_int8(usage);
    data.selector = ldns_rdf2native_int8(selector);
    data.matching_type = ldns_rdf2native_int8(matching_type);
    data.data.assign(bytes_of(*octets).begin(), bytes_of(*octets).end());
    return data;
}

std::optional<RecordData> data_of(const ldns_rr& record, RecordType type) {
    switch (type) {
        case RecordType::a:
        case RecordType::aaaa:
            return address_data(record, type);
        case RecordType::cname:
        case RecordType::ptr: {
            const ldns_rdf* name = field_of(record, 0, LDNS_RDF_TYPE_DNAME);
            return name != nullptr ? std::optional<RecordData>(name_text(*name)) : std::nullopt;
        }
        case RecordType::mx: {
            const ldns_rdf* preference = field_of(record, 0, LDNS_RDF_TYPE_INT16);
            const ldns_rdf* exchange = field_of(record, 1, LDNS_RDF_TYPE_DNAME);
            if (preference == nullptr || exchange == nullptr) {
                return std::nullopt;
            }
            return MxRecord(ldns_rdf2native_int16(preference), name_text(*exchange));
        }
        case RecordType::txt:
            return text_data(record);
        case RecordType::tlsa:
            return tlsa_data(record);
    }
    return std::nullopt;
}

/// RFC 2181 8: a TTL with the top bit set counts as zero.
std::chrono::seconds ttl_of(std::uint32_t ttl) {
    return std::chrono::seconds(ttl > 0x7fffffffU ? 0 : ttl);
}

void add_answers(const ldns_pkt& packet, Reply& reply) {
    const ldns_rr_list* list = ldns_pkt_answer(&packet);
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
        const ldns_rr& record = *ldns_rr_list_rr(list, i);
        if (ldns_rr_get_class(&record) != LDNS_RR_CLASS_IN || ldns_rr_owner(&record) == nullptr) {
            continue;
        }
        const auto type = static_cast<RecordType>(ldns_rr_get_type(&record));
        if (auto data = data_of(record, type)) {
            reply.answers.push_back(
                {name_text(*ldns_rr_owner(&record)),
                 type,
                 ttl_of(ldns_rr_ttl(&record)),
                 std::move(*data)}
            );
        }
    }
}

/// RFC 2308 5: the lesser of the SOA's own TTL and its last field.
std::optional<std::chrono::seconds> negative_ttl_of(const ldns_pkt& packet) {
    const ldns_rr_list* list = ldns_pkt_authority(&packet);
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
        const ldns_rr& record = *ldns_rr_list_rr(list, i);
        if (ldns_rr_get_type(&record) != LDNS_RR_TYPE_SOA || ldns_rr_rd_count(&record) < 7) {
            continue;
        }
        const ldns_rdf* minimum = ldns_rr_rdf(&record, 6);
        if (minimum != nullptr && ldns_rdf_size(minimum) == 4) {
            return std::min(ttl_of(ldns_rr_ttl(&record)), ttl_of(ldns_rdf2native_int32(minimum)));
        }
    }
    return std::nullopt;
}

ReplyCode code_of(const ldns_pkt& packet) {
    // RFC 6891 6.1.3: the upper eight bits are in the OPT record. 16 is BADVERS.
    const unsigned code = (unsigned{ldns_pkt_edns_extended_rcode(&packet)} << 4U) |
                          static_cast<unsigned>(ldns_pkt_get_rcode(&packet));
    switch (code) {
        case 0:
            return ReplyCode::no_error;
        case 1:
        case 16:
            return ReplyCode::format_error;
        case 2:
            return ReplyCode::server_failure;
        case 3:
            return ReplyCode::nx_domain;
        case 4:
            return ReplyCode::not_implemented;
        case 5:
            return ReplyCode::refused;
        default:
            return ReplyCode::other;
    }
}

bool is_same_question(const ldns_rr& asked, const Question& question) {
    return ldns_rr_get_class(&asked) == LDNS_RR_CLASS_IN &&
           static_cast<RecordType>(ldns_rr_get_type(&asked)) == question.type &&
           ldns_rr_owner(&asked) != nullptr && name_text(*ldns_rr_owner(&asked)) == question.name;
}

bool is_question_of(const ldns_pkt& packet, const Question& question) {
    const ldns_rr_list* list = ldns_pkt_question(&packet);
    return ldns_rr_list_rr_count(list) == 1 &&
           is_same_question(*ldns_rr_list_rr(list, 0), question);
}

/// The same of a packet that may be cut behind its question.
bool begins_with(std::span<const std::uint8_t> wire, const Question& question) {
    ldns_rr* decoded = nullptr;
    std::size_t at = kHeaderSize;
    const ldns_status status =
        ldns_wire2rr(&decoded, wire.data(), wire.size(), &at, LDNS_SECTION_QUESTION);
    const std::unique_ptr<ldns_rr, RecordDeleter> asked(
        status == LDNS_STATUS_OK ? decoded : nullptr
    );
    return LDNS_QDCOUNT(wire.data()) == 1 && asked && is_same_question(*asked, question);
}

/// A server that couldn't read the question may leave it out of its complaint.
bool may_lack_question(ReplyCode code) {
    return code != ReplyCode::no_error && code != ReplyCode::nx_domain;
}

bool is_query_octet(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

}  // namespace

std::string_view name_of(ReplyCode code) {
    switch (code) {
        case ReplyCode::no_error:
            return "NOERROR";
        case ReplyCode::format_error:
            return "FORMERR";
        case ReplyCode::server_failure:
            return "SERVFAIL";
        case ReplyCode::nx_domain:
            return "NXDOMAIN";
        case ReplyCode::not_implemented:
            return "NOTIMP";
        case ReplyCode::refused:
            return "REFUSED";
        case ReplyCode::other:
            break;
    }
    return "an unknown error";
}

bool is_query_name(std::string_view name) {
    if (name.empty() || name.size() > 253) {
        return false;
    }
    for (const std::string_view label : split(name, '.')) {
        if (label.empty() || label.size() > 63 ||
            !std::all_of(label.begin(), label.end(), is_query_octet)) {
            return false;
        }
    }
    return true;
}

Result<std::string> encode_query(
    const Question& question, std::uint16_t id, bool with_edns, bool wants_ad
) {
    if (!is_query_name(question.name)) {
        return Error::invalid(printable(question.name, 255) + " is not a domain name");
    }
    // By hand: through ldns this costs as much as sending it.
    std::string wire;
    const auto put = [&wire](std::uint16_t number) {
        wire += static_cast<char>(number >> 8U);
        wire += static_cast<char>(number & 0xffU);
    };
    put(id);
    put(kRecursionDesired | (wants_ad ? kAuthenticData : 0));
    put(1);  // question
    put(0);
    put(0);
    put(with_edns ? 1 : 0);
    for (const std::string_view label : split(question.name, '.')) {
        wire += static_cast<char>(label.size());
        wire += label;
    }
    wire += '\0';
    put(static_cast<std::uint16_t>(question.type));
    put(LDNS_RR_CLASS_IN);
    if (with_edns) {  // RFC 6891 6.1.2
        wire += '\0';
        put(LDNS_RR_TYPE_OPT);
        put(kEdnsSize);
        put(0);  // extended code, version
        put(0);  // flags
        put(0);  // no options
    }
    return wire;
}

Result<std::optional<Reply>> decode_reply(
    std::span<const std::uint8_t> wire, const Question& question, std::uint16_t id
) {
    if (wire.size() < kHeaderSize || LDNS_ID_WIRE(wire.data()) != id ||
        !LDNS_QR_WIRE(wire.data()) || LDNS_OPCODE_WIRE(wire.data()) != LDNS_PACKET_QUERY) {
        return std::optional<Reply>();
    }
    ldns_pkt* decoded = nullptr;
    const ldns_status status = ldns_wire2pkt(&decoded, wire.data(), wire.size());
    const Packet packet(decoded);
    Reply reply;
    if (status != LDNS_STATUS_OK || !packet) {
        if (LDNS_TC_WIRE(wire.data()) && begins_with(wire, question)) {
            reply.is_truncated = true;  // RFC 2181 9: some cut in the middle of a record
            return std::optional<Reply>(std::move(reply));
        }
        return unreadable(status);
    }
    reply.code = code_of(*packet);
    const bool has_no_question = ldns_rr_list_rr_count(ldns_pkt_question(packet.get())) == 0;
    if (!is_question_of(*packet, question) && !(has_no_question && may_lack_question(reply.code))) {
        return std::optional<Reply>();
    }
    reply.is_truncated = ldns_pkt_tc(packet.get());
    reply.is_authentic = ldns_pkt_ad(packet.get());
    reply.is_authoritative = ldns_pkt_aa(packet.get());
    reply.is_recursive = ldns_pkt_ra(packet.get());
    add_answers(*packet, reply);
    reply.negative_ttl = negative_ttl_of(*packet);
    return std::optional<Reply>(std::move(reply));
}

std::string reverse_name(const ip::address& address) {
    std::string name;
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
            name += std::to_string(*byte) + '.';
        }
        return name + "in-addr.arpa";
    }
    static constexpr std::string_view kDigits = "0123456789abcdef";
    const auto bytes = address.to_v6().to_bytes();
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
        name += kDigits[*byte & 15U];
        name += '.';
        name += kDigits[*byte >> 4U];
        name += '.';
    }
    return name + "ip6.arpa";
}

}  // namespace mxpost::dns
