"""Calls sendmail with the example of every row of the contract tables.

    replay.py COMPAT_DIR USER

Prints the subjects of the messages that are to arrive; a fault ends with status 1.
"""
import csv
import os
import shlex
import subprocess
import sys

# What a result of flags.tsv means for the exit code, where it isn't 0.
CODES = {"usage": {64}, "unavailable": {64, 69}}
# The system engine, its listener and its flags are for root and the engine's user (EX_NOPERM).
FOR_ROOT = {"start_engine", "run_engine"}
# Rows that send to the good recipient and name a bad one.
PARTLY_BAD = {"flags after a recipient": 65}
NOBODY = {"-": 64}


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


class Replay:
    def __init__(self, user):
        self.user = user
        self.faults = 0
        self.expected = []

    def call(self, subject, words, codes, sends):
        """One call; a message is on stdin whatever the call wants."""
        message = f"From: s@corp.example\nTo: r@a.test\nSubject: {subject}\n\nbody\n"
        try:
            done = subprocess.run(words, input=message.encode(), capture_output=True, timeout=60)
        except subprocess.TimeoutExpired:
            return self.fault(f"{words}: doesn't end")
        if done.returncode not in codes:
            self.fault(f"{words}: exit {done.returncode}, not {codes}: {done.stderr.decode()}")
        if done.returncode and not done.stderr + done.stdout:
            self.fault(f"{words}: exit {done.returncode} without a word")
        if sends:
            self.expected.append(subject)
        return done

    def fault(self, text):
        self.faults += 1
        print("FAULT:", text, file=sys.stderr)

    def flag(self, number, row):
        name, result, example = row["flag"], row["result"], shlex.split(row["example"])
        words = example if name.startswith("argv[0]=") else ["sendmail", *example]
        if result in FOR_ROOT and self.user == "root":
            return  # 13-one-shot-cgroup and others start engines; here nothing is to stay
        codes = CODES.get(result, {77} if result in FOR_ROOT else {0})
        sends = result == "deliver" and name not in NOBODY
        if name in PARTLY_BAD or name in NOBODY:
            codes = {(PARTLY_BAD | NOBODY)[name]}
        if result not in KNOWN:
            codes = set(range(64, 79)) | {0}  # its own case says more
        self.call(f"{self.user} flag {number}", words, codes, sends)

    def option(self, number, row):
        if row["option"] != "-":
            self.call(f"{self.user} option {number}",
                      ["sendmail", *shlex.split(row["example"]), "r@a.test"], {0}, True)
        if row["letter"] != "-" and row["behaviour"] == "ignored":
            self.call(f"{self.user} letter {number}",
                      ["sendmail", row["letter"] + "/tmp/x", "r@a.test"], {0}, True)


KNOWN = {"deliver", "usage", "unavailable", "print_queue", "flush_queue", "run_once", "check_config",
         "print_help", "print_version"} | FOR_ROOT


def main():
    compat, user = sys.argv[1:]
    os.environ["PATH"] += ":/usr/sbin"
    replay = Replay(user)
    for number, row in enumerate(rows(f"{compat}/flags.tsv"), 2):
        replay.flag(number, row)
    for number, row in enumerate(rows(f"{compat}/options.tsv"), 2):
        replay.option(number, row)
    print("\n".join(replay.expected))
    return 1 if replay.faults else 0


if __name__ == "__main__":
    sys.exit(main())
