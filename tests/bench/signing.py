"""Signing (DKIM): what a signature costs, and a drain with DKIM and TLS at every MX.

OpenDKIM signs for Postfix when a message is queued, mxpost and Exim when it leaves: so what counts
is the CPU of all from submission to the last delivery. All sign with one RSA key of 2048 bits.
"""

import json
import os
import shutil
import subprocess

import drains
from delivering import Exim, Mxpost, PostfixTls
from world import TlsSink, wait_until

DOMAIN, SELECTOR = "bench.example.com", "bench"
KEY = "/etc/bench-dkim.pem"


def own_key(system, owner):
    """The one key of all, in the system's chroot."""
    common = os.path.join(os.path.dirname(system.root), "dkim.pem")
    if not os.path.exists(common):
        subprocess.run(["openssl", "genrsa", "-traditional", "-out", common, "2048"], check=True,
                       stderr=subprocess.DEVNULL)
    shutil.copy(common, system.path(KEY))
    system.run("/bin/chown", owner, KEY)
    os.chmod(system.path(KEY), 0o640)


class MxpostDkim(Mxpost):
    name = "mxpost dkim"
    note = "mxpost run, dkim = …"

    def prepare(self, build, source):
        super().prepare(build, source)
        own_key(self, "root:mxpost")
        with open(self.path("/etc/mxpost.conf")) as file:
            self.cover("/etc/mxpost.conf", f"{file.read()}\ndkim = {DOMAIN} {SELECTOR} {KEY}\n")


class PostfixDkim(PostfixTls):
    name = "postfix dkim"
    note = "OpenDKIM as milter of what sendmail submits"
    socket = "/var/spool/postfix/opendkim.sock"
    settings = PostfixTls.settings + "non_smtpd_milters = unix:/opendkim.sock\n"

    def prepare(self, build, source):
        super().prepare(build, source)
        own_key(self, "opendkim:opendkim")
        self.cover("/etc/opendkim.conf", f"""Mode s
Syslog no
UserID opendkim
UMask 0
Socket local:{self.socket}
Canonicalization relaxed/relaxed
Domain {DOMAIN}
Selector {SELECTOR}
KeyFile {KEY}
OversignHeaders From
InternalHosts 0.0.0.0/0
""")

    def configure(self, holds):
        if os.path.exists(self.path(self.socket)):
            os.unlink(self.path(self.socket))
        os.chmod(self.path("/var/spool/postfix"), 0o777)  # opendkim makes its socket there
        self.launch("/usr/sbin/opendkim", "-f", "-x", "/etc/opendkim.conf")
        wait_until(lambda: os.path.exists(self.path(self.socket)), "opendkim listens")
        super().configure(holds)

    def end(self):
        super().end()
        os.chmod(self.path("/var/spool/postfix"), 0o755)


class EximDkim(Exim):
    name = "exim dkim"
    note = "exim -q, five at once, its own DKIM"

    def prepare(self, build, source):
        super().prepare(build, source)
        own_key(self, "root:Debian-exim")
        with open(self.path("/etc/exim4/exim4.conf")) as file:
            text = file.read().replace("  hosts_avoid_tls = *\n", "")
        self.cover("/etc/exim4/exim4.conf", text.replace("driver = smtp\n", f"""driver = smtp
  dkim_domain = {DOMAIN}
  dkim_selector = {SELECTOR}
  dkim_private_key = {KEY}
  dkim_canon = relaxed
"""))


def cost(bench):
    program = os.path.join(bench.options.build, "tests/bench/bench_sign")
    done = subprocess.run([program, "0.05" if bench.options.quick else "2"], capture_output=True,
                          text=True, check=True)
    rows = json.loads(done.stdout)
    print("\nsigning one message, CPU")
    kinds = list(dict.fromkeys(row["keys"] for row in rows))
    print(f"  {'octets':>9} " + " ".join(f"{kind:>12}" for kind in kinds))
    for size in dict.fromkeys(row["size"] for row in rows):
        each = {row["keys"]: row["us"] for row in rows if row["size"] == size}
        print(f"  {size:9} " + " ".join(f"{each[kind]:9.0f} µs" for kind in kinds))
    return rows


def dkim(bench):
    results = {"cost": cost(bench)}
    count = bench.options.messages or 2000
    systems = bench.systems([MxpostDkim, PostfixDkim, EximDkim])
    for name in ("1 domain", "100 domains"):
        if bench.options.scenarios and name not in bench.options.scenarios:
            continue
        print(f"\n{count} messages to {name}, signed, TLS at every MX; CPU from submission on")
        found = drains.measure(bench, systems, drains.Fill(count, *drains.DRAINS[name]),
                               receiver=TlsSink)
        print(drains.table(found))
        for system, r in found.items():
            r["cpu_all_ms"] = sorted(q["cpu_all"] for q in r["raw"])[len(r["raw"]) // 2] / 1000 / count
            print(f"  {system:13} {r['cpu_all_ms']:.3f} ms CPU a message from submission on, "
                  f"{1000 / r['cpu_all_ms']:.0f} messages a CPU second, "
                  f"{r['check']['signatures']} of {count} signed")
        print(drains.least_line(found, "cpu_all_ms", "of the CPU   target: 0.33 of postfix dkim",
                                own=MxpostDkim.name))
        results[name] = {"systems": found}
    return results
