#include "spool/journal.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/text.h"
#include "spool/fields.h"

namespace mxpost::spool {
namespace {

// Never renumbered: files outlive versions.
enum RecordType : std::uint8_t {
    type_outcome = 1,
    type_dialogue = 2,
    type_report = 3,
    type_note = 4,
    type_hold = 5,
    type_again = 6
};
enum Tag : std::uint8_t {
    tag_time = 1,
    tag_recipient = 2,
    tag_kind = 3,
    tag_status = 4,
    tag_reply_code = 5,
    tag_text = 6,
    tag_host = 7,
    tag_address = 8,
    tag_tls = 9,
    tag_report_id = 10,
    tag_success = 11
};

constexpr std::size_t kMaxHost = 255;
constexpr std::size_t kMaxTls = 64;
constexpr std::size_t kMaxAddress = 64;
constexpr std::size_t kMaxDialogue = kMaxRecord - 64;
// tag_kind of hold records.
constexpr std::uint64_t kHeld = 1;
constexpr std::uint64_t kReleased = 2;

void put_time(FieldWriter& writer, WallTime time) {
    writer.number(tag_time, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

void put_text(FieldWriter& writer, Tag tag, std::string_view text, std::size_t max) {
    if (!text.empty()) {
        writer.text(tag, text.substr(0, max));
    }
}

std::uint64_t pack(const mail::EnhancedStatus& status) {
    return std::uint64_t{status.klass} << 32 | std::uint64_t{status.subject} << 16 | status.detail;
}

mail::EnhancedStatus unpack(std::uint64_t value) {
    return {
        static_cast<std::uint8_t>(value >> 32),
        static_cast<std::uint16_t>(value >> 16),
        static_cast<std::uint16_t>(value)};
}

void encode(FieldWriter& writer, const OutcomeRecord& record) {
    const mail::RecipientOutcome& outcome = record.outcome;
    put_time(writer, record.time);
    writer.number(tag_recipient, record.recipient);
    writer.number(tag_kind, static_cast<std::uint64_t>(outcome.kind));
    writer.number(tag_status, pack(outcome.status));
    if (outcome.success != mail::SuccessReport::due) {
        writer.number(tag_success, static_cast<std::uint64_t>(outcome.success));
    }
    if (outcome.reply_code != 0) {
        writer.number(tag_reply_code, outcome.reply_code);
    }
    put_text(writer, tag_text, outcome.text, mail::kMaxOutcomeText);
    put_text(writer, tag_host, outcome.remote_host, kMaxHost);
    put_text(writer, tag_address, outcome.remote_address, kMaxAddress);
    put_text(writer, tag_tls, outcome.tls, kMaxTls);
}
static_assert(
    kRecordHead + 1 + 6 * 13 + 4 * 5 + mail::kMaxOutcomeText + kMaxHost + kMaxAddress + kMaxTls <=
    kMaxOutcomeRecord
);

void encode(FieldWriter& writer, const DialogueRecord& record) {
    put_time(writer, record.time);
    put_text(writer, tag_text, record.lines, kMaxDialogue);
}

void encode(FieldWriter& writer, const ReportRecord& record) {
    put_time(writer, record.time);
    writer.number(tag_kind, static_cast<std::uint64_t>(record.kind));
    put_text(writer, tag_report_id, record.report_id, kMaxHost);
    for (const std::uint32_t recipient : record.recipients) {
        writer.number(tag_recipient, recipient);
    }
}

void encode(FieldWriter& writer, const NoteRecord& record) {
    put_time(writer, record.time);
    put_text(writer, tag_text, record.text, mail::kMaxOutcomeText);
}

void encode(FieldWriter& writer, const HoldRecord& record) {
    put_time(writer, record.time);
    writer.number(tag_kind, record.is_held ? kHeld : kReleased);
    put_text(writer, tag_text, record.by, kMaxHost);
}

void encode(FieldWriter& writer, const AgainRecord& record) {
    put_time(writer, record.time);
    for (const std::uint32_t recipient : record.recipients) {
        writer.number(tag_recipient, recipient);
    }
}

RecordType type_of(const Record& record) {
    return static_cast<RecordType>(record.index() + 1);
}

std::optional<Record> decode_outcome(FieldReader reader) {
    OutcomeRecord record;
    std::uint64_t kind = 0;
    while (const auto field = reader.next()) {
        switch (field->tag) {
            case tag_time:
                record.time = field->time();
                break;
            case tag_recipient:
                record.recipient = static_cast<std::uint32_t>(field->number());
                break;
            case tag_kind:
                kind = field->number();
                break;
            case tag_status:
                record.outcome.status = unpack(field->number());
                break;
            case tag_success:
                record.outcome.success =
                    static_cast<mail::SuccessReport>(field->number() <= 2 ? field->number() : 0);
                break;
            case tag_reply_code:
                record.outcome.reply_code = static_cast<std::uint16_t>(field->number());
                break;
            case tag_text:
                record.outcome.text = field->value.substr(0, mail::kMaxOutcomeText);
                break;
            case tag_host:
                record.outcome.remote_host = field->value.substr(0, kMaxHost);
                break;
            case tag_address:
                record.outcome.remote_address = field->value.substr(0, kMaxAddress);
                break;
            case tag_tls:
                record.outcome.tls = field->value.substr(0, kMaxTls);
                break;
            default:
                break;
        }
    }
    if (reader.is_broken() || kind < 1 || kind > 3) {
        return std::nullopt;
    }
    record.outcome.kind = static_cast<mail::OutcomeKind>(kind);
    return record;
}

std::optional<Record> decode_report(FieldReader reader) {
    ReportRecord record;
    std::uint64_t kind = 0;
    while (const auto field = reader.next()) {
        switch (field->tag) {
            case tag_time:
                record.time = field->time();
                break;
            case tag_kind:
                kind = field->number();
                break;
            case tag_report_id:
                record.report_id = field->value;
                break;
            case tag_recipient:
                record.recipients.push_back(static_cast<std::uint32_t>(field->number()));
                break;
            default:
                break;
        }
    }
    if (reader.is_broken() || kind < 1 || kind > 3) {
        return std::nullopt;
    }
    record.kind = static_cast<ReportKind>(kind);
    return record;
}

std::optional<Record> decode_again(FieldReader reader) {
    AgainRecord record;
    while (const auto field = reader.next()) {
        if (field->tag == tag_time) {
            record.time = field->time();
        } else if (field->tag == tag_recipient) {
            record.recipients.push_back(static_cast<std::uint32_t>(field->number()));
        }
    }
    if (reader.is_broken()) {
        return std::nullopt;
    }
    return record;
}

std::optional<Record> decode_hold(FieldReader reader) {
    HoldRecord record;
    std::uint64_t kind = 0;
    while (const auto field = reader.next()) {
        if (field->tag == tag_time) {
            record.time = field->time();
        } else if (field->tag == tag_kind) {
            kind = field->number();
        } else if (field->tag == tag_text) {
            record.by = field->value.substr(0, kMaxHost);
        }
    }
    if (reader.is_broken() || (kind != kHeld && kind != kReleased)) {
        return std::nullopt;
    }
    record.is_held = kind == kHeld;
    return record;
}

/// Dialogues and notes: a time and a text.
template <class T>
std::optional<Record> decode_text(FieldReader reader, std::string T::*text) {
    T record;
    while (const auto field = reader.next()) {
        if (field->tag == tag_time) {
            record.time = field->time();
        } else if (field->tag == tag_text) {
            record.*text = field->value;
        }
    }
    if (reader.is_broken()) {
        return std::nullopt;
    }
    return record;
}

/// Of its record, about.
std::size_t octets_of(const mail::RecipientOutcome& outcome) {
    constexpr std::size_t kNumbers = 100;
    return kNumbers + outcome.text.size() + outcome.remote_host.size() +
           outcome.remote_address.size() + outcome.tls.size();
}

/// As far as the journal keeps them.
bool is_same(const mail::RecipientOutcome& a, const mail::RecipientOutcome& b) {
    const auto start = [](const std::string& text) {
        return std::string_view(text).substr(0, mail::kMaxOutcomeText);
    };
    return a.reply_code == b.reply_code && pack(a.status) == pack(b.status) &&
           a.success == b.success && start(a.text) == start(b.text) &&
           a.remote_host == b.remote_host && a.remote_address == b.remote_address && a.tls == b.tls;
}

bool is_given_up(const mail::RecipientOutcome& outcome) {
    return outcome.kind == mail::OutcomeKind::failed && outcome.status == kGivenUp &&
           outcome.reply_code == 0;
}

}  // namespace

std::string encode_record(const Record& record) {
    std::string body(1, static_cast<char>(type_of(record)));
    FieldWriter writer(body);
    std::visit([&](const auto& value) { encode(writer, value); }, record);
    std::string out;
    out.reserve(kRecordHead + body.size());
    put_u32(out, static_cast<std::uint32_t>(body.size()));
    put_u32(out, crc32c(0, body));
    return out + body;
}

std::optional<std::size_t> record_size(std::string_view octets) {
    return octets.size() < kRecordHead ? std::nullopt
                                       : std::optional(kRecordHead + get_u32(octets));
}

std::optional<ParsedRecord> parse_record(std::string_view octets) {
    if (octets.size() < kRecordHead + 1) {
        return std::nullopt;
    }
    const std::size_t size = get_u32(octets);
    // A report may name very many recipients; nothing else comes near kMaxRecord.
    if (size == 0 || octets.size() - kRecordHead < size) {
        return std::nullopt;
    }
    const std::string_view body = octets.substr(kRecordHead, size);
    if (get_u32(octets.substr(4)) != crc32c(0, body)) {
        return std::nullopt;
    }
    ParsedRecord parsed;
    parsed.size = kRecordHead + size;
    const FieldReader fields(body.substr(1));
    switch (static_cast<std::uint8_t>(body[0])) {
        case type_outcome:
            parsed.record = decode_outcome(fields);
            break;
        case type_dialogue:
            parsed.record = decode_text(fields, &DialogueRecord::lines);
            break;
        case type_report:
            parsed.record = decode_report(fields);
            break;
        case type_note:
            parsed.record = decode_text(fields, &NoteRecord::text);
            break;
        case type_hold:
            parsed.record = decode_hold(fields);
            break;
        case type_again:
            parsed.record = decode_again(fields);
            break;
        default:
            break;
    }
    return parsed;
}

bool JournalState::is_repeated_by(std::uint32_t recipient, const mail::RecipientOutcome& outcome)
    const {
    const auto& last = recipients[recipient].last;
    if (!last || last->kind != mail::OutcomeKind::deferred || outcome.kind != last->kind) {
        return false;
    }
    return is_large() || is_same(*last, outcome);
}

void JournalState::apply(const Record& record) {
    if (const auto* outcome = std::get_if<OutcomeRecord>(&record)) {
        if (outcome->recipient < recipients.size()) {
            RecipientState& state = recipients[outcome->recipient];
            const bool is_attempt = !is_given_up(outcome->outcome);
            if (state.last && state.is_pending() && !is_attempt) {
                state.last_deferral =
                    std::make_shared<const mail::RecipientOutcome>(std::move(*state.last));
            }
            state.last = outcome->outcome;
            if (is_attempt || state.attempts == 0) {
                state.last_time = outcome->time;
            }
            state.attempts += is_attempt ? 1U : 0U;
            note.clear();
            octets += octets_of(outcome->outcome);
        }
    } else if (const auto* again = std::get_if<AgainRecord>(&record)) {
        for (const std::uint32_t recipient : again->recipients) {
            if (recipient < recipients.size() && recipients[recipient].last) {
                recipients[recipient].last_time = again->time;
                ++recipients[recipient].attempts;
                note.clear();
            }
        }
    } else if (const auto* report = std::get_if<ReportRecord>(&record)) {
        for (const std::uint32_t recipient : report->recipients) {
            if (recipient < recipients.size()) {
                RecipientState& state = recipients[recipient];
                state.is_failure_reported |= report->kind == ReportKind::failure;
                state.is_delay_reported |= report->kind == ReportKind::delay;
                state.is_success_reported |= report->kind == ReportKind::success;
            }
        }
    } else if (const auto* dialogue = std::get_if<DialogueRecord>(&record)) {
        octets += dialogue->lines.size();
    } else if (const auto* text = std::get_if<NoteRecord>(&record)) {
        note = text->text;
    } else if (const auto* held = std::get_if<HoldRecord>(&record)) {
        hold = held->is_held ? std::optional(*held) : std::nullopt;
    }
}

}  // namespace mxpost::spool
