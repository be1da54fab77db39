#!/usr/bin/env python3
"""Rounds of submissions with a kill at random in each.

    rounds.py COUNT RESULT

RESULT gets what the judge must know: numbers of messages that were accepted, and of all; the times
at which engines were killed.
"""
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

AT_A_TIME = 10
ALICE = ["setpriv", "--reuid=1500", "--regid=1500", "--clear-groups"]


def engines():
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/comm", encoding="utf-8") as file:
                    if file.read().strip() == "mxpost":
                        yield int(name)
            except OSError:
                pass


def submit(number, accepted, kill_after):
    body = f"Subject: {number}\n\n" + f"line {number}\n" * (number % 400)
    process = subprocess.Popen([*ALICE, "sendmail", "-i", "-f", "s@corp.example", "u@a.test"],
                               stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if kill_after is not None:
        threading.Timer(kill_after, process.kill).start()
    try:
        process.stdin.write(body.encode())
        process.stdin.close()
    except BrokenPipeError:
        pass
    if process.wait() == 0:
        accepted.append(number)


def main():
    count, result = int(sys.argv[1]), sys.argv[2]
    chance = random.Random(int(os.environ.get("MXPOST_KILL_SEED", time.time_ns())))
    accepted, kills, killed_callers, number = [], [], 0, 0
    for _ in range(count):
        if chance.random() < 0.7:  # else the submissions start engines of their own
            subprocess.Popen(["mxpost", "run"], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        callers = []
        for _ in range(AT_A_TIME):
            number += 1
            kill_after = chance.uniform(0, 0.03) if chance.random() < 0.3 else None
            killed_callers += kill_after is not None
            callers.append(threading.Thread(target=submit, args=(number, accepted, kill_after)))
            callers[-1].start()
        time.sleep(chance.uniform(0.005, 0.25))
        for pid in list(engines()):
            try:
                os.kill(pid, signal.SIGKILL)
                kills.append(time.time())
            except ProcessLookupError:
                pass
        for caller in callers:
            caller.join()
        while True:  # the dead ones that were ours
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
    with open(result, "w", encoding="utf-8") as file:
        json.dump({"rounds": count, "all": number, "accepted": accepted, "kills": kills,
                   "killed_callers": killed_callers}, file)


main()
