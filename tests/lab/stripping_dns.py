#!/usr/bin/env python3
"""A name server that passes questions on without EDNS, so that no answer has signatures: like the
DNS of many small routers.

usage: stripping_dns.py ADDRESS UPSTREAM
"""
import socket
import sys
import threading

HEADER = 12


def without_edns(query):
    """The question alone: no additional records, no AD."""
    end = HEADER
    while query[end]:
        end += query[end] + 1
    end += 5
    flags = bytes([query[2], query[3] & ~0x20])
    return query[:2] + flags + b"\0\1\0\0\0\0\0\0" + query[HEADER:end]


def pass_on(server, query, client, upstream):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        asking.connect((upstream, 53))
        asking.send(without_edns(query))
        try:
            server.sendto(asking.recv(65535), client)
        except OSError:
            pass


def main():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((sys.argv[1], 53))
    while True:
        query, client = server.recvfrom(65535)
        threading.Thread(
            target=pass_on, args=(server, query, client, sys.argv[2]), daemon=True).start()


if __name__ == "__main__":
    main()
