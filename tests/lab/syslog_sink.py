#!/usr/bin/python3
"""/dev/log for the lab: writes what programs log, without the priority, one line each.

    syslog_sink.py SOCKET FILE READY_FILE
"""
import os
import re
import socket
import sys


def main():
    path, log, ready = sys.argv[1:4]
    sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sink.bind(path)
    os.chmod(path, 0o666)
    out = open(log, "ab", buffering=0)
    open(ready, "a").close()
    while True:
        line = re.sub(rb"^<\d+>", b"", sink.recv(65536)).rstrip(b"\n\0")
        out.write(line.replace(b"\n", b"\\n") + b"\n")


if __name__ == "__main__":
    main()
