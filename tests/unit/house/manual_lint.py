#!/usr/bin/env python3
"""Checks the manual pages with mandoc (warnings are errors) and groff, and their order of sections.

usage: manual_lint.py SOURCE_DIR
"""
import pathlib
import re
import shutil
import subprocess
import sys

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
            "DIAGNOSTICS", "SEE ALSO", "STANDARDS", "SECURITY CONSIDERATIONS"]
LINTERS = [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-mdoc", "-Tutf8", "-ww", "-z"]]


def main():
    pages = sorted((pathlib.Path(sys.argv[1]) / "man").glob("*.[158]"))
    linters = [linter for linter in LINTERS if shutil.which(linter[0])]
    if not linters:
        print("neither mandoc nor groff is installed")
        return 77
    faults = []
    for page in pages:
        for linter in linters:
            done = subprocess.run([*linter, page], capture_output=True, text=True, check=False)
            if done.returncode or done.stdout.strip() or done.stderr.strip():
                faults.append(f"{page.name}: {linter[0]}: {done.stdout}{done.stderr}")
        found = re.findall(r'^\.Sh "?([A-Z -]+?)"?$', page.read_text(encoding="utf-8"), re.MULTILINE)
        known = [section for section in found if section in SECTIONS]
        if known != sorted(known, key=SECTIONS.index):
            faults.append(f"{page.name}: sections not in the house's order: {found}")
    print("\n".join(faults))
    print(f"{len(pages)} pages, {len(faults)} faults")
    return 1 if faults or not pages else 0


if __name__ == "__main__":
    sys.exit(main())
