#!/usr/bin/env python3
"""Compares what was accepted with what arrived.

    judge.py RESULT GOT     RESULT of rounds.py, GOT: the server's folder
"""
import collections
import json
import os
import re
import sys

WINDOW = 1.0  # seconds between an arrival and the kill that explains why it came again


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        told = json.load(file)
    arrivals = collections.defaultdict(list)
    for name in os.listdir(sys.argv[2]):
        if not name.endswith(".eml"):
            continue
        path = os.path.join(sys.argv[2], name)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        number = int(re.search(r"^Subject: (\d+)", text, re.M)[1])
        lines = text.replace("\r", "").split("\n\n", 1)[1].strip().split("\n")
        wanted = number % 400
        if wanted and lines != [f"line {number}"] * wanted:
            sys.exit(f"{name} isn't the whole message {number}")
        arrivals[number].append(os.stat(path).st_mtime)
    lost = [number for number in told["accepted"] if number not in arrivals]
    again, unexplained, longest = 0, [], 0.0
    for number, times in arrivals.items():
        for first in sorted(times)[:-1]:
            again += 1
            after = [kill - first for kill in told["kills"] if -0.05 <= kill - first]
            if not after or min(after) > WINDOW:
                unexplained.append(number)
            else:
                longest = max(longest, min(after))
    print(f"{told['rounds']} rounds, {told['all']} submissions ({told['killed_callers']} to be killed), "
          f"{len(told['accepted'])} accepted, {len(told['kills'])} engines killed; "
          f"arrived {len(arrivals)}, lost {len(lost)}, twice {again} "
          f"(at most {longest * 1000:.0f} ms before a kill), unexplained {len(unexplained)}")
    if len(told["accepted"]) < told["all"] / 4 or len(told["kills"]) < told["rounds"] / 2:
        sys.exit("too little was accepted or killed for this to prove anything")
    if lost or unexplained:
        sys.exit(f"lost {lost[:10]}, unexplained {unexplained[:10]}")


main()
