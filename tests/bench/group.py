"""The processes of one system: a control group, which counts the CPU of those that ended, too."""

import atexit
import os
import signal
import subprocess
import threading
import time


def base():
    """Where groups with a CPU account can be made: version 1 or 2. None: nowhere here."""
    for path in ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup"):
        if os.path.exists(path + "/cgroup.procs") and os.access(path, os.W_OK):
            return path
    return None


class Group:
    def __init__(self, name):
        self.path = f"{base()}/mxpost-bench-{os.environ.get('MXPOST_BENCH_ID', '0')}-{name}"
        os.makedirs(self.path, exist_ok=True)
        atexit.register(self.remove)

    def start(self, command, **rest):
        """Runs it in the group, from its first instruction; a shell's exec costs it 1 ms of CPU."""
        return subprocess.Popen(
            ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', self.path + "/cgroup.procs", *command],
            **{"stdin": subprocess.DEVNULL, **rest})

    def pids(self):
        with open(self.path + "/cgroup.procs") as file:
            return [int(pid) for pid in file.read().split() if pid != "0"]

    def microseconds(self):
        """CPU of all processes that were ever in it."""
        try:
            with open(self.path + "/cpuacct.usage") as file:
                return int(file.read()) // 1000
        except FileNotFoundError:
            with open(self.path + "/cpu.stat") as file:
                return int(file.readline().split()[1])

    def end(self):
        """Ends every process: politely, then for certain."""
        for number in (signal.SIGTERM, signal.SIGTERM, *[signal.SIGKILL] * 20):
            for pid in self.pids():
                try:
                    os.kill(pid, number)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + 2
            while self.pids() and time.monotonic() < deadline:
                time.sleep(0.01)
            if not self.pids():
                return
        raise SystemExit(f"{self.path}: processes that don't end: {self.pids()}")

    def remove(self):
        try:
            os.rmdir(self.path)
        except OSError:
            pass  # still in use: it ends with our namespace


class Sampler(threading.Thread):
    """The most memory (proportional set size, all processes together) and processes at once."""

    def __init__(self, group, interval=0.02):
        super().__init__(daemon=True)
        self.group = group
        self.interval = interval
        self.memory_kib = 0
        self.processes = 0
        self.largest_kib = 0  # of one process: what the kernel itself recorded (VmHWM)
        self.over = threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(self.interval):
            pids = self.group.pids()
            sizes = [size for size in map(self.proportional, pids) if size]
            self.memory_kib = max(self.memory_kib, sum(sizes))
            self.processes = max(self.processes, len(sizes))
            self.largest_kib = max([self.largest_kib, *map(peak_kib, pids)])

    @staticmethod
    def proportional(pid):
        return status_kib(f"/proc/{pid}/smaps_rollup", "Pss:")

    def stop(self):
        self.over.set()
        self.join()
        return {"memory_kib": self.memory_kib, "processes": self.processes,
                "largest_kib": self.largest_kib}


def status_kib(path, key):
    try:
        with open(path) as file:
            for line in file:
                if line.startswith(key):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return 0


def peak_kib(pid):
    return status_kib(f"/proc/{pid}/status", "VmHWM:")
