"""Checks that files are UTF-8 without control characters (those that turn the direction of text
included); *.json: that no text in them has any.

usage: clean.py FILE...
"""
import json
import sys
import unicodedata

LINES = "\n\t"
DIRECTIONS = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")


def controls(text):
    return sorted({ascii(c) for c in text if is_control(c) and c not in LINES})


def is_control(c):
    return unicodedata.category(c) in ("Cc", "Zl", "Zp") or unicodedata.bidirectional(c) in DIRECTIONS


def texts(value):
    if isinstance(value, dict):
        value = [*value.keys(), *value.values()]
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def main():
    faults = []
    for path in sys.argv[1:]:
        text = open(path, "rb").read().decode("utf-8")
        if not text:
            faults.append(path + " is empty")
        found = controls(text)
        if path.endswith(".json"):
            for line in text.splitlines():
                for each in texts(json.loads(line)):
                    found += controls(each)
        if found:
            faults.append("%s has %s" % (path, ", ".join(found)))
    for fault in faults:
        print(fault)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
