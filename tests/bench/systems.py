"""The mail systems under measurement: how each is called, started, counted and emptied.

A system's root is a chroot that peers-up made. `queue` means: what keeps the call but not the
delivery. Daemons run only where submission doesn't work without them.
"""

import os
import re
import shutil
import subprocess
import time

RECIPIENT = "someone@example.net"


def files_below(path):
    return [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]


class System:
    name = ""
    note = ""
    command = ["/usr/sbin/sendmail", "-i", RECIPIENT]
    spools = []  # directories whose files are the queue
    files_per_message = 1

    def __init__(self, root):
        self.root = root

    def path(self, inside):
        return self.root + inside

    def run(self, *command, check=True):
        done = subprocess.run(
            ["chroot", self.root, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise SystemExit(f"{self.name}: {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def prepare(self, build, source):
        """Before the first measurement."""

    def start(self):
        """Daemons, if submission needs any. They end with our namespace."""

    def queue_files(self):
        return [file for spool in self.spools for file in files_below(self.path(spool))]

    def queue_length(self):
        return len(self.queue_files()) // self.files_per_message

    def settle(self):
        """Waits until the daemons have done what they do after a call."""

    def purge(self):
        for file in self.queue_files():
            os.unlink(file)

    def version(self):
        return ""

    def processes(self):
        """Pids of this root's daemons."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/root").startswith(self.root):
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def daemon_microseconds(self):
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/schedstat") as file:
                    total += int(file.read().split()[0]) // 1000
            except OSError:
                pass
        return total


class Package(System):
    package = ""

    def version(self):
        return self.run("/usr/bin/dpkg-query", "-W", "-f=${Version}", self.package)


class Mxpost(System):
    name = "mxpost"
    note = "-odq"
    command = ["/usr/sbin/sendmail", "-odq", "-i", RECIPIENT]
    spools = ["/var/spool/mxpost"]

    def prepare(self, build, source):
        shutil.copy(os.path.join(build, "src/apps/sendmail"), self.path("/usr/sbin/sendmail"))
        subprocess.run(["strip", self.path("/usr/sbin/sendmail")], check=True)  # as packages are
        os.chmod(self.path("/usr/sbin/sendmail"), 0o755)
        shutil.copy(os.path.join(source, "compat/mxpost.conf"), self.path("/etc/mxpost.conf"))
        os.chmod(self.path("/etc/mxpost.conf"), 0o644)

    def queue_files(self):
        """Messages, ID.DUE; locks and notes have other names."""
        return [file for file in super().queue_files()
                if "." in os.path.basename(file)[1:] and not os.path.basename(file)[0] == "."]

    def install_engine(self, build):
        """And its libraries: the chroot has no packages but the base's."""
        engine = self.path("/usr/bin/mxpost")
        shutil.copy(os.path.join(build, "src/apps/mxpost"), engine)
        self.strip_engine(engine)
        listed = subprocess.run(["ldd", engine], check=True, capture_output=True, text=True).stdout
        for path in re.findall(r"(/\S+) \(0x", listed):
            if not os.path.exists(self.path(path)):
                os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
                shutil.copy(path, self.path(path))

    def strip_engine(self, engine):
        subprocess.run(["strip", engine], check=True)


class Dma(Package):
    name = package = "dma"
    note = "DEFER"
    spools = ["/var/spool/dma"]
    files_per_message = 2

    def queue_files(self):
        return [f for f in super().queue_files() if os.path.basename(f)[0] in "QM"]


class Nullmailer(Package):
    name = package = "nullmailer"
    note = "nullmailer-send not running"
    spools = ["/var/spool/nullmailer/queue"]


class Opensmtpd(Package):
    name = package = "opensmtpd"
    note = "smtpd running, smtpctl pause mta"
    spools = ["/var/spool/smtpd/queue"]
    files_per_message = 2  # content and envelope

    def start(self):
        self.run("/usr/sbin/smtpd")
        deadline = time.monotonic() + 10
        while "succeeded" not in self.run("/usr/sbin/smtpctl", "pause", "mta", check=False):
            if time.monotonic() > deadline:
                raise SystemExit("opensmtpd: doesn't start")
            time.sleep(0.1)

    def purge(self):
        if self.queue_length():
            self.run("/usr/sbin/smtpctl", "remove", "all")
        super().purge()


class Exim(Package):
    name = "exim"
    package = "exim4-daemon-light"
    note = "-odq, a configuration of 20 lines"
    command = ["/usr/sbin/sendmail", "-odq", "-i", RECIPIENT]
    spools = ["/var/spool/exim4/input"]
    files_per_message = 2

    def purge(self):
        super().purge()
        for file in files_below(self.path("/var/spool/exim4/msglog")):
            os.unlink(file)


class Postfix(Package):
    name = package = "postfix"
    note = "running, header_checks = static:HOLD"
    spools = [f"/var/spool/postfix/{queue}"
              for queue in ("maildrop", "incoming", "active", "deferred", "hold")]

    def start(self):
        self.run("/usr/sbin/postfix", "start")
        self.settle()

    def settle(self):
        deadline = time.monotonic() + 60
        while files_below(self.path("/var/spool/postfix/maildrop")):
            if time.monotonic() > deadline:
                raise SystemExit("postfix: maildrop doesn't empty")
            time.sleep(0.02)

    def purge(self):
        if self.queue_length():
            self.run("/usr/sbin/postsuper", "-d", "ALL")
        super().purge()


class Floor(System):
    """A static program that does nothing: what fork, exec and wait cost."""

    name = "start only"
    note = "static program, main returns"
    command = ["/floor"]

    def prepare(self, build, source):
        for part in ("dev", "proc", "queue"):
            os.makedirs(self.path("/" + part), exist_ok=True)
        os.chmod(self.path("/queue"), 0o1777)
        if not os.path.exists(self.path("/dev/null")):
            os.mknod(self.path("/dev/null"), 0o020666, os.makedev(1, 3))
            os.chmod(self.path("/dev/null"), 0o666)
        shutil.copy(os.path.join(build, "tests/bench/bench_floor"), self.path("/floor"))

    def queue_length(self):
        return -1  # keeps nothing


class SyncFloor(Floor):
    """The same with the least that makes a message safe."""

    name = "start + sync"
    note = "static program: read, write, fsync file, link, fsync directory"
    command = ["/floor", "/queue"]
    spools = ["/queue"]
    queue_length = System.queue_length


REFERENCES = [Floor, SyncFloor]
SYSTEMS = [Mxpost, Dma, Nullmailer, Opensmtpd, Exim, Postfix]
