#!/usr/bin/env python3
"""Another reader's word for it that reports are what RFC 6522, 3464 and 6533 say: Python's email
package parses each of tests/golden/dsn.

    reports_parsed.py SOURCE_DIR
"""
import email
import email.policy
import email.utils
import pathlib
import re
import sys

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
RETURNED_TYPES = ("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers")
ACTIONS = {"failed": "45", "delayed": "4", "delivered": "2", "relayed": "2", "expanded": "2"}
DATES = ("Arrival-Date", "Last-Attempt-Date", "Will-Retry-Until")


def raw_parts(octets):
    """The parts by their delimiters alone: the package takes message/global-* for messages."""
    boundary = re.search(rb'boundary="(.*?)"', octets).group(1)
    parts = octets.split(b"\n--" + boundary)
    assert parts[-1].strip() == b"--", "text behind the last part"
    return [part.split(b"\n\n", 1) for part in parts[1:-1]]


def fields(block):
    parsed = email.message_from_bytes(block + b"\n", policy=email.policy.compat32)
    assert not parsed.defects and not parsed.get_payload(), (parsed.defects, parsed.get_payload())
    names = [name.lower() for name in parsed.keys()]
    assert len(names) == len(set(names)), "a field comes twice"
    for name in DATES:
        assert name not in parsed or email.utils.parsedate_to_datetime(parsed[name]), name
    return parsed


def check_address(text, is_global):
    kind, _, address = str(text).partition("; ")
    assert kind in ("rfc822", "utf-8") and "@" in address, text
    assert is_global or address.isascii(), "an ASCII report has UTF-8"
    assert (kind == "rfc822") == (address.isascii() and "\\x{" not in address), text


def check_status(body, is_global):
    text = body.decode("utf-8" if is_global else "ascii")
    assert text.isascii() != is_global, "the type says otherwise"
    blocks = [block.encode() for block in text.strip("\n").split("\n\n")]
    head = fields(blocks[0])
    assert head["Reporting-MTA"].startswith("dns; ") and head["Arrival-Date"]
    assert len(blocks) > 1, "no recipient"
    for block in blocks[1:]:
        recipient = fields(block)
        raw = dict(line.split(": ", 1) for line in block.decode().split("\n") if line[0] != " ")
        for name in ("Final-Recipient", "Original-Recipient"):
            if name in raw:
                check_address(raw[name], is_global)
        assert "Final-Recipient" in raw
        assert re.fullmatch(r"[245]\.\d{1,3}\.\d{1,3}", recipient["Status"])
        assert recipient["Status"][0] in ACTIONS[recipient["Action"]]
        assert (recipient["Action"] == "delayed") == ("Will-Retry-Until" in recipient)
        assert ("Remote-MTA" in recipient) or not recipient["Diagnostic-Code"].startswith("smtp")
        assert recipient["Last-Attempt-Date"]


def check(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Auto-Submitted"] == "auto-replied" and message["MIME-Version"] == "1.0"
    assert not message.defects, message.defects
    parts = message.get_payload()
    assert len(parts) == 3 and len(raw_parts(octets)) == 3, "not three parts"
    human, status, returned = parts
    assert human.get_content_type() == "text/plain"
    human.get_payload(decode=True).decode(human.get_content_charset())
    assert status.get_content_type() in STATUS_TYPES, status.get_content_type()
    assert returned.get_content_type() in RETURNED_TYPES, returned.get_content_type()
    assert returned["Content-Transfer-Encoding"] in (None, "8bit")
    is_global = status.get_content_type() == STATUS_TYPES[1]
    check_status(raw_parts(octets)[1][1], is_global)
    assert not is_global or not message["To"].isascii(), "the reader may know ASCII only"
    if "global" in returned.get_content_type():
        raw_parts(octets)[2][1].decode("utf-8")


def main():
    paths = sorted(pathlib.Path(sys.argv[1], "tests/golden/dsn").glob("*.eml"))
    for path in paths:
        try:
            check(path.read_bytes())
        except (AssertionError, ValueError, KeyError) as error:
            sys.exit("%s: %r" % (path.name, error))
    print("%d reports" % len(paths))
    if not paths:
        sys.exit("there are none")


if __name__ == "__main__":
    main()
