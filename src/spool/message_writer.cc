#include "spool/message_writer.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/crc32c.h"
#include "spool/journal.h"

namespace mxpost::spool {
namespace {

/// A message up to this size is one write.
constexpr std::size_t kBufferSize = 64U << 10;
constexpr mode_t kFileMode = 0660;

bool lacks_tmpfile(const Error& error) {
    return error.is(EOPNOTSUPP) || error.is(EISDIR) || error.is(EINVAL) || error.is(ENOENT);
}

}  // namespace

MessageWriter::MessageWriter(
    FileSystem& files, const Box* box, MessageId id, Fd file, std::string hidden_name
)
    : files_(&files),
      box_(box),
      id_(std::move(id)),
      file_(std::move(file)),
      hidden_name_(std::move(hidden_name)) {}

MessageWriter::~MessageWriter() {
    (void)remove_names().has_value();
}

Result<MessageWriter> MessageWriter::create(
    FileSystem& files, const Box& box, const MessageId& id
) {
    std::string hidden_name;
    // A nameless file gets its name through /proc; without that it could never be published.
    const bool has_proc = files.stat(AT_FDCWD, "/proc/self/fd").has_value();
    Result<Fd> file = has_proc ? files.open(box.directory(), ".", O_TMPFILE | O_RDWR, kFileMode)
                               : Error::from_errno(EOPNOTSUPP, "/proc");
    if (!file && lacks_tmpfile(file.error())) {
        hidden_name = kHiddenPrefix + id;
        file = files.open(
            box.directory(), hidden_name, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, kFileMode
        );
    }
    if (!file) {
        return file.error();
    }
    MessageWriter writer(files, &box, id, std::move(*file), hidden_name);
    // The caller's umask took bits away; the group needs them.
    if (auto done = files.fchmod(writer.file_.get(), kFileMode); !done) {
        return done.error();
    }
    const auto locked = files.try_lock(writer.file_.get());
    if (!locked) {
        return locked.error();
    }
    if (!*locked) {
        return Error::from_errno(EAGAIN, "lock on a new message file");
    }
    return writer;
}

MessageWriter MessageWriter::create_unnamed(FileSystem& files, Fd file) {
    return {files, nullptr, MessageId(), std::move(file), std::string()};
}

Result<void> MessageWriter::begin(const mail::Envelope& envelope, std::string_view header) {
    const std::string octets = encode_envelope(envelope);
    if (octets.size() > kMaxEnvelopeSize || envelope.recipients.size() > kMaxRecipients) {
        return Error::from_errno(EFBIG, "envelope");
    }
    if (header.size() > kMaxHeaderSize) {
        return Error::from_errno(EFBIG, "header");
    }
    recipient_count_ = envelope.recipients.size();
    preamble_.envelope_size = static_cast<std::uint32_t>(octets.size());
    preamble_.envelope_crc = crc32c(0, octets);
    preamble_.header_size = static_cast<std::uint32_t>(header.size());
    preamble_.header_crc = crc32c(0, header);
    buffer_.reserve(kPreambleSize + octets.size() + header.size() + 4096);
    buffer_.assign(kPreambleSize, '\0');
    buffer_ += octets;
    buffer_ += header;
    return {};
}

Result<void> MessageWriter::append(std::string_view body) {
    preamble_.body_crc = crc32c(preamble_.body_crc, body);
    preamble_.body_size += body.size();
    if (buffer_.size() + body.size() <= kBufferSize) {
        buffer_ += body;
        return {};
    }
    if (auto done = flush(); !done) {
        return done;
    }
    if (body.size() >= kBufferSize) {
        return files_->write(file_.get(), body);
    }
    buffer_ += body;
    return {};
}

Result<void> MessageWriter::append_all(const BodySource& body) {
    std::array<char, 65536> buffer;
    for (;;) {
        const auto size = body(buffer);
        if (!size) {
            return size.error();
        }
        if (*size == 0) {
            return {};
        }
        if (auto done = append(std::string_view(buffer.data(), *size)); !done) {
            return done;
        }
    }
}

Result<void> MessageWriter::flush() {
    auto done = files_->write(file_.get(), buffer_);
    buffer_.clear();
    is_flushed_ = true;
    return done;
}

Result<void> MessageWriter::write_all(bool is_eight_bit, bool has_long_lines) {
    preamble_.is_eight_bit = is_eight_bit;
    preamble_.has_long_lines = has_long_lines;
    const std::string head = preamble_.encode();
    if (!is_flushed_) {
        buffer_.replace(0, kPreambleSize, head);
        return flush();
    }
    if (auto done = flush(); !done) {
        return done;
    }
    return files_->pwrite(file_.get(), head, 0);
}

Result<void> reserve_outcomes(
    FileSystem& files, int file, std::uint64_t end, std::uint64_t more, std::size_t recipients
) {
    // Inside the last block there is room already: the file system gives out whole blocks.
    const auto status = files.fstat(file);
    if (!status) {
        return status.error();
    }
    const auto block =
        static_cast<std::uint64_t>(status->st_blksize > 0 ? status->st_blksize : 512);
    const std::uint64_t wanted = more + recipients * std::uint64_t{kMaxOutcomeRecord};
    const std::uint64_t slack = (block - end % block) % block;
    if (wanted <= slack) {
        return {};
    }
    auto reserved = files.reserve(file, end, wanted);
    if (!reserved && (reserved.error().is(EOPNOTSUPP) || reserved.error().is(ENOSYS))) {
        return {};  // this file system can't promise room (mxpost-spool(5) says so)
    }
    return reserved;
}

Result<void> MessageWriter::sync_content(bool is_eight_bit, bool has_long_lines) {
    if (auto done = write_all(is_eight_bit, has_long_lines); !done) {
        return done;
    }
    if (auto done =
            reserve_outcomes(*files_, file_.get(), preamble_.journal_offset(), 0, recipient_count_);
        !done) {
        return done;
    }
    // Before the name: a name must never lead to a file whose content a crash could lose.
    return files_->fsync(file_.get());
}

Result<void> MessageWriter::link(std::chrono::sys_seconds due) {
    const int directory = box_->directory();
    EntryName name{id_, due};
    auto done = hidden_name_.empty() ? files_->link_fd(file_.get(), directory, name.text())
                                     : files_->rename(directory, hidden_name_, name.text());
    if (done) {
        hidden_name_.clear();
        name_ = std::move(name);
    }
    return done;
}

Committed MessageWriter::finish() {
    return {std::move(name_), std::move(file_), preamble_.journal_offset()};
}

Result<void> MessageWriter::remove_names() {
    if (!file_) {
        return {};
    }
    if (!hidden_name_.empty()) {
        // If this fails the engine removes the hidden file when it is old.
        (void)files_->unlink(box_->directory(), hidden_name_).has_value();
    }
    auto done = name_.id.empty() ? Result<void>() : files_->unlink(box_->directory(), name_.text());
    file_.reset();
    return done;
}

Error MessageWriter::withdraw(const Error& why) {
    const auto removed = remove_names();
    (void)files_->fsync(directory()).has_value();
    if (removed) {
        return why;
    }
    return {
        why.code(),
        id_ + " can't be taken back (" + removed.error().message() + ") and may be sent, after " +
            why.context()};
}

Result<Committed> MessageWriter::commit(
    bool is_eight_bit, bool has_long_lines, std::chrono::sys_seconds due
) {
    if (auto done = sync_content(is_eight_bit, has_long_lines); !done) {
        return done.error();
    }
    return publish(due);
}

Result<Committed> MessageWriter::publish(std::chrono::sys_seconds due) {
    if (auto done = link(due); !done) {
        return done.error();
    }
    // Without this a crash could forget the name although the caller was told 0.
    if (auto synced = files_->fsync(directory()); !synced) {
        return withdraw(synced.error());
    }
    return finish();
}

Result<Fd> MessageWriter::share_file() const {
    Fd copy(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
    return copy ? Result<Fd>(std::move(copy)) : Error::from_errno(errno, "dup");
}

Result<Fd> MessageWriter::take_file(bool is_eight_bit, bool has_long_lines) {
    if (auto done = write_all(is_eight_bit, has_long_lines); !done) {
        return done.error();
    }
    return std::move(file_);
}

}  // namespace mxpost::spool
