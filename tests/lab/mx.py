#!/usr/bin/python3
"""The lab's mail servers: SMTP on the addresses of each script, LMTP on a Unix socket for Postfix.

    mx.py RUN_DIR SCRIPT...         one server per script; its name is the script's without ".mx"
    mx.py RUN_DIR --lmtp PATH NAME  an LMTP sink that takes everything

Each transaction that was accepted is recorded as RUN_DIR/got/NAME/NNNN.json (envelope, replies,
peer) and NNNN.eml (the content exactly as it came, dot-stuffing undone); the .json is written last.
RUN_DIR/log/NAME has every line of every dialogue.

A script says what differs from a server that takes everything:

    listen 198.51.100.20 2001:db8:1::20      port 25 on these addresses
    name mx.a.example                        greeting and EHLO name
    extensions PIPELINING, SIZE 10000000     what EHLO offers (this replaces the default)
    receive-buffer 4096                      SO_RCVBUF: how far a client can run ahead
    on STEP [/REGEX/] [first N] [every N] [after BYTES] : ACTION; ACTION...

STEP: connect helo ehlo starttls mail rcpt data body end rset noop quit. /REGEX/ is searched in the
command's argument (at body and end: in the reverse path). `first N` counts per rule and argument,
so `on rcpt first 1 : reply 451 4.7.1 Later` greylists each address once. `every N`: each Nth time
only. `after` belongs to body: when so many octets of content have come. The first rule that matches acts; its actions run in
order:

    mark NAME       tells the case that we are here (creates RUN_DIR/sync/NAME)
    hold NAME       waits until the case has created RUN_DIR/sync/NAME
    reply CODE TEXT answers so instead of the usual 250 ("\\n" in the text makes more lines)
    raw TEXT        sends the text as it is (escapes as in Python)
    flood TEXT      sends the text again and again until the peer has gone
    read            waits until the peer has sent something, and drops it
    close           closes the connection
    reset           the same with RST
    slow BYTES      reads the content at so many octets a second
"""
import json
import os
import re
import socket
import struct
import sys
import threading
import time

EXTENSIONS = ["PIPELINING", "SIZE 104857600", "8BITMIME", "ENHANCEDSTATUSCODES"]
IPV6_FREEBIND = 78
LISTENING = threading.Semaphore(0)


class Closed(Exception):
    """The dialogue is over: the peer has gone, or the script says so."""


class Rule:
    def __init__(self, text):
        head, _, actions = text.partition(" : ")
        words = re.match(r"(\w+)(?:\s+/(.*)/)?(?:\s+first (\d+))?(?:\s+every (\d+))?(?:\s+after (\d+))?\s*$", head)
        if not words or not actions:
            raise SystemExit("mx.py: can't read rule: " + text)
        self.step, self.pattern, first, every, after = words.groups()
        self.first = int(first) if first else None
        self.every = int(every) if every else 1
        self.times = 0
        self.after = int(after) if after else 0
        self.actions = [a.strip().partition(" ")[::2] for a in actions.split(";")]
        self.seen = {}
        self.lock = threading.Lock()

    def matches(self, step, argument):
        if step != self.step or (self.pattern and not re.search(self.pattern, argument, re.I)):
            return False
        with self.lock:
            self.times += 1
            if self.times % self.every != 0:
                return False
            if self.first is None:
                return True
            self.seen[argument] = self.seen.get(argument, 0) + 1
            return self.seen[argument] <= self.first


class Server:
    """What one script says, and where its transactions are recorded."""

    def __init__(self, run_dir, name):
        self.name = name
        self.host = name
        self.run_dir = run_dir
        self.listen = []
        self.extensions = EXTENSIONS
        self.receive_buffer = 0
        self.rules = []
        self.lmtp = False
        self.got = os.path.join(run_dir, "got", name)
        os.makedirs(self.got, exist_ok=True)
        self.log = open(os.path.join(run_dir, "log", name), "a", buffering=1, encoding="latin-1")
        self.lock = threading.Lock()
        self.transactions = 0
        self.sessions = 0

    def read_script(self, path):
        for line in open(path, encoding="utf-8"):
            line = line.strip()
            word, _, rest = line.partition(" ")
            if not line or line.startswith("#"):
                continue
            elif word == "listen":
                self.listen = rest.split()
            elif word == "name":
                self.host = rest
            elif word == "extensions":
                self.extensions = [e.strip() for e in rest.split(",") if e.strip()]
            elif word == "receive-buffer":
                self.receive_buffer = int(rest)
            elif word == "on":
                self.rules.append(Rule(rest))
            else:
                raise SystemExit("mx.py: %s: can't read: %s" % (path, line))

    def next_session(self):
        with self.lock:
            self.sessions += 1
            return self.sessions

    def record(self, transaction, content):
        with self.lock:
            self.transactions += 1
            base = os.path.join(self.got, "%04d" % self.transactions)
        with open(base + ".eml", "wb") as out:
            out.write(content)
        with open(base + ".tmp", "w", encoding="utf-8") as out:
            json.dump(transaction, out, indent=1)
        os.rename(base + ".tmp", base + ".json")

    def sync_path(self, name):
        return os.path.join(self.run_dir, "sync", name)


def octets(text):
    """A script's text, with escapes as in Python."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


class Session:
    """One connection, from greeting to close."""

    def __init__(self, server, connection):
        self.server = server
        self.connection = connection
        self.number = server.next_session()
        self.buffer = b""
        self.pause = 0.0
        self.helo = None
        self.reset()

    def reset(self):
        self.mail = None
        self.rcpt = []
        self.refused = []
        self.chunks = bytearray()

    def note(self, text):
        self.server.log.write("%.3f %d %s\n" % (time.time(), self.number, text))

    def fill(self):
        try:
            data = self.connection.recv(65536 if not self.pause else 1024)
        except OSError:
            data = b""
        if not data:
            self.note("closed by the peer")
            raise Closed
        if self.pause:
            time.sleep(len(data) * self.pause)
        self.buffer += data

    def line(self):
        while b"\n" not in self.buffer:
            self.fill()
        text, _, self.buffer = self.buffer.partition(b"\n")
        if not text.endswith(b"\r"):
            self.note("C> (bare LF) " + text.decode("latin-1"))
        text = text.rstrip(b"\r").decode("latin-1")
        self.note("C> " + text)
        return text

    def send(self, data):
        try:
            self.connection.sendall(data)
        except OSError:
            raise Closed from None

    def flood(self, text):
        block = text * (65536 // len(text) + 1)
        count = 0
        try:
            while True:
                self.send(block)
                count += len(block)
        finally:
            self.note("heard out to less than %d octets" % (count + len(block)))

    def reply(self, code, text):
        lines = text.replace("\\n", "\n").split("\n")
        out = ""
        for i, part in enumerate(lines):
            self.note("S> %s %s" % (code, part))
            out += "%s%s%s\r\n" % (code, "-" if i + 1 < len(lines) else " ", part)
        self.send(out.encode("latin-1"))

    def act(self, rule):
        """Runs a rule's actions; returns the reply's code if one of them was a reply."""
        code = None
        for name, value in rule.actions:
            if name == "mark":
                self.note("mark " + value)
                open(self.server.sync_path(value), "a").close()
            elif name == "hold":
                while not os.path.exists(self.server.sync_path(value)):
                    time.sleep(0.02)
            elif name == "reply":
                code, _, text = value.partition(" ")
                self.reply(code, text)
            elif name == "raw":
                self.send(octets(value))
                code = "raw"
            elif name == "flood":
                self.flood(octets(value))
            elif name == "read":
                self.fill()
                self.buffer = b""
            elif name == "slow":
                self.pause = 1.0 / float(value)
            elif name == "close":
                self.note("closed by us")
                raise Closed
            elif name == "reset":
                self.note("reset by us")
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise Closed
            else:
                raise SystemExit("mx.py: unknown action: " + name)
        return code

    def step(self, name, argument, code, text):
        """Does what the script says for this step, else gives the usual reply. Returns the code."""
        for rule in self.server.rules:
            if rule.matches(name, argument):
                said = self.act(rule)
                if said is not None:
                    return said
                break
        self.reply(code, text)
        return code

    def content(self):
        """Reads up to the final dot; undoes the dot-stuffing (RFC 5321 4.5.2)."""
        rules = [r for r in self.server.rules if r.step == "body"]
        raw = bytearray(b"\r\n")
        searched = 0
        while True:
            raw += self.buffer
            self.buffer = b""
            end = raw.find(b"\r\n.\r\n", max(0, searched - 4))
            if end >= 0:
                self.buffer = bytes(raw[end + 5 :])
                return bytes(raw[: end + 2]).replace(b"\r\n.", b"\r\n")[2:]
            searched = len(raw)
            for rule in [r for r in rules if searched - 2 >= r.after]:
                rules.remove(rule)
                if rule.matches("body", self.mail):
                    self.act(rule)
            try:
                self.fill()
            except Closed:
                self.note("no final dot after %d octets" % (searched - 2))
                raise

    def data(self):
        if not self.rcpt:
            self.reply("554", "5.5.1 No valid recipients")
            return
        if self.step("data", self.mail, "354", "End data with <CR><LF>.<CR><LF>") != "354":
            return
        self.take(self.content())

    def bdat(self, argument):
        """RFC 3030 2, of all chunks together."""
        size, _, last = argument.partition(" ")
        while len(self.buffer) < int(size):
            self.fill()
        self.chunks += self.buffer[: int(size)]
        self.buffer = self.buffer[int(size) :]
        if not self.rcpt:
            self.reply("503", "5.5.1 No valid recipients")
        elif last.upper() == "LAST":
            self.take(bytes(self.chunks))
        else:
            self.reply("250", "2.0.0 Ok")

    def take(self, content):
        self.pause = 0.0
        self.note("C> (%d octets)" % len(content))
        # LMTP answers once for each recipient (RFC 2033 4.2).
        answers = self.rcpt if self.server.lmtp else [None]
        codes = [self.step("end", self.mail, "250", "2.0.0 Ok: taken") for _ in answers]
        if codes[0].startswith("2"):
            self.server.record(self.transaction(), content)
        self.reset()

    def transaction(self):
        return {
            "server": self.server.name,
            "local": "" if self.server.lmtp else self.connection.getsockname()[0],
            "peer": "" if self.server.lmtp else self.connection.getpeername()[0],
            "session": self.number,
            "helo": self.helo,
            "mail": self.mail,
            "mail_arguments": self.mail_arguments,
            "rcpt": self.rcpt,
            "refused": self.refused,
            "time": time.time(),
        }

    def path_command(self, verb, argument):
        keyword = {"MAIL": "FROM", "RCPT": "TO"}[verb]
        found = re.match(r"%s:\s*<(.*?)>(?:\s+(.*))?$" % keyword, argument, re.I)
        if not found:
            self.reply("501", "5.5.4 Syntax: %s %s:<address>" % (verb, keyword))
        elif verb == "MAIL":
            if self.step("mail", found.group(1), "250", "2.1.0 Ok").startswith("2"):
                self.reset()
                self.mail = found.group(1)
                self.mail_arguments = found.group(2) or ""
        elif self.mail is None:
            self.reply("503", "5.5.1 MAIL first")
        elif self.step("rcpt", found.group(1), "250", "2.1.5 Ok").startswith("2"):
            self.rcpt.append(found.group(1))
        else:
            self.refused.append(found.group(1))

    def command(self, text):
        verb, _, argument = text.partition(" ")
        verb = verb.upper()
        if verb in ("EHLO", "LHLO", "HELO"):
            self.reset()
            self.helo = argument
            lines = [self.server.host] + (self.server.extensions if verb != "HELO" else [])
            self.step("helo" if verb == "HELO" else "ehlo", argument, "250", "\n".join(lines))
        elif verb in ("MAIL", "RCPT"):
            self.path_command(verb, argument)
        elif verb == "DATA":
            self.data()
        elif verb == "BDAT":
            self.bdat(argument)
        elif verb == "STARTTLS":
            self.step("starttls", "", "454", "4.7.0 TLS not available")
        elif verb == "RSET":
            self.reset()
            self.step("rset", "", "250", "2.0.0 Ok")
        elif verb == "NOOP":
            self.step("noop", "", "250", "2.0.0 Ok")
        elif verb == "QUIT":
            self.step("quit", "", "221", "2.0.0 Bye")
            raise Closed
        else:
            self.reply("500", "5.5.2 What?")

    def run(self):
        try:
            greeting = self.step("connect", "", "220", self.server.host + " ESMTP")
            if greeting in ("220", "raw"):
                while True:
                    self.command(self.line())
            while True:  # after a refusal only QUIT is left
                if self.line().upper().startswith("QUIT"):
                    self.reply("221", "2.0.0 Bye")
                    raise Closed
                self.reply("503", "5.5.1 No service")
        except Closed:
            pass
        finally:
            self.connection.close()


def serve(server, listener):
    LISTENING.release()
    while True:
        connection, _ = listener.accept()
        if listener.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Session(server, connection).run, daemon=True).start()


def start(server, listener):
    threading.Thread(target=serve, args=(server, listener), daemon=True).start()


def tcp_listener(address, receive_buffer):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if family == socket.AF_INET6:  # a local route is enough for IPv4 only
        listener.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
    listener.bind((address, 25))
    listener.listen(512)
    return listener


def main():
    run_dir = sys.argv[1]
    count = 0
    if sys.argv[2] == "--lmtp":
        path, name = sys.argv[3:5]
        server = Server(run_dir, name)
        server.lmtp = True
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(512)
        start(server, listener)
        count = 1
        name = "lmtp"
    else:
        for script in sys.argv[2:]:
            server = Server(run_dir, os.path.basename(script)[: -len(".mx")])
            server.read_script(script)
            for address in server.listen:
                start(server, tcp_listener(address, server.receive_buffer))
                count += 1
        name = "mx"
    for _ in range(count):
        LISTENING.acquire()
    open(os.path.join(run_dir, "sync", name + ".ready"), "a").close()
    threading.Event().wait()


if __name__ == "__main__":
    main()
