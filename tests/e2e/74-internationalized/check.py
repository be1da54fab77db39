"""check.py REPORT TYPE ADDRESS: reads a report as tests/lab/reports_parsed.py does; its second
part has this type, and this Final-Recipient alone."""
import os
import re
import sys

sys.path.insert(0, os.environ["LAB"])
import reports_parsed  # noqa: E402

path, kind, address = sys.argv[1:]
octets = open(path, "rb").read().replace(b"\r\n", b"\n")
reports_parsed.check(octets)
head, body = reports_parsed.raw_parts(octets)[1]
assert b"Content-Type: " + kind.encode() + b"\n" in head + b"\n", head
found = re.findall(r"^Final-Recipient: (.*)$", body.decode(), re.M)
assert found == [address], found
