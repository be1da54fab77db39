#!/usr/bin/env python3
"""A name server that answers as no server should: by the last two labels of the name asked for.

usage: dns.py ADDRESS READY LOG
"""
import socket
import struct
import sys
import threading
import time

A, CNAME, SOA, MX = 1, 5, 6, 15
GOOD, EVIL, CORP, NOBODY = "198.51.100.20", "198.51.100.66", "198.51.100.10", "203.0.113.%d"


def name(dotted):
    labels = [label if isinstance(label, bytes) else label.encode() for label in
              (dotted.split(".") if isinstance(dotted, str) else dotted)]
    return b"".join(bytes([len(label)]) + label for label in labels if label) + b"\0"


def record(owner, kind, data):
    return name(owner) + struct.pack("!HHIH", kind, 1, 300, len(data)) + data


def a(owner, address):
    return record(owner, A, socket.inet_aton(address))


def mx(owner, preference, host):
    return record(owner, MX, struct.pack("!H", preference) + name(host))


class Query:
    def __init__(self, wire, is_tcp):
        self.wire, self.is_tcp = wire, is_tcp
        self.id, = struct.unpack("!H", wire[:2])
        labels, at = [], 12
        while wire[at]:
            labels.append(wire[at + 1 : at + 1 + wire[at]].decode("latin-1").lower())
            at += wire[at] + 1
        self.name = ".".join(labels)
        self.type, = struct.unpack("!H", wire[at + 1 : at + 3])
        self.question = wire[12 : at + 5]

    def reply(self, answers=(), additional=(), code=0, number=None, question=None, is_cut=False):
        flags = 0x8180 | code | (0x0200 if is_cut else 0)
        authority = []
        if not answers:
            numbers = struct.pack("!IIIII", 1, 3600, 600, 86400, 1)
            authority = [record("test", SOA, name("ns.test") + name("root.test") + numbers)]
        head = struct.pack("!HHHHHH", self.id if number is None else number, flags, 1,
                           len(answers), len(authority), len(additional))
        return head + (question or self.question) + b"".join([*answers, *authority, *additional])

    def cut(self):
        """What a reply over UDP says whose rest comes over TCP only."""
        return self.reply(is_cut=True)


def usual(query, hosts):
    """The replies of a domain with one MX host; `hosts`: its addresses."""
    domain = ".".join(query.name.split(".")[-2:])
    if query.type == MX and query.name == domain:
        return [query.reply([mx(domain, 10, "mx." + domain)])]
    if query.type == A and query.name == "mx." + domain:
        return [query.reply([a(query.name, host) for host in hosts])]
    return [query.reply()]


def many(query):
    if query.type == MX:
        hosts = [mx(query.name, i, "mx%d.many.test" % i) for i in range(500, 0, -1)]
        return [query.reply(hosts) if query.is_tcp else query.cut()]
    if query.type == A:
        return [query.reply([a(query.name, GOOD if query.name.startswith("mx3.") else NOBODY % 7)])]
    return [query.reply()]


def addresses(query):
    replies = usual(query, [NOBODY % (i % 90) for i in range(500)])
    return replies if query.is_tcp or len(replies[0]) < 1232 else [query.cut()]


def loop(query):
    return [query.reply([record(query.name, CNAME, name("b" if query.name[0] == "a" else "a") [:-1]
                                + name("loop.test"))])]


def poison(query):
    lies = [a("mx.victim.test", EVIL), mx("victim.test", 1, "mx.evil.test")]
    if query.type == MX:
        return [query.reply([mx("poison.test", 10, "mx.victim.test"), *lies], lies)]
    return [query.reply([], lies)]


def ids(query):
    lie = [mx("ids.test", 1, "mx.evil.test")] if query.type == MX else [a(query.name, EVIL)]
    other = name("other.test") + query.question[-4:]
    return [query.reply(lie, number=query.id ^ 1), query.reply(lie, question=other),
            query.reply(lie)[:11], b"", *usual(query, [GOOD])]


def flood(query):
    return [query.reply([mx("flood.test", 1, "mx.evil.test")], number=query.id ^ 1)] * 5000


def odd(query):
    if query.type == MX:
        return [query.reply([record("odd.test", MX, b"\0\1" + name([b"\x1b[2J", b"\r\nmx\x9b", b"test"]))])]
    return [query.reply(code=3)]


def late(query):
    time.sleep(30)
    return usual(query, [EVIL])


SERVERS = {
    "many.test": many,
    "addresses.test": addresses,
    "loop.test": loop,
    "poison.test": poison,
    "ids.test": ids,
    "flood.test": flood,
    "cut.test": lambda query: [query.cut()],
    "odd.test": odd,
    "late.test": late,
    "evil.test": lambda query: usual(query, [EVIL]),
    "victim.test": lambda query: usual(query, [GOOD]),
    "own.test": lambda query: usual(query, ["192.0.2.1"]),
    "corp.example": lambda query: usual(query, [CORP]),
    "silent.test": lambda query: [],
    "drip.test": lambda query: [query.reply([mx("drip.test", 1, "mx.evil.test")])
                                if query.is_tcp else query.cut()],
    "localhost.test": lambda query: [query.reply([mx("localhost.test", 0, "localhost")]
                                                 if query.type == MX else [])],
    "literal.test": lambda query: [query.reply([mx("literal.test", 0, "198.51.100.66")]
                                               if query.type == MX else [])],
}


def answer(wire, is_tcp, log):
    query = Query(wire, is_tcp)
    log.write("%s %d %s\n" % ("tcp" if is_tcp else "udp", query.type, query.name))
    if query.name == "localhost":
        return [query.reply([a("localhost", "127.0.0.1")] if query.type == A else [])]
    domain = ".".join(query.name.split(".")[-2:])
    return SERVERS.get(domain, lambda query: [query.reply(code=3)])(query)


def serve_udp(server, wire, client, log):
    for reply in answer(wire, False, log):
        server.sendto(reply, client)


def serve_tcp(connection, log):
    with connection:
        size, = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))
        wire = connection.recv(size, socket.MSG_WAITALL)
        for reply in answer(wire, True, log):
            frame = struct.pack("!H", len(reply)) + reply
            if b"drip" in wire:
                for i in range(len(frame)):
                    connection.send(frame[i : i + 1])
                    time.sleep(0.5)
            connection.sendall(frame)


def accept(server, log):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=serve_tcp, args=(connection, log), daemon=True).start()


def main():
    address, ready, log = sys.argv[1], sys.argv[2], open(sys.argv[3], "a", buffering=1)
    tcp = socket.create_server((address, 53), backlog=100)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, 53))
    threading.Thread(target=accept, args=(tcp, log), daemon=True).start()
    open(ready, "a").close()
    while True:
        wire, client = udp.recvfrom(65535)
        threading.Thread(target=serve_udp, args=(udp, wire, client, log), daemon=True).start()


if __name__ == "__main__":
    main()
