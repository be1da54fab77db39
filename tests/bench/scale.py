"""What a large queue costs: 10⁴, 10⁵ and 10⁶ messages of one user, none of them due.

Measures mxpost alone, on directories of its own below the bench root (no chroot, no other system).
bench_fill makes the queue; the server that gets the new messages is in a network of its own.
"""

import asyncio
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

SINK = "198.51.100.25"
UID = 1000
ENGINE_ID = 2525
DUE = 7200  # seconds ahead: longer than all this takes, and no longer than an engine would set
COUNTS = [10_000, 100_000, 1_000_000]
BOXES = 5000
LATER = 40  # messages to a running engine
IDLE = 30  # seconds, of an engine with many boxes
TICK = os.sysconf("SC_CLK_TCK")


def now():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def wait_until(condition, what, seconds=120):
    deadline = now() + seconds
    while not condition():
        if now() > deadline:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(0.01)


async def session(reader, writer):
    """Takes everything; prints each message's subject with the time of its final dot."""
    subject, in_data = "", False
    writer.write(b"220 sink.example.net ESMTP\r\n")
    while line := await reader.readline():
        if in_data:
            if line.lower().startswith(b"subject:"):
                subject = line.split(b":", 1)[1].strip().decode()
            if line == b".\r\n":
                in_data = False
                print(subject, now(), flush=True)
                writer.write(b"250 2.0.0 ok\r\n")
            continue
        verb = line[:4].upper()
        if verb == b"DATA":
            in_data = True
            writer.write(b"354 go on\r\n")
        elif verb == b"EHLO":
            writer.write(b"250-sink.example.net\r\n250 PIPELINING\r\n")
        elif verb == b"QUIT":
            writer.write(b"221 2.0.0 bye\r\n")
            break
        else:
            writer.write(b"250 2.0.0 ok\r\n")
    try:
        await writer.drain()
    except ConnectionError:
        pass
    writer.close()


async def sink():
    server = await asyncio.start_server(session, SINK, 25)
    print("ready", flush=True)
    await server.serve_forever()


class Sink:
    def __init__(self, root):
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
        self.path = os.path.join(root, "sink")
        with open(self.path, "w") as output:
            self.process = subprocess.Popen([*there, sys.executable, __file__], stdout=output)
        wait_until(lambda: "ready" in self.text(), "the sink")

    def text(self):
        with open(self.path) as file:
            return file.read()

    def arrival(self, subject):
        found = re.search(rf"^{subject} (\S+)$", self.text(), re.M)
        return float(found[1]) if found else None


class Bench:
    def __init__(self, options, root):
        self.options = options
        self.root = os.path.join(root, "scale")
        self.spool = os.path.join(self.root, "spool")
        self.box = os.path.join(self.spool, str(UID))
        self.mxpost = os.path.join(options.build, "src/apps/mxpost")
        self.sendmail = os.path.join(options.build, "src/apps/sendmail")
        self.fill = os.path.join(options.build, "tests/bench/bench_fill")
        self.number = 0

    def start(self):
        """Directories, a user and settings of our own, as long as the mount namespace lives."""
        shutil.rmtree(self.root, ignore_errors=True)
        os.makedirs(self.root)
        os.chmod(self.root, 0o755)
        for name in ("etc", "work"):
            os.makedirs(os.path.join(self.root, name))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir=/etc,upperdir={self.root}/etc,workdir={self.root}/work",
                        "/etc"], check=True)
        for file, line in (("passwd", f"mxpost:x:{ENGINE_ID}:{ENGINE_ID}::/:/usr/sbin/nologin"),
                           ("group", f"mxpost:x:{ENGINE_ID}:")):
            with open("/etc/" + file) as old:
                lines = [l for l in old.read().splitlines() if not l.startswith("mxpost:")]
            with open("/etc/" + file, "w") as new:
                new.write("\n".join([*lines, line]) + "\n")
        with open("/etc/mxpost.conf", "w") as file:
            file.write("max-queued-messages = 4000000\nmax-queued-recipients = 8000000\n"
                       f"max-queued-size = 40G\nlog = {self.root}/log\n")
        with open(self.root + "/log", "w"):
            os.chown(self.root + "/log", ENGINE_ID, ENGINE_ID)
        with open("/etc/resolv.conf", "w") as file:
            file.write("nameserver 127.0.0.1\n")
        for command in (["mount", "-t", "tmpfs", "tmpfs", "/var/spool"],
                        ["hostname", "bench.example.com"], ["ip", "link", "set", "lo", "up"],
                        ["ip", "address", "add", "192.0.2.1/32", "dev", "lo"]):
            subprocess.run(command, check=True)
        os.makedirs("/var/spool/mxpost")
        os.makedirs(self.spool)
        subprocess.run(["mount", "--bind", self.spool, "/var/spool/mxpost"], check=True)
        self.sink = Sink(self.root)

    def make_box(self, uid):
        path = os.path.join(self.spool, str(uid))
        os.makedirs(path)
        os.chown(path, uid, ENGINE_ID)
        os.chmod(path, 0o2770)

    def empty(self):
        for name in os.listdir(self.spool):
            shutil.rmtree(os.path.join(self.spool, name))
        os.chown(self.spool, ENGINE_ID, ENGINE_ID)
        os.chmod(self.spool, 0o3777)

    def make_queue(self, count):
        self.empty()
        self.make_box(UID)
        begin = now()
        subprocess.run([self.fill, self.box, str(count), "--domains", "1000", "--due", f"+{DUE}"],
                       check=True)
        return now() - begin

    def submit(self, *options):
        """Subject, and when and for how long sendmail ran."""
        self.number += 1
        subject = f"new{self.number}"
        begin = now()
        subprocess.run(
            ["setpriv", "--reuid", str(UID), "--regid", str(UID), "--clear-groups",
             self.sendmail, *options, "-i", "-f", "bench@bench.example.com", f"someone@[{SINK}]"],
            input=f"Subject: {subject}\n\nNothing to read here.\n", text=True, check=True)
        return subject, begin, now() - begin

    def latency(self, subject, begin):
        wait_until(lambda: self.sink.arrival(subject), f"{subject} arrives")
        return self.sink.arrival(subject) - begin

    def cpu_seconds(self):
        with open(f"/proc/{self.engine.pid}/stat") as file:
            return sum(map(int, file.read().rsplit(")", 1)[1].split()[11:13])) / TICK

    def memory(self):
        with open(f"/proc/{self.engine.pid}/status") as file:
            found = dict(re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", file.read()))
        return {"rss_mib": int(found["VmRSS"]) / 1024, "peak_mib": int(found["VmHWM"]) / 1024}

    def settle(self):
        """Until the engine has nothing to do. Seconds from its start."""
        last, quiet_since = -1.0, now()
        while now() - quiet_since < 2:
            time.sleep(0.05)
            used = self.cpu_seconds()
            if used > last + 0.02:
                last, quiet_since = used, now()
        return quiet_since - self.begin

    def start_engine(self):
        self.begin = now()
        self.engine = subprocess.Popen([self.mxpost, "run"], stdin=subprocess.DEVNULL)

    def measure_boxes(self):
        self.empty()
        for uid in range(UID, UID + BOXES):
            self.make_box(uid)
        waiting = self.submit("-odq")[0]
        self.start_engine()
        result = {"start_to_first": self.latency(waiting, self.begin),
                  "scanned_after": self.settle(), "cpu_of_start": self.cpu_seconds()}
        used = self.cpu_seconds()
        time.sleep(IDLE)
        result["idle_cpu"] = (self.cpu_seconds() - used) / IDLE
        result |= self.memory()
        result["after"] = [self.latency(*self.submit("-odq")[:2]) for _ in range(LATER)]
        result["after_p50"] = statistics.median(result["after"])
        self.engine.terminate()
        self.engine.wait()
        return result

    def measure_engine(self):
        waiting, _, counting = self.submit("-odq")  # the box has no account yet: it is counted
        self.start_engine()
        during = []
        while len(during) < 5:
            subject, begin, _ = self.submit("-odq")
            during.append((subject, begin))
        result = {
            "first_submission": counting,
            "start_to_first": self.latency(waiting, self.begin),
            "during": [self.latency(*one) for one in during],
        }
        result["scanned_after"] = self.settle()
        result["cpu_of_start"] = self.cpu_seconds()
        result |= self.memory()
        result["submissions"] = []
        result["after"] = []
        for _ in range(LATER):
            subject, begin, took = self.submit("-odq")
            result["submissions"].append(took)
            result["after"].append(self.latency(subject, begin))
        result["submission"] = statistics.median(result["submissions"])
        result["after_p50"] = statistics.median(result["after"])
        self.engine.terminate()
        begin = now()
        self.engine.wait()
        result["end"] = now() - begin
        return result

    def measure_mailq(self):
        begin = now()
        process = subprocess.Popen([self.mxpost, "queue", "list"], stdout=subprocess.PIPE)
        first = None
        lines = 0
        while block := process.stdout.read1(1 << 16):
            first = first or now() - begin
            lines += block.count(b"\n")
        _, status, usage = os.wait4(process.pid, 0)
        total = now() - begin
        if status != 0:
            raise SystemExit(f"mxpost queue list: {status}")
        begin = now()
        subprocess.run([self.sendmail, "-bP"], check=True, stdout=subprocess.DEVNULL)
        return {"first_line": first, "total": total, "lines": lines,
                "memory_mib": usage.ru_maxrss / 1024, "count": now() - begin}

    def measure(self):
        results = {}
        for count in self.options.counts:
            filled = self.make_queue(count)
            print(f"{count} messages made in {filled:.0f} s", file=sys.stderr)
            results[count] = {"fill": filled, "engine": self.measure_engine(),
                              "mailq": self.measure_mailq()}
        boxes = self.measure_boxes()
        self.empty()
        return results, boxes


def boxes_line(boxes):
    return (f"{BOXES} boxes, one with mail: first message after {boxes['start_to_first']:.3f} s, "
            f"all seen after {boxes['scanned_after']:.2f} s ({boxes['cpu_of_start']:.2f} s CPU); "
            f"idle {boxes['idle_cpu'] * 100:.2f} % CPU; {boxes['rss_mib']:.1f} MiB; "
            f"latency p50 {boxes['after_p50'] * 1e3:.1f} ms, "
            f"worst {max(boxes['after']) * 1e3:.1f} ms")


def table(results):
    rows = [
        ("start to first new message, s", lambda r: f"{r['engine']['start_to_first']:.3f}"),
        ("all names seen after, s", lambda r: f"{r['engine']['scanned_after']:.2f}"),
        ("CPU of that, s", lambda r: f"{r['engine']['cpu_of_start']:.2f}"),
        ("memory, MiB", lambda r: f"{r['engine']['rss_mib']:.1f}"),
        ("peak memory, MiB", lambda r: f"{r['engine']['peak_mib']:.1f}"),
        ("latency during start, worst, ms", lambda r: f"{max(r['engine']['during']) * 1e3:.1f}"),
        ("latency afterwards, p50, ms", lambda r: f"{r['engine']['after_p50'] * 1e3:.1f}"),
        ("latency afterwards, worst, ms", lambda r: f"{max(r['engine']['after']) * 1e3:.1f}"),
        ("end of the engine, s", lambda r: f"{r['engine']['end']:.2f}"),
        ("first submission (counts), s", lambda r: f"{r['engine']['first_submission']:.2f}"),
        ("submission, p50, ms", lambda r: f"{r['engine']['submission'] * 1e3:.1f}"),
        ("mailq: first line, s", lambda r: f"{r['mailq']['first_line']:.2f}"),
        ("mailq: all, s", lambda r: f"{r['mailq']['total']:.2f}"),
        ("mailq: memory, MiB", lambda r: f"{r['mailq']['memory_mib']:.1f}"),
        ("sendmail -bP, s", lambda r: f"{r['mailq']['count']:.2f}"),
    ]
    lines = [f"{'messages':34}" + "".join(f"{count:>12,}" for count in results)]
    for name, value in rows:
        lines.append(f"{name:34}" + "".join(f"{value(r):>12}" for r in results.values()))
    return "\n".join(lines)


if __name__ == "__main__":
    asyncio.run(sink())
