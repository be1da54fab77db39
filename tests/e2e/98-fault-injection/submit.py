#!/usr/bin/env python3
"""Submits a message for each call of sendmail that can fail, with that call failing.

    submit.py STASH RESULT

What was accepted is moved from the box to STASH, so that each submission makes the box anew. RESULT
gets the numbers of the messages that were accepted.
"""
import json
import os
import shutil
import subprocess
import sys

import faults

# sysexits.h: 66 and 74 say that standard input can't be read, 78 that mxpost.conf can't.
MAY_EXIT = {0, 75}
MAY_EXIT_READING = {66, 74, 75}
SENDMAIL = ["sendmail", "-i", "-odq", "-f", "s@corp.example", "u@a.test"]


def run(number, case, mail=SENDMAIL):
    call, n, error = case
    command = [*faults.ALICE, *faults.strace(call, n, error, False), *mail]
    return subprocess.run(command, input=faults.letter(number), capture_output=True, timeout=30)


def clear(stash):
    """Nothing is left but whole messages: these go to STASH."""
    for spool in faults.USER_SPOOLS:
        for path in faults.messages(spool):
            shutil.chown(shutil.move(path, stash), 1500, 699)
        for folder, _, names in os.walk(spool):
            left = [name for name in names if name != ".usage"]
            if left:
                sys.exit(f"left in {folder}: {left}")
    shutil.rmtree("/home/alice/.local", ignore_errors=True)
    for name in os.listdir(faults.SPOOL):
        shutil.rmtree(os.path.join(faults.SPOOL, name))


def verdict(case, done, queued):
    """What is wrong, or nothing."""
    lines = done.stderr.decode(errors="replace").splitlines()
    if done.returncode == 0:
        return f"exit 0, and {queued} messages" if queued != 1 else ""
    if queued:
        return f"exit {done.returncode}, and {queued} messages are queued"
    if done.returncode not in (MAY_EXIT_READING if case[0] == "read" else MAY_EXIT):
        return f"exit {done.returncode}: {lines}"
    if len(lines) != 1 or not lines[0].startswith("sendmail: "):
        return f"exit {done.returncode}, and not one line on stderr: {lines}"
    return ""


def main():
    stash, result = sys.argv[1:]
    trace = "/tmp/trace-submit"
    subprocess.run([*faults.ALICE, "strace", "-o", trace, *SENDMAIL], input=faults.letter(0), check=True)
    clear(stash)
    calls = faults.calls_of(trace)
    cases = [(call, n, error) for call, n in calls for error in faults.ERRORS]
    accepted, exits, wrong = [0], {}, []
    for number, case in enumerate(cases, 1):
        done = run(number, case)
        queued = sum(len(faults.messages(spool)) for spool in faults.USER_SPOOLS)
        if problem := verdict(case, done, queued):
            wrong.append(f"{case[0]} {case[1]} {case[2]}: {problem}")
        if done.returncode == 0:
            accepted.append(number)
        exits[done.returncode] = exits.get(done.returncode, 0) + 1
        clear(stash)
    print(f"{len(cases)} submissions with a failing call ({len(calls)} calls), "
          f"by exit status: {dict(sorted(exits.items()))}")
    with open(result, "w", encoding="utf-8") as file:
        json.dump(accepted, file)
    if wrong:
        sys.exit("\n".join(wrong))
    if exits.get(75, 0) < 50:
        sys.exit("hardly any call's failure was noticed")


main()
