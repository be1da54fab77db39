#!/usr/bin/env python3
"""Compares what was accepted with what arrived.

    judge.py submitted RESULT       of submit.py: each once, and nothing else
    judge.py frugal|handed RESULT   of no_memory.py and hand_over.py: the same
    judge.py delivered RESULT       of deliver.py: each once, or twice where that may be; a report each
"""
import json
import sys
import time

import faults


def arrivals(server, first, wanted):
    """A server writes down what it has after its reply."""
    deadline = time.monotonic() + 10
    while True:
        arrived = faults.received(server, first)
        if wanted <= set(arrived) or time.monotonic() > deadline:
            return arrived
        time.sleep(0.05)


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        told = json.load(file)
    wanted = {int(number) for number in told}
    may_repeat = {int(number) for number in told if isinstance(told, dict) and told[number]}
    wrong = []
    for server in ["a", "corp"] if sys.argv[1] == "delivered" else ["a"]:
        arrived = arrivals(server, faults.FIRST[sys.argv[1]], wanted)
        lost = wanted - set(arrived)
        never_accepted = set(arrived) - wanted
        twice = {number for number, times in arrived.items() if times > 1}
        unexplained = twice - may_repeat
        print(f"{server}: {len(arrived)} of {len(wanted)} arrived, lost {len(lost)}, never accepted "
              f"{len(never_accepted)}, twice {len(twice)}, unexplained {len(unexplained)}")
        for number in sorted(twice & may_repeat):
            print(f"  twice: {told[str(number)]}")
        if lost or never_accepted or unexplained:
            wrong.append(f"lost {sorted(lost)[:10]}, never accepted {sorted(never_accepted)[:10]}, "
                         f"unexplained {sorted(unexplained)[:10]}")
    if wrong:
        sys.exit("\n".join(wrong))


main()
