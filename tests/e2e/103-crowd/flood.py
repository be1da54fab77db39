#!/usr/bin/env python3
"""flood.py KIND DIRECTORY: hands in mail for b.test as fast as it can, until DIRECTORY/enough is there.

KIND is the limit that is met first by such messages. DIRECTORY/KIND.full says that it was. A refusal
other than exit 75 with one line that names it is a failure.
"""
import os
import subprocess
import sys
import threading

kind, directory = sys.argv[1:]
recipients, body = {
    "max-queued-messages": (["x@b.test"], b"small\n"),
    "max-queued-size": (["x@b.test"], b"large\n" * 170000),
    "max-queued-recipients": ([f"r{n}@b.test" for n in range(100)], b"many\n"),
}[kind]
failures = []


def flood():
    while not failures and not os.path.exists(directory + "/enough"):
        done = subprocess.run(["sendmail", "-i", "-f", "s@corp.example", *recipients], check=False,
                              input=b"Subject: flood\n\n" + body, stderr=subprocess.PIPE)
        said = done.stderr.decode()
        if done.returncode == 0:
            continue
        if done.returncode != 75 or said.count("\n") != 1 or f"({kind})" not in said:
            failures.append(f"exit {done.returncode}: {said!r}")
        else:
            open(f"{directory}/{kind}.full", "a", encoding="ascii").close()


threads = [threading.Thread(target=flood) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failures:
    sys.exit(failures[0])
