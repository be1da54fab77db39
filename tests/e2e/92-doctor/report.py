#!/usr/bin/env python3
"""Reads what `mxpost doctor --json` has printed.

    report.py blamed REPORT            the checks that aren't ok, sorted, a line each; each problem has
                                       a remedy
    report.py apply REPORT ZONE CONF   does what the remedies say, literally: records in the zone file,
                                       settings in mxpost.conf, commands by a shell
"""
import json
import re
import subprocess
import sys


def blamed(report):
    for finding in report["findings"]:
        if finding["level"] == "problem" and not finding["remedies"]:
            sys.exit(f"nothing is said that mends it: {finding}")
    return sorted({f'{f["check"]}:{f["level"]}' for f in report["findings"] if f["level"] != "ok"})


def set_record(zone, remedy):
    with open(zone, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for old in remedy.get("replaces", []):
        # A value is one string in these zones, or several of which the first begins it.
        start = re.compile(rf'^{re.escape(remedy["name"])}\.\s.*\b{remedy["type"]}\s+"{re.escape(old[:200])}')
        gone = [line for line in lines if start.match(line)]
        if not gone:
            sys.exit(f"nothing to replace: {old}")
        lines.remove(gone[0])
    lines.append(remedy["text"].replace(" 3600 IN ", " 1 IN "))
    with open(zone, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def set_setting(conf, line):
    """As an administrator does: in the place of the one that is there."""
    key = line.split("=")[0].strip()
    with open(conf, encoding="utf-8") as file:
        lines = [old for old in file if old.split("=")[0].strip() != key]
    with open(conf, "w", encoding="utf-8") as file:
        file.writelines([*lines, line + "\n"])


def apply(report, zone, conf):
    done = 0
    for finding in report["findings"]:
        for remedy in finding["remedies"]:
            done += remedy["kind"] != "advice"
            if remedy["kind"] == "record":
                set_record(zone, remedy)
            elif remedy["kind"] == "setting":
                set_setting(conf, remedy["text"])
            elif remedy["kind"] == "command":
                subprocess.run(remedy["value"], shell=True, check=True, stdout=subprocess.DEVNULL)
    if not done:
        sys.exit("no remedy that can be applied")


def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    if sys.argv[1] == "blamed":
        print("\n".join(blamed(report)))
    else:
        apply(report, sys.argv[3], sys.argv[4])


main()
