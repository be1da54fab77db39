#!/usr/bin/env python3
"""Proves an installed mxpost without the internet: one mail, from `sendmail -v` to an MX.

    host namespace                                      world namespace
    /usr/sbin/sendmail -v  ->  mxpost  -- veth pair --> SMTP server, 192.0.2.25:25
          DNS server, on the addresses that /etc/resolv.conf names

Both are private network namespaces, so the programs run as they are shipped, with the real ports
and this machine's own resolv.conf, and nothing leaves the machine. The DNS server knows the
domains below; any other question gets SERVFAIL, so mail that waits for someone else stays in the
queue. No mount namespace is needed: in a chroot there may be none to be had.

Exit code: 0 the mail arrived as sent, 77 no namespaces can be made here, 1 anything else.
"""
import ctypes
import email
import ipaddress
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

DOMAIN = "proof.example"
RECIPIENT = "you@" + DOMAIN
MX = "mx.proof.example"
HOST_NAME = "host.proof.example"
HOST_ADDRESS = "192.0.2.10"
MX_ADDRESS = "192.0.2.25"
CLONE_NEWNET = 0x40000000
WAIT = 60  # seconds for the mail to arrive
BODY = "The first mail through mxpost.\n.\nA line with one dot stands above this one.\n"


def unshare_network():
    """This thread, and what it starts from here on, gets an empty network namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise PermissionError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, stdin=subprocess.DEVNULL)


# --- SMTP -----------------------------------------------------------------------------------------

def serve_smtp(listener, folder):
    """One session after the other; each message becomes a file in `folder`, envelope first."""
    count = 0
    while True:
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(WAIT)
            try:
                count = smtp_session(peer, folder, count)
            except OSError as error:
                print(f"mail server: {error}", file=sys.stderr, flush=True)


def smtp_session(peer, folder, count):
    lines = peer.makefile("rb")

    def reply(text):
        peer.sendall(text.encode() + b"\r\n")

    envelope = []
    reply(f"220 {MX} ESMTP proof")
    while line := lines.readline(1000):
        command = line.decode("ascii", "replace").strip()
        verb = command[:4].upper()
        if verb == "EHLO":
            reply(f"250-{MX}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE 10485760")
        elif verb == "HELO":
            reply(f"250 {MX}")
        elif verb == "MAIL":
            envelope = [command]
            reply("250 2.1.0 sender ok")
        elif verb == "RCPT":
            envelope.append(command)
            reply("250 2.1.5 recipient ok")
        elif verb == "DATA":
            reply("354 end with a dot on a line by itself")
            content = []
            while (line := lines.readline(2000)) and line != b".\r\n":
                content.append(line[1:] if line.startswith(b".") else line)
            if not line:
                return count
            count += 1
            write_whole(os.path.join(folder, str(count)),
                        "\n".join(envelope).encode() + b"\n\n" + b"".join(content))
            reply(f"250 2.0.0 taken as number {count}")
        elif verb in ("RSET", "NOOP"):
            envelope = []
            reply("250 2.0.0 ok")
        elif verb == "QUIT":
            reply("221 2.0.0 bye")
            return count
        else:
            reply("502 5.5.2 not known here")
    return count


def write_whole(path, content):
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


# --- DNS ------------------------------------------------------------------------------------------

def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


A, PTR, MX_TYPE = 1, 12, 15
RECORDS = {
    (DOMAIN, MX_TYPE): struct.pack("!H", 10) + encode_name(MX),
    (MX, A): socket.inet_aton(MX_ADDRESS),
    (HOST_NAME, A): socket.inet_aton(HOST_ADDRESS),
    ("10.2.0.192.in-addr.arpa", PTR): encode_name(HOST_NAME),
}


def dns_answer(query):
    """The answer to one query, or None where it isn't one."""
    if len(query) < 17 or query[2] & 0x80 or struct.unpack("!H", query[4:6])[0] != 1:
        return None
    labels, at = [], 12
    while at < len(query) and query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("ascii", "replace").lower())
        at += 1 + query[at]
    if at + 5 > len(query):
        return None
    name, question = ".".join(labels), query[12:at + 5]
    kind = struct.unpack("!H", query[at + 1:at + 3])[0]
    data = RECORDS.get((name, kind))
    known = any(name == owner for owner, _ in RECORDS)
    answer = b""
    if data is not None:
        answer = b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
    code = 0 if known else 2  # SERVFAIL: try again later
    flags = 0x8480 | (query[2] & 1) << 8 | code
    return query[:2] + struct.pack("!HHHHH", flags, 1, bool(answer), 0, 0) + question + answer


def serve_dns(server):
    while True:
        query, peer = server.recvfrom(4096)
        if answer := dns_answer(query):
            server.sendto(answer, peer)


def name_servers():
    """The addresses that /etc/resolv.conf names; 127.0.0.1 where it names none, as in libc."""
    found = []
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as file:
            for words in map(str.split, file):
                if len(words) > 1 and words[0] == "nameserver":
                    found.append(ipaddress.ip_address(words[1].split("%")[0]))
    except (OSError, ValueError):
        pass
    return found or [ipaddress.ip_address("127.0.0.1")]


def start_dns():
    for address in name_servers():
        if not address.is_loopback:
            bits = 32 if address.version == 4 else 128
            extra = ["nodad"] if address.version == 6 else []
            ip("address", "add", f"{address}/{bits}", "dev", "lo", *extra)
        server = socket.socket(socket.AF_INET if address.version == 4 else socket.AF_INET6,
                               socket.SOCK_DGRAM)
        if address.is_link_local and address.version == 6:
            server.bind((str(address), 53, 0, socket.if_nametoindex("lo")))
        else:
            server.bind((str(address), 53))
        threading.Thread(target=serve_dns, args=(server,), daemon=True).start()


# --- The proof ------------------------------------------------------------------------------------

def world(ready, go, folder):
    """The far end, in a process of its own: makes its namespace, then serves."""
    unshare_network()
    ready.send("ok")
    go.recv()  # our end of the veth pair is here now
    ip("link", "set", "lo", "up")
    ip("address", "add", f"{MX_ADDRESS}/24", "dev", "world0")
    ip("link", "set", "world0", "up")
    listener = socket.create_server((MX_ADDRESS, 25))
    ready.send("ok")
    serve_smtp(listener, folder)


def start_world(folder):
    """Returns the world's process id and the two ends to talk to it; raises PermissionError."""
    from multiprocessing import Pipe
    ready_here, ready_there = Pipe()
    go_there, go_here = Pipe()
    child = os.fork()
    if child == 0:
        try:
            world(ready_there, go_there, folder)
        except PermissionError as error:
            ready_there.send(str(error))
        except BaseException as error:  # whatever it is, the parent must hear of it
            ready_there.send(repr(error))
        os._exit(1)
    told = ready_here.recv()
    if told != "ok":
        raise PermissionError(told)
    return child, ready_here, go_here


def build_networks(folder):
    child, ready, go = start_world(folder)
    unshare_network()
    ip("link", "set", "lo", "up")
    try:
        ip("link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns", str(child))
    except subprocess.CalledProcessError as error:
        os.kill(child, 9)
        raise PermissionError(f"no veth pair: {error}") from error
    ip("address", "add", f"{HOST_ADDRESS}/24", "dev", "host0")
    ip("link", "set", "host0", "up")
    # As on a machine with a way out: by it a host without a name finds the address it is known by.
    ip("route", "add", "default", "via", MX_ADDRESS)
    start_dns()
    go.send("go")
    if not ready.poll(WAIT) or (told := ready.recv()) != "ok":
        os.kill(child, 9)
        raise RuntimeError("the mail server didn't start")
    return child


def send_as(user, number):
    """Sends one mail with the dialogue on this terminal; returns sendmail's exit code."""
    message = f"To: {RECIPIENT}\nSubject: Proof number {number}\n\n{BODY}"
    print(f"\n$ sendmail -v -i {RECIPIENT}          (as {user})", flush=True)
    done = subprocess.run(["/usr/sbin/sendmail", "-v", "-i", RECIPIENT], input=message.encode(),
                          user=user, group=None if user == "root" else "nogroup",
                          extra_groups=None if user == "root" else [], cwd="/", timeout=300,
                          check=False)
    return done.returncode


def end_engines():
    """Ends what sendmail started in here: an engine that waits for more mail holds the lock on its
    box, and mail sent meanwhile from outside would be tried in this network. Ending it loses
    nothing, the queue is on disk."""
    here = os.stat("/proc/self/ns/net").st_ino
    until = time.monotonic() + 15
    while time.monotonic() < until:
        others = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                if int(name) != os.getpid() and os.stat(f"/proc/{name}/ns/net").st_ino == here:
                    others.append(int(name))
            except OSError:
                continue  # it ended, or isn't ours to look at
        if not others:
            return
        for pid in others:
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(0.1)


def arrived(folder, number):
    path = os.path.join(folder, str(number))
    until = time.monotonic() + WAIT
    while not os.path.exists(path):
        if time.monotonic() > until:
            return None
        time.sleep(0.05)
    with open(path, "rb") as file:
        return file.read()


def faults_of(mail, number):
    """What is wrong with a mail as it arrived; an empty list: nothing."""
    envelope, _, content = mail.partition(b"\n\n")
    head, _, body = content.partition(b"\r\n\r\n")
    header = email.message_from_bytes(head + b"\r\n\r\n")
    faults = []
    if f"RCPT TO:<{RECIPIENT}>".lower() not in envelope.decode("ascii", "replace").lower():
        faults.append("the envelope's recipient isn't the one that was given")
    if body != BODY.replace("\n", "\r\n").encode():
        faults.append("the body isn't the one that was sent")
    if header["Subject"] != f"Proof number {number}":
        faults.append("the subject isn't the one that was sent")
    faults += [f"{name} is missing" for name in ("From", "Date", "Message-ID", "Received")
               if header[name] is None]
    return faults


def prove(folder):
    # root's way differs (mxpost drops root before it opens a socket), but only with an empty queue
    # is it certain that no other mail of root's gets an attempt here.
    queue = subprocess.run(["/usr/bin/mailq"], capture_output=True, check=False, timeout=60)
    users = ["nobody", "root"] if b"empty" in queue.stdout else ["nobody"]
    for number, user in enumerate(users, 1):
        status = send_as(user, number)
        if status != 0:
            print(f"\nproof: sendmail ended with exit code {status}", file=sys.stderr)
            return 1
        mail = arrived(folder, number)
        if mail is None:
            print(f"\nproof: nothing arrived within {WAIT} s. What waits:", file=sys.stderr)
            subprocess.run(["/usr/bin/mailq"], check=False, timeout=60)
            return 1
        print(f"\nThe mail as {MX} received it:\n")
        for line in mail.decode("utf-8", "replace").splitlines():
            print("    " + line)
        if faults := faults_of(mail, number):
            print("\nproof: " + "; ".join(faults), file=sys.stderr)
            return 1
    return 0


def main():
    if os.geteuid() != 0:
        print("proof: must run as root", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="mxpost-proof-") as folder:
        try:
            child = build_networks(folder)
        except PermissionError as error:
            print(f"proof: no network namespaces here: {error}", file=sys.stderr)
            return 77
        try:
            return prove(folder)
        except subprocess.TimeoutExpired as error:
            print(f"\nproof: {error}", file=sys.stderr)
            return 1
        finally:
            end_engines()
            os.kill(child, 9)


if __name__ == "__main__":
    sys.exit(main())
