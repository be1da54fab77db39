"""Messages accepted by SMTP a second: mxpost's listener beside Postfix's smtpd, in one run.

Postfix's smtp-source sends to both in turn: 20 sessions, a connection for each message (and, apart
from that, 20 connections for all). Two ways: "hold", where what was accepted stays in the queue and
is counted there, and "deliver", where both send on to the same smtp-sink, which counts.
"""

import fcntl
import os
import re
import statistics
import subprocess
import time

from systems import Mxpost, Postfix, files_below

SINK = "198.51.100.25"
SESSIONS = 20
OCTETS = 2048
TICK = os.sysconf("SC_CLK_TCK")


def wait_until(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def answers(port):
    import socket
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


class Listening:
    """What both have in common; comes before the system's own class."""

    port = 0

    def daemon_ticks(self):
        """Of all processes, and of those that they have waited for."""
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            total += sum(map(int, fields[11:15]))
        return total

    def cover(self, inside, text):
        """Another content for a file of the chroot, as long as our mount namespace lives."""
        path = self.path("/bench-" + os.path.basename(inside))
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        subprocess.run(["mount", "--bind", path, self.path(inside)], check=True)


class ListeningMxpost(Listening, Mxpost):
    port = 2525
    note = "mxpost run, listen = 127.0.0.1:2525"

    def prepare(self, build, source):
        super().prepare(build, source)
        self.install_engine(build)
        self.cover("/etc/mxpost.conf", f"listen = 127.0.0.1:{self.port}\n")

    def hold(self):
        """Another holds the lock that an engine needs to deliver from its box: it accepts only."""
        self.run("/bin/sh", "-c", "printf 'Subject: x\\n\\n' | setpriv --reuid mxpost "
                 "--regid mxpost --clear-groups /usr/sbin/sendmail -odq x@example.net")
        self.purge()
        box, = [name for name in os.listdir(self.path("/var/spool/mxpost"))
                if os.stat(self.path("/var/spool/mxpost/" + name)).st_uid
                == os.stat(self.path("/var/spool/mxpost")).st_uid]
        path = self.path(f"/var/spool/mxpost/{box}/.system")
        self.lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        os.chmod(path, 0o666)
        fcntl.flock(self.lock, fcntl.LOCK_EX)

    def serve(self, holds):
        self.lock = -1
        if holds:
            self.hold()
        self.engine = subprocess.Popen(["chroot", self.root, "/usr/bin/mxpost", "run"],
                                       stdin=subprocess.DEVNULL)
        wait_until(lambda: answers(self.port), "mxpost listens")

    def stop(self):
        self.engine.terminate()
        self.engine.wait()
        if self.lock >= 0:
            os.close(self.lock)


class ListeningPostfix(Listening, Postfix):
    port = 2526
    note = "smtpd on 127.0.0.1:2526"

    def prepare(self, build, source):
        with open(self.path("/etc/postfix/master.cf")) as file:
            self.cover("/etc/postfix/master.cf",
                       file.read() + f"127.0.0.1:{self.port} inet n - n - 100 smtpd\n")
        with open(self.path("/etc/postfix/main.cf")) as file:
            self.main = file.read()

    def serve(self, holds):
        text = self.main if holds else self.main.replace("header_checks = static:HOLD\n", "")
        self.cover("/etc/postfix/main.cf", text)
        self.run("/usr/sbin/postfix", "start")
        wait_until(lambda: answers(self.port), "postfix listens")

    def stop(self):
        self.run("/usr/sbin/postfix", "stop")
        subprocess.run(["umount", self.path("/etc/postfix/main.cf")], check=True)
        for file in files_below(self.path("/var/spool/postfix/pid")):
            os.unlink(file)


class Sink:
    """smtp-sink in a network of its own: to both it is another host."""

    def __init__(self, postfix):
        self.network = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{self.network.pid}/ns/net") != own, "a network")
        there = ["nsenter", f"--net=/proc/{self.network.pid}/ns/net"]
        for command in (["ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1",
                         "netns", str(self.network.pid)],
                        ["ip", "address", "add", "198.51.100.1/24", "dev", "bench0"],
                        ["ip", "link", "set", "bench0", "up"],
                        there + ["ip", "link", "set", "lo", "up"],
                        there + ["ip", "address", "add", SINK + "/24", "dev", "bench1"],
                        there + ["ip", "link", "set", "bench1", "up"]):
            subprocess.run(command, check=True)
        self.output = open(postfix.path("/bench-sink"), "w+")
        self.process = subprocess.Popen(
            [*there, "chroot", postfix.root, "/usr/sbin/smtp-sink", "-u", "nobody", "-c",
             f"{SINK}:25", "1000"],
            stdout=self.output, stderr=subprocess.STDOUT)

    def count(self):
        """Messages so far, from the counters that it prints over and over."""
        self.output.flush()
        with open(self.output.name, "rb") as file:
            file.seek(max(0, os.path.getsize(self.output.name) - 4096))
            found = re.findall(rb"mesg=(\d+)", file.read())
        return int(found[-1]) if found else 0


class Bench:
    def __init__(self, options, root):
        self.options = options
        self.mxpost = ListeningMxpost(os.path.join(root, "mxpost"))
        self.postfix = ListeningPostfix(os.path.join(root, "postfix"))
        self.systems = [self.mxpost, self.postfix]

    def start(self, tool, source):
        for command in (["hostname", "bench.example.com"], ["ip", "link", "set", "lo", "up"],
                        ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]):
            subprocess.run(command, check=True)
        for system in self.systems:
            system.prepare(self.options.build, source)
            subprocess.run(["mount", "-t", "proc", "proc", system.path("/proc")], check=True)
        logs = subprocess.Popen([tool, "sink", *{s.path("/dev/log") for s in self.systems}],
                                stdout=subprocess.PIPE)
        logs.stdout.readline()
        self.sink = Sink(self.postfix)
        wait_until(lambda: self.reaches_sink(), "smtp-sink answers")

    @staticmethod
    def reaches_sink():
        import socket
        try:
            with socket.create_connection((SINK, 25), timeout=5) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def load(self, system, messages, keeps_connections):
        """Seconds until smtp-source has all its replies; it fails when one isn't 2xx."""
        command = ["chroot", self.postfix.root, "/usr/sbin/smtp-source", "-s", str(SESSIONS),
                   "-m", str(messages), "-l", str(OCTETS), "-f", "load@bench.example.com",
                   "-t", f"sink@[{SINK}]", *(["-d"] if keeps_connections else []),
                   f"127.0.0.1:{system.port}"]
        begun = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True)
        seconds = time.monotonic() - begun
        if done.returncode != 0 or done.stderr:
            raise SystemExit(f"{system.name}: smtp-source: {done.stderr}")
        return seconds

    def block(self, system, way, messages, keeps_connections):
        holds = way == "hold"
        before = system.queue_length() if holds else self.sink.count()
        ticks = system.daemon_ticks()
        begun = time.monotonic()
        seconds = self.load(system, messages, keeps_connections)
        result = {"accepted_per_second": messages / seconds}
        if holds:
            kept = system.queue_length() - before
            if kept != messages:
                raise SystemExit(f"{system.name}: {messages} accepted, {kept} in the queue")
        else:
            wait_until(lambda: self.sink.count() - before >= messages,
                       f"{system.name}: the sink has {messages} more")
            result["delivered_per_second"] = messages / (time.monotonic() - begun)
            wait_until(lambda: system.queue_length() == 0, f"{system.name}: its queue is empty")
            if self.sink.count() - before != messages:
                raise SystemExit(f"{system.name}: the sink got {self.sink.count() - before}")
        result["daemon_cpu_ms"] = (system.daemon_ticks() - ticks) * 1000 / TICK / messages
        return result

    def syncs(self, system, holds, messages=500):
        """Syncs a message, counted in one more load under strace."""
        path = os.path.join(self.options.build, "listener-syncs")
        pids = [str(pid) for pid in system.processes()]
        tracer = subprocess.Popen(
            ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync,syncfs", "-o", path,
             *[word for pid in pids for word in ("-p", pid)]], stderr=subprocess.DEVNULL)
        wait_until(lambda: all("TracerPid:\t0" not in open(f"/proc/{pid}/status").read()
                               for pid in pids), "strace is there")
        self.load(system, messages, False)
        if not holds:
            wait_until(lambda: system.queue_length() == 0, f"{system.name}: its queue is empty")
        tracer.terminate()
        tracer.wait()
        with open(path) as file:
            return len(re.findall(r"(?:fsync|fdatasync|syncfs)\(", file.read())) / messages

    def measure(self):
        results = {}
        for way in ("hold", "deliver"):
            for system in self.systems:
                system.purge()
                system.serve(way == "hold")
                self.block(system, way, 200, False)  # into the caches
            rounds = []
            for number in range(self.options.rounds):
                order = self.systems[number % 2:] + self.systems[:number % 2]
                for connections in ("each", "kept"):
                    for system in order:
                        figures = self.block(system, way, self.options.messages,
                                             connections == "kept")
                        rounds.append({"system": system.name, "connections": connections,
                                       **figures})
            results[way] = {"rounds": rounds, "syncs_per_message": {
                s.name: self.syncs(s, way == "hold") for s in self.systems}}
            for system in self.systems:
                system.stop()
                system.purge()
        return results


def medians(results):
    found = {}
    for way in ("hold", "deliver"):
        for connections in ("each", "kept"):
            for name in ("mxpost", "postfix"):
                rounds = [r for r in results[way]["rounds"]
                          if r["system"] == name and r["connections"] == connections]
                found[way, connections, name] = {
                    key: statistics.median(r[key] for r in rounds)
                    for key in rounds[0] if isinstance(rounds[0][key], float)}
    return found


def table(results):
    found = medians(results)
    lines = [f"{'':34} {'mxpost':>8} {'postfix':>8} {'ratio':>6} {'CPU ms':>8} {'CPU ms':>8}"]
    for way, connections, key in (
            ("hold", "each", "accepted_per_second"), ("hold", "kept", "accepted_per_second"),
            ("deliver", "each", "accepted_per_second"), ("deliver", "each", "delivered_per_second"),
            ("deliver", "kept", "accepted_per_second"), ("deliver", "kept", "delivered_per_second")):
        ours, theirs = found[way, connections, "mxpost"], found[way, connections, "postfix"]
        text = (f"{way}, {'a connection each' if connections == 'each' else '20 connections'}, "
                f"{key.split('_')[0]}/s")
        lines.append(f"{text:34} {ours[key]:8.0f} {theirs[key]:8.0f} {ours[key] / theirs[key]:6.2f} "
                     f"{ours['daemon_cpu_ms']:8.3f} {theirs['daemon_cpu_ms']:8.3f}")
    for way in ("hold", "deliver"):
        syncs = results[way]["syncs_per_message"]
        lines.append(f"{way + ', syncs a message':34} {syncs['mxpost']:8.2f} {syncs['postfix']:8.2f}")
    return "\n".join(lines)


def ratio(results):
    """Of the first line: what the target (at least 2) is about."""
    found = medians(results)
    return (found["hold", "each", "mxpost"]["accepted_per_second"]
            / found["hold", "each", "postfix"]["accepted_per_second"])
