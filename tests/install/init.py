#!/usr/bin/env python3
"""Boots ROOT, a Debian with systemd and the mxpost package, and looks at what the units do.

    init.py ROOT PROOF_FOLDER

The machine is a set of namespaces whose first process is systemd: own processes, mounts, control
groups and network. An MX lives in another network namespace at the far end of a veth pair; DNS is
answered on the machine's 127.0.0.1. Both servers are those of compat/proof. Exit status 77: this
kernel doesn't let systemd run so.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT, PROOF = sys.argv[1:3]
sys.path.insert(0, PROOF)
import proof  # noqa: E402  (its servers)

WAIT = 60
BOOT = r"""
set -eu
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for name in null zero full random urandom tty; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs dev/shm
hostname host
mkdir -p run/before
pivot_root . run/before
umount -l /run/before
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd \
    --show-status=no --unit=multi-user.target
"""


def fail(text):
    print(f"FAIL: {text}")
    sys.exit(1)


def until(condition, what, seconds=WAIT):
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            fail(f"waited {seconds} s for {what}")
        time.sleep(0.1)
    return value


class Machine:
    """One boot. Its network namespace is this process's, so it outlives the boot."""

    def __init__(self):
        self.outer = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
             "--uts", "--ipc", "--cgroup", "sh", "-c", BOOT, "boot", ROOT],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.init = None

    def started(self):
        """The first process's id once systemd answers, or None where it can't run here."""
        def found():
            if self.outer.poll() is not None:
                return -1
            children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")
            child = children.read_text(encoding="ascii").split()
            if not child:
                return 0
            name = pathlib.Path(f"/proc/{child[0]}/comm").read_text(encoding="ascii").strip()
            return int(child[0]) if name == "systemd" else 0
        self.init = until(found, "systemd")
        if self.init == -1:
            print(self.outer.stdout.read())
            return False
        until(self.is_up, "the end of the boot")
        return True

    def is_up(self):
        if self.outer.poll() is not None:
            fail("systemd ended: " + self.outer.stdout.read())
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def run(self, *command, check=True, text=None):
        done = subprocess.run(
            ["nsenter", "-t", str(self.init), "-m", "-p", "-u", "-i", "-C", "-r", "-w",
             "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C", *command],
            input=text, capture_output=True, text=True, check=False, timeout=WAIT)
        if check and done.returncode != 0:
            fail(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def property(self, unit, name):
        return self.run("systemctl", "show", "--property", name, "--value", unit).stdout.strip()

    def shut_down(self):
        os.kill(self.init, signal.SIGRTMIN + 4)  # systemd(1): poweroff.target
        try:
            self.outer.wait(timeout=WAIT)
        except subprocess.TimeoutExpired:
            fail("the machine doesn't shut down")


class World:
    """The MX of proof.example, and what it took."""

    def __init__(self, folder):
        self.folder = folder
        self.taken = 0
        self.child, ready, go = proof.start_world(folder)
        proof.unshare_network()
        proof.ip("link", "set", "lo", "up")
        proof.ip("link", "add", "host0", "type", "veth", "peer", "name", "world0", "netns",
                 str(self.child))
        proof.ip("address", "add", f"{proof.HOST_ADDRESS}/24", "dev", "host0")
        proof.ip("link", "set", "host0", "up")
        go.send("go")
        if not ready.poll(WAIT) or (told := ready.recv()) != "ok":
            raise RuntimeError(f"the mail server didn't start: {told}")
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind(("127.0.0.1", 53))
        threading.Thread(target=proof.serve_dns, args=(server,), daemon=True).start()

    def next_mail(self, what):
        self.taken += 1
        path = pathlib.Path(self.folder, str(self.taken))
        until(path.exists, what)
        return path.read_text(encoding="utf-8", errors="replace")


def send(machine, user, subject, *flags):
    machine.run("runuser", "-u", user, "--", "sendmail", "-i", *flags, proof.RECIPIENT,
                text=f"Subject: {subject}\n\nx\n")


def expect(mail, subject):
    if f"Subject: {subject}" not in mail:
        fail(f"not the mail '{subject}':\n{mail}")


def check_engine(machine):
    print("== the engine runs as user mxpost, without any capability")
    if machine.property("mxpost.service", "ActiveState") != "active":
        fail(machine.run("systemctl", "status", "mxpost.service", check=False).stdout)
    pid = machine.property("mxpost.service", "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status").stdout
    uid = machine.run("id", "-u", "mxpost").stdout.strip()
    for pattern in (rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", r"^CapEff:\t0+$", r"^CapBnd:\t0+$",
                    r"^NoNewPrivs:\t1$", r"^Seccomp:\t2$"):
        if not re.search(pattern, status, re.MULTILINE):
            fail(f"no {pattern!r} in\n{status}")
    return pid


def check_deliveries(machine, world):
    print("== it delivers what users hand in, and no other engine does")
    for user in ("nobody", "root", "games"):
        send(machine, user, f"from {user}")
        expect(world.next_mail(f"{user}'s mail"), f"from {user}")
        engines = machine.run("pgrep", "-x", "mxpost").stdout.split()
        if engines != [machine.property("mxpost.service", "MainPID")]:
            fail(f"engines: {engines}")
    print("== what it did is in the journal")
    until(lambda: "proof.example" in machine.run("journalctl", "-t", "mxpost", check=False).stdout,
          "a line of the engine's in the journal")


def check_local(machine):
    print("== mail for a user of the host wakes the helper up, which becomes that user")
    machine.run("useradd", "--create-home", "--shell", "/bin/sh", "alice")

    def has(path, text):
        return text in machine.run("cat", path, check=False).stdout

    def send_to_alice(subject):
        machine.run("runuser", "-u", "nobody", "--", "sendmail", "-i", "alice@host.proof.example",
                    text=f"Subject: {subject}\n\nx\n")

    send_to_alice("to a mailbox")
    until(lambda: has("/var/mail/alice", "Subject: to a mailbox"), "mail in alice's mailbox")
    owner = machine.run("stat", "-c", "%U:%G %a", "/var/mail/alice").stdout.strip()
    if owner != "alice:mail 660":
        fail(f"/var/mail/alice: {owner}")
    pid = machine.property("mxpost-local.service", "MainPID")
    status = machine.run("cat", f"/proc/{pid}/status").stdout
    if not re.search(r"^CapBnd:\t0*e0$", status, re.MULTILINE):
        fail(f"not just setuid, setgid and kill:\n{status}")
    machine.run("runuser", "-u", "alice", "--", "sh", "-c",
                "umask 022; cat > /home/alice/.forward",
                text='"|/bin/sh -c \'cat > $HOME/got\'"\n')
    send_to_alice("to a program")
    until(lambda: has("/home/alice/got", "Subject: to a program"), "mail at alice's program")


def check_restarts(machine, world, pid):
    print("== a killed engine comes back")
    machine.run("kill", "-9", pid)
    until(lambda: machine.property("mxpost.service", "MainPID") not in ("0", pid), "a new engine")
    send(machine, "nobody", "after a kill")
    expect(world.next_mail("mail after a kill"), "after a kill")


def check_queue_run(machine, world):
    print("== without the service, the timer's queue run delivers")
    machine.run("systemctl", "stop", "mxpost.service")
    send(machine, "nobody", "by the timer", "-odq")
    machine.run("systemctl", "start", "mxpost-queue.service")
    expect(world.next_mail("the timer's mail"), "by the timer")


def check_shutdown(machine, world):
    print("== mail that waits when the machine goes down leaves when it is up again")
    send(machine, "nobody", "over a restart", "-odq")
    machine.shut_down()
    again = Machine()
    if not again.started():
        fail("the machine doesn't start again")
    expect(world.next_mail("mail from before the restart"), "over a restart")
    return again


def main():
    with tempfile.TemporaryDirectory(prefix="mxpost-init-") as folder:
        try:
            world = World(folder)
        except PermissionError as error:
            print(f"SKIP: no network namespaces here: {error}")
            return 77
        machine = Machine()
        try:
            if not machine.started():
                print("SKIP: systemd can't run in namespaces here")
                return 77
            pid = check_engine(machine)
            check_deliveries(machine, world)
            check_local(machine)
            check_restarts(machine, world, pid)
            check_queue_run(machine, world)
            machine = check_shutdown(machine, world)
            failed = machine.run("systemctl", "--failed", "--plain", "--no-legend").stdout
            if "mxpost" in failed:
                fail(failed)
        finally:
            machine.outer.kill()
            os.kill(world.child, 9)
    print("== done")
    return 0


if __name__ == "__main__":
    sys.exit(main())
