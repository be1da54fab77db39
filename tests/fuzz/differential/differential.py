#!/usr/bin/env python3
"""Compares mxpost's reading and writing of addresses and header fields with Python's.

  differential.py DRIVER [--seed N] [--rounds N | --seconds N] [--only COMPARISON]
  differential.py DRIVER --seed N --replay COMPARISON:ROUND

DRIVER: build/…/tests/fuzz/differential_driver. Each comparison gets inputs of its own, made from seed
and round alone. Exit status 1: there was a difference that rules.py doesn't allow; the input is shown
with the command that repeats it.
"""

import argparse
import collections
import random
import sys
import time

import addresses
import headers
import words
from driver import Driver

COMPARISONS = {
    "addresses": addresses.valid,
    "addresses-mutated": addresses.mutated,
    "addresses-unqualified": addresses.unqualified,
    "header": headers.valid,
    "header-mutated": headers.mutated,
    "submission": headers.submission,
    "subject": words.subject,
    "names": words.names,
    "display-name": words.display_name,
    "file-name": words.file_name,
}
MAX_SHOWN = 10


def compare(comparison, seed, number, driver):
    """The input, what is wrong with it, and the name of the rule that it fell under."""
    steps = COMPARISONS[comparison](random.Random(f"{seed}/{comparison}/{number}"), driver)
    text = next(steps)
    try:
        return text, next(steps), "DIFFERENT"
    except StopIteration as stop:
        return text, None, stop.value


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("driver")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--only", choices=COMPARISONS)
    parser.add_argument("--replay")
    return parser.parse_args()


def rounds(arguments):
    if arguments.replay:
        yield int(arguments.replay.partition(":")[2])
        return
    end = time.monotonic() + (arguments.seconds or float("inf"))
    number = 0
    while time.monotonic() < end and number < (arguments.rounds or float("inf")):
        yield number
        number += 1


def main():
    arguments = parse_arguments()
    only = arguments.replay.partition(":")[0] if arguments.replay else arguments.only
    counts = {name: collections.Counter() for name in ([only] if only else COMPARISONS)}
    driver = Driver(arguments.driver)
    different = 0
    for number in rounds(arguments):
        for comparison, count in counts.items():
            text, problem, rule = compare(comparison, arguments.seed, number, driver)
            count[rule] += 1
            if problem:
                different += 1
                print(f"{comparison}: {text!r}\n  {problem}\n  again: {arguments.driver} --seed "
                      f"{arguments.seed} --replay {comparison}:{number}")
        if different >= MAX_SHOWN:
            break
    status = driver.close()
    for comparison, count in counts.items():
        print(f"{comparison}: {sum(count.values())} inputs: "
              + ", ".join(f"{number} {rule}" for rule, number in count.most_common()))
    # Without an input nothing was tested.
    sys.exit(1 if different or status or not all(counts.values()) else 0)


if __name__ == "__main__":
    main()
