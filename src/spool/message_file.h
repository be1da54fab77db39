// MessageFile: one message file as its readers see it. Everything in it is checked, because its
// submitter can change it at any time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/file_system.h"
#include "mail/content.h"
#include "mail/envelope.h"
#include "spool/file_format.h"
#include "spool/journal.h"

namespace mxpost::spool {

/// A snapshot: envelope, header and journal are read; the body stays in the file.
class MessageFile {
public:
    /// Reads and checks preamble, envelope and header (bounded by the format's limits) and replays
    /// the journal (bounded by kMaxJournal). The body's checksum is checked when it is read. Error:
    /// EBADMSG-like (`is_corrupt`) when the file isn't what it should be, else what a call said.
    static Result<MessageFile> read(FileSystem& files, Fd file);
    /// The same for a file whose size is known.
    static Result<MessageFile> read(FileSystem& files, Fd file, std::uint64_t size);

    int fd() const { return file_.get(); }
    Fd take_file() { return std::move(file_); }
    const Preamble& preamble() const { return preamble_; }
    const mail::Envelope& envelope() const { return envelope_; }
    /// Lines with CRLF, without the empty line that ends them.
    const std::string& header() const { return header_; }
    const JournalState& journal() const { return journal_; }
    JournalState& journal() { return journal_; }
    /// The records that were read, as they are in the file: nobody knows whether they are synced.
    std::string take_replayed() { return std::move(replayed_); }
    /// The end of the last whole record: where the next one goes.
    std::uint64_t journal_end() const { return journal_end_; }
    /// The file ends there, too.
    void set_journal_end(std::uint64_t end) { journal_end_ = file_end_ = end; }
    /// The last `size` octets of the journal count as not written, wherever the file ends.
    void take_back(std::uint64_t size) { journal_end_ -= size; }
    /// `size` octets were to follow the journal's end, and some of them may be there.
    void wrote_in_part(std::uint64_t size) { file_end_ = std::max(file_end_, journal_end_ + size); }
    /// Octets follow journal_end() that are no record.
    bool is_torn() const { return is_torn_; }
    void clear_torn() { is_torn_ = false; }
    /// Whether a file of that size is what we have made of it: behind journal_end() there may be a
    /// torn tail, or as much of some records as could be written.
    bool may_end_at(std::uint64_t size) const { return size >= journal_end_ && size <= file_end_; }
    /// Size of header, empty line and body.
    std::uint64_t content_size() const { return preamble_.header_size + 2 + preamble_.body_size; }

private:
    MessageFile(Fd file, Preamble preamble, mail::Envelope envelope, std::string header);
    Result<void> replay(FileSystem& files, std::uint64_t size, std::string_view start);

    Fd file_;
    Preamble preamble_;
    mail::Envelope envelope_;
    std::string header_;
    JournalState journal_;
    std::string replayed_;
    std::uint64_t journal_end_ = 0;
    std::uint64_t file_end_ = 0;  // at most
    bool is_torn_ = false;
};

/// True for the errors of MessageFile::read that mean "set aside", not "try again".
bool is_corrupt(const Error& error);

/// The message's content as a sender streams it: `header`, an empty line, the body from the file.
/// Its end is only reported when the body had the checksum of submission and nothing but our own
/// records came behind it; else read() fails (the file changed under our eyes).
class FileContent final : public mail::Content {
public:
    /// `message` and `files` must outlive it; `header` replaces the stored one.
    FileContent(FileSystem& files, const MessageFile& message, std::string header);

    std::uint64_t size() const override { return header_.size() + message_->preamble().body_size; }
    bool is_eight_bit() const override { return message_->preamble().is_eight_bit; }
    Result<void> rewind() override;
    Result<std::size_t> read(std::span<char> buffer) override;

private:
    Result<std::size_t> read_body(std::span<char> buffer);
    Result<void> check_end() const;

    FileSystem* files_;
    const MessageFile* message_;
    std::string header_;  // with the empty line
    std::uint64_t position_ = 0;
    std::uint32_t body_crc_ = 0;
};

}  // namespace mxpost::spool
