"""Talks to the C++ program that says what mxpost makes of an input (driver.cc)."""

import subprocess


def unquoted(local_part):
    """The characters of a local part in SMTP form (RFC 5321 4.1.2)."""
    if not local_part.startswith('"'):
        return local_part
    result, at = "", 1
    while at < len(local_part) - 1:
        at += local_part[at] == "\\"
        result += local_part[at]
        at += 1
    return result


class Answer:
    def __init__(self, line):
        self.words = []
        for word in line.split():
            tag, *parts = word.split(":")
            self.words.append((tag, [bytes.fromhex(part) for part in parts]))

    def all(self, tag):
        return [parts for name, parts in self.words if name == tag]

    def value(self):
        """What was asked for; None: refused."""
        values = self.all("value")
        return values[0][0] if values else None

    def addresses(self):
        return [(unquoted(local.decode("utf-8", "surrogateescape")), domain.decode("utf-8", "surrogateescape"))
                for local, domain in self.all("address")]

    def reasons(self):
        """Why elements of an address list are none."""
        return [reason.decode() for reason, _ in self.all("bad")]

    def fields(self):
        return self.all("field")


class Driver:
    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, kind, octets):
        self.process.stdin.write(kind.encode() + len(octets).to_bytes(4, "big") + octets)
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver died with status {self.process.wait()}")
        return Answer(line.decode("ascii"))

    def close(self):
        self.process.stdin.close()
        return self.process.wait()
