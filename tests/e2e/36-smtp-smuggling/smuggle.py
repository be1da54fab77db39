#!/usr/bin/env python3
"""Hides a second message in the body of one, in front of every sequence that some server takes for
the end of data, and writes it to `sendmail -bs`, at once or in pieces."""
import subprocess

ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r.\r", b"\r\n.\r\r\n",
        b"\n\r.\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\r\r\n.\r\r\n", b"\n.\n\r\n", b"\r\n..\r\n"]
HIDDEN = b"MAIL FROM:<evil@q.test>\r\nRCPT TO:<victim@q.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"


def message(number, end):
    return b"Subject: carrier %d\r\n\r\nx%s%s" % (number, end, HIDDEN)


def run(commands, piece):
    with subprocess.Popen(["/usr/sbin/sendmail", "-bs"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:
        if piece:
            for at in range(0, len(commands), piece):
                child.stdin.write(commands[at:at + piece])
                child.stdin.flush()
        else:
            child.stdin.write(commands)
        child.stdin.close()
        replies = child.stdout.read().decode().split("\r\n")
    assert child.returncode == 0, (child.returncode, replies)
    return replies


taken = 0
for number, end in enumerate(ENDS):
    content = message(number, end)
    ways = [b"DATA\r\n" + content + b"\r\n.\r\n", b"BDAT %d LAST\r\n" % (len(content) + 2) + content + b"\r\n"]
    for way in ways:
        for piece in (0, 5):
            replies = run(b"EHLO me\r\nMAIL FROM:<s@corp.example>\r\nRCPT TO:<u@p.test>\r\n" + way +
                          b"QUIT\r\n", piece)
            ends = [line for line in replies if line.startswith(("250 2.0.0", "550"))]
            assert len(ends) == 1 and replies[-2].startswith("221"), (end, replies)
            is_bare = b"\n" in content.replace(b"\r\n", b"")
            assert ends[0].startswith("550 5.6.11" if is_bare else "250"), (end, ends)
            taken += not is_bare
print(taken)
