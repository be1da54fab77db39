"""Where mxpost's time goes in a drain: system calls a message, and the hottest functions.

Not for comparison: strace and perf cost more than what they watch.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time

from delivering import Mxpost
from drains import DRAINS, Fill, fill, settle, wait_for
from world import Sink


class Watched(Mxpost):
    """The engine under a program that watches it; its symbols kept."""

    name = "mxpost"
    watcher = []

    def strip_engine(self, engine):
        pass

    def release(self):
        self.group.start([*self.watcher, "chroot", self.root, "/usr/bin/mxpost", "run"],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def drain_under(bench, system, what, watcher):
    system.end()
    system.purge()
    fill(bench, system, what)
    sink = Sink(bench.world)
    system.watcher = watcher
    begun = time.monotonic()
    system.release()
    found = wait_for(sink, system, what.count, begun, bench.options.limit)
    settle(sink, system, begun)
    for pid in system.group.pids():  # the engine ends, then its watcher writes what it saw
        with open(f"/proc/{pid}/comm") as file:
            if file.read().strip() == "mxpost":
                os.kill(pid, 15)
    deadline = time.monotonic() + 30
    while system.group.pids() and time.monotonic() < deadline:
        time.sleep(0.1)
    system.end()
    sink.stop()
    system.purge()
    return found


def system_calls(path, count):
    """[(calls a message, name)], from what strace -c wrote."""
    with open(path) as file:
        found = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", file.read(), re.M)
    return sorted(((int(calls) / count, name) for calls, name in found if name != "total"),
                  reverse=True)


def hottest(data, root, inclusive, lines=40):
    done = subprocess.run(
        ["perf", "report", "-i", data, "--symfs", root, "--kallsyms", "/proc/kallsyms", "--stdio",
         "-g", "none", "--percent-limit", "0.4",
         "--children" if inclusive else "--no-children", "--sort", "symbol"],
        capture_output=True, text=True)
    text = [re.sub(r"(\s+-)+$|\s+$", "", line).strip()[:160]
            for line in done.stdout.split("\n") if line.strip() and line[0] != "#"]
    return [re.sub(r"  +", "  ", line) for line in text][:lines]


def profile(bench):
    results = {}
    count = bench.options.messages or 2000
    system, = bench.systems([Watched])
    for name, (letter, domains) in DRAINS.items():
        if bench.options.scenarios and name not in bench.options.scenarios:
            continue
        what = Fill(count, letter, domains)
        with tempfile.TemporaryDirectory() as folder:
            output = os.path.join(folder, "strace")
            drain_under(bench, system, what, ["strace", "-f", "-qq", "-c", "-o", output])
            calls = system_calls(output, count)
            print(f"\n{count} messages to {name}: system calls a message "
                  f"{sum(c for c, _ in calls):.1f}")
            print("  " + ", ".join(f"{c:.2f} {call}" for c, call in calls if c >= 0.01))
            results[name] = {"system_calls": calls}
            if not shutil.which("perf"):
                continue
            data = os.path.join(folder, "perf")
            drain_under(bench, system, what, ["perf", "record", "-q", "-F", "4000", "--call-graph",
                                              "dwarf,16384", "-o", data])
            for inclusive in (False, True):
                lines = hottest(data, system.root, inclusive, 70 if inclusive else 45)
                print("  inclusive:" if inclusive else "  self:")
                print("\n".join("    " + line for line in lines))
                results[name]["inclusive" if inclusive else "self"] = lines
    return results
