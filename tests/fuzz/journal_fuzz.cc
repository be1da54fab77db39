// Journal octets as a message's owner, or a crash, may leave them. First octet: bit 0 the rest is
// the journal; else it is cut into records (one octet of length each) whose checksums fit. Its
// other bits: how many octets a follower gets at a time.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "spool/fields.h"
#include "spool/follower.h"
#include "spool/journal.h"

namespace {

using namespace mxpost;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

std::string framed_records(std::string_view rest) {
    std::string out;
    while (!rest.empty()) {
        const std::size_t size = static_cast<unsigned char>(rest.front());
        const std::string_view body = rest.substr(1, size);
        rest.remove_prefix(1 + body.size());
        spool::put_u32(out, static_cast<std::uint32_t>(body.size()));
        spool::put_u32(out, crc32c(0, body));
        out += body;
    }
    return out;
}

std::vector<std::string> parse_whole(std::string_view octets) {
    std::vector<std::string> records;
    while (const auto parsed = spool::parse_record(octets)) {
        require(parsed->size > 0 && parsed->size <= octets.size());
        if (parsed->record) {
            records.push_back(spool::encode_record(*parsed->record));
        }
        octets.remove_prefix(parsed->size);
    }
    return records;
}

std::vector<std::string> parse_stream(std::string_view octets, std::size_t step) {
    std::vector<std::string> records;
    spool::RecordStream stream;
    for (std::size_t at = 0; at < octets.size(); at += step) {
        stream.feed(octets.substr(at, step));
        while (const auto record = stream.next()) {
            records.push_back(spool::encode_record(*record));
        }
    }
    return records;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::string octets = (data[0] & 1U) != 0 ? std::string(input) : framed_records(input);
    const std::vector<std::string> records = parse_whole(octets);
    require(parse_stream(octets, std::max(1U, data[0] / 2U)) == records);

    spool::JournalState state(3);
    for (const std::string& record : records) {
        // What was understood is what would be written, and understood again.
        const auto again = spool::parse_record(record);
        require(again && again->record && again->size == record.size());
        require(spool::encode_record(*again->record) == record);
        state.apply(*again->record);
    }
    require(state.recipients.size() == 3);
    for (const spool::RecipientState& recipient : state.recipients) {
        require(!recipient.last || recipient.last->text.size() <= mail::kMaxOutcomeText);
    }
    return 0;
}
