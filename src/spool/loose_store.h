// LooseStore: the Store of one message that has no spool, for hosts where nothing can be written.
// The message is a sealed file without a name; its journal goes down a pipe to the sendmail that
// waits (design 3, "No writable spool at all").
#pragma once

#include "spool/message_file.h"
#include "spool/store.h"

namespace mxpost::spool {

class LooseStore final : public Store {
public:
    /// `message`: a whole message file, which its submitter's log calls `id`. `report`: where
    /// records are written.
    LooseStore(FileSystem& files, Fd message, Fd report, MessageId id);

    const std::string& label() const override { return label_; }
    uid_t owner() const override;
    /// The one message, once.
    Result<void> list(const std::function<void(const EntryName&)>& visit) override;
    ClaimResult claim(const EntryName& name) override;
    /// Into memory; its journal goes nowhere.
    Result<std::unique_ptr<Claim>> submit_stream(
        const MessageId& id,
        const mail::Envelope& envelope,
        const std::string& header,
        const BodySource& body,
        std::chrono::sys_seconds due
    ) override;
    Result<void> sync_removals() override { return {}; }
    /// Writes a record to whoever waits.
    void tell(const Record& record);

private:
    FileSystem* files_;
    Fd message_;
    Fd report_;
    EntryName name_;
    std::string label_;
};

}  // namespace mxpost::spool
