"""Looks at `mxpost queue watch` on a terminal: it draws, fits a new size, and puts the terminal back
as it was when it ends by q, by ^C or by a signal."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


class Watch:
    def __init__(self, term="xterm"):
        self.seen = b""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.environ["TERM"] = term
            os.execvp("mxpost", ["mxpost", "queue", "watch", "--interval", "1"])
        self.resize(24, 120)

    def resize(self, rows, columns):
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.terminal)[3]

    def read(self):
        """What comes next; b"" at the end."""
        if not select.select([self.terminal], [], [], 20)[0]:
            sys.exit("nothing comes any more; seen: %r" % self.seen)
        try:
            octets = os.read(self.terminal, 4096)
        except OSError:  # the other side is closed
            octets = b""
        self.seen += octets
        return octets

    def wait(self, text):
        deadline = time.monotonic() + 20
        while text not in self.seen:
            if time.monotonic() > deadline or not self.read():
                sys.exit("there is no %r: %r" % (text, self.seen))

    def end(self):
        while self.read():
            pass
        return os.waitpid(self.child, 0)[1]


def check(condition, what, watch):
    if not condition:
        sys.exit("%s; seen: %r" % (what, watch.seen))


watch = Watch()
watch.wait(b"a.test")
watch.wait(b"450 4.2.0 Mailbox ?[31mbu")
check(watch.seen.startswith(ENTER), "no screen of its own", watch)
check(b"2 queued  0 due" in watch.seen, "no figures", watch)
check(not watch.modes() & termios.ECHO, "it echoes keys", watch)
watch.seen = b""
watch.resize(5, 40)
watch.wait(b"2 queued")
watch.wait(b"\x1b[J")
screen = watch.seen.replace(b"\r\r", b"\r").split(b"\x1b[H")[-1].split(b"\x1b[J")[0].replace(b"\x1b[K", b"").split(b"\r\n")
check(len(screen) <= 5 and all(len(line) <= 40 for line in screen), "it doesn't fit", watch)
os.write(watch.terminal, b"q")
status = watch.end()
check(os.waitstatus_to_exitcode(status) == 0, "q: status %d" % status, watch)
check(watch.seen.endswith(LEAVE), "q leaves the screen there", watch)

for ending, status in ((b"\x03", 0), (signal.SIGTERM, -signal.SIGTERM), (signal.SIGHUP, -signal.SIGHUP)):
    watch = Watch()
    watch.wait(b"DESTINATION")
    if isinstance(ending, bytes):
        os.write(watch.terminal, ending)
    else:
        os.kill(watch.child, ending)
    got = os.waitstatus_to_exitcode(watch.end())
    check(got == status, "ended by %r: status %d" % (ending, got), watch)
    check(watch.seen.endswith(LEAVE), "ended by %r: the screen is still there" % ending, watch)

watch = Watch("dumb")
watch.wait(b" queued=2 ")
check(b"\x1b" not in watch.seen, "control sequences for a dumb terminal", watch)
os.kill(watch.child, signal.SIGTERM)
watch.end()
