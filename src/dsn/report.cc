#include "dsn/report.h"

#include <stdexcept>

#include "base/text.h"
#include "dsn/lines.h"
#include "dsn/returned_part.h"
#include "dsn/text_parts.h"
#include "mail/date.h"
#include "mail/encoded_word.h"
#include "mail/header.h"

namespace mxpost::dsn {
namespace {

constexpr std::uint64_t kMaxBoundaries = 16;  // that are tried

struct Parts {
    std::string human;
    std::string status;
    ReturnedPart returned;

    bool is_human_ascii() const { return is_ascii(human); }
    bool is_status_ascii() const { return is_ascii(status); }
    bool is_eight_bit() const {
        return !is_human_ascii() || !is_status_ascii() || returned.is_eight_bit;
    }
};

/// A boundary that is in none of the parts (RFC 2046 5.1.1), whatever a server or submitter wrote.
/// With a seed that nobody foresaw the first one is; each look costs a search through the whole
/// message, so there aren't many.
std::string choose_boundary(const Parts& parts, const ReportRequest& request) {
    const auto is_taken = [&](const std::string& boundary) {
        return parts.human.find(boundary) != std::string::npos ||
               parts.status.find(boundary) != std::string::npos ||
               parts.returned.text.find(boundary) != std::string::npos;
    };
    const std::string start = "=_" + ascii_printable(request.report_id, 32) + "_";
    std::string boundary = start + std::to_string(request.boundary_seed);
    for (std::uint64_t i = 1; i < kMaxBoundaries && is_taken(boundary); ++i) {
        boundary = start + std::to_string(request.boundary_seed + i);
    }
    return boundary;
}

std::string part_head(
    const std::string& boundary,
    const std::string& type,
    const std::string& description,
    bool is_eight_bit
) {
    std::string head = "--" + boundary + "\r\nContent-Type: " + type + "\r\n";
    head += "Content-Description: " + description + "\r\n";
    if (is_eight_bit) {
        head += "Content-Transfer-Encoding: 8bit\r\n";
    }
    return head + "\r\n";
}

std::string make_body(const Parts& parts, const std::string& boundary) {
    std::string body = "This is a delivery report in MIME format (RFC 3464).\r\n\r\n";
    body += part_head(
        boundary,
        parts.is_human_ascii() ? "text/plain; charset=us-ascii" : "text/plain; charset=utf-8",
        "What happened",
        !parts.is_human_ascii()
    );
    body += parts.human + "\r\n";
    body += part_head(
        boundary,
        parts.is_status_ascii() ? "message/delivery-status" : "message/global-delivery-status",
        "The same for programs",
        !parts.is_status_ascii()
    );
    body += parts.status + "\r\n";
    const bool is_whole =
        parts.returned.type.ends_with("rfc822") || parts.returned.type.ends_with("global");
    body += part_head(
        boundary,
        parts.returned.type,
        is_whole ? "The message" : "The message's header",
        parts.returned.is_eight_bit
    );
    body += parts.returned.text + "\r\n";
    return body + "--" + boundary + "--\r\n";
}

/// The original's Message-ID, where it is one that can be quoted.
std::string original_message_id(const ReportRequest& request) {
    const mail::HeaderBlock header = mail::parse_header(request.header);
    const mail::HeaderField* const field = header.find("Message-ID");
    const std::string id = field != nullptr ? field->text() : std::string();
    const bool is_quotable = id.size() > 2 && id.size() <= 500 && id.front() == '<' &&
                             id.find('>') == id.size() - 1 && printable(id) == id && is_ascii(id) &&
                             id.find(' ') == std::string::npos;
    return is_quotable ? id : std::string();
}

std::string make_header(
    const ReportRequest& request, const std::string& boundary, bool is_eight_bit
) {
    const std::string host = host_name(request);
    std::string header =
        folded_field("Date", mail::date_text(to_seconds(request.now), request.utc_offset));
    header += folded_field("From", "Mail Delivery System <MAILER-DAEMON@" + host + ">");
    const std::string to = request.to.value_or(*request.envelope->sender).text();
    header += to.size() <= kMaxText ? "To: <" + to + ">\r\n" : "To: undisclosed-recipients:;\r\n";
    const std::string subject_text = subject(request);
    header += is_ascii(subject_text) ? folded_field("Subject", subject_text)
                                     : "Subject: " + mail::encode_words(subject_text, 9) + "\r\n";
    header +=
        folded_field("Message-ID", "<" + ascii_printable(request.report_id, 64) + "@" + host + ">");
    if (const std::string original = original_message_id(request); !original.empty()) {
        header += folded_field("References", original);
    }
    header += "Auto-Submitted: auto-replied\r\n";  // RFC 3834 5
    header += "MIME-Version: 1.0\r\n";
    header += "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"" +
              boundary + "\"\r\n";
    if (is_eight_bit) {
        header += "Content-Transfer-Encoding: 8bit\r\n";
    }
    return header;
}

}  // namespace

Report make_report(const ReportRequest& request) {
    if (request.envelope == nullptr || !request.envelope->sender || request.recipients.empty()) {
        throw std::invalid_argument("report without sender or recipients");
    }
    Parts parts;
    parts.human = human_part(request);
    parts.status = status_part(request);
    parts.returned = returned_part(request);
    const std::string boundary = choose_boundary(parts, request);

    Report report;
    report.kind = request.kind;
    for (const ReportRecipient& about : request.recipients) {
        report.recipients.push_back(about.index);
    }
    mail::Recipient recipient(request.recipient.value_or(*request.envelope->sender));
    recipient.notify = static_cast<mail::NotifySet>(mail::Notify::never);  // RFC 3461 6.1
    report.envelope.is_incomplete = !recipient.address.is_qualified();
    report.envelope.recipients.push_back(std::move(recipient));
    report.envelope.arrival = request.now;
    report.envelope.is_bounce = true;
    report.envelope.is_eight_bit = parts.is_eight_bit();
    report.envelope.is_smtp_utf8 = is_for_smtp_utf8(request);
    report.envelope.requires_tls = request.envelope->requires_tls;  // RFC 8689 5
    report.header = make_header(request, boundary, parts.is_eight_bit());
    report.body = make_body(parts, boundary);
    return report;
}

bool wants_report(
    const mail::Envelope& envelope, const mail::Recipient& recipient, spool::ReportKind kind
) {
    if (!envelope.sender || envelope.is_bounce || has(recipient.notify, mail::Notify::never)) {
        return false;
    }
    switch (kind) {
        case spool::ReportKind::failure:
            return recipient.notify == 0 || has(recipient.notify, mail::Notify::failure);
        case spool::ReportKind::delay:
            return recipient.notify == 0 || has(recipient.notify, mail::Notify::delay);
        case spool::ReportKind::success:
            break;
    }
    return has(recipient.notify, mail::Notify::success);
}

}  // namespace mxpost::dsn
