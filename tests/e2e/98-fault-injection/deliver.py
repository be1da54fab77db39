#!/usr/bin/env python3
"""Has an engine deliver and bounce while one of its calls fails, for each call that can.

    deliver.py RESULT

Each message goes to ok@a.test, which is taken, and bad@a.test, which is refused, so that a report is
due. RESULT gets, for each message's number, why it may arrive twice, or nothing.
"""
import json
import os
import re
import signal
import subprocess
import sys
import time

import faults

# A connection that breaks behind the final dot leaves open whether the server has the message.
TALKS = re.compile(r"^(send|recv)(to|from|msg)$")
# The documented window: what happened could not be written down before the engine ended.
UNRECORDED = re.compile(r"can't write to the journal|can't sync the journal|can't be written down|"
                        r"internal error|can't remove it")
GO_ON_VAINLY = "can't be written down"
LONGEST = 60  # seconds
FILE_SYSTEM = "pwrite64,fsync,fdatasync,fallocate,ftruncate,renameat2,unlinkat,linkat,mkdirat"


def log_since(offset):
    with open(os.environ["RUN"] + "/log/syslog", "rb") as file:
        file.seek(offset)
        return file.read().decode(errors="replace")


def run_engine(case):
    """Its exit code (none: it had to be killed) and what it logged. One that waits for its disk is told
    to end."""
    start = os.stat(os.environ["RUN"] + "/log/syslog").st_size
    engine = subprocess.Popen([*faults.strace(*case, True), "mxpost", "run", "--once"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + LONGEST
    is_told = False
    while engine.poll() is None:
        if time.monotonic() > deadline:
            for pid in faults.engines():
                os.kill(pid, signal.SIGKILL)
            engine.wait()
            return None, log_since(start)
        if not is_told and GO_ON_VAINLY in log_since(start):
            faults.end_engines()
            is_told = True
        time.sleep(0.01)
    return engine.returncode, log_since(start)


def chosen(trace):
    """MXPOST_FAULTS=all: each call with each error. Else those from the opening of the spool on, with
    one error each, in turn."""
    if os.environ.get("MXPOST_FAULTS") == "all":
        calls = faults.calls_of(trace)
        return calls, [(call, n, error) for call, n in calls for error in faults.ERRORS]
    calls = faults.calls_of(trace, f'"{faults.SPOOL}"')
    return calls, [(call, n, faults.ERRORS[i % len(faults.ERRORS)]) for i, (call, n) in enumerate(calls)]


def main():
    trace = "/tmp/trace-deliver"
    first = faults.FIRST["delivered"]
    faults.submit(first, "ok@a.test", "bad@a.test")
    subprocess.run(["strace", "-f", "-o", trace, "mxpost", "run", "--once"],
                   check=True, stdin=subprocess.DEVNULL)
    calls, cases = chosen(trace)
    # A single call that fails; then a file system that takes nothing any more from the first moment.
    cases += [(FILE_SYSTEM, "1+", error) for error in ("EROFS", "ENOSPC", "EIO")]
    may_repeat, wrong, exits = {first: ""}, [], []
    for number, case in enumerate(cases, first + 1):
        faults.submit(number, "ok@a.test", "bad@a.test")
        code, log = run_engine(case)
        exits.append(code)
        if faults.messages():  # so that the next failure meets its own message only
            subprocess.run(["mxpost", "run", "--once"], check=True, stdin=subprocess.DEVNULL, timeout=60)
        reason = UNRECORDED.search(log) or TALKS.match(case[0])
        may_repeat[number] = f"{case}: {reason[0]}" if reason else ""
        if code is None or code < 0 or code >= 128:
            wrong.append(f"{case}: {'hangs' if code is None else code}; it says: {log}")
    print(f"{len(cases)} runs of the engine with a failing call ({len(calls)} calls), by exit status: "
          f"{[(code, exits.count(code)) for code in sorted(set(exits), key=str)]}; "
          f"{sum(map(bool, may_repeat.values()))} of them may repeat")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(may_repeat, file)
    if wrong:
        sys.exit("\n".join(wrong))


main()
