// MessageWriter: puts one message into a box so that a crash at any moment leaves all of it or
// nothing.
//
// The file has no name until its content is synced, and it is locked until its name is synced, so
// no engine ever acts on a message whose submitter may still report failure.
#pragma once

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/file_system.h"
#include "mail/envelope.h"
#include "spool/body_source.h"
#include "spool/box.h"
#include "spool/entry_name.h"
#include "spool/file_format.h"

namespace mxpost::spool {

/// A message that is safe on disk.
struct Committed {
    Committed(EntryName name_, Fd file_, std::uint64_t journal_offset_)
        : name(std::move(name_)), file(std::move(file_)), journal_offset(journal_offset_) {}

    EntryName name;
    Fd file;  // open for reading, and holding the message's lock: close or unlock it to let an
              // engine at it
    std::uint64_t journal_offset;
};

class MessageWriter {
public:
    /// A message in `box` (which must outlive the writer).
    static Result<MessageWriter> create(FileSystem& files, const Box& box, const MessageId& id);
    /// A message in a file of no box, such as a memfd: take_file() instead of commit().
    static MessageWriter create_unnamed(FileSystem& files, Fd file);

    MessageWriter(MessageWriter&&) noexcept = default;
    MessageWriter& operator=(MessageWriter&&) = delete;
    MessageWriter(const MessageWriter&) = delete;
    MessageWriter& operator=(const MessageWriter&) = delete;
    /// What was not committed vanishes.
    ~MessageWriter();

    /// First: the envelope (its two content hints are ignored here, see finish) and the header
    /// block: lines with CRLF, without the empty line that ends it.
    Result<void> begin(const mail::Envelope& envelope, std::string_view header);
    /// Then the body, in pieces: lines with CRLF.
    Result<void> append(std::string_view body);
    /// The same for all that `body` gives.
    Result<void> append_all(const BodySource& body);
    /// Octets of header and body so far, with the empty line between.
    std::uint64_t content_size() const { return preamble_.header_size + 2 + preamble_.body_size; }

    /// Last: syncs the file, gives it its name, syncs the directory. On an error nothing is left,
    /// or the error says that it can't be taken back.
    Result<Committed> commit(bool is_eight_bit, bool has_long_lines, std::chrono::sys_seconds due);

    /// The two halves of commit().
    Result<void> sync_content(bool is_eight_bit, bool has_long_lines);
    Result<Committed> publish(std::chrono::sys_seconds due);
    /// Between them: another descriptor for the file, which keeps its lock as well.
    Result<Fd> share_file() const;

    /// The steps of publish(), for those who make many messages safe at a time: link(), one fsync
    /// of directory() for all that were linked, finish(). After an error, and when the directory
    /// can't be synced, withdraw().
    /// From here on the message can be seen, but not acted on: it is locked.
    Result<void> link(std::chrono::sys_seconds due);
    int directory() const { return box_->directory(); }
    Committed finish();
    /// Takes it back because of `why`. Returns that; and where the name can't be removed, that the
    /// message may be sent all the same.
    Error withdraw(const Error& why);
    /// Instead of commit for create_unnamed: everything is written.
    Result<Fd> take_file(bool is_eight_bit, bool has_long_lines);

private:
    MessageWriter(
        FileSystem& files, const Box* box, MessageId id, Fd file, std::string hidden_name
    );
    Result<void> flush();
    Result<void> write_all(bool is_eight_bit, bool has_long_lines);
    Result<void> remove_names();

    FileSystem* files_;
    const Box* box_;
    MessageId id_;
    Fd file_;
    std::string hidden_name_;  // not empty: no O_TMPFILE here
    EntryName name_;           // with an id once it has this name
    Preamble preamble_;
    std::size_t recipient_count_ = 0;
    std::string
        buffer_;  // what isn't written yet; the preamble is at its front until the first flush
    bool is_flushed_ = false;  // the preamble's place is in the file
};

/// Room behind `end` in a message file for `more` octets and the outcomes of so many recipients, so
/// that a disk that fills up can't keep them from being written. Fine where the file system can't
/// promise any.
Result<void> reserve_outcomes(
    FileSystem& files, int file, std::uint64_t end, std::uint64_t more, std::size_t recipients
);

}  // namespace mxpost::spool
