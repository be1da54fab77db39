#!/usr/bin/env python3
"""Checks that mxpost.conf(5) and the example file name exactly the keys of src/config/keys.cc,
with its defaults.

usage: settings_documented.py SOURCE_DIR
"""
import pathlib
import re
import sys


def table(top):
    """key → default, from the table's source."""
    text = (top / "src/config/keys.cc").read_text(encoding="utf-8")
    return dict(re.findall(r'Key\{\s*"([a-z0-9-]+)",\s*"([^"]*)"', text))


def manual(top):
    """key → default, from `.It Ic KEY Ns = Ns Ar …` and `Default: .Li VALUE .`"""
    text = (top / "man/mxpost.conf.5").read_text(encoding="utf-8")
    found = {}
    for entry in re.split(r"^\.It Ic ", text, flags=re.MULTILINE)[1:]:
        default = re.search(r"^Default:\n\.Li (\S+)", entry, re.MULTILINE)
        found[entry.split()[0]] = default.group(1) if default else ""
    return found


def main():
    top = pathlib.Path(sys.argv[1])
    keys, pages, faults = table(top), manual(top), []
    example = (top / "compat/mxpost.conf").read_text(encoding="utf-8")
    shown = dict(re.findall(r"^# ([a-z0-9-]+) =[ ]?(.*)$", example, re.MULTILINE))
    for name, found in (("man/mxpost.conf.5", pages), ("compat/mxpost.conf", shown)):
        faults += [f"{name}: {key} isn't there" for key in sorted(keys.keys() - found.keys())]
        faults += [f"{name}: {key} is no setting" for key in sorted(found.keys() - keys.keys())]
        faults += [f"{name}: {key}: the default is {keys[key]!r}, not {found[key]!r}"
                   for key in keys.keys() & found.keys() if keys[key] and keys[key] != found[key]]
    faults += [f"compat/mxpost.conf: not a comment: {line}" for line in example.splitlines()
               if line and not line.startswith("#")]
    print("\n".join(faults))
    print(f"{len(keys)} settings, {len(faults)} faults")
    return 1 if faults or not keys else 0


if __name__ == "__main__":
    sys.exit(main())
