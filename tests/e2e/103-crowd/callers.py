#!/usr/bin/env python3
"""callers.py COUNT RESULT: COUNT calls of sendmail at the same moment, of two users in turn.

RESULT gets a line "EXIT NUMBER" of each. All have been started, and have half of their message, before
the first gets the rest.
"""
import resource
import subprocess
import sys

count = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (2 * count + 200, max(4096, 2 * count + 200)))
calls = []
for number in range(count):
    user = ("1500", "1501")[number % 2]
    call = subprocess.Popen(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups",
         "sendmail", "-i", "-f", "s@corp.example", f"u{number}@a.test"],
        stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    call.stdin.write(b"Subject: %d\n\nbegun\n" % number)
    call.stdin.flush()
    calls.append(call)
for call in calls:
    call.stdin.write(b"ended\n")
    call.stdin.close()
with open(sys.argv[2], "w", encoding="ascii") as result:
    for number, call in enumerate(calls):
        said = call.stderr.read().decode()
        status = call.wait()
        if status not in (0, 75) or (status == 75) != (said.count("\n") == 1):
            sys.exit(f"call {number}: exit {status}, and it says: {said!r}")
        result.write(f"{status} {number}\n")
