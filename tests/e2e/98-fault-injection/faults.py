"""What submit.py and deliver.py share: which calls a program makes, and how one of them is made to
fail by strace."""
import collections
import contextlib
import os
import re
import signal
import subprocess
import time

ERRORS = ["ENOSPC", "EIO", "EMFILE", "EROFS", "ENOMEM", "EINTR", "EDQUOT", "ENFILE"]
SPOOL = "/var/spool/mxpost"
USER_SPOOLS = [SPOOL, "/home/alice/.local/state/mxpost"]
ALICE = ["setpriv", "--reuid=1500", "--regid=1500", "--clear-groups", "env", "-i",
         "HOME=/home/alice", "LOGNAME=alice", "USER=alice", "LC_ALL=C.UTF-8",
         "PATH=/usr/bin:/bin:/usr/sbin:/sbin"]
# Numbers of messages: each part has a range of its own.
FIRST = {"submitted": 0, "handed": 10_000, "delivered": 20_000, "frugal": 30_000}
# These take nothing that can run out and touch no file, or their caller can't be told of a failure. The
# kernel's brk never says -1, and what strace makes of it libc takes for an address; see no_memory.py.
# Of epoll_ctl only an added descriptor can be too many, and Asio doesn't look when it adds its own.
NEVER_FAIL = re.compile(
    r"^(close|exit|exit_group|rt_sig\w+|sigaltstack|arch_prctl|set_tid_address|set_robust_list|rseq|"
    r"get\w*[ug]id|getpid|gettid|getppid|futex|epoll_wait|epoll_pwait|poll|ppoll|restart_syscall|"
    r"munmap|madvise|sched_\w+|clock_\w+|uname|umask|lseek|wait4|prlimit64|getrlimit|getpeername|"
    r"getsockname|brk|epoll_ctl|mprotect|execve|shutdown|sysinfo|membarrier|kill|tgkill)$")


# glibc's loader asks for the stack's limit when all but the giving back is done.
LOADED = "RLIMIT_STACK"


def calls_of(trace, since=LOADED):
    """[(call, N)]: the Nth call of that name in its thread, in the order in which they were made, from
    the line that has `since` on."""
    counts, found, has_begun = collections.Counter(), [], False
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            match = re.match(r"(?:(\d+) +)?([a-z_0-9]+)\(", line)
            if not match:
                continue
            counts[match.groups()] += 1
            has_begun = has_begun or since in line
            case = match[2], counts[match.groups()]
            if has_begun and not NEVER_FAIL.match(match[2]) and case not in found:
                found.append(case)
    return found


def strace(call, n, error, follows):
    return ["strace", *(["-f", "--seccomp-bpf"] if follows else []), "-o", "/dev/null",
            "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}"]


def letter(number):
    return f"Subject: {number}\n\nbody {number}\n".encode()


def messages(spool=SPOOL):
    found = []
    for folder, _, names in os.walk(spool):
        found += [os.path.join(folder, name) for name in names
                  if re.fullmatch(r"[0-9a-z]{18}\.[0-9a-z]{7}", name) and "/corrupt" not in folder]
    return found


def submit(number, *to):
    subprocess.run([*ALICE, "sendmail", "-i", "-odq", "-f", "s@corp.example", *to],
                   input=letter(number), check=True)


def engines():
    return [int(pid) for pid in subprocess.run(["pgrep", "-x", "mxpost"], capture_output=True,
                                               check=False).stdout.split()]


def end_engines():
    """What they have begun they finish: a second SIGTERM would cut it off."""
    told = set()
    while pids := engines():
        for pid in set(pids) - told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        told.update(pids)
        time.sleep(0.01)


def received(server, first):
    """{number: how often it arrived}, of the numbers from `first` on"""
    arrived = collections.Counter()
    folder = os.path.join(os.environ["RUN"], "got", server)
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        if name.endswith(".eml") and os.path.exists(os.path.join(folder, name[:-4] + ".json")):
            text = open(os.path.join(folder, name), encoding="utf-8").read()
            # A report has the original's header behind its own.
            number = int(re.findall(r"^Subject: (\d+)", text, re.M)[-1])
            if first <= number < first + 10_000:
                arrived[number] += 1
    return arrived
