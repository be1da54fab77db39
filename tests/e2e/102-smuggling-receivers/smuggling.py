#!/usr/bin/env python3
"""Hides second messages behind whatever some server may take for the end of data.

    smuggling.py WAY PLAN          hands messages in, and writes to PLAN/WAY what must arrive of each
    smuggling.py judge PLAN GOT    compares that with what the receivers have recorded

WAY: stdin-i, stdin, bs-data, bs-bdat, listener-data, listener-bdat. The ends of data are all
sequences of CR, LF, dot and NUL that have a dot, up to MXPOST_SMUGGLING_LENGTH (5) octets. What must
arrive is said by a model of a few lines of what mxpost.conf(5) and sendmail(8) promise: each kind of
line end becomes CRLF, NULs go, without -i a lone dot ends the message on standard input, and by SMTP
a message with a bare LF is refused.
"""
import collections
import glob
import itertools
import json
import os
import re
import socket
import subprocess
import sys

LENGTH = int(os.environ.get("MXPOST_SMUGGLING_LENGTH", "5"))
DOMAINS = ["p.test", "pd.test", "x.test", "xd.test", "o.test", "s.test"]
RECIPIENTS = ["u@" + domain for domain in DOMAINS]
IN_A_MESSAGE = 40  # sequences: a receiver that ends the message at one finds the rest to be commands


def sequences():
    for length in range(1, LENGTH + 1):
        for octets in itertools.product(b"\r\n.\0", repeat=length):
            if b"." in bytes(octets):
                yield bytes(octets)


def part(number, sequence):
    return (b"part %d:" % number + sequence + b"MAIL FROM:<evil@q.test>\r\nRCPT TO:<victim@q.test>\r\n"
            b"DATA\r\nSubject: smuggled\r\n\r\nx\r\n")


# ---- the model

def canonical(content, ends_at_dot):
    """What becomes of a body on standard input; the second value: whether a dot has ended it."""
    lines = content.replace(b"\0", b"").split(b"\n")
    out = []
    for at, line in enumerate(lines):
        is_last = at + 1 == len(lines)
        if ends_at_dot and re.fullmatch(rb"\.\r*", line):
            return b"".join(out), True
        if not (is_last and line == b""):
            out.append(line.rstrip(b"\r").replace(b"\r", b"\r\n") + b"\r\n")
    return b"".join(out), False


def has_bare_line_feed(content):
    return b"\n" in content.replace(b"\r\n", b"")


def unstuffed(content):
    """RFC 5321 4.5.2: only CRLF makes a line."""
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n")[2:]


# ---- handing in

class Submission:
    def __init__(self, way, plan):
        self.way = way
        self.plan = plan
        self.count = 0
        self.refused = 0

    def subject(self):
        self.count += 1
        return "%s %d" % (self.way, self.count)

    def expect(self, subject, body):
        self.plan.write(json.dumps({"subject": subject, "body": body.decode("latin-1")}) + "\n")


def by_stdin(submission, is_dot_text):
    def send(body):
        subject = submission.subject()
        flags = ["-i"] if is_dot_text else []
        subprocess.run(["sendmail", *flags, "-f", "s@corp.example", *RECIPIENTS], check=True,
                       input=b"Subject: %s\n\n" % subject.encode() + body)
        submission.expect(subject, canonical(body, not is_dot_text)[0])

    together = []
    for number, sequence in enumerate(sequences()):
        body = part(number, sequence)
        if canonical(body, not is_dot_text)[1]:
            send(body)
        else:
            together.append(body)
    for at in range(0, len(together), IN_A_MESSAGE):
        send(b"".join(together[at:at + IN_A_MESSAGE]))


class Client:
    """One SMTP dialogue, over a socket or with a program."""

    def __init__(self, way):
        if way.startswith("bs"):
            self.program = subprocess.Popen(["sendmail", "-bs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.out, self.replies = self.program.stdin, self.program.stdout
        else:
            self.socket = socket.create_connection(("127.0.0.1", 25), timeout=60)
            self.out, self.replies = self.socket.makefile("wb"), self.socket.makefile("rb")
        self.reply("220")
        self.say(b"EHLO me\r\n", "250")

    def reply(self, *codes):
        line = self.replies.readline().decode()
        while line[3:4] == "-":
            line = self.replies.readline().decode()
        if not line.startswith(codes):
            raise SystemExit(f"{line!r} instead of {codes}")
        return line

    def say(self, octets, *codes):
        self.out.write(octets)
        self.out.flush()
        return self.reply(*codes)

    def send(self, content, is_bdat, *codes):
        self.say(b"MAIL FROM:<s@corp.example>\r\n", "250")
        for recipient in RECIPIENTS:
            self.say(b"RCPT TO:<%s>\r\n" % recipient.encode(), "250")
        if is_bdat:
            return self.say(b"BDAT %d LAST\r\n" % len(content) + content, *codes)
        self.say(b"DATA\r\n", "354")
        return self.say(content + b".\r\n", *codes)


def by_smtp(submission):
    is_bdat = submission.way.endswith("bdat")
    client = Client(submission.way)

    def send(parts):
        subject = submission.subject()
        body = b"".join(parts)
        client.send(b"Subject: %s\r\n\r\n" % subject.encode() + body, is_bdat, "250 2.0.0")
        submission.expect(subject, canonical(body if is_bdat else unstuffed(body), False)[0])

    together = []
    for number, sequence in enumerate(sequences()):
        body = part(number, sequence)
        if not is_bdat and b"\r\n.\r\n" in sequence:
            continue  # that is the end of data, for everybody
        if has_bare_line_feed(body):
            client.send(b"Subject: refused\r\n\r\n" + body, is_bdat, "550 5.6.11")
            submission.refused += 1
        else:
            together.append(body)
    for at in range(0, len(together), IN_A_MESSAGE):
        send(together[at:at + IN_A_MESSAGE])
    client.say(b"QUIT\r\n", "221")


def submit(way, plan):
    with open(os.path.join(plan, way), "w", encoding="ascii") as file:
        submission = Submission(way, file)
        if way.startswith("stdin"):
            by_stdin(submission, way == "stdin-i")
        else:
            by_smtp(submission)
    print(f"{way}: {submission.count} messages, {submission.refused} refused", file=sys.stderr)


# ---- what arrived

def judge(plan, got):
    expected = {}
    for name in glob.glob(plan + "/*"):
        for line in open(name, encoding="ascii"):
            message = json.loads(line)
            expected[message["subject"]] = message["body"].encode("latin-1")
    arrivals = collections.Counter()
    wrong = []
    for name in glob.glob(got + "/*/*.json"):
        envelope = json.load(open(name, encoding="utf-8"))
        content = open(name[:-5] + ".eml", "rb").read()
        subject = re.search(rb"^Subject: ([^\r\n]*)", content, re.M)
        subject = subject[1].decode() if subject else "none"
        body = content.partition(b"\r\n\r\n")[2]
        for recipient in envelope["rcpt"]:
            arrivals[subject, recipient] += 1
        if envelope["mail"] != "s@corp.example" or subject not in expected:
            wrong.append(f"{name}: a message that nobody sent: {envelope}, {subject}")
        elif body != expected[subject]:
            wrong.append(f"{name}: {subject!r}: {difference(body, expected[subject])}")
    for subject in expected:
        for recipient in RECIPIENTS:
            if arrivals[subject, recipient] != 1:
                wrong.append(f"{subject!r} came to {recipient} {arrivals[subject, recipient]} times")
    print(f"{len(expected)} messages, {sum(arrivals.values())} arrivals")
    if wrong or len(arrivals) != len(expected) * len(RECIPIENTS):
        sys.exit("\n".join(wrong[:20]))


def difference(body, expected):
    at = len(os.path.commonprefix([body, expected]))
    return f"at {at}: {body[at - 20:at + 30]!r} instead of {expected[at - 20:at + 30]!r}"


if sys.argv[1] == "judge":
    judge(*sys.argv[2:])
else:
    submit(*sys.argv[1:])
