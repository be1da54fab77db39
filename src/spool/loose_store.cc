#include "spool/loose_store.h"

#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

#include "spool/message_writer.h"

namespace mxpost::spool {
namespace {

class LooseClaim final : public Claim {
public:
    LooseClaim(FileSystem& files, EntryName name, MessageFile message, int report)
        : files_(files), name_(std::move(name)), message_(std::move(message)), report_(report) {}

    const EntryName& name() const override { return name_; }
    uid_t submitter() const override { return ::geteuid(); }
    const mail::Envelope& envelope() const override { return message_.envelope(); }
    const std::string& header() const override { return message_.header(); }
    std::uint64_t content_size() const override { return message_.content_size(); }
    const JournalState& journal() const override { return message_.journal(); }
    std::unique_ptr<mail::Content> content(std::string header) override {
        return std::make_unique<FileContent>(files_, message_, std::move(header));
    }

    Result<void> append(const std::vector<Record>& records) override {
        std::string octets;
        for (const Record& record : records) {
            octets += encode_record(record);
            message_.journal().apply(record);
        }
        // If the one who waits is gone there is nobody left to tell.
        if (report_ >= 0 && !files_.write(report_, octets)) {
            report_ = -1;
        }
        return {};
    }
    void remember(const std::vector<Record>& records) override {
        (void)append(records).has_value();
    }
    Result<void> sync() override { return {}; }
    bool is_unrecorded() const override { return false; }
    Result<void> record_again() override { return {}; }
    Result<void> postpone(std::chrono::sys_seconds) override { return {}; }
    Result<void> remove() override { return {}; }
    Result<void> set_aside() override { return {}; }

private:
    FileSystem& files_;
    EntryName name_;
    MessageFile message_;
    int report_;
};

}  // namespace

LooseStore::LooseStore(FileSystem& files, Fd message, Fd report, MessageId id)
    : files_(&files),
      message_(std::move(message)),
      report_(std::move(report)),
      name_{id, submission_time(id)},
      label_("memory") {}

uid_t LooseStore::owner() const {
    return ::geteuid();
}

Result<void> LooseStore::list(const std::function<void(const EntryName&)>& visit) {
    if (message_) {
        visit(name_);
    }
    return {};
}

ClaimResult LooseStore::claim(const EntryName& name) {
    ClaimResult result;
    if (!message_ || name != name_) {
        result.refusal = ClaimRefusal::gone;
        return result;
    }
    auto message = MessageFile::read(*files_, std::move(message_));
    if (!message) {
        result.reason = message.error().message();
        return result;
    }
    result.claim = std::make_unique<LooseClaim>(*files_, name_, std::move(*message), report_.get());
    return result;
}

void LooseStore::tell(const Record& record) {
    (void)files_->write(report_.get(), encode_record(record))
        .has_value();  // nobody there: nobody to tell
}

Result<std::unique_ptr<Claim>> LooseStore::submit_stream(
    const MessageId& id,
    const mail::Envelope& envelope,
    const std::string& header,
    const BodySource& body,
    std::chrono::sys_seconds due
) {
    Fd memory(::memfd_create("mxpost-report", MFD_CLOEXEC));
    if (!memory) {
        return Error::from_errno(errno, "memfd_create");
    }
    auto writer = MessageWriter::create_unnamed(*files_, std::move(memory));
    if (auto done = writer.begin(envelope, header); !done) {
        return done.error();
    }
    if (auto done = writer.append_all(body); !done) {
        return done.error();
    }
    auto file = writer.take_file(envelope.is_eight_bit, envelope.has_long_lines);
    if (!file) {
        return file.error();
    }
    auto message = MessageFile::read(*files_, std::move(*file));
    if (!message) {
        return message.error();
    }
    EntryName name{id, due};
    return std::unique_ptr<Claim>(
        std::make_unique<LooseClaim>(*files_, std::move(name), std::move(*message), -1)
    );
}

}  // namespace mxpost::spool
