#!/usr/bin/env python3
"""Submits messages with less and less memory to have.

    no_memory.py RESULT     gets the numbers of those that were accepted

Where the limit is so low that the program can't even begin, libc ends it as it likes.
"""
import json
import resource
import subprocess
import sys

import faults

SENDMAIL = ["sendmail", "-i", "-odq", "-f", "s@corp.example", "u@a.test"]
STEP = 16 << 10


def run(number, limit):
    return subprocess.run([*faults.ALICE, "prlimit", f"--data={limit}", *SENDMAIL],
                          input=faults.letter(number), capture_output=True, timeout=30)


def main():
    number, accepted, exits, wrong = faults.FIRST["frugal"], [], [], []
    for limit in range(2 << 20, 0, -STEP):
        done = run(number, limit)
        queued = len(faults.messages())
        if done.returncode == 0:
            accepted.append(number)
        exits.append(done.returncode)
        if queued != len(accepted):
            wrong.append(f"{limit} octets: exit {done.returncode}, and {queued} of {len(accepted)} queued")
        number += 1
    # From the first limit on that main() doesn't survive, all are libc's.
    begun = exits[: max(i for i, code in enumerate(exits) if code in (0, 75)) + 1]
    print(f"{len(exits)} submissions with little memory, exits: "
          f"{[(code, exits.count(code)) for code in sorted(set(exits))]}")
    if strange := [code for code in begun if code not in (0, 75)]:
        wrong.append(f"exits {strange} where it had begun")
    if 75 not in begun:
        wrong.append("memory never ran out")
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(accepted, file)
    if wrong:
        sys.exit("\n".join(wrong))


main()
