#!/usr/bin/python3
"""clients.py KIND…: one kind of difficult client each; exits with 1 and a line when it was treated
otherwise than it should be."""
import os
import resource
import socket
import sys
import time


class Client:
    def __init__(self, host="127.0.0.1", greeting="220"):
        self.socket = socket.create_connection((host, 25), timeout=30)
        self.replies = self.socket.makefile("rb")
        self.expect(greeting)

    def expect(self, code):
        line = self.replies.readline().decode()
        while line[3:4] == "-":
            line = self.replies.readline().decode()
        if not line.startswith(code):
            raise SystemExit(f"{line!r} instead of {code!r}")
        return line

    def say(self, text, code):
        self.socket.sendall(text.encode())
        return self.expect(code)

    def ends(self):
        try:
            return self.replies.read() == b""
        except ConnectionResetError:
            return True

    def send(self, recipient, code="250", body="hello\r\n"):
        self.say("MAIL FROM:<c@corp.example>\r\n", "250")
        self.say(f"RCPT TO:<{recipient}>\r\n", "250")
        self.say("DATA\r\n", "354")
        return self.say(f"Subject: limits\r\n\r\n{body}.\r\n", code)


def once(recipient):
    client = Client()
    client.say("EHLO c\r\n", "250")
    client.send(recipient)
    client.say("QUIT\r\n", "221")


def idle(count, ready, go):
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, 20000))
    clients = []
    for number in range(int(count)):
        clients.append(Client())
        if number % 2:  # half of them have begun a message
            clients[-1].say("EHLO c\r\n", "250")
            clients[-1].say("MAIL FROM:<c@corp.example>\r\n", "250")
    open(ready, "w").close()
    while not os.path.exists(go):
        time.sleep(0.1)
    for client in clients[:50]:
        client.say("NOOP\r\n", "250")


def slow():
    quiet, dripping, steady = Client(), Client(), Client()
    steady.say("EHLO c\r\n", "250")
    begun = time.monotonic()
    # Single octets of a command don't move its time on.
    for _ in range(4):
        time.sleep(0.7)
        dripping.socket.sendall(b"X")
        steady.say("NOOP\r\n", "250")
    quiet.expect("421 4.4.2")
    dripping.expect("421 4.4.2")
    taken = time.monotonic() - begun
    if not 2.5 < taken < 6 or not quiet.ends() or not dripping.ends():
        raise SystemExit(f"{taken} s")
    # Somebody who always has something to say, but never a message.
    steady.socket.settimeout(10)
    for _ in range(20):
        steady.socket.sendall(b"NOOP\r\n")
        line = steady.replies.readline()
        if line.startswith(b"421"):
            break
        time.sleep(0.5)
    else:
        raise SystemExit("a session without an end")
    # Content moves the time on.
    writer = Client()
    writer.say("EHLO c\r\n", "250")
    writer.say("MAIL FROM:<c@corp.example>\r\n", "250")
    writer.say("RCPT TO:<slow@a.test>\r\n", "250")
    writer.say("DATA\r\n", "354")
    for _ in range(4):
        writer.socket.sendall(b"a line\r\n")
        time.sleep(1)
    writer.say(".\r\n", "250")


def counts():
    first, second = Client(), Client()
    Client(greeting="421 4.7.0")
    third = Client("::1")
    Client("::1", greeting="421 4.3.2")
    third.say("QUIT\r\n", "221")
    if not third.ends():
        raise SystemExit("still there")
    first.say("EHLO c\r\n", "250")
    first.say("MAIL FROM:<c@corp.example>\r\n", "250")
    for number in range(3):
        first.say(f"RCPT TO:<{number}@a.test>\r\n", "250")
    first.say("RCPT TO:<3@a.test>\r\n", "452 4.5.3")
    first.say("DATA\r\n", "354")
    first.say("\r\nto three\r\n.\r\n", "250")
    first.say("MAIL FROM:<c@corp.example> SIZE=10241\r\n", "552 5.3.4")
    first.send("big@a.test", "552 5.3.4", "x" * 70 + "\r\n" * 1 + ("y" * 70 + "\r\n") * 200)
    first.send("small@a.test")
    second.say("EHLO c\r\n", "250")
    for _ in range(4):
        second.say("NONSENSE\r\n", "500")
    second.socket.sendall(b"NONSENSE\r\n")
    second.expect("500")
    second.expect("421 4.7.0")
    if not second.ends():
        raise SystemExit("errors without an end")


def message_rate():
    client = Client()
    client.say("EHLO c\r\n", "250")
    client.send("r1@a.test")
    client.send("r2@a.test")
    client.say("MAIL FROM:<c@corp.example>\r\n", "450 4.7.1")
    other = Client()
    other.say("EHLO c\r\n", "250")
    other.say("MAIL FROM:<c@corp.example>\r\n", "450 4.7.1")


def connection_rate():
    for _ in range(3):
        Client().say("QUIT\r\n", "221")
    Client(greeting="421 4.7.0 you connect too often")


def descriptors():
    clients, refused, begun = [], 0, time.monotonic()
    for _ in range(120):
        connection = socket.create_connection(("127.0.0.1", 25), timeout=0.3)
        try:
            line = connection.recv(100)
            refused += line.startswith(b"421 4.3.2")
        except socket.timeout:
            pass
        clients.append(connection)
        if time.monotonic() - begun > 3:
            break
    if not refused:
        raise SystemExit("nobody was told")


{"once": once, "idle": idle, "slow": slow, "counts": counts, "message-rate": message_rate,
 "connection-rate": connection_rate, "descriptors": descriptors}[sys.argv[1]](*sys.argv[2:])
