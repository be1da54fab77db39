#!/usr/bin/python3
"""end.py PID: one idle client, one in the middle of a message; then the engine is told to end."""
import os
import signal
import socket
import sys


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", 25), timeout=20)
        self.replies = self.socket.makefile("rb")
        self.expect(b"220")

    def expect(self, code):
        line = self.replies.readline()
        while line[3:4] == b"-":
            line = self.replies.readline()
        if line[:3] != code:
            raise SystemExit(f"{line!r} instead of {code!r}")

    def say(self, text, code):
        self.socket.sendall(text)
        self.expect(code)


idle, busy, between = Client(), Client(), Client()
for client in (idle, busy, between):
    client.say(b"EHLO c\r\n", b"250")
for client in (busy, between):
    client.say(b"MAIL FROM:<x@corp.example>\r\n", b"250")
    client.say(b"RCPT TO:<last@a.test>\r\n", b"250")
busy.say(b"DATA\r\n", b"354")
busy.socket.sendall(b"Subject: the last one\r\n\r\nhalf a ")
os.kill(int(sys.argv[1]), signal.SIGTERM)
idle.expect(b"421")
between.expect(b"421")
try:
    Client()
    raise SystemExit("a new client was served")
except OSError:
    pass
busy.socket.sendall(b"line\r\n")
busy.say(b".\r\n", b"250")
busy.expect(b"421")
if busy.replies.read() or idle.replies.read():
    raise SystemExit("something was said behind the 421")
