"""A full queue is let go: messages a second until the last is received, and until the queue is empty.

`drain` is 2,000 messages to 1, 100, 1,000 domains and to 1,000 domains behind one MX, `slow` is a
receiver that takes a second for each message, `list` is one message for 1,000 recipients.
"""

import json
import os
import statistics
import subprocess
import sys
import time

from delivering import (Dma, Exim, Mxpost, Opensmtpd, Postfix, PostfixTls, PostfixTlsPlain,
                        Sendmail, SendmailRunners)
from group import Sampler
from world import SHARED, Sink, TlsSink, address

DRAINS = {"1 domain": ("d", 1), "100 domains": ("d", 100), "1000 domains": ("d", 1000),
          "1000 behind one MX": ("s", 1000)}
STALL = 15  # seconds without a message: it waits for a retry


class Fill:
    """What is in the queue: recipients of COUNT messages, spread over DOMAINS domains."""

    def __init__(self, count, letter, domains):
        self.count, self.letter, self.domains = count, letter, domains

    def recipients(self):
        return [f"u{i:05}@{self.letter}{i % self.domains:04}.test" for i in range(self.count)]


def fill(bench, system, what, callers=8):
    callers = max(n for n in range(1, callers + 1) if what.count % n == 0)
    done = system.group.start(
        [bench.tool, "spread", what.letter, str(what.domains), str(what.count // callers),
         str(callers), str(system.fill_uid), system.root, bench.message, *system.fill_command],
        stdout=subprocess.PIPE, text=True)
    result = json.loads(done.communicate(timeout=300)[0])
    failed = [call[4] for call in result["calls"] if call[4] != 0]
    if failed:
        raise SystemExit(f"{system.name}: queueing failed: exit statuses {sorted(set(failed))}")


def wait_for(sink, system, count, begun, limit):
    """Until `count` messages are there, or nothing more is to be expected."""
    found = {"first": None, "received": None}
    seen, progress = 0, time.monotonic()
    while True:
        messages = sink.messages()
        now = time.monotonic()
        if messages > 0 and found["first"] is None:
            found["first"] = now - begun
        if messages > seen:
            seen, progress = messages, now
        if messages >= count:
            found["received"] = now - begun
            return found
        if now - begun > limit or now - progress > STALL or (
                now - progress > 1 and not system.group.pids()):
            return found
        time.sleep(0.002)


def settle(sink, system, begun):
    """Seconds until the queue is empty; None: it stays full. Then what the system still does."""
    deadline = time.monotonic() + 10
    while system.queue_length() and time.monotonic() < deadline:
        time.sleep(0.005)
    emptied = time.monotonic() - begun
    left = system.queue_length()
    last = -1
    while system.group.microseconds() - last > 2000 and time.monotonic() < deadline:
        last = system.group.microseconds()
        time.sleep(0.2)
    return None if left else emptied, left


def once(bench, system, what, options=(), checked=False, limit=None, receiver=Sink):
    """One drain. Checked: envelopes are kept and compared, and memory is sampled; not for timing."""
    system.end()
    system.purge()
    before = system.group.microseconds()
    system.hold_back()
    fill(bench, system, what)
    system.arm()
    queued = system.queue_length()
    if queued != what.count:
        raise SystemExit(f"{system.name}: {what.count} submitted, {queued} queued")
    os.sync()
    sink = receiver(bench.world, *options, keep=checked)
    cpu = system.group.microseconds()
    begun = time.monotonic()
    system.release()
    sampler = Sampler(system.group) if checked else None
    found = wait_for(sink, system, what.count, begun, limit or bench.options.limit)
    emptied, left = settle(sink, system, begun)
    found.update(emptied=emptied, left=left, cpu=system.group.microseconds() - cpu,
                 cpu_all=system.group.microseconds() - before)
    if sampler:
        found.update(sampler.stop())
    system.end()
    found.update(zip(("sessions", "messages"), sink.final_counts()))
    if checked:
        found["exact"] = sorted(r for t in sink.kept() for r in t) == sorted(what.recipients())
        found["signatures"] = sink.signatures()
        found["handshakes"] = sink.handshakes() if receiver is TlsSink else None
        found["received_of"] = [len({r for t in sink.kept() for r in t}), what.count]
    sink.stop()
    system.purge()
    return found


def summarize(check, rounds, count):
    """Of the rounds that received everything; medians."""
    whole = [r for r in rounds if r["received"] and r["messages"] == count]
    result = {"whole": len(whole), "rounds": len(rounds), "check": check, "raw": rounds,
              "memory_kib": check["memory_kib"], "processes": check["processes"],
              "largest_kib": check["largest_kib"], "exact": check["exact"]}
    chosen = whole or rounds
    result["messages"] = min(r["messages"] for r in rounds)
    result["left"] = max(r["left"] for r in rounds)
    result["sessions"] = statistics.median(r["sessions"] for r in chosen)
    result["cpu_ms"] = statistics.median(
        r["cpu"] / 1000 / max(1, r["messages"]) for r in chosen)
    if whole:
        result["seconds"] = statistics.median(r["received"] for r in whole)
        result["rate"] = count / result["seconds"]
        result["warm_rate"] = count / statistics.median(
            max(0.002, r["received"] - r["first"]) for r in whole)
        emptied = [r["emptied"] for r in whole if r["emptied"]]
        result["emptied"] = statistics.median(emptied) if emptied else None
    return result


def measure(bench, systems, what, options=(), limit=None, rounds=None, receiver=Sink):
    """{system: summary}: a checked round of each, then timed rounds, each begun by another."""
    checks = {s.name: once(bench, s, what, options, True, limit, receiver) for s in systems}
    found = {s.name: [] for s in systems}
    for number in range(rounds or bench.options.rounds):
        turn = number % len(systems)
        for system in systems[turn:] + systems[:turn]:
            found[system.name].append(
                once(bench, system, what, options, False, limit, receiver))
        print(f"  round {number + 1}", file=sys.stderr)
    return {name: summarize(checks[name], found[name], what.count) for name in found}


def ceiling(bench, what, connections):
    """The bare client, as many messages a connection as there are for a domain."""
    each = what.count if what.letter == "s" else max(1, what.count // what.domains)
    if connections > 1 and what.domains == 1 or what.letter == "s":
        each = max(1, each // connections)
    rates, cpus = [], []
    for _ in range(bench.options.rounds):
        sink = Sink(bench.world)
        done = subprocess.run(
            [bench.client, SHARED if what.letter == "s" else address(0), str(what.count),
             str(connections), str(each), str(os.path.getsize(bench.message))],
            capture_output=True, text=True, check=True, timeout=60)
        result = json.loads(done.stdout)
        if sink.messages() != what.count:
            raise SystemExit(f"bench_client: the sink got {sink.messages()} of {what.count}")
        sink.stop()
        rates.append(what.count * 1e6 / result["microseconds"])
        cpus.append(result["cpu_microseconds"] / 1000 / what.count)
    return {"rate": statistics.median(rates), "cpu_ms": statistics.median(cpus),
            "each": each, "connections": connections, "rates": rates}


def ratios(results, own="mxpost"):
    """mxpost's rate by the fastest peer's, and its CPU by that of the most frugal peer."""
    peers = {name: r for name, r in results.items() if not name.startswith("mxpost")}
    whole = {name: r for name, r in peers.items() if r.get("rate")}
    if own not in results or not whole or not results[own].get("rate"):
        return {}
    fastest = max(whole, key=lambda name: whole[name]["rate"])
    frugal = min(whole, key=lambda name: whole[name]["cpu_ms"])
    return {"rate": results[own]["rate"] / whole[fastest]["rate"], "fastest": fastest,
            "cpu": results[own]["cpu_ms"] / whole[frugal]["cpu_ms"], "frugal": frugal}


def table(results):
    lines = [f"  {'':13} {'msg/s':>6} {'min–max':>11} {'from 1st':>8} {'empty':>6} {'CPU':>6} "
             f"{'memory':>6} {'procs':>5} {'sessions':>8} {'trans-':>7}  exactly once",
             f"  {'':13} {'':>6} {'':>11} {'message':>8} {'s':>6} {'ms/msg':>6} {'MiB':>6} {'':>5} "
             f"{'':>8} {'actions':>7}"]
    for name, r in results.items():
        whole = [q for q in r["raw"] if q["received"]]
        each = [r["messages"] / q["received"] for q in whole]
        span = f"{min(each):.0f}–{max(each):.0f}" if each else "-"
        exact = "yes" if r["exact"] and r["whole"] == r["rounds"] else (
            f"no: {r['whole']} of {r['rounds']} rounds whole, the worst got {r['messages']}, "
            f"{r['left']} left" if r["exact"] else
            f"no: {r['check']['received_of'][0]} of {r['check']['received_of'][1]} recipients, "
            f"{r['left']} left")
        lines.append(
            f"  {name:13} {number(r.get('rate')):>6} {span:>11} {number(r.get('warm_rate')):>8} "
            f"{number(r.get('emptied'), 2):>6} {r['cpu_ms']:6.3f} {r['memory_kib'] / 1024:6.1f} "
            f"{r['processes']:5} {r['sessions']:8.0f} {r['messages']:7}  {exact}")
    return "\n".join(lines)


def number(value, digits=0):
    return "-" if value is None else f"{value:.{digits}f}"


def ratio_line(found, target):
    if not found:
        return "  no ratio: mxpost or all peers didn't get through"
    return (f"  mxpost / {found['fastest']}: {found['rate']:.2f} of the rate; mxpost / "
            f"{found['frugal']}: {found['cpu']:.2f} of the CPU{target}")


def least_line(results, key, what, own="mxpost"):
    """mxpost beside the peer that has the least."""
    peers = {name: r[key] for name, r in results.items()
             if not name.startswith("mxpost") and r.get(key)}
    if not peers or not results.get(own, {}).get(key):
        return "  no ratio: mxpost or all peers didn't get through"
    best = min(peers, key=peers.get)
    return f"  {own} / {best}: {results[own][key] / peers[best]:.2f} {what}"


def drain(bench):
    results = {}
    count = bench.options.messages or 2000
    systems = bench.systems([Mxpost, Postfix, Sendmail, SendmailRunners, Opensmtpd, Exim, Dma])
    for name, (letter, domains) in DRAINS.items():
        if bench.options.scenarios and name not in bench.options.scenarios:
            continue
        what = Fill(count, letter, domains)
        print(f"\ndrain of {count} messages of {os.path.getsize(bench.message)} octets to {name}")
        found = measure(bench, systems, what)
        print(table(found))
        print(ratio_line(ratios(found), "   target: 4.00, 0.50"))
        ceilings = [ceiling(bench, what, connections) for connections in (1, 10)]
        for c in ceilings:
            print(f"  bare client, {c['connections']} connections, {c['each']} messages each: "
                  f"{c['rate']:.0f} msg/s, {c['cpu_ms']:.3f} ms CPU a message")
        results[name] = {"systems": found, "ratios": ratios(found), "ceilings": ceilings}
    return results


def slow(bench):
    """As `drain`, but each message takes the receiver a second."""
    results = {}
    count = bench.options.messages or 500
    for name, domains, kinds in (("100 domains", 100, [Mxpost, Postfix, Dma]),
                                 ("1 domain", 1, [Mxpost, Postfix, Dma])):
        if bench.options.scenarios and name not in bench.options.scenarios:
            continue
        print(f"\n{count} messages to {name}, 1 s each at the receiver")
        found = measure(bench, bench.systems(kinds), Fill(count, "d", domains),
                        ("-w", "1"), limit=max(bench.options.limit, count),
                        rounds=min(2, bench.options.rounds))
        for system, r in found.items():
            print(f"  {system:13} {number(r.get('seconds'), 2):>7} s  "
                  f"{r['memory_kib'] / 1024:6.1f} MiB  {r['processes']:4} processes  "
                  f"{r['sessions']:5.0f} sessions  exactly once: {'yes' if r['exact'] else 'no'}")
        print(least_line(found, "seconds", "of the time"))
        results[name] = {"systems": found}
    return results


def tls(bench):
    """As `drain`, to Postfix with a certificate."""
    results = {}
    count = bench.options.messages or 2000
    systems = bench.systems([Mxpost, PostfixTls, PostfixTlsPlain])
    for name in ("1 domain", "100 domains"):
        if bench.options.scenarios and name not in bench.options.scenarios:
            continue
        print(f"\ndrain of {count} messages to {name}, TLS at every MX")
        found = measure(bench, systems, Fill(count, *DRAINS[name]), receiver=TlsSink)
        print(table(found))
        for system, r in found.items():
            sessions, resumed = r["check"]["handshakes"]
            print(f"  {system:13} {sessions} TLS sessions, {resumed} of them resumed")
        print(ratio_line(ratios(found), ""))
        results[name] = {"systems": found, "ratios": ratios(found)}
    return results


def list_once(bench, system, recipients, sampled):
    system.end()
    system.purge()
    system.serve()
    sink = Sink(bench.world, keep=True)
    cpu = system.group.microseconds()
    sampler = Sampler(system.group) if sampled else None
    done = system.group.start(
        [bench.tool, "calls", "1", "1", "1000", system.root, bench.message, *system.command,
         *recipients], stdout=subprocess.PIPE, text=True)
    call = json.loads(done.communicate(timeout=60)[0])
    begun = call["start"] / 1e6
    seen, received = 0, None
    deadline = time.monotonic() + bench.options.limit
    while time.monotonic() < deadline and (
            system.queue_length() or received is None or time.monotonic() - received < 1):
        if time.monotonic() - (received or begun) > STALL:
            break
        if sink.messages() != seen:
            seen, received = sink.messages(), time.monotonic()
        time.sleep(0.002)
    cpu = system.group.microseconds() - cpu
    memory = sampler.stop() if sampler else {}
    system.end()
    sessions = sink.final_counts()[0]
    got = [r for transaction in sink.kept() for r in transaction]
    found = {"seconds": received and received - begun, "transactions": len(sink.kept()),
             "sessions": sessions, "exact": sorted(got) == sorted(recipients),
             "recipients": len(got), "status": call["calls"][0][4],
             "cpu": cpu, **memory}
    sink.stop()
    system.purge()
    return found


def mailing_list(bench):
    count = 100 if bench.options.quick else 1000
    recipients = [f"u{i:05}@d{i % 100:04}.test" for i in range(count)]
    print(f"\none message, {count} recipients in 100 domains, from the call on")
    results = {}
    systems = bench.systems([Mxpost, Postfix, Exim, Opensmtpd, Sendmail, Dma])
    checks = [list_once(bench, system, recipients, True) for system in systems]
    rounds = [[list_once(bench, system, recipients, False) for system in systems]
              for _ in range(bench.options.rounds)]
    for system, check, found in zip(systems, checks, zip(*rounds)):
        every = [check, *found]
        whole = [r["seconds"] for r in found if r["exact"]]
        exact = "yes" if all(r["exact"] for r in every) else (
            f"no: {min(r['recipients'] for r in every)} of {count}")
        r = results[system.name] = {
            "seconds": statistics.median(whole) if whole else None, "check": check, "raw": found,
            "cpu": statistics.median(q["cpu"] for q in found)}
        print(f"  {system.name:13} {number(r['seconds'], 3):>7} s  "
              f"{check['transactions']:5} transactions  {check['sessions']:5} sessions  "
              f"{r['cpu'] / 1000:6.0f} ms CPU  {check['memory_kib'] / 1024:6.1f} MiB  "
              f"exactly once: {exact}")
    print(least_line(results, "seconds", "of the time"))
    return results
