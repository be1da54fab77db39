#include "submit/intake.h"

#include <algorithm>
#include <cerrno>
#include <ctime>

#include <sys/mman.h>

#include "base/text.h"
#include "mail/fix_up.h"
#include "spool/entry_name.h"
#include "submit/spool_choice.h"

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

mail::FixUpOptions fix_up_options(
    const Surroundings& around,
    const IntakeRequest& request,
    const mail::Envelope& envelope,
    const mail::ReversePath& sender,
    const std::string& id
) {
    mail::FixUpOptions options;
    options.takes_recipients = request.takes_recipients;
    options.qualifies = !request.is_gateway;
    options.makes_ascii = !request.is_gateway && !request.is_smtp_utf8;
    options.domain = around.names.domain;
    options.host = around.names.host;
    options.senders = &around.senders;
    options.sender = sender;
    options.full_name = request.full_name;
    options.id = id;
    options.uid = request.uid;
    options.client = request.client;
    options.protocol = request.protocol;
    options.now = to_seconds(envelope.arrival);
    options.utc_offset = local_offset(envelope.arrival);
    return options;
}

}  // namespace

Intake::Intake(const Surroundings& around, IntakeRequest request)
    : around_(around),
      request_(std::move(request)),
      reader_(
          input_options(),
          [this](std::string_view header) { return take_header(header); },
          [this](std::string_view piece) { return take_body(piece); }
      ) {
    envelope_.arrival = around.clock.now();
    given_sender_ = request_.sender;
    if (given_sender_ && !given_sender_->is_qualified()) {
        given_sender_ = mail::Address(given_sender_->local_part(), around.names.domain);
    }
    envelope_.sender =
        request_.is_gateway ? given_sender_ : mail::rewrite(around.senders, given_sender_);
    envelope_.error_mode = request_.error_mode;
    envelope_.dsn_return = request_.dsn_return;
    envelope_.envelope_id = request_.envelope_id;
    envelope_.is_followed = request_.is_followed;
    envelope_.is_verbose = request_.is_verbose;
}

Intake::~Intake() = default;

mail::InputOptions Intake::input_options() const {
    mail::InputOptions options;
    options.ends_at_dot = request_.ends_at_dot;
    options.max_header =
        std::min<std::uint64_t>(around_.settings.header_size_limit, spool::kMaxHeaderSize / 2);
    return options;
}

/// Notes why the message isn't taken. False, so that steps can return it.
bool Intake::refuse(ExitStatus status, std::string text) {
    refusal_ = {status, std::move(text), false};
    return false;
}

/// The same from inside a sink: the error makes the reader stop.
Error Intake::refuse_in_sink(ExitStatus status, std::string text) {
    refuse(status, text);
    return Error::invalid(std::move(text));
}

Error Intake::refuse_write(const Error& error) {
    const char* const hint = error.is(EFBIG) ? " (the caller's file size limit, ulimit -f)" : "";
    Error refusal =
        refuse_in_sink(ExitStatus::temp_fail, "can't queue the message: " + error.message() + hint);
    refusal_.lacks_room = error.is(ENOSPC) || error.is(EDQUOT);
    return refusal;
}

/// A sink has said why already, unless the error is the reader's own.
bool Intake::refuse_for(const Error& error) {
    return refusal_.text.empty() ? refuse(ExitStatus::unavailable, error.message()) : false;
}

bool Intake::check_recipients() {
    const std::size_t count = request_.recipients.all().size();
    if (count == 0 && !request_.recipients.bad().empty()) {
        return refuse(ExitStatus::data_error, "no valid recipient address");
    }
    if (count == 0) {
        return refuse(
            ExitStatus::usage,
            request_.takes_recipients ? "no recipient addresses in the header"
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

bool Intake::open() {
    if (!request_.takes_recipients && !check_recipients()) {
        return false;
    }
    id_ = spool::make_message_id(around_.clock.now(), around_.random);
    auto opened =
        request_.box == nullptr ? choose_spool(around_, id_) : use_box(around_, *request_.box, id_);
    if (!opened) {
        refuse_write(opened.error());
        return false;
    }
    if (!opened->shortage.empty()) {
        refuse(ExitStatus::temp_fail, "can't queue the message: " + opened->shortage);
        refusal_.lacks_room = true;
        return false;
    }
    if (!opened->writer) {
        return open_memory();
    }
    own_box_ = std::move(opened->box);
    box_ = own_box_ ? own_box_.get() : request_.box;
    writer_.emplace(std::move(*opened->writer));
    return true;
}

bool Intake::open_memory() {
    if (request_.needs_spool) {
        return refuse(ExitStatus::temp_fail, "can't queue the message: no spool can be written to");
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

bool Intake::append(std::string_view octets) {
    const auto fed = reader_.feed(octets);
    return fed ? true : refuse_for(fed.error());
}

bool Intake::finish() {
    if (const auto finished = reader_.finish(); !finished) {
        return refuse_for(finished.error());
    }
    if (is_spooled()) {
        // Not before: only now its size is known.
        const auto counted =
            count_in(around_, *box_, writer_->content_size(), envelope_.recipients.size());
        if (!counted) {
            refuse_write(counted.error());
            return false;
        }
    }
    return true;
}

Result<void> Intake::take_header(std::string_view text) {
    mail::FixUpResult fixed = mail::fix_up(
        mail::parse_header(text), fix_up_options(around_, request_, envelope_, given_sender_, id_)
    );
    if (request_.takes_recipients) {
        request_.recipients.add(fixed.recipients);
        if (!check_recipients()) {
            return Error::invalid(refusal_.text);
        }
    }
    if (request_.hop_count >= kMaxHops || fixed.hops + request_.hop_count + 1 >= kMaxHops) {
        return refuse_in_sink(
            ExitStatus::unavailable, "554 5.4.6 too many hops: the message goes in circles"
        );
    }
    has_long_header_lines_ = fixed.has_long_lines;  // completing can lengthen lines
    fill_envelope(fixed.is_incomplete);
    envelope_.is_smtp_utf8 |= fixed.needs_smtp_utf8 || (request_.is_smtp_utf8 && !is_ascii(text));
    if (const auto* const field = fixed.header.find("Message-ID")) {
        message_id_ = field->text();
    }
    const std::string kept = fixed.header.text();
    is_header_eight_bit_ = !is_ascii(kept);
    const auto begun = writer_->begin(envelope_, kept);
    return begun ? begun : refuse_write(begun.error());
}

void Intake::fill_envelope(bool is_header_incomplete) {
    request_.recipients.set_notify(request_.notify);
    envelope_.is_incomplete = is_header_incomplete || request_.recipients.is_incomplete() ||
                              (envelope_.sender && !envelope_.sender->is_qualified());
    envelope_.is_smtp_utf8 = envelope_.sender && envelope_.sender->needs_smtp_utf8();
    envelope_.requires_tls = request_.requires_tls;
    envelope_.recipients = request_.recipients.all();
    for (const mail::Recipient& recipient : envelope_.recipients) {
        envelope_.is_smtp_utf8 |= recipient.address.needs_smtp_utf8();
    }
}

Result<void> Intake::take_body(std::string_view piece) {
    const std::uint64_t limit = around_.settings.message_size_limit;
    if (writer_->content_size() + piece.size() > limit) {
        return refuse_in_sink(
            ExitStatus::unavailable, "552 5.3.4 message too big: the limit is " + megabytes(limit)
        );
    }
    const auto appended = writer_->append(piece);
    return appended ? appended : refuse_write(appended.error());
}

bool Intake::commit() {
    return is_spooled() ? settle(writer_->commit(is_eight_bit(), has_long_lines(), due()))
                        : keep_in_memory();
}

bool Intake::settle(Result<spool::Committed> committed) {
    if (!committed) {
        refuse_write(committed.error());
        return false;
    }
    accepted_.committed.emplace(std::move(*committed));
    if (own_box_) {
        accepted_.box.emplace(std::move(*own_box_));
    }
    conclude();
    return true;
}

bool Intake::keep_in_memory() {
    auto file = writer_->take_file(is_eight_bit(), has_long_lines());
    if (!file) {
        refuse_write(file.error());
        return false;
    }
    accepted_.memory_file = std::move(*file);
    conclude();
    return true;
}

void Intake::conclude() {
    envelope_.is_eight_bit = is_eight_bit();
    envelope_.has_long_lines = has_long_lines();
    accepted_.id = id_;
    log_line();
    accepted_.envelope = std::move(envelope_);
}

void Intake::log_line() const {
    const std::string origin =
        request_.uid ? "uid=" + std::to_string(*request_.uid) : "client=" + request_.client;
    around_.log.info(
        id_ + ": " + origin + " from=<" + mail::path_text(envelope_.sender) +
        "> size=" + std::to_string(writer_->content_size()) + " nrcpt=" +
        std::to_string(envelope_.recipients.size()) + " message-id=" + printable(message_id_, 256) +
        (accepted_.committed ? " (queued)" : " (no spool: sent at once)")
    );
}

}  // namespace mxpost::submit
