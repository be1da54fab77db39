// A message file as its owner may write it. First octet: bit 0 the rest is the file; else it is cut
// into envelope, header, body and journal (two octets of length each for the first three), and the
// preamble gets checksums that fit, so that the parsers behind them are reached. Bit 1: the journal
// is cut into records of at most 64 octets whose checksums fit.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sys/mman.h>

#include "base/crc32c.h"
#include "spool/fields.h"
#include "spool/file_format.h"
#include "spool/message_file.h"

namespace {

using namespace mxpost;

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

std::string_view take(std::string_view& rest, std::size_t size) {
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(taken.size());
    return taken;
}

std::size_t take_size(std::string_view& rest) {
    std::size_t size = 0;
    for (const char c : take(rest, 2)) {
        size = size << 8 | static_cast<unsigned char>(c);
    }
    return size;
}

std::string framed_records(std::string_view rest) {
    std::string out;
    while (!rest.empty()) {
        const std::size_t size = static_cast<unsigned char>(take(rest, 1).front()) % 64U;
        const std::string_view body = take(rest, size);
        spool::put_u32(out, static_cast<std::uint32_t>(body.size()));
        spool::put_u32(out, crc32c(0, body));
        out += body;
    }
    return out;
}

std::string make_file(std::string_view input) {
    if (input.empty()) {
        return {};
    }
    const int mode = take(input, 1).front();
    if ((mode & 1) != 0) {
        return std::string(input);
    }
    const std::string_view envelope = take(input, take_size(input));
    const std::string_view header = take(input, take_size(input));
    const std::string_view body = take(input, take_size(input));
    spool::Preamble preamble;
    preamble.envelope_size = static_cast<std::uint32_t>(envelope.size());
    preamble.header_size = static_cast<std::uint32_t>(header.size());
    preamble.body_size = body.size();
    preamble.envelope_crc = crc32c(0, envelope);
    preamble.header_crc = crc32c(0, header);
    preamble.body_crc = crc32c(0, body);
    std::string file = preamble.encode();
    file += envelope;
    file += header;
    file += body;
    file += (mode & 2) != 0 ? framed_records(input) : std::string(input);
    return file;
}

void check_address(const mail::Address& address, bool may_be_unqualified) {
    const std::string text = address.text();
    for (const char c : text) {
        const auto octet = static_cast<unsigned char>(c);
        require(octet >= ' ' && octet != 0x7F);
    }
    require(may_be_unqualified || address.is_qualified());
    const auto again = mail::parse_smtp_address(text);
    require(again && again->text() == text);
}

void check_parameter(const std::string& text) {
    for (const char c : text) {
        require(c > ' ' && c <= '~');
    }
}

void check_message(FileSystem& files, const spool::MessageFile& message) {
    const mail::Envelope& envelope = message.envelope();
    require(!envelope.recipients.empty());
    if (envelope.sender) {
        check_address(*envelope.sender, envelope.is_incomplete);
    }
    for (const mail::Recipient& recipient : envelope.recipients) {
        check_address(recipient.address, envelope.is_incomplete);
        check_parameter(recipient.original_recipient);
    }
    check_parameter(envelope.envelope_id);
    // What was understood is what would be written.
    const std::string encoded = spool::encode_envelope(envelope);
    const auto decoded = spool::decode_envelope(encoded);
    require(decoded && spool::encode_envelope(*decoded) == encoded);
    require(message.journal().recipients.size() == envelope.recipients.size());

    spool::FileContent content(files, message, message.header());
    std::array<char, 100> buffer{};
    std::uint64_t total = 0;
    while (true) {
        const auto got = content.read(buffer);
        if (!got) {
            break;
        }
        if (*got == 0) {
            require(total == content.size());
            break;
        }
        total += *got;
    }
    require(total <= content.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string octets =
        make_file(std::string_view(reinterpret_cast<const char*>(data), size));
    PosixFileSystem files;
    Fd memory(::memfd_create("message", MFD_CLOEXEC));
    require(static_cast<bool>(memory) && files.pwrite(memory.get(), octets, 0).has_value());
    const auto message = spool::MessageFile::read(files, std::move(memory));
    if (message) {
        check_message(files, *message);
    } else {
        require(spool::is_corrupt(message.error()));
    }
    return 0;
}
