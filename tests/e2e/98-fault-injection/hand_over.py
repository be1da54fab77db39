#!/usr/bin/env python3
"""Has sendmail's calls fail that it makes when the message is in the queue already.

    hand_over.py RESULT

Its exit code must be 0 then: whoever is told of a failure sends the message again. RESULT gets the
numbers of the messages.
"""
import json
import subprocess
import sys

import faults

SENDMAIL = ["sendmail", "-i", "-f", "s@corp.example", "u@a.test"]


def calls_after_commit(trace):
    """The directory's sync is the second one, or the third where the box is young."""
    calls = faults.calls_of(trace)
    last_sync = max(i for i, (call, _) in enumerate(calls) if call == "fsync")
    return calls[last_sync + 1:]


def main():
    first, trace = faults.FIRST["handed"], "/tmp/trace-hand-over"
    subprocess.run([*faults.ALICE, "strace", "-o", trace, *SENDMAIL],
                   input=faults.letter(first), check=True)
    calls = calls_after_commit(trace)
    cases = [(call, n, error) for call, n in calls for error in faults.ERRORS]
    wrong = []
    for number, case in enumerate(cases, first + 1):
        faults.end_engines()  # so that this one has to start one
        done = subprocess.run([*faults.ALICE, *faults.strace(*case, False), *SENDMAIL],
                              input=faults.letter(number), capture_output=True, timeout=30)
        if done.returncode != 0:
            wrong.append(f"{case}: exit {done.returncode}: {done.stderr.decode()}")
    faults.end_engines()
    print(f"{len(cases)} hand-overs with a failing call ({len(calls)} calls)")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(list(range(first, first + 1 + len(cases))), file)
    if wrong:
        sys.exit("\n".join(wrong))


main()
