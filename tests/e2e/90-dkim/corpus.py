"""Makes the messages of the case: corpus.py DIRECTORY"""
import pathlib
import sys

HEAD = b"From: Alice <s@corp.example>\nTo: u@a.test\nSubject: %s\n"
MIME = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
UMLAUTS = "Grüße aus Köln, naïve façade\n".encode()


def messages():
    yield "plain", HEAD % b"plain" + b"\nOne line.\n"
    yield "folding", HEAD % b"a long\n  subject\n\tover\n   several lines" + b"X-Fold: a\n \tb\n\nx\n"
    yield "empty-body", HEAD % b"no body" + b"\n"
    yield "no-empty-line", HEAD % b"only a header"
    yield "blank-body", HEAD % b"blank lines" + b"\n\n\n\n\n"
    yield "trailing-blank", HEAD % b"trailing" + b"\ntext\n\n \n\t\n\n\n"
    yield "white-space", HEAD % b"spaces" + b"\n  a  b\t\tc \t \n \n\t\nend   \n"
    yield "eight-bit", HEAD % b"8-bit" + MIME + b"\n" + UMLAUTS * 20
    yield "eight-bit-bare", HEAD % b"8-bit, no MIME" + b"\n" + UMLAUTS
    yield "latin-1", HEAD % b"latin-1" + b"\n" + "Größe\n".encode("latin-1")
    yield "long-lines", HEAD % b"long lines" + b"\n" + b"word " * 700 + b"\n" + b"x" * 5000 + b"\n"
    yield "long-header", HEAD % (b"word " * 400) + b"\nx\n"
    yield "header-tabs", b"From:\ts@corp.example\nTO :\tu@a.test\nsubject:\t a\t\tb\t\n\nx\n"
    yield "header-spaces", b"From:   s@corp.example  \nSubject:no space\nDate:  Mon, 1 Jan 2024 00:00:00 +0000 \n\nx\n"
    yield "header-raw", "From: Jörg <s@corp.example>\nSubject: Grüße\nX-Umlaut: ä ö\n\nx\n".encode()
    yield "duplicates", (b"From: s@corp.example\nFrom: other@corp.example\nSubject: one\nSubject: two\n"
                         b"To: u@a.test\nTo: v@a.test\nX-A: 1\nX-A: 2\nReceived: a\nReceived: b\n\nx\n")
    yield "lists", HEAD % b"list" + (b"Sender: l@corp.example\nList-Id: <l.corp.example>\n"
                                     b"List-Unsubscribe: <https://corp.example/u>\n"
                                     b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
                                     b"In-Reply-To: <1@x>\nReferences: <0@x> <1@x>\n"
                                     b"X-List: 1\nX-List: 2\n\nx\n")
    yield "resent", b"Resent-From: s@corp.example\nResent-To: u@a.test\n" + HEAD % b"resent" + b"\nx\n"
    yield "no-newline", HEAD % b"no newline at the end" + b"\nlast line"
    yield "crlf", (HEAD % b"CRLF" + b"\nline\n\nline \n").replace(b"\n", b"\r\n")
    yield "bare-cr", HEAD % b"bare CR" + b"\na\rb\r\r\nc\n"
    yield "dots", HEAD % b"dots" + b"\n.\n..\n...x\n.\n"
    yield "nul", HEAD % b"NUL" + b"\na\0b\n"
    yield "signed-before", (b"DKIM-Signature: v=1; a=rsa-sha256; d=elsewhere.example; s=x; h=from;\n"
                            b" bh=AAAA; b=AAAA\n" + HEAD % b"signed elsewhere" + b"\nx\n")
    yield "multipart", HEAD % b"multipart" + (
        b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\n" + UMLAUTS +
        b"--b\nContent-Type: text/plain; charset=iso-8859-1\n\n" + "Größe\n".encode("latin-1") +
        b"--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: binary\n\n" +
        bytes(range(1, 256)) * 3 + b"\n--b--\nepilogue\n")
    yield "big", HEAD % b"25 MiB" + b"\n" + b"".join(
        b"%09d the quick brown fox  jumps over the lazy dog \n" % i for i in range(460000))


directory = pathlib.Path(sys.argv[1])
directory.mkdir()
for name, message in messages():
    (directory / name).write_bytes(message)
