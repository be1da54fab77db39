#!/usr/bin/env python3
"""Programs that run `sendmail -bs` and speak SMTP with it, each in its own manner."""
import smtplib
import subprocess
import sys


class Pipes:
    """Looks like a socket to smtplib."""

    def __init__(self, *flags):
        self.child = subprocess.Popen(["/usr/sbin/sendmail", "-bs", *flags],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def sendall(self, octets):
        self.child.stdin.write(octets)
        self.child.stdin.flush()

    def makefile(self, _mode):
        return self.child.stdout

    def settimeout(self, _seconds):
        pass

    def close(self):
        self.child.stdin.close()


class Client(smtplib.SMTP):
    def __init__(self, *flags):
        super().__init__(local_hostname="client.corp.example")
        self.pipes = self.sock = Pipes(*flags)
        code, text = self.getreply()
        assert code == 220 and b"ESMTP" in text, text

    def end(self):
        assert self.quit()[0] == 221
        status = self.pipes.child.wait(timeout=5)
        assert status == 0, status


def letter(subject, body="", end="\r\n"):
    return end.join([f"Subject: {subject}", "From: s@corp.example", "Bcc: hidden@p.test", "", body])


def symfony():
    """Symfony Mailer's sendmail://default: one process for many messages, NOOP before those that
    come after a pause, RSET after one that failed."""
    client = Client()
    client.ehlo()
    for name in ("pipelining", "8bitmime", "smtputf8", "dsn", "enhancedstatuscodes", "chunking"):
        assert client.has_extn(name), name
    assert int(client.esmtp_features["size"]) > 1 << 20
    for number in range(3):
        assert client.sendmail("s@corp.example", [f"u{number}@p.test", f"u{number}@q.test"],
                               letter(f"symfony {number}", "line\r\n.\r\n..two\r\n")) == {}
        assert client.noop()[0] == 250
    try:
        client.sendmail("s@corp.example", ["bad@@p.test"], letter("never"))
        raise AssertionError("a bad recipient was taken")
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients["bad@@p.test"][0] == 501, refused
    client.sendmail("s@corp.example", ["u3@p.test"], letter("symfony 3"),
                    ["BODY=8BITMIME", "RET=HDRS", "ENVID=e3"], ["NOTIFY=FAILURE"])
    # Left without QUIT: the process ends with its input.
    client.pipes.close()
    assert client.pipes.child.wait(timeout=5) == 0


def nmh():
    """nmh's post: HELO with its flags for the delivery, one RCPT at a time, VRFY for -whom."""
    client = Client("-odb", "-om", "-oi")
    assert client.helo("client.corp.example")[0] == 250
    assert client.verify("bob")[0] == 252
    assert client.docmd("HELP")[0] == 214
    assert client.sendmail("<>", ["u4@p.test"], letter("nmh")) == {}
    client.end()


def pipelining():
    """All commands of two messages in one write; the second one's content in chunks."""
    client = Client()
    second = letter("chunks", "x" * 70000 + "\r\n").encode()
    half = len(second) // 2
    client.sock.sendall(
        b"EHLO client.corp.example\r\nMAIL FROM:<s@corp.example> SIZE=100\r\nRCPT TO:<u5@p.test>\r\n"
        b"RCPT TO:<nobody@@p.test>\r\nDATA\r\n")
    assert client.getreply()[0] == 250
    assert [client.getreply()[0] for _ in range(4)] == [250, 250, 501, 354]
    client.sock.sendall(
        letter("pipelined", "body\r\n").encode() +
        b".\r\nMAIL FROM:<s@corp.example>\r\nRCPT TO:<u6@p.test>\r\nBDAT %d\r\n" % half +
        second[:half] + b"BDAT %d LAST\r\n" % (len(second) - half) + second[half:] + b"QUIT\r\n")
    assert [client.getreply()[0] for _ in range(6)] == [250, 250, 250, 250, 250, 221]
    assert client.pipes.child.wait(timeout=5) == 0


globals()[sys.argv[1]]()
