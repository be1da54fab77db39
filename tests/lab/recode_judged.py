#!/usr/bin/env python3
"""Another reader's word for it that mail::Recode loses nothing: Python's email package decodes each
of many generated messages before and after, part by part.

    recode_judged.py RECODE_FILTER [COUNT]

Structures: no MIME fields, single parts, nested multiparts, message/rfc822, digests, multipart/signed.
Parts: text in several charsets, with or without one named; octets; quoted-printable and base64
already, well-formed or not; lines far over 998 octets, lines that look like delimiters, white space at
line ends. What must hold: same tree, same types, same decoded octets; nothing over 127 left but in
header fields and signed parts; no line over 998; what is signed is there octet for octet.
"""
import base64
import email
import email.policy
import quopri
import random
import subprocess
import sys

CRLF = b"\r\n"
TEXTS = {
    "utf-8": "Grüße, 東京 — naïve € ",
    "iso-8859-1": "Grüße, naïve ",
    "koi8-r": "Привет, мир ",
    "windows-1252": "Grüße — € ",
    None: "Grüße ",
}


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.boundaries = 0
        self.signed = []

    def boundary(self):
        self.boundaries += 1
        form = self.random.choice(["b%d", "=_b%d", "----=_Part/%d", "b %d x"])
        return form % self.boundaries

    def lines(self, encode, plain):
        """Text in lines; some of them awkward."""
        pick = self.random
        out = []
        for _ in range(pick.randint(0, 6)):
            kind = pick.randrange(9)
            words = pick.choice([encode, plain]) * pick.randint(1, 12)
            if kind == 0:
                words = encode * pick.randint(100, 400)
            elif kind == 1:
                words = b"--b%d" % pick.randint(20, 90) + words
            elif kind == 2:
                words += pick.choice([b" ", b"\t", b" \t ", b"="])
            elif kind == 3:
                words = pick.choice([b".", b"..", b"", b"From here", b"=E9", b"--", b"-"])
            elif kind == 4:
                words = b"x" * pick.randint(70, 80) + b"--b1" + words
            out.append(words)
        return CRLF.join(out) + (CRLF if out else b"")

    def fields(self, *fields):
        fields = list(fields)
        self.random.shuffle(fields)
        return b"".join(f.encode() + CRLF for f in fields if f)

    def cte(self, *names):
        name = self.random.choice(names)
        return name and "Content-Transfer-Encoding: " + name

    def text(self, is_message):
        charset = self.random.choice(list(TEXTS))
        octets = TEXTS[charset].encode(charset or "utf-8")
        body = self.lines(octets, b"plain = words ")
        kind = "Content-Type: text/%s" % self.random.choice(["plain", "html", "x-odd"])
        kind += "; charset=" + charset if charset else ""
        if charset is None and self.random.random() < 0.5:
            kind = None
        return self.fields(kind, self.cte("8bit", "8BIT", "binary", None, "8-bit")) + CRLF + body

    def octets(self, is_message):
        body = bytes(self.random.choice(range(1, 256)) for _ in range(self.random.randint(0, 3000)))
        body = body.replace(b"\r", b"").replace(b"\n", CRLF) + CRLF
        kind = "Content-Type: %s" % self.random.choice(["application/octet-stream", "image/png; name=x"])
        return self.fields(kind, self.cte("8bit", "binary", None)) + CRLF + body

    def encoded(self, is_message):
        octets = TEXTS["utf-8"].encode() * self.random.randint(1, 60)
        if self.random.random() < 0.5:
            body = base64.b64encode(octets)
            width = self.random.choice([60, 76, 2000])
            body = CRLF.join(body[i : i + width] for i in range(0, len(body), width)) + CRLF
            cte = "Content-Transfer-Encoding: base64"
        else:
            body = quopri.encodestring(octets).replace(b"\n", CRLF) + CRLF
            if self.random.random() < 0.3:
                body += "roh: ä".encode() + CRLF  # not what it says
            cte = "Content-Transfer-Encoding: Quoted-Printable"
        kind = self.random.choice(["text/plain; charset=utf-8", "application/pdf"])
        return self.fields("Content-Type: " + kind, cte) + CRLF + body

    def multipart(self, depth):
        boundary = self.boundary()
        kind = self.random.choice(["mixed", "alternative", "related", "digest", "x-odd"])
        head = self.fields(
            'Content-Type: multipart/%s; boundary="%s"' % (kind, boundary),
            self.cte("8bit", "binary", None, None, "quoted-printable"),
        )
        body = self.random.choice([b"", b"preamble" + CRLF, "Prä".encode() + CRLF])
        for _ in range(self.random.randint(1, 4)):
            make = self.message if kind == "digest" else self.part
            body += b"--" + boundary.encode() + CRLF
            body += (CRLF if kind == "digest" else b"") + make(depth + 1) + CRLF
        return head + CRLF + body + b"--" + boundary.encode() + b"--" + CRLF

    def sign(self, depth):
        boundary = self.boundary()
        covered = self.part(depth + 1, may_be_long=False)
        self.signed.append(covered)
        head = self.fields(
            'Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary="%s"' % boundary,
            self.cte("8bit", None),
        )
        mark = b"--" + boundary.encode()
        signature = mark + CRLF + b"Content-Type: application/pgp-signature" + CRLF * 2 + b"abc" + CRLF
        return head + CRLF + mark + CRLF + covered + CRLF + signature + mark + b"--" + CRLF

    def forwarded(self, depth):
        head = self.fields("Content-Type: message/rfc822", self.cte("8bit", "binary", None))
        return head + CRLF + self.message(depth + 1)

    def part(self, depth, may_be_long=True):
        kinds = [self.text, self.text, self.octets, self.encoded]
        if depth < 5 and may_be_long:
            kinds += [self.multipart, self.multipart, self.forwarded, self.sign]
        make = self.random.choice(kinds)
        made = make(depth)
        if not may_be_long and any(len(line) > 998 for line in made.split(CRLF)):
            return self.part(depth, may_be_long)  # a long line must be broken, signed or not
        return made

    def message(self, depth=0):
        head = self.fields("From: a@x.test", "Subject: one", self.random.choice(["MIME-Version: 1.0", None]))
        if self.random.random() < 0.2:
            return head + CRLF + self.lines(TEXTS["utf-8"].encode(), b"plain ")
        return head + self.part(depth)


def judged(message, out, path="1"):
    """Compares two parsed parts. Returns what differs, or None."""
    if message.get_content_type() != out.get_content_type():
        return "%s: type %s became %s" % (path, message.get_content_type(), out.get_content_type())
    kept = [(k, v) for k, v in message.items() if k.lower() != "content-transfer-encoding"]
    added = ("mime-version", "content-type", "content-transfer-encoding")
    left = [(k, v) for k, v in out.items() if k.lower() != "content-transfer-encoding"]
    if [f for f in left if f in kept] != kept:
        return "%s: fields %r became %r" % (path, kept, left)
    if any(f not in kept and f[0].lower() not in added for f in left):
        return "%s: fields were added: %r" % (path, left)
    if message.is_multipart() != out.is_multipart():
        return path + ": a container became none, or the other way round"
    if message.is_multipart():
        before, after = message.get_payload(), out.get_payload()
        if len(before) != len(after):
            return "%s: %d parts became %d" % (path, len(before), len(after))
        for i, pair in enumerate(zip(before, after)):
            if found := judged(*pair, "%s.%d" % (path, i + 1)):
                return found
        return None
    was, is_now = message.get_payload(decode=True), out.get_payload(decode=True)
    if was != is_now:
        # A last line end may be added where the message had none.
        return "%s: %r became %r" % (path, was[:300], is_now[:300])
    return None


def judge(generator, message, out):
    parse = lambda octets: email.message_from_bytes(octets, policy=email.policy.compat32)
    if found := judged(parse(message), parse(out)):
        return found
    if any(len(line) > 998 for line in out.split(CRLF)):
        return "a line is too long"
    rest = out
    for covered in generator.signed:
        if covered not in out:
            return "what is signed has changed: %r" % covered[:300]
        rest = rest.replace(covered, b"")
    if not rest.isascii():
        return "it is still 8-bit: " + repr([l for l in rest.split(CRLF) if not l.isascii()][:3])
    return None


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    generators = [Generator(seed) for seed in range(count)]
    messages = [g.message() for g in generators]
    data = b"".join(b"%d\n" % len(m) + m for m in messages)
    done = subprocess.run([sys.argv[1]], input=data, stdout=subprocess.PIPE, check=True).stdout
    changed = 0
    for seed, (generator, message) in enumerate(zip(generators, messages)):
        size, _, done = done.partition(b"\n")
        out, done = done[: int(size)], done[int(size) :]
        changed += out != message
        if found := judge(generator, message, out):
            sys.exit("seed %d: %s" % (seed, found))
    print("%d messages, %d of them changed, all decode to the same" % (count, changed))
    if changed < count // 2:
        sys.exit("hardly anything was to be done: the generator is no test")


if __name__ == "__main__":
    main()
