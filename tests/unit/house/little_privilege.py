#!/usr/bin/env python3
"""Checks what SECURITY.md says of privilege: no set-id file is installed, and what is root is small.

usage: little_privilege.py SOURCE_DIR

Looks at the rules by which files are installed; tests/install/run looks at the files.
"""
import pathlib
import re
import stat
import sys

FEWER_LINES_THAN = {"src/local/helper.cc": 300}
RULES = ["CMakeLists.txt", "cmake/**/*", "src/**/CMakeLists.txt", "compat/**/*", "setup", "INSTALL"]
# CMake's words, numbers and letters of modes; and what gives privilege without a mode.
SET_ID = re.compile(
    r"\bSET[UG]ID\b|\bUSE_SOURCE_PERMISSIONS\b"
    r"|\b(?:chmod|install|mkdir|mknod)\b.*?(?:-m|(?<![\w/.-]))0?[2-7][0-7]{3}\b"
    r"|\bchmod\b.*?(?<![\w/.-])[ugoa]*[+=][rwxXt]*s"
    r"|\bsetcap\b|\bdpkg-statoverride\b"
)
# The spool, a directory: what is made in it belongs to its group.
EXEMPT = re.compile(r"chmod 3777 (\"\$spool\"$|/var/spool/mxpost\b)|`chmod 3777` once\b")


def faults(top):
    for name, limit in FEWER_LINES_THAN.items():
        lines = len((top / name).read_text(encoding="utf-8").splitlines())
        if lines >= limit:
            yield f"{name} has {lines} lines, not fewer than {limit}"
    seen = 0
    for path in sorted(path for rule in RULES for path in top.glob(rule) if path.is_file()):
        seen += 1
        name = path.relative_to(top)
        if path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID):
            yield f"{name} is set-id itself"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if SET_ID.search(line) and not EXEMPT.search(line):
                yield f"{name}:{number}: {line.strip()}"
    if seen < 20:
        yield f"only {seen} files with rules"


def main():
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
