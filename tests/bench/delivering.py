"""The systems as they deliver: settings, how a queue is filled and let go, how mail goes at once.

Each is the chroot that peers-up made; other settings are bind mounts that end with `run`. All
processes of a system are in one control group. Every system has the resolver that mxpost has.
"""

import os
import re
import shutil
import subprocess

import systems
from group import Group, peak_kib
from systems import files_below
from world import DNS, address, wait_until


class Delivering:
    """What all have in common; comes before the system's own class of systems.py.

    For a drain: hold_back(), fill, arm(), release(). For mail that goes at once: serve(). Both end
    with end(), which leaves the queue as it is, and purge().
    """

    command = ["/usr/sbin/sendmail", "-i"]  # recipients follow
    fill_command = command
    fill_uid = 1000
    durable = ""  # before a message is accepted; after it is delivered

    def __init__(self, root):
        super().__init__(root)
        self.group = Group(self.name.replace(" ", "-"))
        self.covered = set()

    def prepare(self, build, source):
        super().prepare(build, source)
        if not os.path.exists(self.path("/etc/resolv.conf")):
            open(self.path("/etc/resolv.conf"), "w").close()
        self.cover("/etc/resolv.conf", f"nameserver {DNS}\n")
        if not os.path.ismount(self.path("/proc")):
            subprocess.run(["mount", "-t", "proc", "proc", self.path("/proc")], check=True)

    def cover(self, inside, text):
        """Another content for a file of the chroot, as long as our mount namespace lives."""
        path = self.path("/bench-" + inside.strip("/").replace("/", "-"))
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o644)
        if not os.path.samefile(path, self.path(inside)):
            subprocess.run(["mount", "--bind", path, self.path(inside)], check=True)

    def launch(self, *command):
        """Starts it in the group and doesn't wait."""
        return self.group.start(["chroot", self.root, *command], start_new_session=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run_in_group(self, *command):
        process = self.group.start(["chroot", self.root, *command], stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        return process.communicate(timeout=60)[0]

    def hold_back(self):
        """Starts what submission needs, in a way that nothing is delivered."""

    def arm(self):
        """When the queue is full: all that isn't to be measured."""

    def release(self):
        """Lets the queue go. The clock runs."""

    def serve(self):
        """Delivers what comes from now on."""

    def end(self):
        self.group.end()

    def engine_peak_kib(self):
        """The largest of the running processes, by the kernel's own record."""
        return max(map(peak_kib, self.group.pids()), default=0)


class Mxpost(Delivering, systems.Mxpost):
    command = ["/usr/sbin/sendmail", "-i"]
    fill_command = ["/usr/sbin/sendmail", "-odq", "-i"]
    note = "mxpost run"
    durable = "file and directory synced; outcomes and removals synced"

    def prepare(self, build, source):
        super().prepare(build, source)
        self.install_engine(build)
        # Where a build with another prefix looks for its engine.
        link = self.path("/usr/local/bin/mxpost")
        if not os.path.lexists(link):
            os.symlink("/usr/bin/mxpost", link)
        os.makedirs(self.path("/var/lib/mxpost"), exist_ok=True)
        self.run("/bin/chown", "mxpost:mxpost", "/var/lib/mxpost")

    def release(self):
        self.launch("/usr/bin/mxpost", "run")

    def serve(self):
        self.launch("/usr/bin/mxpost", "run")
        spool = os.stat(self.path("/var/spool/mxpost"))

        def waits():  # as the spool's owner, with its libraries loaded and nothing to do
            for pid in self.group.pids():
                with open(f"/proc/{pid}/wchan") as file:
                    if os.stat(f"/proc/{pid}").st_uid == spool.st_uid and "poll" in file.read():
                        return True
            return False
        wait_until(waits, "mxpost: the engine waits for mail")

    def version(self):
        return self.run("/usr/bin/mxpost", "--version").strip()


class MxpostOnDemand(Mxpost):
    name = "mxpost demand"
    note = "no engine but the one that sendmail starts"

    def serve(self):
        pass


class Postfix(Delivering, systems.Postfix):
    note = "running; postsuper -H, then postqueue -f"
    durable = "file synced; nothing synced"
    settings = "smtp_tls_security_level = none\n"

    def prepare(self, build, source):
        super().prepare(build, source)
        with open(self.path("/etc/postfix/main.cf")) as file:
            self.main = file.read() + "message_size_limit = 51200000\n" + self.settings
        inner = self.path("/var/spool/postfix/etc/resolv.conf")
        if not os.path.exists(inner):
            open(inner, "w").close()
        self.cover("/var/spool/postfix/etc/resolv.conf", f"nameserver {DNS}\n")

    def configure(self, holds):
        self.cover("/etc/postfix/main.cf", self.main if holds else
                   self.main.replace("header_checks = static:HOLD\n", ""))
        said = self.run_in_group("/usr/sbin/postfix", "start")
        wait_until(lambda: os.path.exists(self.path("/var/spool/postfix/public/qmgr")) and
                   len(self.group.pids()) >= 3, "postfix starts: " + said)

    def hold_back(self):
        self.configure(True)

    def arm(self):
        self.settle()
        self.run("/usr/sbin/postsuper", "-H", "ALL")

    def release(self):
        self.run("/usr/sbin/postqueue", "-f")

    def serve(self):
        self.configure(False)

    def end(self):
        super().end()
        for file in files_below(self.path("/var/spool/postfix/pid")):
            os.unlink(file)

    def purge(self):
        for file in self.queue_files():
            os.unlink(file)
        for queue in ("defer", "bounce", "trace"):
            for file in files_below(self.path("/var/spool/postfix/" + queue)):
                os.unlink(file)


class PostfixTls(Postfix):
    name = "postfix tls"
    note = "its sessions cached, connections reused through tlsproxy"
    settings = ("smtp_tls_security_level = may\nsmtp_tls_connection_reuse = yes\n"
                "smtp_tls_session_cache_database = btree:${data_directory}/smtp_scache\n")

    def prepare(self, build, source):
        super().prepare(build, source)
        with open(self.path("/etc/postfix/master.cf")) as file:
            self.cover("/etc/postfix/master.cf", re.sub("^#(tlsproxy |tlsmgr )", r"\1", file.read(),
                                                        flags=re.M))


class PostfixTlsPlain(PostfixTls):
    name = "postfix tls1"
    note = "its sessions cached, a connection each"
    settings = PostfixTls.settings.replace("reuse = yes", "reuse = no")


class Exim(Delivering, systems.Exim):
    fill_command = ["/usr/sbin/sendmail", "-odq", "-i"]
    command = ["/usr/sbin/sendmail", "-i"]
    runners = 5
    note = "exim -q, five at once"
    durable = "files and directory synced; journal synced per message"

    def prepare(self, build, source):
        super().prepare(build, source)
        with open(self.path("/etc/exim4/exim4.conf")) as file:
            text = file.read()
        text = text.replace("driver = smtp\n", "driver = smtp\n  hosts_avoid_tls = *\n")
        self.cover("/etc/exim4/exim4.conf", "message_size_limit = 50M\n" + text)

    def release(self):
        for _ in range(self.runners):
            self.launch("/usr/sbin/exim4", "-q")

    def purge(self):
        super().purge()
        for part in ("db", "input"):
            for file in files_below(self.path("/var/spool/exim4/" + part)):
                os.unlink(file)


class Sendmail(Delivering, systems.Package):
    name = "sendmail"
    package = "sendmail-bin"
    fill_command = ["/usr/sbin/sendmail", "-Am", "-C/etc/mail/bench-1.cf", "-odq", "-i"]
    fill_uid = 0
    spools = ["/var/spool/mqueue", "/var/spool/mqueue-client"]
    runners = 1
    note = "sendmail -q, as it comes"
    durable = "files and directory synced; both files of each message removed with the directory synced"

    def prepare(self, build, source):
        super().prepare(build, source)
        # However busy the machine is, it doesn't think so: the receiver makes it so.
        self.cover("/proc/loadavg", "0.00 0.00 0.00 1/100 1\n")
        with open(self.path("/etc/mail/submit.cf")) as file:
            text = file.read()
        self.cover("/etc/mail/submit.cf", re.sub(
            r"^#?O (QueueLA|RefuseLA)=.*$", r"O \1=1000", text, flags=re.M))

    def queue_length(self):
        return sum(os.path.basename(file).startswith("qf") for file in self.queue_files())

    def release(self):
        self.launch("/usr/sbin/sendmail", "-Am", f"-C/etc/mail/bench-{self.runners}.cf", "-q")

    def serve(self):
        self.launch("/usr/sbin/sendmail", "-Am", f"-C/etc/mail/bench-{self.runners}.cf", "-bD",
                    "-q10m", "-OPidFile=/var/run/sendmail/mta/bench.pid")
        from listener import answers
        wait_until(lambda: answers(25), "sendmail listens")


class SendmailRunners(Sendmail):
    name = "sendmail r20"
    runners = 20
    note = "sendmail -q, 20 runners"


class Opensmtpd(Delivering, systems.Opensmtpd):
    note = "running; smtpctl resume mta"
    durable = "nothing synced"

    def prepare(self, build, source):
        super().prepare(build, source)
        with open(self.path("/etc/smtpd.conf")) as file:
            self.cover("/etc/smtpd.conf", "smtp max-message-size 50M\n" + file.read())

    def begin(self, *control):
        self.run_in_group("/usr/sbin/smtpd")
        wait_until(lambda: "succeeded" in self.run("/usr/sbin/smtpctl", *control, check=False),
                   "opensmtpd starts", interval=0.1)

    def hold_back(self):
        self.begin("pause", "mta")

    def release(self):
        self.run("/usr/sbin/smtpctl", "resume", "mta")

    def serve(self):
        self.begin("log", "brief")

    def purge(self):
        for part in ("queue", "offline", "purge", "temporary", "incoming"):
            folder = self.path("/var/spool/smtpd/" + part)
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                path = os.path.join(folder, name)
                shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


class Dma(Delivering, systems.Dma):
    note = "dma -q1: a process for each recipient"
    durable = "files synced, the directory not"

    def configure(self, more):
        self.cover("/etc/dma/dma.conf", "MAILNAME /etc/mailname\n" + more)

    def hold_back(self):
        self.configure("DEFER\n")

    def release(self):
        self.launch("/usr/sbin/sendmail", "-q1")

    def arm(self):
        self.configure("")

    def serve(self):
        self.configure("")


class Nullmailer(Delivering, systems.Nullmailer):
    note = "nullmailer-send, to one relay"
    durable = "file and directory synced; nothing synced"

    def prepare(self, build, source):
        super().prepare(build, source)
        self.cover("/etc/nullmailer/remotes", f"{address(0)} smtp --port=25\n")

    def release(self):
        self.launch("/usr/bin/setpriv", "--reuid=mail", "--regid=mail", "--clear-groups",
                    "/usr/sbin/nullmailer-send")

    def serve(self):
        self.release()
        wait_until(lambda: any(self.waits(pid) for pid in self.group.pids()),
                   "nullmailer-send waits for mail")

    @staticmethod
    def waits(pid):
        with open(f"/proc/{pid}/comm") as file:
            return file.read().startswith("nullmailer-send")

    def purge(self):
        for part in ("queue", "tmp", "failed"):
            for file in files_below(self.path("/var/spool/nullmailer/" + part)):
                os.unlink(file)
