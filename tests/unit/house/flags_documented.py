#!/usr/bin/env python3
"""Checks that sendmail(8) and compat/flags.tsv agree on every flag: honoured ones have an entry of
their own, ignored and unavailable ones stand in the lists of these names. (The parser is compared
with the table by FlagContract, tests/unit/submit.) And that every test which a contract table
names exists: "Suite.Case" below tests/unit, or a directory "e2e/NN-name".

usage: flags_documented.py SOURCE_DIR
"""
import csv
import pathlib
import re
import sys

TABLES = ["flags.tsv", "options.tsv", "exit-codes.tsv"]
LISTS = {"ignored": "Accepted and ignored", "unavailable": "Not available in this version"}


def contract(top):
    """behaviour → the flags that the contract gives it."""
    found = {"honoured": set(), "ignored": set(), "unavailable": set()}
    with open(top / "compat/flags.tsv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            if re.fullmatch(r"-[A-Za-z]|-[boq][A-Za-z!]|--[a-z]+", row["flag"]):
                found.setdefault(row["behaviour"], set()).add(row["flag"])
    return found


def manual(top):
    """The same, out of the manual page."""
    text = (top / "man/sendmail.8").read_text(encoding="utf-8")
    entries = set()
    for line in re.findall(r"^\.It Fl (.*)$", text, re.MULTILINE):
        # "q Ns Ar interval", "-help , -version", "R Cm full | hdrs"
        entries |= {"-" + part.split()[0] for part in re.split(r" , ", line)}
    found = {"honoured": entries}
    for behaviour, title in LISTS.items():
        section = re.search(rf"^\.Ss {title}\n(.*?)(?=^\.S[sh] )", text, re.MULTILINE | re.DOTALL)
        names = re.search(r"^\.Fl (.*)$", section.group(1), re.MULTILINE) if section else None
        found[behaviour] = {"-" + name for name in re.findall(r"[^ ,.]+", names.group(1))} if names else set()
    return found


def tests(top):
    """The names of all tests that a table may point to."""
    names = {f"e2e/{case.parent.name}" for case in top.glob("tests/e2e/[0-9]*/run.sh")}
    for source in top.glob("tests/unit/**/*_test.cc"):
        text = source.read_text(encoding="utf-8")
        names |= {f"{suite}.{case}" for suite, case in
                  re.findall(r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\s*\)", text, re.MULTILINE)}
    return names


def untested(top):
    """Rows of the contract tables whose last column names no test, or one that isn't there."""
    known, faults = tests(top), []
    for name in TABLES:
        with open(top / "compat" / name, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                first = next(iter(row.values()))
                named = (row["test"] or "").split()
                faults += [] if named else [f"{name}: no test shows {first}"]
                faults += [f"{name}: {first}: there is no test {test}"
                           for test in named if test not in known]
    return faults


def main():
    top = pathlib.Path(sys.argv[1])
    agreed, documented = contract(top), manual(top)
    faults = untested(top)
    for behaviour in ("honoured", "ignored", "unavailable"):
        faults += [f"{flag} is {behaviour}, and sendmail(8) doesn't say so"
                   for flag in sorted(agreed[behaviour] - documented[behaviour])]
        faults += [f"sendmail(8) says that {flag} is {behaviour}; compat/flags.tsv doesn't"
                   for flag in sorted(documented[behaviour] - agreed[behaviour])]
    print("\n".join(faults))
    count = sum(map(len, agreed.values()))
    print(f"{count} flags, {len(faults)} faults")
    return 1 if faults or count < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
