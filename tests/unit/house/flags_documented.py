#!/usr/bin/env python3
"""Checks that sendmail(8) and compat/flags.tsv agree on every flag: honoured ones have an entry of
their own, ignored and unavailable ones stand in the lists of these names.

usage: flags_documented.py SOURCE_DIR
"""
import csv
import pathlib
import re
import sys

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


def main():
    top = pathlib.Path(sys.argv[1])
    agreed, documented = contract(top), manual(top)
    faults = []
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
