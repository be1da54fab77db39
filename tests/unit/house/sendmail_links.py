#!/usr/bin/env python3
"""Checks what the built sendmail is made of: libc (static, as a rule) and little else.

usage: sendmail_links.py SENDMAIL

It reads hostile argv, so it must not contain what talks to networks; and each shared library
more is start-up time that every mail pays (design: two programs).
"""
import re
import subprocess
import sys

# libc itself, with what the kernel and the loader add. libm, libgcc_s: the static libstdc++ may
# ask for them; they are glibc's and GCC's own.
ALLOWED_LIBRARIES = r"ld-linux|libc\.so|libm\.so|libgcc_s\.so"
FORBIDDEN_SYMBOLS = r"boost::asio|\bSSL_|\bEVP_|\bldns_|\bidn2_|\bcurl_|\bgetaddrinfo\b|\bres_n?(query|send)\b"


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def main():
    sendmail = sys.argv[1]
    needed = output_of("readelf", "--dynamic", sendmail)
    libraries = re.findall(r"\(NEEDED\).*\[(.*)\]", needed)
    symbols = output_of("nm", "--demangle", sendmail)
    faults = [f"links {name}" for name in libraries if not re.search(ALLOWED_LIBRARIES, name)]
    faults += [f"contains: {line}" for line in symbols.splitlines() if re.search(FORBIDDEN_SYMBOLS, line)]
    print("\n".join(faults[:20]))
    print(f"{len(libraries)} libraries, {symbols.count(chr(10))} symbols, {len(faults)} faults")
    # A stripped or odd binary would pass for want of symbols.
    return 1 if faults or "main" not in symbols else 0


if __name__ == "__main__":
    sys.exit(main())
