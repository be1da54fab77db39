"""What one call asks of the kernel, read from strace: system calls, programs, and what is synced."""

import os
import re
import subprocess
import tempfile
import time

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/home/caller",
               "LOGNAME": "caller", "USER": "caller"}
SYNC = re.compile(r"\b(fsync|fdatasync|syncfs|sync)\((?:\d+<([^>]*)>)?")


def trace_call(system, uid, message):
    """One call and, where the system has daemons, what they do until it is queued."""
    with tempfile.TemporaryDirectory() as folder:
        client, daemons = os.path.join(folder, "client"), os.path.join(folder, "daemons")
        tracer = attach(system, daemons)
        before = system.queue_length()
        with open(message, "rb") as content:
            subprocess.run(
                ["strace", "-f", "-y", "-qq", "-o", client, "chroot", f"--userspec={uid}:{uid}",
                 "--groups=", system.root, *system.command],
                stdin=content, env=ENVIRONMENT, check=True)
        deadline = time.monotonic() + 5
        while system.queue_length() == before >= 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        system.settle()
        if tracer:
            time.sleep(0.5)
            tracer.terminate()
            tracer.wait()
        result = read_client(client, system)
        if tracer:
            result["daemon_syncs"] = read_syncs(open(daemons, errors="replace"), system)
    return result


def attach(system, output):
    pids = system.processes()
    if not pids:
        return None
    tracer = subprocess.Popen(
        ["strace", "-f", "-y", "-qq", "-e", "trace=fsync,fdatasync,sync,syncfs", "-o", output]
        + [part for pid in pids for part in ("-p", str(pid))],
        stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(1)  # attached to all
    return tracer


def read_client(path, system):
    with open(path, errors="replace") as file:
        lines = file.read().splitlines()
    own = [i for i, line in enumerate(lines) if f'execve("{system.command[0]}"' in line]
    lines = lines[own[-1]:]
    calls = [line for line in lines if re.match(r"\d+ +\w+\(", line)]
    return {
        "system_calls": len(calls),
        "programs": sum("execve(" in line and " = 0" in line for line in calls),
        "opened": sum(bool(re.search(r"\bopen(at)?\(.* = \d", line)) for line in calls),
        "syncs": read_syncs(lines, system),
    }


def read_syncs(lines, system):
    """{"file": n, "directory": n, "what": [path…]}: successful or not, as none fails here."""
    found = {"file": 0, "directory": 0, "what": []}
    for line in lines:
        match = SYNC.search(line)
        if not match or "resumed" in line:
            continue
        path = match.group(2) or ""
        kind = "directory" if os.path.isdir(path) else "file"
        found[kind] += 1
        shown = path.removeprefix(system.root)
        found["what"].append(f"{match.group(1)} {kind} {shown}")
    return found
