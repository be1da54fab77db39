#!/usr/bin/env python3
"""Checks docs/faults.md: each row names a test, and each test that it names is there.

A test is `Suite.Case` of tests/unit or tests/crash, `Suite.Case/Name` where Name is a string in the
same file (a case of a table), `e2e NN-name`, or `golden AREA/FILE`.

usage: faults_tested.py SOURCE_DIR
"""
import pathlib
import re
import sys

FAULTS = range(17, 30)  # the numbers that the page must have, in order


def cases(top):
    """"Suite.Case" → the text of its file."""
    found = {}
    for folder in ("unit", "crash"):
        for path in sorted((top / "tests" / folder).rglob("*.cc")):
            text = path.read_text(encoding="utf-8")
            for suite, case in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", text, re.MULTILINE):
                found[f"{suite}.{case}"] = text
    return found


def is_there(top, found, test):
    kind, _, rest = test.partition(" ")
    if kind == "e2e":
        return (top / "tests/e2e" / rest / "run.sh").exists()
    if kind == "golden":
        return any((top / "tests/golden").glob(rest + "*"))
    name, _, parameter = test.partition("/")
    return name in found and (not parameter or f'"{parameter}"' in found[name])


def main():
    top = pathlib.Path(sys.argv[1])
    found, faults, numbers, rows = cases(top), [], [], 0
    for line in (top / "docs/faults.md").read_text(encoding="utf-8").splitlines():
        heading = re.match(r"### (\d+)\. ", line)
        if heading:
            numbers.append(int(heading[1]))
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if not line.startswith("|") or cells[0] in ("fault", "---") or line.startswith("|---"):
            continue
        rows += 1
        if len(cells) != 3 or not all(cells):
            faults.append(f"not three cells: {line}")
            continue
        tests = re.findall(r"`([^`]+)`", cells[2])
        faults += [f"{cells[0]}: no such test: {test}" for test in tests
                   if not is_there(top, found, test)]
        if not tests:
            faults.append(f"{cells[0]}: no test")
    if numbers != list(FAULTS):
        faults.append(f"not the faults {FAULTS.start} to {FAULTS.stop - 1}: {numbers}")
    print("\n".join(faults))
    print(f"{rows} faults, {len(faults)} without their test")
    return 1 if faults or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
