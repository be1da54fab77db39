#include "deliver/tls_report_mail.h"

#include "base/text.h"
#include "dsn/lines.h"
#include "mail/base64.h"
#include "mail/date.h"
#include "tls/report_json.h"

namespace mxpost::deliver {
namespace {

std::string in_lines(const std::string& base64) {
    constexpr std::size_t kLine = 76;  // RFC 2045 6.8
    std::string text;
    for (std::size_t at = 0; at < base64.size(); at += kLine) {
        text += base64.substr(at, kLine) + "\r\n";
    }
    return text;
}

std::string make_header(const TlsReportMail& mail, const std::string& boundary) {
    const std::string domain = dsn::ascii_printable(mail.sessions->domain);
    std::string header =
        dsn::folded_field("Date", mail::date_text(to_seconds(mail.now), std::chrono::minutes(0)));
    header += dsn::folded_field("From", "<" + mail.contact.text() + ">");
    header += dsn::folded_field("To", "<" + mail.to.text() + ">");
    header += dsn::folded_field(
        "Subject",
        "Report Domain: " + domain + " Submitter: " + mail.submitter + " Report-ID: <" +
            mail.report_id + ">"
    );
    header += dsn::folded_field("Message-ID", "<" + mail.id + "@" + mail.submitter + ">");
    header += dsn::folded_field("TLS-Report-Domain", domain);
    header += dsn::folded_field("TLS-Report-Submitter", mail.submitter);
    // RFC 8460 5.3, RFC 8689 3: it must arrive although TLS is what is wrong.
    header += "TLS-Required: No\r\n";
    header += "Auto-Submitted: auto-generated\r\n";
    header += "MIME-Version: 1.0\r\n";
    return header + "Content-Type: multipart/report; report-type=\"tlsrpt\";\r\n boundary=\"" +
           boundary + "\"\r\n";
}

std::string make_body(const TlsReportMail& mail, const std::string& boundary) {
    const std::string zipped = tls::gzipped(mail.json);
    const std::string name = tls::report_file_name(*mail.sessions, mail.submitter, mail.id);
    std::string body = "This is a TLS report in MIME format (RFC 8460).\r\n\r\n";
    body += "--" + boundary + "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n";
    body += dsn::wrapped(
        "How TLS with the mail servers of " + dsn::ascii_printable(mail.sessions->domain) +
        " went on one day, as " + mail.submitter + " saw it when it sent mail there."
    );
    body += "\r\n--" + boundary + "\r\nContent-Type: application/tlsrpt+gzip\r\n";
    body += "Content-Transfer-Encoding: base64\r\n";
    body += "Content-Disposition: attachment;\r\n filename=\"" + dsn::ascii_printable(name) +
            "\"\r\n\r\n";
    body += in_lines(mail::base64_encoded(zipped));
    return body + "--" + boundary + "--\r\n";
}

}  // namespace

dsn::Report make_tls_report_mail(const TlsReportMail& mail) {
    // Neither base64 nor our sentence has "=_".
    const std::string boundary = "=_" + mail.id;
    dsn::Report report;
    mail::Recipient recipient(mail.to);
    recipient.notify = static_cast<mail::NotifySet>(mail::Notify::never);
    report.envelope.recipients.push_back(std::move(recipient));
    report.envelope.arrival = mail.now;
    report.envelope.is_bounce = true;
    report.header = make_header(mail, boundary);
    report.body = make_body(mail, boundary);
    return report;
}

}  // namespace mxpost::deliver
