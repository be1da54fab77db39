"""Checks compat/callers.tsv: every row is whole, and its test is a case of tests/e2e."""
import csv
import pathlib
import sys

top = pathlib.Path(sys.argv[1])
faults = []
with open(top / "compat/callers.tsv", encoding="utf-8", newline="") as file:
    head, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
for row in rows:
    if len(row) != len(head) or not all(row):
        faults.append(f"not {len(head)} cells: {row}")
    elif not (top / "tests/e2e" / row[3] / "run.sh").exists():
        faults.append(f"{row[0]}: no such case: {row[3]}")
for case in (top / "tests/e2e").glob("*-callers"):
    if case.name not in {row[3] for row in rows}:
        faults.append(f"{case.name} has no row")
print("\n".join(faults))
sys.exit(bool(faults or not rows))
