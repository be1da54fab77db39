#include "local/wire.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace mxpost::local {

namespace {

constexpr std::string_view kRequestMark = "MXL1";
constexpr std::string_view kAnswerMark = "MXR1";
constexpr std::size_t kMaxMessageId = 64;

void put_number(std::string& out, std::uint64_t value, std::size_t octets) {
    for (std::size_t i = 0; i < octets; ++i) {
        out += static_cast<char>(value >> (8 * i) & 0xff);
    }
}

void put_text(std::string& out, std::string_view text) {
    put_number(out, text.size(), 2);
    out += text;
}

void put_keys(std::string& out, const std::vector<TargetKey>& keys) {
    const std::size_t count = std::min(keys.size(), kMaxDone);
    put_number(out, count, 2);
    for (std::size_t i = 0; i < count; ++i) {
        put_number(out, keys[i], 8);
    }
}

/// Reads from the front; after the first thing that isn't there it stays bad.
class Reader {
public:
    explicit Reader(std::string_view packet) : left_(packet) {}

    void mark(std::string_view expected) { is_good_ &= take(expected.size()) == expected; }
    std::uint64_t number(std::size_t octets) {
        const std::string_view bytes = take(octets);
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return value;
    }
    std::string text(std::size_t limit) {
        const std::size_t size = number(2);
        is_good_ &= size <= limit;
        const std::string_view bytes = take(size);
        const auto is_control = [](char c) {
            return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        };
        is_good_ &= std::ranges::none_of(bytes, is_control);
        return std::string(bytes);
    }
    std::vector<TargetKey> keys() {
        const std::size_t count = number(2);
        is_good_ &= count <= kMaxDone;
        std::vector<TargetKey> keys;
        for (std::size_t i = 0; i < count && is_good_; ++i) {
            keys.push_back(number(8));
        }
        return keys;
    }
    void require(bool condition) { is_good_ &= condition; }
    bool is_good() const { return is_good_; }
    bool is_complete() const { return is_good_ && left_.empty(); }

private:
    std::string_view take(std::size_t size) {
        if (!is_good_ || left_.size() < size) {
            is_good_ = false;
            return {};
        }
        const std::string_view taken = left_.substr(0, size);
        left_.remove_prefix(size);
        return taken;
    }

    std::string_view left_;
    bool is_good_ = true;
};

/// The answer's forwards as they go on the wire; empty with `fits` false when they are too many.
std::string encode_forwards(const std::vector<mail::Address>& forwards, bool& fits) {
    std::string out;
    fits = forwards.size() <= kMaxForwards;
    for (const mail::Address& address : forwards) {
        const std::string text = address.text();
        fits = fits && text.size() <= kMaxAddress && out.size() < kMaxAnswerPacket - 8 * 1024;
        if (!fits) {
            return {};
        }
        put_text(out, text);
    }
    return out;
}

/// "alice" or "bob@example.com", as Answer::forwards has it.
Result<mail::Address> parse_forward(const std::string& text) {
    if (auto qualified = mail::parse_smtp_address(text)) {
        return qualified;
    }
    const mail::AddressList list = mail::parse_address_list(text);
    if (list.addresses.size() != 1 || !list.bad.empty() || list.addresses[0].text() != text) {
        return Error::invalid("not an address: " + printable(text, 100));
    }
    return list.addresses[0];
}

}  // namespace

Result<std::string> encode(const Request& request) {
    std::string out(kRequestMark);
    put_number(out, static_cast<std::uint8_t>(request.kind), 1);
    for (const std::string* text :
         {&request.name,
          &request.recipient,
          &request.original_recipient,
          &request.sender,
          &request.message_id}) {
        if (text->size() > kMaxAddress) {
            return Error::invalid("address too long for local delivery");
        }
        put_text(out, *text);
    }
    put_keys(out, request.done);
    if (!decode_request(out)) {  // so what the helper would refuse is found here
        return Error::invalid("address unfit for local delivery");
    }
    return out;
}

Result<Request> decode_request(std::string_view packet) {
    Reader reader(packet);
    Request request;
    reader.mark(kRequestMark);
    const std::uint64_t kind = reader.number(1);
    reader.require(kind >= 1 && kind <= 3);
    request.kind = static_cast<RequestKind>(kind);
    request.name = reader.text(kMaxName);
    reader.require(!request.name.empty());
    request.recipient = reader.text(kMaxAddress);
    request.original_recipient = reader.text(kMaxAddress);
    request.sender = reader.text(kMaxAddress);
    request.message_id = reader.text(kMaxMessageId);
    request.done = reader.keys();
    if (packet.size() > kMaxRequestPacket || !reader.is_complete()) {
        return Error::invalid("malformed request for local delivery");
    }
    return request;
}

std::string encode(const Answer& answer) {
    bool fits = true;
    const std::string forwards = encode_forwards(answer.forwards, fits);
    mail::RecipientOutcome outcome = answer.outcome;
    if (!fits) {
        outcome = mail::RecipientOutcome(
            mail::OutcomeKind::failed, {5, 2, 4}, "the recipient forwards to too many addresses"
        );
    }
    std::string out(kAnswerMark);
    put_number(out, static_cast<std::uint8_t>(outcome.kind), 1);
    put_number(out, outcome.status.klass, 1);
    put_number(out, outcome.status.subject, 2);
    put_number(out, outcome.status.detail, 2);
    put_number(out, answer.wants_mailbox && fits ? 1 : 0, 1);
    put_text(out, printable(outcome.text, mail::kMaxOutcomeText - 3));
    put_number(out, fits ? answer.forwards.size() : 0, 2);
    out += forwards;
    put_keys(out, answer.done);
    return out;
}

Result<Answer> decode_answer(std::string_view packet) {
    Reader reader(packet);
    Answer answer;
    reader.mark(kAnswerMark);
    const std::uint64_t kind = reader.number(1);
    reader.require(kind >= 1 && kind <= 3);
    answer.outcome.kind = static_cast<mail::OutcomeKind>(kind);
    answer.outcome.status.klass = static_cast<std::uint8_t>(reader.number(1));
    answer.outcome.status.subject = static_cast<std::uint16_t>(reader.number(2));
    answer.outcome.status.detail = static_cast<std::uint16_t>(reader.number(2));
    answer.wants_mailbox = reader.number(1) != 0;
    answer.outcome.text = reader.text(mail::kMaxOutcomeText);
    const std::uint64_t forwards = reader.number(2);
    reader.require(forwards <= kMaxForwards);
    for (std::uint64_t i = 0; i < forwards && reader.is_good(); ++i) {
        auto address = parse_forward(reader.text(kMaxAddress));
        reader.require(address.has_value());
        if (address) {
            answer.forwards.push_back(std::move(*address));
        }
    }
    answer.done = reader.keys();
    // RFC 3463: the class says the same as the outcome.
    constexpr std::array<std::uint8_t, 3> kClasses = {2, 4, 5};
    reader.require(kind >= 1 && kind <= 3 && answer.outcome.status.klass == kClasses[kind - 1]);
    if (!reader.is_complete()) {
        return Error::invalid("malformed answer of the local helper");
    }
    return answer;
}

}  // namespace mxpost::local
