"""Reads the bounce as a mail program does (RFC 3464, RFC 6522) and compares it with what happened."""
import email
import sys

mail = email.message_from_binary_file(open(sys.argv[1], "rb"))
assert mail.get_content_type() == "multipart/report", mail.get_content_type()
assert mail.get_param("report-type") == "delivery-status"
assert mail["From"] and mail["Date"] and mail["Message-ID"] and mail["Subject"]
assert mail["To"] == "s@corp.example" or "<s@corp.example>" in mail["To"], mail["To"]
assert mail["Auto-Submitted"] == "auto-replied", mail["Auto-Submitted"]
text, status, original = mail.get_payload()
assert text.get_content_type() == "text/plain"
said = " ".join(text.get_payload(decode=True).decode().split())
assert "unknown@p.test" in said and "User unknown" in said, said
assert status.get_content_type() == "message/delivery-status"
about, recipient = status.get_payload()
assert about["Reporting-MTA"].replace(" ", "") == "dns;host.example", about["Reporting-MTA"]
assert recipient["Final-Recipient"].replace(" ", "") == "rfc822;unknown@p.test"
assert recipient["Action"] == "failed"
assert recipient["Status"] == "5.1.1"
assert recipient["Remote-MTA"].replace(" ", "").startswith("dns;mx.p.test"), recipient["Remote-MTA"]
assert recipient["Diagnostic-Code"].startswith("smtp; 550 5.1.1 <unknown@p.test>")
assert original.get_content_type() in ("message/rfc822", "text/rfc822-headers")
assert b"Subject: unknown" in original.as_bytes()
