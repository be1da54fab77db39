"""Checks a report of failure whose server's words were hostile.

usage: bounce.py FILE
"""
import email
import re
import sys
import unicodedata

octets = open(sys.argv[1], "rb").read()
text = octets.decode("utf-8")
odd = {repr(c) for c in text.replace("\r\n", "\n") if unicodedata.category(c) == "Cc" and c not in "\n\t"}
assert not odd, odd
assert max(len(line) for line in octets.split(b"\r\n")) <= 998
report = email.message_from_bytes(octets)
types = [part.get_content_type() for part in report.get_payload()]
assert types == ["text/plain", "message/delivery-status", "message/rfc822"], types
_, recipient = report.get_payload()[1].get_payload()
assert recipient.get_all("Status") == ["5.1.1"], recipient.items()
code = re.sub(r"\s+", " ", recipient["Diagnostic-Code"])
assert code.startswith("smtp; 550 5.1.1 ?[2J --=_0_0 Content-Type: text/html <b>"), code
human = report.get_payload()[0].get_payload(decode=True).decode("utf-8")
assert "gr\u00fc\u00df" in human, human
