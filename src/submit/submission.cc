#include "submit/submission.h"

#include <array>
#include <ctime>
#include <memory>

#include <errno.h>
#include <sys/mman.h>

#include "base/text.h"
#include "mail/fix_up.h"
#include "mail/input_reader.h"
#include "spool/entry_name.h"
#include "submit/process.h"
#include "submit/recipients.h"
#include "submit/spool_choice.h"
#include "submit/xtext.h"

namespace mxpost::submit {
namespace {

std::chrono::minutes local_offset(WallTime now) {
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm local{};
    ::localtime_r(&seconds, &local);
    return std::chrono::minutes(local.tm_gmtoff / 60);
}

std::string megabytes(std::uint64_t octets) {
    constexpr std::uint64_t kMegabyte = 1U << 20U;
    return octets % kMegabyte == 0 ? std::to_string(octets / kMegabyte) + "M"
                                   : std::to_string(octets) + " octets";
}

/// One message on its way from the input to a writer.
class Intake {
public:
    Intake(const Surroundings& around, const Invocation& invocation, bool waits)
        : around_(around), invocation_(invocation), recipients_(around.names.domain) {
        envelope_.arrival = around.clock.now();
        envelope_.error_mode = invocation.error_mode;
        envelope_.dsn_return = invocation.dsn_return;
        envelope_.envelope_id = invocation.envelope_id;
        envelope_.is_followed = waits;
        envelope_.is_verbose = invocation.is_verbose;
    }

    SubmissionResult run(int input) {
        const bool is_accepted = check_command_line() && open_writer() && read(input) && commit();
        if (!is_accepted) {
            drain(input);
        } else if (was_ended_by_dot_) {
            drain_rest(input);
        }
        result_.bad = recipients_.bad();
        return std::move(result_);
    }

private:
    /// Notes why the message isn't taken. False, so that steps can return it.
    bool refuse(ExitStatus status, std::string text) {
        result_.status = status;
        result_.text = std::move(text);
        return false;
    }
    /// The same from inside a sink: the error makes the reader stop.
    Error refuse_in_sink(ExitStatus status, std::string text) {
        refuse(status, text);
        return Error::invalid(std::move(text));
    }

    /// What is wrong before anything is read: the sender, and whether there is anybody to send to.
    bool check_command_line() {
        const mail::Address own = own_address();
        envelope_.sender = own;
        if (invocation_.sender) {
            auto given = mail::parse_reverse_path(trim(*invocation_.sender));
            if (!given) {
                return refuse(
                    ExitStatus::usage,
                    "bad sender address \"" + printable(*invocation_.sender, 256) +
                        "\": " + given.error().message()
                );
            }
            envelope_.sender = complete(std::move(*given));
        }
        is_own_sender_ = envelope_.sender && envelope_.sender->is_same(own);
        recipients_.add_operands(invocation_);
        return invocation_.takes_recipients || check_recipients();
    }

    mail::Address own_address() const {
        mail::Address own = login_address(around_.identity.login);
        return own.is_qualified() ? own : mail::Address(own.local_part(), around_.names.domain);
    }

    mail::ReversePath complete(mail::ReversePath path) const {
        if (path && !path->is_qualified()) {
            path = mail::Address(path->local_part(), around_.names.domain);
        }
        return path;
    }

    bool check_recipients() {
        const std::size_t count = recipients_.addresses().size();
        if (count == 0 && !recipients_.bad().empty()) {
            return refuse(ExitStatus::data_error, "no valid recipient address");
        }
        if (count == 0) {
            return refuse(
                ExitStatus::usage,
                invocation_.takes_recipients ? "no recipient addresses in the header"
                                             : "no recipients (sendmail --help shows the usage)"
            );
        }
        const std::uint64_t limit =
            std::min<std::uint64_t>(around_.settings.max_recipients, spool::kMaxRecipients);
        if (count > limit) {
            return refuse(
                ExitStatus::unavailable,
                "552 5.5.3 too many recipients: " + std::to_string(count) + ", the limit is " +
                    std::to_string(limit)
            );
        }
        return true;
    }

    bool open_writer() {
        id_ = spool::make_message_id(around_.clock.now(), around_.random);
        auto opened = choose_spool(around_, id_);
        if (!opened) {
            return refuse(
                ExitStatus::temp_fail, "can't queue the message: " + opened.error().message()
            );
        }
        if (opened->box) {
            box_ = std::move(opened->box);
            writer_.emplace(std::move(*opened->writer));
            return true;
        }
        if (invocation_.delivery_mode == config::DeliveryMode::queue ||
            invocation_.delivery_mode == config::DeliveryMode::deferred) {
            return refuse(
                ExitStatus::temp_fail, "can't queue the message: no spool can be written to"
            );
        }
        Fd file(::memfd_create("mxpost-message", MFD_CLOEXEC | MFD_ALLOW_SEALING));
        if (!file) {
            return refuse(
                ExitStatus::temp_fail,
                "no spool, and no memory: " + Error::from_errno(errno, "memfd_create").message()
            );
        }
        envelope_.is_followed = true;
        writer_.emplace(spool::MessageWriter::create_unnamed(around_.files, std::move(file)));
        return true;
    }

    bool read(int input) {
        mail::InputOptions options;
        options.ends_at_dot = !invocation_.ignores_dots;
        options.max_header =
            std::min<std::uint64_t>(around_.settings.header_size_limit, spool::kMaxHeaderSize / 2);
        mail::InputReader reader(
            options,
            [this](std::string_view header) { return take_header(header); },
            [this](std::string_view piece) { return take_body(piece); }
        );
        const bool is_read = feed(reader, input);
        facts_ = reader.facts();
        was_ended_by_dot_ = reader.is_ended();
        return is_read;
    }

    bool feed(mail::InputReader& reader, int input) {
        constexpr std::size_t kPiece = 64U << 10U;
        const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
        while (!reader.is_ended()) {
            const auto got = read_some(input, {buffer.get(), kPiece});
            if (!got) {
                return refuse(ExitStatus::io_error, got.error().message());
            }
            if (*got == 0) {
                break;
            }
            if (const auto fed = reader.feed({buffer.get(), *got}); !fed) {
                return refuse_for(fed.error());
            }
        }
        const auto finished = reader.finish();
        return finished ? true : refuse_for(finished.error());
    }

    /// A sink has said why already, unless the error is the reader's own.
    bool refuse_for(const Error& error) {
        return result_.text.empty() ? refuse(ExitStatus::unavailable, error.message()) : false;
    }

    Result<void> take_header(std::string_view text) {
        mail::FixUpResult fixed = mail::fix_up(mail::parse_header(text), fix_up_options());
        if (invocation_.takes_recipients) {
            recipients_.add(fixed.recipients);
            if (!check_recipients()) {
                return Error::invalid(result_.text);
            }
        }
        if (invocation_.hop_count >= kMaxHops ||
            fixed.hops + invocation_.hop_count + 1 >= kMaxHops) {
            return refuse_in_sink(
                ExitStatus::unavailable, "554 5.4.6 too many hops: the message goes in circles"
            );
        }
        has_long_header_lines_ = fixed.has_long_lines;  // completing can lengthen lines
        fill_envelope(fixed.is_incomplete);
        if (const auto* const field = fixed.header.find("Message-ID")) {
            message_id_ = field->text();
        }
        const auto begun = writer_->begin(envelope_, fixed.header.text());
        return begun ? begun : refuse_write(begun.error());
    }

    mail::FixUpOptions fix_up_options() const {
        mail::FixUpOptions options;
        options.takes_recipients = invocation_.takes_recipients;
        options.qualifies = !invocation_.is_gateway;
        options.domain = around_.names.domain;
        options.host = around_.names.host;
        options.sender = envelope_.sender;
        // GECOS is the caller's name, not that of whomever -f names.
        options.full_name = invocation_.full_name        ? *invocation_.full_name
                            : !around_.full_name.empty() ? around_.full_name
                            : is_own_sender_             ? around_.identity.full_name
                                                         : "";
        options.id = id_;
        options.uid = around_.identity.uid;
        options.now = to_seconds(envelope_.arrival);
        options.utc_offset = local_offset(envelope_.arrival);
        return options;
    }

    void fill_envelope(bool is_header_incomplete) {
        envelope_.is_incomplete = is_header_incomplete || recipients_.is_incomplete() ||
                                  (envelope_.sender && !envelope_.sender->is_qualified());
        envelope_.is_smtp_utf8 = envelope_.sender && envelope_.sender->needs_smtp_utf8();
        for (const mail::Address& address : recipients_.addresses()) {
            mail::Recipient recipient(address);
            recipient.notify = invocation_.notify;
            if (invocation_.notify != 0 && address.is_qualified() && is_ascii(address.text())) {
                recipient.original_recipient = "rfc822;" + to_xtext(address.text());
            }
            envelope_.is_smtp_utf8 |= address.needs_smtp_utf8();
            envelope_.recipients.push_back(std::move(recipient));
        }
    }

    Result<void> take_body(std::string_view piece) {
        const std::uint64_t limit = around_.settings.message_size_limit;
        if (writer_->content_size() + piece.size() > limit) {
            return refuse_in_sink(
                ExitStatus::unavailable,
                "552 5.3.4 message too big: the limit is " + megabytes(limit)
            );
        }
        const auto appended = writer_->append(piece);
        return appended ? appended : refuse_write(appended.error());
    }

    Error refuse_write(const Error& error) {
        const char* const hint =
            error.is(EFBIG) ? " (the caller's file size limit, ulimit -f)" : "";
        return refuse_in_sink(
            ExitStatus::temp_fail, "can't queue the message: " + error.message() + hint
        );
    }

    bool commit() {
        Accepted accepted;
        const bool has_long_lines = facts_.has_long_lines || has_long_header_lines_;
        if (box_) {
            const auto due = to_seconds(envelope_.arrival);
            interruption::begin_commit();
            auto committed = writer_->commit(facts_.is_eight_bit, has_long_lines, due);
            interruption::end_commit(committed.has_value());
            if (!committed) {
                refuse_write(committed.error());
                return false;
            }
            accepted.committed.emplace(std::move(*committed));
            accepted.box.emplace(std::move(*box_));
        } else {
            auto file = writer_->take_file(facts_.is_eight_bit, has_long_lines);
            if (!file) {
                refuse_write(file.error());
                return false;
            }
            accepted.memory_file = std::move(*file);
        }
        envelope_.is_eight_bit = facts_.is_eight_bit;
        envelope_.has_long_lines = has_long_lines;
        accepted.id = id_;
        log_line(accepted.committed.has_value());
        accepted.envelope = std::move(envelope_);
        result_.accepted.emplace(std::move(accepted));
        return true;
    }

    void log_line(bool is_queued) {
        around_.log.info(
            id_ + ": uid=" + std::to_string(around_.identity.uid) + " from=<" +
            mail::path_text(envelope_.sender) +
            "> size=" + std::to_string(writer_->content_size()) +
            " nrcpt=" + std::to_string(envelope_.recipients.size()) + " message-id=" +
            printable(message_id_, 256) + (is_queued ? " (queued)" : " (no spool: sent at once)")
        );
    }

    const Surroundings& around_;
    const Invocation& invocation_;
    Recipients recipients_;
    mail::Envelope envelope_;
    bool is_own_sender_ = false;
    std::string id_;
    std::string message_id_;
    std::unique_ptr<spool::Box> box_;
    std::optional<spool::MessageWriter> writer_;
    mail::InputFacts facts_;
    bool has_long_header_lines_ = false;
    bool was_ended_by_dot_ = false;
    SubmissionResult result_;
};

}  // namespace

SubmissionResult submit_message(
    const Surroundings& surroundings, const Invocation& invocation, bool waits, int input
) {
    return Intake(surroundings, invocation, waits).run(input);
}

}  // namespace mxpost::submit
