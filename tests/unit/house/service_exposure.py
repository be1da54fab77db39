#!/usr/bin/env python3
"""How much the shipped units let a broken engine do, as systemd-analyze counts it (0 to 10).

    service_exposure.py SOURCE_DIR

The system engine, which listens and speaks to everybody, stays at 1.6 or below. What it doesn't count:
processes that users' programs leave behind in the local helper's unit count as the users', not as the
unit's. Exit status 77: there is no systemd-analyze.
"""
import os
import shutil
import subprocess
import sys

LIMITS = {"mxpost.service": 16, "mxpost-queue.service": 20, "mxpost-local.service": 53}  # tenths
DEMANDED = {"mxpost-local.service": ["KillMode=mixed", "TasksMax=infinity", "LimitNPROC=4096"]}


def lacks_lines():
    found = False
    for name, demanded in DEMANDED.items():
        with open(os.path.join(sys.argv[1], "compat", "systemd", name), encoding="utf-8") as unit:
            lines = unit.read().splitlines()
        for line in demanded:
            if line not in lines:
                found = True
                print(f"{name} lacks {line}")
    return found


def main():
    failed = lacks_lines()
    if shutil.which("systemd-analyze") is None:
        sys.exit(1 if failed else 77)
    for name, limit in LIMITS.items():
        path = os.path.join(sys.argv[1], "compat", "systemd", name)
        done = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", f"--threshold={limit}", path],
            capture_output=True, text=True)
        lines = done.stdout.strip().split("\n")
        print(lines[-1].strip())
        if done.returncode != 0:
            failed = True
            print("\n".join(line for line in lines if line.startswith("✗")), done.stderr)
    sys.exit(1 if failed else 0)


main()
