#!/usr/bin/env python3
"""Are the mails that arrived those that were submitted, octet for octet?

    arrived.py GOT LARGE      GOT: the server's folder; LARGE: the body of alice's
"""
import collections
import os
import re
import sys


def main():
    large = open(sys.argv[2], "rb").read().replace(b"\n", b"\r\n")
    seen = collections.Counter()
    for name in sorted(os.listdir(sys.argv[1])):
        if not name.endswith(".eml"):
            continue
        header, _, body = open(os.path.join(sys.argv[1], name), "rb").read().partition(b"\r\n\r\n")
        subject = re.search(rb"^Subject: (\S+)", header, re.M)[1].decode()
        seen[subject] += 1
        wanted = large if subject.startswith("alice") else f"body of {subject}\r\n".encode()
        if body != wanted:
            sys.exit(f"{name} ({subject}) isn't what was submitted: {len(body)} octets, not {len(wanted)}")
    twice = [subject for subject, count in seen.items() if count > 1]
    if twice:
        sys.exit(f"twice: {twice}")
    print(f"{len(seen)} mails, each once and whole")


main()
