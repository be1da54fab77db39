// Messages in the queue of a test's own, with a past.
#pragma once

#include <string>
#include <vector>

#include "submission_fixture.h"
#include "submit/queue_view.h"

namespace mxpost::submit {

class QueueFixture : public SubmissionFixture {
protected:
    /// Queues a message with these records behind it, and lets go of it.
    spool::MessageId queue_message(
        const std::vector<std::string>& recipients,
        const std::vector<spool::Record>& records = {},
        std::string_view input = "Subject: Hello\n\nhi\n"
    ) {
        call_.operands = recipients;
        auto result = submit(input);
        EXPECT_TRUE(result.accepted);
        std::string octets;
        for (const spool::Record& record : records) {
            octets += spool::encode_record(record);
        }
        EXPECT_TRUE(disk_.pwrite(
            result.accepted->committed->file.get(),
            octets,
            result.accepted->committed->journal_offset
        ));
        return result.accepted->id;
    }
    /// `recipient` was told to come back, in these words, with something for terminals in them.
    spool::OutcomeRecord deferred(
        std::uint32_t recipient, const std::string& host, const std::string& text
    ) const {
        mail::RecipientOutcome outcome(mail::OutcomeKind::deferred, {4, 7, 1}, text);
        outcome.reply_code = 451;
        outcome.remote_host = host;
        outcome.remote_address = "192.0.2.1";
        return {recipient, clock_.now(), outcome};
    }
    /// What a format prints of the whole queue.
    ExitStatus show(QueueFormat& format) {
        const EngineStarter starter("/nonexistent", {});
        return show_queue(
            around_,
            starter,
            QueueSelection(),
            format,
            [this](std::string_view line) { complaints_.emplace_back(line); }
        );
    }

    const LineSink out_ = [this](std::string_view line) { lines_.emplace_back(line); };
    std::vector<std::string> lines_;
    std::vector<std::string> complaints_;
};

}  // namespace mxpost::submit
