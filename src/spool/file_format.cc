#include "spool/file_format.h"

#include <algorithm>

#include "base/crc32c.h"
#include "spool/fields.h"

namespace mxpost::spool {
namespace {

constexpr std::string_view kMagic = "mxpost1\n";
constexpr std::size_t kChecksumAt = kPreambleSize - 4;

// Never renumbered: files outlive versions.
enum EnvelopeTag : std::uint8_t {
    tag_sender = 1,
    tag_recipient = 2,
    tag_dsn_return = 3,
    tag_envelope_id = 4,
    tag_error_mode = 5,
    tag_arrival = 6,
    tag_flags = 7
};
enum RecipientTag : std::uint8_t {
    tag_address = 1,
    tag_notify = 2,
    tag_original = 3,
    tag_step = 4
};
constexpr std::uint64_t kFlagUtf8 = 1;
constexpr std::uint64_t kFlagFollowed = 2;
constexpr std::uint64_t kFlagVerbose = 4;
constexpr std::uint64_t kFlagBounce = 8;
constexpr std::uint64_t kFlagIncomplete = 16;
constexpr std::uint64_t kFlagRequiresTls = 32;

constexpr std::size_t kMaxParameter = 1000;  // octets of ENVID or ORCPT: RFC 3461 has 100 and 500

/// xtext (RFC 3461 4): nothing that could end an SMTP parameter or line.
bool is_parameter(std::string_view text) {
    if (text.size() > kMaxParameter) {
        return false;
    }
    for (const char c : text) {
        if (c <= ' ' || c >= 0x7F) {
            return false;
        }
    }
    return true;
}

/// A bare local part is the SMTP form of "postmaster" (RFC 5321 4.5.1), so the parser takes it;
/// here only submission's own mark makes it right, wherever among the fields that stands.
bool has_unqualified(const mail::Envelope& envelope) {
    return (envelope.sender && !envelope.sender->is_qualified()) ||
           std::ranges::any_of(envelope.recipients, [](const mail::Recipient& recipient) {
               return !recipient.address.is_qualified();
           });
}

Result<mail::Recipient> decode_recipient(std::string_view octets) {
    mail::Recipient recipient;
    FieldReader reader(octets);
    bool has_address = false;
    while (const auto field = reader.next()) {
        if (field->tag == tag_address) {
            auto address = mail::parse_smtp_address(field->value);
            if (!address) {
                return Error::invalid("bad address in envelope");
            }
            recipient.address = std::move(*address);
            has_address = true;
        } else if (field->tag == tag_notify) {
            recipient.notify = static_cast<mail::NotifySet>(field->number() & 0x0F);
        } else if (field->tag == tag_original && is_parameter(field->value)) {
            recipient.original_recipient = field->value;
        } else if (field->tag == tag_step && field->number() <= 3) {
            recipient.step = static_cast<mail::LocalStep>(field->number());
        }
    }
    if (reader.is_broken() || !has_address) {
        return Error::invalid("bad recipient in envelope");
    }
    return recipient;
}

std::uint64_t envelope_flags(const mail::Envelope& envelope) {
    return (envelope.is_smtp_utf8 ? kFlagUtf8 : 0) | (envelope.is_followed ? kFlagFollowed : 0) |
           (envelope.is_verbose ? kFlagVerbose : 0) | (envelope.is_bounce ? kFlagBounce : 0) |
           (envelope.is_incomplete ? kFlagIncomplete : 0) |
           (envelope.requires_tls ? kFlagRequiresTls : 0);
}

void set_flags(mail::Envelope& envelope, std::uint64_t flags) {
    envelope.is_smtp_utf8 = (flags & kFlagUtf8) != 0;
    envelope.is_followed = (flags & kFlagFollowed) != 0;
    envelope.is_verbose = (flags & kFlagVerbose) != 0;
    envelope.is_bounce = (flags & kFlagBounce) != 0;
    envelope.is_incomplete = (flags & kFlagIncomplete) != 0;
    envelope.requires_tls = (flags & kFlagRequiresTls) != 0;
}

Result<void> decode_field(const Field& field, mail::Envelope& envelope) {
    switch (field.tag) {
        case tag_flags:
            set_flags(envelope, field.number());
            break;
        case tag_sender: {
            auto address = mail::parse_smtp_address(field.value);
            if (!address) {
                return Error::invalid("bad address in envelope");
            }
            envelope.sender = std::move(*address);
            break;
        }
        case tag_recipient: {
            auto recipient = decode_recipient(field.value);
            if (!recipient) {
                return recipient.error();
            }
            if (envelope.recipients.size() >= kMaxRecipients) {
                return Error::invalid("too many recipients in envelope");
            }
            envelope.recipients.push_back(std::move(*recipient));
            break;
        }
        case tag_dsn_return:
            envelope.dsn_return =
                static_cast<mail::DsnReturn>(field.number() <= 2 ? field.number() : 0);
            break;
        case tag_envelope_id:
            envelope.envelope_id =
                is_parameter(field.value) ? std::string(field.value) : std::string();
            break;
        case tag_error_mode:
            envelope.error_mode =
                static_cast<mail::ErrorMode>(field.number() <= 4 ? field.number() : 0);
            break;
        case tag_arrival:
            envelope.arrival = field.time();
            break;
        default:
            break;  // of a later version: it says in the preamble's magic when it can't be ignored
    }
    return {};
}

}  // namespace

std::string Preamble::encode() const {
    std::string out(kMagic);
    put_u32(out, envelope_size);
    put_u32(out, header_size);
    put_u64(out, body_size);
    put_u32(out, envelope_crc);
    put_u32(out, header_crc);
    put_u32(out, body_crc);
    put_u32(out, (is_eight_bit ? 1U : 0U) | (has_long_lines ? 2U : 0U));
    out.resize(kChecksumAt, '\0');
    put_u32(out, crc32c(0, out));
    return out;
}

Result<Preamble> Preamble::decode(std::string_view octets) {
    if (octets.size() != kPreambleSize || octets.substr(0, kMagic.size()) != kMagic) {
        return Error::invalid("not a message file of this version");
    }
    if (get_u32(octets.substr(kChecksumAt)) != crc32c(0, octets.substr(0, kChecksumAt))) {
        return Error::invalid("preamble checksum is wrong");
    }
    Preamble preamble;
    preamble.envelope_size = get_u32(octets.substr(8));
    preamble.header_size = get_u32(octets.substr(12));
    preamble.body_size = get_u64(octets.substr(16));
    preamble.envelope_crc = get_u32(octets.substr(24));
    preamble.header_crc = get_u32(octets.substr(28));
    preamble.body_crc = get_u32(octets.substr(32));
    const std::uint32_t flags = get_u32(octets.substr(36));
    preamble.is_eight_bit = (flags & 1U) != 0;
    preamble.has_long_lines = (flags & 2U) != 0;
    constexpr std::uint64_t kMaxBody = std::uint64_t{1} << 50;  // so that no sum of sizes can wrap
    if (preamble.envelope_size > kMaxEnvelopeSize || preamble.header_size > kMaxHeaderSize ||
        preamble.body_size > kMaxBody) {
        return Error::invalid("sizes in the preamble are beyond all limits");
    }
    return preamble;
}

std::string encode_envelope(const mail::Envelope& envelope) {
    std::string out;
    FieldWriter writer(out);
    writer.number(tag_flags, envelope_flags(envelope));  // first: reading addresses depends on it
    writer.number(
        tag_arrival, static_cast<std::uint64_t>(envelope.arrival.time_since_epoch().count())
    );
    if (envelope.sender) {
        writer.text(tag_sender, envelope.sender->text());
    }
    if (envelope.dsn_return != mail::DsnReturn::unset) {
        writer.number(tag_dsn_return, static_cast<std::uint64_t>(envelope.dsn_return));
    }
    if (!envelope.envelope_id.empty()) {
        writer.text(tag_envelope_id, envelope.envelope_id);
    }
    if (envelope.error_mode != mail::ErrorMode::mail) {
        writer.number(tag_error_mode, static_cast<std::uint64_t>(envelope.error_mode));
    }
    std::string octets;
    for (const mail::Recipient& recipient : envelope.recipients) {
        octets.clear();
        FieldWriter fields(octets);
        fields.text(tag_address, recipient.address.text());
        if (recipient.notify != 0) {
            fields.number(tag_notify, recipient.notify);
        }
        if (!recipient.original_recipient.empty()) {
            fields.text(tag_original, recipient.original_recipient);
        }
        if (recipient.step != mail::LocalStep::alias) {
            fields.number(tag_step, static_cast<std::uint64_t>(recipient.step));
        }
        writer.text(tag_recipient, octets);
    }
    return out;
}

Result<mail::Envelope> decode_envelope(std::string_view octets) {
    mail::Envelope envelope;
    FieldReader reader(octets);
    while (const auto field = reader.next()) {
        if (auto done = decode_field(*field, envelope); !done) {
            return done.error();
        }
    }
    if (reader.is_broken()) {
        return Error::invalid("envelope is cut short");
    }
    if (envelope.recipients.empty()) {
        return Error::invalid("envelope has no recipient");
    }
    if (!envelope.is_incomplete && has_unqualified(envelope)) {
        return Error::invalid("bad address in envelope");
    }
    return envelope;
}

std::size_t count_recipients(std::string_view octets) {
    std::size_t count = 0;
    FieldReader reader(octets);
    while (const auto field = reader.next()) {
        count += field->tag == tag_recipient ? 1U : 0U;
    }
    return count;
}

}  // namespace mxpost::spool
