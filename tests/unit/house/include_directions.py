#!/usr/bin/env python3
"""Checks who includes whom in src/: the folders' one direction, and each library's one owner.

usage: include_directions.py SOURCE_DIR

The libraries are linked PRIVATE per folder, so most wrong arrows don't link; this also finds the
ones that headers alone make, and says which line it is.
"""
import pathlib
import re
import sys

# What a folder may include beside itself. `deliver` composes; `apps` only wires.
ALL = ("base mail config spool protocol submit schedule dns spf route tls dkim smtp local dsn diagnose "
       "deliver doctor listen").split()
MAY_INCLUDE = {
    "base": "",
    "asio": "",
    "mail": "base",
    "config": "base mail",
    "spool": "base mail",
    "protocol": "base mail",
    "submit": "base mail config spool protocol diagnose local",
    "schedule": "base mail",
    "dns": "base asio",
    "spf": "base dns asio",
    "route": "base mail dns asio",
    "tls": "base dns asio",
    "dkim": "base mail",
    "smtp": "base mail protocol tls asio",
    "local": "base mail",
    "dsn": "base mail spool",
    "diagnose": "base mail",
    "deliver": " ".join(name for name in ALL if name not in ("submit", "doctor", "listen")) + " asio",
    "listen": "base mail config spool protocol submit tls smtp asio",
    "doctor": "base mail config dns spf route tls dkim smtp spool local diagnose protocol asio",
    "apps": " ".join(ALL) + " asio",
}
# Which folders may include a library's headers.
OWNERS = {
    r"ldns/": "dns",
    r"unbound": "dns",
    r"idn2\.h": "route",
    r"openssl/": "tls dkim asio",
    r"curl/": "tls",
    r"zlib\.h": "tls",
    r"libpsl\.h": "doctor",
    # deliver and apps hand the io_context on; smtp drives TLS through Asio's own wrapper.
    r"boost/asio": "asio dns spf route tls smtp deliver listen doctor apps",
    r"boost/program_options": "config submit apps",
}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def fault_of(folder, quote, name):
    """Why `folder` may not include `name`, or None."""
    if quote == '"':
        target = name.split("/")[0]
        if target not in MAY_INCLUDE:
            return f'"{name}" names no folder of src/'
        if target != folder and target not in MAY_INCLUDE[folder].split():
            return f"{folder} may not include {target}"
        return None
    for pattern, owners in OWNERS.items():
        if re.match(pattern, name) and folder not in owners.split():
            return f"<{name}> belongs to: {owners or 'nobody'}"
    return None


def main():
    top = pathlib.Path(sys.argv[1]) / "src"
    faults, seen = [], 0
    for path in sorted(top.glob("*/**/*")):
        if path.suffix not in (".h", ".cc"):
            continue
        folder = path.relative_to(top).parts[0]
        if folder not in MAY_INCLUDE:
            faults.append(f"{path}: the folder {folder} isn't in this test's table")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := INCLUDE.match(line):
                seen += 1
                if fault := fault_of(folder, *match.groups()):
                    faults.append(f"{path}:{number}: {fault}")
    print("\n".join(faults))
    print(f"{seen} includes, {len(faults)} wrong")
    return 1 if faults or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
