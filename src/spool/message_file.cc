#include "spool/message_file.h"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

#include "base/crc32c.h"

namespace mxpost::spool {
namespace {

/// Exactly `size` octets at `offset`; a shorter file is corrupt.
Result<std::string> read_exactly(
    FileSystem& files, int fd, std::uint64_t offset, std::size_t size
) {
    std::string octets(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto got = files.pread(fd, octets.data() + have, size - have, offset + have);
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return Error::invalid("file is shorter than its preamble says");
        }
        have += *got;
    }
    return octets;
}

/// Most headers, and journals of small messages: one call reads all that is wanted. Not kept is the
/// body, for hundreds of messages may wait for their turn or for a reply.
constexpr std::size_t kReadAtOnce = 8192;
constexpr std::size_t kJournalPiece = 64U << 10;
/// One that names kMaxRecipients has less than half of this.
constexpr std::size_t kLongestRecord = 1U << 20;

/// The same, from the file's first octets where they are enough.
Result<std::string> read_exactly(
    FileSystem& files, int fd, std::string_view start, std::uint64_t offset, std::size_t size
) {
    if (offset + size <= start.size()) {
        return std::string(start.substr(static_cast<std::size_t>(offset), size));
    }
    return read_exactly(files, fd, offset, size);
}

}  // namespace

bool is_corrupt(const Error& error) {
    return error.is(EBADMSG);
}

MessageFile::MessageFile(Fd file, Preamble preamble, mail::Envelope envelope, std::string header)
    : file_(std::move(file)),
      preamble_(preamble),
      envelope_(std::move(envelope)),
      header_(std::move(header)),
      journal_(envelope_.recipients.size()),
      journal_end_(preamble.journal_offset()),
      file_end_(preamble.journal_offset()) {}

Result<MessageFile> MessageFile::read(FileSystem& files, Fd file) {
    const auto status = files.fstat(file.get());
    if (!status) {
        return status.error();
    }
    return read(files, std::move(file), static_cast<std::uint64_t>(status->st_size));
}

Result<MessageFile> MessageFile::read(FileSystem& files, Fd file, std::uint64_t size) {
    if (size < kPreambleSize) {
        return Error::invalid("file is shorter than its preamble says");
    }
    const auto start = read_exactly(
        files, file.get(), 0, static_cast<std::size_t>(std::min<std::uint64_t>(size, kReadAtOnce))
    );
    if (!start) {
        return start.error();
    }
    const auto preamble = Preamble::decode(start->substr(0, kPreambleSize));
    if (!preamble) {
        return preamble.error();
    }
    // Before memory is taken for what the preamble promises.
    if (size < preamble->journal_offset()) {
        return Error::invalid("file is shorter than its preamble says");
    }
    auto octets = read_exactly(
        files,
        file.get(),
        *start,
        kPreambleSize,
        std::size_t{preamble->envelope_size} + preamble->header_size
    );
    if (!octets) {
        return octets.error();
    }
    const std::string_view text = *octets;
    const std::string_view envelope_octets = text.substr(0, preamble->envelope_size);
    const std::string_view header = text.substr(preamble->envelope_size);
    if (crc32c(0, envelope_octets) != preamble->envelope_crc ||
        crc32c(0, header) != preamble->header_crc) {
        return Error::invalid("checksum of envelope or header is wrong");
    }
    auto envelope = decode_envelope(envelope_octets);
    if (!envelope) {
        return envelope.error();
    }
    envelope->is_eight_bit = preamble->is_eight_bit;
    envelope->has_long_lines = preamble->has_long_lines;
    MessageFile message(std::move(file), *preamble, std::move(*envelope), std::string(header));
    if (auto done = message.replay(files, size, *start); !done) {
        return done.error();
    }
    return message;
}

/// In pieces: what follows the last whole record is its owner's to write, and may be large.
Result<void> MessageFile::replay(FileSystem& files, std::uint64_t size, std::string_view start) {
    if (size <= journal_end_) {
        return {};
    }
    if (size - journal_end_ > kMaxJournal) {
        return Error::invalid("journal is larger than any that mxpost writes");
    }
    std::size_t piece = kJournalPiece;
    while (journal_end_ < size) {
        const auto octets = read_exactly(
            files,
            file_.get(),
            start,
            journal_end_,
            static_cast<std::size_t>(std::min<std::uint64_t>(size - journal_end_, piece))
        );
        if (!octets) {
            return octets.error();
        }
        std::string_view rest = *octets;
        while (const auto parsed = parse_record(rest)) {
            if (parsed->record) {
                journal_.apply(*parsed->record);
            }
            rest.remove_prefix(parsed->size);
        }
        const std::size_t whole = octets->size() - rest.size();
        journal_end_ += whole;
        replayed_.append(*octets, 0, whole);
        if (whole == 0) {
            // The record at the front is torn, or longer than the piece.
            const std::size_t wanted = record_size(rest).value_or(0);
            const bool is_longer = wanted > octets->size() && wanted <= kLongestRecord;
            if (!is_longer || journal_end_ + wanted > size) {
                break;
            }
            piece = wanted;
        }
    }
    is_torn_ = journal_end_ < size;
    file_end_ = size;
    return {};
}

FileContent::FileContent(FileSystem& files, const MessageFile& message, std::string header)
    : files_(&files), message_(&message), header_(std::move(header)) {
    header_ += "\r\n";
}

Result<void> FileContent::rewind() {
    position_ = 0;
    body_crc_ = 0;
    return {};
}

Result<std::size_t> FileContent::read(std::span<char> buffer) {
    std::size_t filled = 0;
    if (position_ < header_.size()) {
        filled = std::min(buffer.size(), header_.size() - static_cast<std::size_t>(position_));
        std::copy_n(header_.data() + position_, filled, buffer.data());
        position_ += filled;
    }
    while (filled < buffer.size() && position_ < size()) {
        const auto got = read_body(buffer.subspan(filled));
        if (!got) {
            return got.error();
        }
        if (*got == 0) {
            return Error::invalid("message file was cut short while it was sent");
        }
        body_crc_ = crc32c(body_crc_, std::string_view(buffer.data() + filled, *got));
        filled += *got;
        position_ += *got;
    }
    // Checked with the last octets, not after them: a small message is one read, and its octets
    // must not leave before the check.
    if (position_ == size() && filled > 0) {
        if (auto done = check_end(); !done) {
            return done.error();
        }
    }
    return filled;
}

/// At most what is left of the body; 0 where the file ends too early.
Result<std::size_t> FileContent::read_body(std::span<char> buffer) {
    const std::uint64_t body_position = position_ - header_.size();
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size() - position_));
    return files_->pread(
        message_->fd(), buffer.data(), wanted, message_->preamble().body_offset() + body_position
    );
}

Result<void> FileContent::check_end() const {
    if (body_crc_ != message_->preamble().body_crc) {
        return Error::invalid("message file was changed while it was sent");
    }
    const auto status = files_->fstat(message_->fd());
    if (!status) {
        return status.error();
    }
    if (!message_->may_end_at(static_cast<std::uint64_t>(status->st_size))) {
        return Error::invalid("message file was extended or cut while it was sent");
    }
    return {};
}

}  // namespace mxpost::spool
