"""The scenarios about delivery, and what they share: chroots, the world, and who reads the log."""

import os
import subprocess
import sys

import calls
import drains
import profiling
import signing
from world import World

SCENARIOS = {"drain": drains.drain, "slow": drains.slow, "list": drains.mailing_list,
             "latency": calls.latency, "callers": calls.callers, "large": calls.large,
             "dead": calls.dead, "tls": drains.tls, "dkim": signing.dkim,
             "profile": profiling.profile}


def as_first_process(work):
    """Does the work in a child, and stays the one that waits for daemons whose parents ended."""
    worker = os.fork()
    if worker == 0:
        try:
            work()
        except SystemExit as end:
            if end.code not in (None, 0):
                print("failed:", end.code, file=sys.stderr)
                sys.exit(1)
        sys.exit(0)
    while True:
        pid, status = os.wait()
        if pid == worker:
            sys.exit(os.waitstatus_to_exitcode(status))


class Bench:
    def __init__(self, options, root, message):
        self.options = options
        self.root = root
        self.message = message
        self.tool = os.path.join(options.build, "tests/bench/bench_submit")
        self.client = os.path.join(options.build, "tests/bench/bench_client")
        self.prepared = {}
        self.logs = set()

    def start(self, source):
        self.source = source
        subprocess.run(["hostname", "bench.example.com"], check=True)
        self.world = World(os.path.join(self.root, "world"))
        self.read_log("world")

    def read_log(self, name):
        """As a syslog that forgets: each chroot's /dev/log."""
        if name not in self.logs:
            self.logs.add(name)
            reader = subprocess.Popen([self.tool, "sink", os.path.join(self.root, name, "dev/log")],
                                      stdout=subprocess.PIPE)
            reader.stdout.readline()

    def systems(self, kinds):
        """Those of these that were asked for, ready to be started."""
        wanted = [name for name in self.options.only.split(",") if name]
        found = []
        for kind in kinds:
            if wanted and kind.name not in wanted:
                continue
            if kind not in self.prepared:
                folder = kind.name.split(" ")[0]
                system = self.prepared[kind] = kind(os.path.join(self.root, folder))
                system.prepare(self.options.build, self.source)
                self.read_log(folder)
            found.append(self.prepared[kind])
        if not found:
            raise SystemExit("none of these systems: " + self.options.only)
        return found

    def measure(self, what):
        return SCENARIOS[what](self)

    def versions(self):
        return {system.name: {"version": system.version(), "how": system.note,
                              "durable": system.durable} for system in self.prepared.values()}
