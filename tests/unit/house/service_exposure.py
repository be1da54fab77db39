#!/usr/bin/env python3
"""How much the shipped units let a broken engine do, as systemd-analyze counts it (0 to 10).

    service_exposure.py SOURCE_DIR

The system engine, which listens and speaks to everybody, stays at 1.6 or below. Exit status 77: there
is no systemd-analyze.
"""
import os
import shutil
import subprocess
import sys

LIMITS = {"mxpost.service": 16, "mxpost-queue.service": 20}  # tenths


def main():
    if shutil.which("systemd-analyze") is None:
        sys.exit(77)
    failed = False
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
