"""The world that the systems deliver into: a network of its own with its DNS and its receiver.

The systems are at 192.0.2.1, in the network namespace of `run`. Behind a veth pair is the world:
198.18.0.53 answers DNS, and each domain's MX has an address of its own, all of which reach the
same smtp-sink. One domain's address answers nothing, another's refuses. No route leads further.
"""

import os
import re
import resource
import subprocess
import time

HERE = "192.0.2.1"
GATEWAY = "198.18.0.1"
DNS = "198.18.0.53"
SHARED = "198.18.10.1"  # the one MX of s0000.test, s0001.test …
SILENT = "198.18.100.1"  # the MX of silent.test: nobody has this address
REFUSING = "198.19.0.1"  # the MX of refusing.test: nothing listens there
DOMAINS = 1000


def wait_until(condition, what, seconds=60, interval=0.02):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds} s: {what}")
        time.sleep(interval)


def address(number):
    """Of the MX of d0000.test, d0001.test …"""
    return f"198.18.{1 + number // 250}.{1 + number % 250}"


def zone():
    """Lines of unbound.conf. Each domain has its own MX name; s0000.test and so on share one."""
    records = [f"shared.mx.test. A {SHARED}", f"bench.example.com. A {HERE}",
               "silent.test. MX 10 mx.silent.test.", f"mx.silent.test. A {SILENT}",
               "refusing.test. MX 10 mx.refusing.test.", f"mx.refusing.test. A {REFUSING}"]
    for i in range(DOMAINS):
        records += [f"d{i:04}.test. MX 10 mx.d{i:04}.test.", f"mx.d{i:04}.test. A {address(i)}",
                    f"s{i:04}.test. MX 10 shared.mx.test."]
    return [f'local-data: "{name} 3600 IN {rest}"'
            for name, rest in (record.split(" ", 1) for record in records)]


class Network:
    """A network namespace that lives as long as this process."""

    def __init__(self, name, addresses):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait_until(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != own, "a network")
        self.enter = ["nsenter", f"--net=/proc/{self.process.pid}/ns/net"]
        gateway = addresses[0]
        for command in (
                ["ip", "link", "add", name, "type", "veth", "peer", "name", "systems", "netns",
                 str(self.process.pid)],
                ["ip", "address", "add", HERE + "/32", "dev", name],
                ["ip", "link", "set", name, "up"],
                [*self.enter, "ip", "link", "set", "lo", "up"],
                [*self.enter, "ip", "link", "set", "systems", "up"],
                [*self.enter, "ip", "address", "add", gateway + "/32", "dev", "systems"],
                [*self.enter, "ip", "route", "add", HERE + "/32", "dev", "systems"],
                ["ip", "route", "add", gateway + "/32", "dev", name]):
            subprocess.run(command, check=True)
        for part in addresses[1:]:
            subprocess.run([*self.enter, "ip", "route", "add", "local", part, "dev", "lo"],
                           check=True)
        self.tune(self.enter)

    @staticmethod
    def tune(enter):
        """Neither side runs out of ports or of room for connections."""
        for setting in ("net.ipv4.ip_local_port_range=10000 65000", "net.ipv4.tcp_tw_reuse=1",
                        "net.core.somaxconn=4096", "net.ipv4.tcp_max_syn_backlog=8192"):
            subprocess.run([*enter, "sysctl", "-qw", setting], check=True)


class World:
    def __init__(self, root):
        self.root = root
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        Network.tune([])
        self.network = Network("world", [GATEWAY, DNS + "/32", *[
            f"198.18.{third}.0/24" for third in range(1, 16)]])
        subprocess.run(["ip", "route", "add", "198.18.0.0/16", "via", GATEWAY], check=True)
        self.refuser = Network("refuser", [REFUSING])
        subprocess.run(["mount", "-t", "proc", "proc", root + "/proc"], check=True)
        self.answer_dns()

    def start(self, *command, **rest):
        return subprocess.Popen([*self.network.enter, "chroot", self.root, *command],
                                stdin=subprocess.DEVNULL, **rest)

    def answer_dns(self):
        with open(self.root + "/etc/unbound/bench.conf", "w") as file:
            file.write("\n  ".join([
                "server:", f"interface: {DNS}", "access-control: 0.0.0.0/0 allow", "do-ip6: no",
                "do-daemonize: no", 'username: ""', 'chroot: ""', 'pidfile: ""', "use-syslog: no",
                'logfile: ""', "num-threads: 1", 'module-config: "iterator"',
                'local-zone: "." static', *zone()]) + "\n")
        self.start("/usr/sbin/unbound", "-d", "-c", "/etc/unbound/bench.conf",
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05d0999\x04test\x00\x00\x0f\x00\x01"

        def answers():
            import socket
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.settimeout(0.5)
                try:
                    udp.sendto(query, (DNS, 53))
                    return udp.recv(512)[6:8] == b"\x00\x01"
                except OSError:
                    return False
        wait_until(answers, "the DNS answers")


class Sink:
    """Postfix's smtp-sink on port 25 of every address; counts, and keeps envelopes if asked."""

    COUNTS = re.compile(rb"sess=(\d+) quit=(\d+) mesg=(\d+)")

    def __init__(self, world, *options, port=25, keep=False, watched=False, wait=True):
        self.dump = world.root + "/tmp/bench-dump" if keep else None
        if keep:
            if os.path.exists(self.dump):
                os.unlink(self.dump)
            os.chmod(world.root + "/tmp", 0o1777)
            options = (*options, "-D", "/tmp/bench-dump")
        self.watched = watched
        # A file that is looked at now and then costs the sink nothing; a pipe tells when.
        self.output = None if watched else open(world.root + "/bench-sink", "w+b")
        self.process = world.start(
            "/usr/sbin/smtp-sink", "-c", "-m", "4000", "-u", "nobody", *options,
            f"0.0.0.0:{port}", "4096", stdout=subprocess.PIPE if watched else self.output,
            stderr=subprocess.DEVNULL, preexec_fn=self.many_files)
        if wait:
            wait_until(lambda: self.listens(port), "smtp-sink listens")

    @staticmethod
    def many_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))

    @staticmethod
    def listens(port):
        import socket
        try:
            with socket.create_connection((SHARED, port), timeout=5) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            return False

    def counts(self):
        """(ended sessions, messages) so far, without the session that saw that it listens."""
        size = os.fstat(self.output.fileno()).st_size
        found = self.COUNTS.findall(os.pread(self.output.fileno(), 256, max(0, size - 256)))
        return (int(found[-1][0]) - 1, int(found[-1][2])) if found else (0, 0)

    def messages(self):
        return self.counts()[1]

    def final_counts(self):
        """When all clients have ended: it counts a session when that is over."""
        last = None
        while self.counts() != last:
            last = self.counts()
            time.sleep(0.1)
        return last

    def wait_message(self, number, seconds):
        """When this one was there, by CLOCK_MONOTONIC; None: not in time. Only if watched."""
        import select
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                return None
            text = os.read(self.process.stdout.fileno(), 65536)
            now = time.monotonic()
            found = self.COUNTS.findall(text)
            if found and int(found[-1][2]) >= number:
                return now

    def kept(self):
        """The recipients of every transaction, in order."""
        if not os.path.exists(self.dump):
            return []
        with open(self.dump, "rb") as file:
            text = file.read()
        transactions = []
        for line in text.split(b"\n"):
            if line.startswith(b"X-Mail-Args:"):
                transactions.append([])
            elif line.startswith(b"X-Rcpt-Args:"):
                transactions[-1].append(re.search(rb"<(.*?)>", line).group(1).decode())
        return transactions

    def signatures(self):
        """DKIM signatures of all that was kept."""
        with open(self.dump, "rb") as file:
            return len(re.findall(rb"^DKIM-Signature:", file.read(), re.M))

    def stop(self):
        self.process.kill()
        self.process.wait()
        if self.output:
            self.output.close()


class TlsSink:
    """Postfix's smtpd with a certificate on port 25 of every address, smtp-sink behind it.

    smtpd hands each message on before it replies (smtpd_proxy_filter), so nothing is queued here.
    """

    MAIN = """compatibility_level = 3.6
myhostname = mx.test
mydestination =
mynetworks = 0.0.0.0/0
inet_protocols = ipv4
inet_interfaces = all
alias_maps =
default_process_limit = 400
smtpd_peername_lookup = no
smtpd_client_event_limit_exceptions = static:all
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = /etc/postfix/certificate.pem
smtpd_tls_key_file = /etc/postfix/key.pem
smtpd_proxy_filter = inet:127.0.0.1:10025
maillog_file = /var/log/bench
smtpd_tls_loglevel = """

    def __init__(self, world, *options, keep=False):
        self.world = world
        self.log = world.root + "/var/log/bench"
        self.keep = keep
        with open(world.root + "/etc/postfix/main.cf", "w") as file:
            file.write(self.MAIN + ("summary, cache\n" if keep else "0\n"))
        with open(world.root + "/etc/postfix/master.cf.proto") as file:
            master = file.read()
        with open(world.root + "/etc/postfix/master.cf", "w") as file:
            file.write(re.sub(r"^(smtp +inet +\S+ +\S+ +)y", r"\1n", master, flags=re.M))
        if os.path.exists(self.log):
            os.unlink(self.log)
        self.sink = Sink(world, *options, port=10025, keep=keep, wait=False)
        world.start("/usr/sbin/postfix", "start", stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL).wait()
        wait_until(lambda: Sink.listens(25), "smtpd listens")
        self.messages = self.sink.messages
        self.kept = self.sink.kept
        self.signatures = self.sink.signatures

    def final_counts(self):
        """Sessions are smtpd's: it makes one with smtp-sink for each message."""
        messages = self.sink.final_counts()[1]
        with open(self.log, errors="replace") as file:
            return len(re.findall(": connect from ", file.read())) - 1, messages

    def handshakes(self):
        """(TLS sessions, those of them that were resumed), if envelopes are kept."""
        with open(self.log, errors="replace") as file:
            text = file.read()
        return (len(re.findall("TLS connection established from", text)),
                len(re.findall("Reusing old session", text)))

    def stop(self):
        self.world.start("/usr/sbin/postfix", "stop", stdout=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL).wait()
        self.sink.stop()
