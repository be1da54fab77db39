"""check.py REPORT ACTION ENVID RECIPIENT...: reads a report as a mail program does (RFC 3464).

ACTION "any": one that means success. ENVID "-": there is none.
"""
import email
import sys

path, action, envid, *recipients = sys.argv[1:]
mail = email.message_from_binary_file(open(path, "rb"))
assert mail.get_content_type() == "multipart/report", mail.get_content_type()
assert mail.get_param("report-type") == "delivery-status"
status = mail.get_payload(1)
assert status.get_content_type() == "message/delivery-status"
about, *blocks = status.get_payload()
assert about["Original-Envelope-Id"] == (None if envid == "-" else envid), about.as_string()
assert len(blocks) == len(recipients), status.as_string()
for block, recipient in zip(blocks, recipients):
    for field in ("Final-Recipient", "Original-Recipient"):
        assert block[field].replace(" ", "") == "rfc822;" + recipient, block.as_string()
    good = ("relayed", "delivered", "expanded") if action == "any" else (action,)
    assert block["Action"] in good, block.as_string()
    assert block["Status"].startswith("5." if action == "failed" else "2."), block.as_string()
returned = mail.get_payload(2)
assert returned.get_content_type() in ("text/rfc822-headers", "message/rfc822")
if action != "failed":
    assert returned.get_content_type() == "text/rfc822-headers"
assert b"Subject: dsn" in returned.as_bytes()
