"""From the call of sendmail on: `latency`, `callers`, `large` and `dead`."""

import json
import os
import statistics
import subprocess
import sys
import time

import report
from delivering import (Dma, Exim, Mxpost, MxpostOnDemand, Nullmailer, Opensmtpd, Postfix, Sendmail)
from drains import least_line, number, settle
from group import Sampler
from world import Sink

ALL = [Mxpost, MxpostOnDemand, Nullmailer, Postfix, Exim, Opensmtpd, Dma, Sendmail]


def call(bench, system, recipients, message=None, uid=1000):
    """One call by an ordinary user; what bench_submit says of it."""
    process = system.group.start(
        [bench.tool, "calls", "1", "1", str(uid), system.root, message or bench.message,
         *system.command, *recipients], stdout=subprocess.PIPE, text=True)
    result = json.loads(process.communicate(timeout=120)[0])
    status = result["calls"][0][4]
    if status != 0:
        raise SystemExit(f"{system.name}: exit status {status}")
    return result


def begin(system):
    system.end()
    system.purge()
    system.serve()


PATIENCE = 20  # seconds for one message


def time_calls(bench, system, sink, count, seen, cold=False, may_fail=False):
    """[(milliseconds until received, milliseconds of the call)] one after the other.

    If it may fail, a message that isn't received in time is the last, and counts as that time.
    """
    times = []
    for i in range(count):
        if cold:
            system.end()
        result = call(bench, system, [f"u{i:05}@d{i % 10:04}.test"])
        received = sink.wait_message(seen + len(times) + 1, PATIENCE)
        if received is None and may_fail:
            return [*times, (PATIENCE * 1000.0, result["calls"][0][0] / 1000)]
        if received is None:
            raise SystemExit(f"{system.name}: a message didn't arrive within {PATIENCE} s")
        times.append((received * 1000 - result["start"] / 1000, result["calls"][0][0] / 1000))
        time.sleep(0.03)
    return times


def latency(bench):
    """`mxpost demand`: its engine runs already, as it was started by the call before."""
    count = bench.options.messages or 100
    count = min(count, 5) if bench.options.quick else count
    systems = bench.systems(ALL)
    raw = {}

    def measure(system, calls, cold=False):
        begin(system)
        sink = Sink(bench.world, watched=True)
        warm = 0 if cold else len(time_calls(bench, system, sink, 2, 0))
        found = time_calls(bench, system, sink, calls, warm, cold)
        sink.stop()
        system.end()
        system.purge()
        raw.setdefault(system.name + (" cold" if cold else ""), []).extend(found)

    rounds = min(bench.options.rounds, count)
    for turn in range(rounds):
        order = systems[turn % len(systems):] + systems[:turn % len(systems)]
        for system in order:
            measure(system, count // rounds)
            if system.name == "mxpost demand":
                measure(system, max(1, count // rounds // 4), cold=True)
        print(f"  round {turn + 1}", file=sys.stderr)
    results = {}
    print(f"\nfrom the call until the receiver has the message, {count} calls one after the other\n"
          f"  {'':18} {'p50':>8} {'p95':>8} {'min':>8}   the call itself, p50 (ms)")
    for name, found in sorted(raw.items(), key=lambda item: statistics.median(
            t[0] for t in item[1])):
        values = [t[0] for t in found]
        results[name] = {"p50": statistics.median(values), "p95": report.quantile(values, 0.95),
                         "call_p50": statistics.median(t[1] for t in found), "raw": found}
        print(f"  {name:18} {results[name]['p50']:8.2f} {results[name]['p95']:8.2f} "
              f"{min(values):8.2f}   {results[name]['call_p50']:8.2f}")
    for own in ("mxpost", "mxpost demand"):
        if own in results:
            print(least_line(results, "p50", "of the median", own))
    return results


def callers_once(bench, system, calls, callers):
    begin(system)
    sink = Sink(bench.world)
    call(bench, system, ["warm@d0000.test"], uid=1000)
    settle(sink, system, time.monotonic())
    before, cpu = sink.messages(), system.group.microseconds()
    process = system.group.start(
        [bench.tool, "spread", "d", "100", str(calls), str(callers), "1000", system.root,
         bench.message, *system.command], stdout=subprocess.PIPE, text=True)
    result = json.loads(process.communicate(timeout=300)[0])
    total, begun = calls * callers, result["start"] / 1e6
    bad = sum(c[4] != 0 for c in result["calls"])
    during = sink.messages() - before
    deadline = time.monotonic() + bench.options.limit
    while sink.messages() - before < total and time.monotonic() < deadline:
        time.sleep(0.005)
    received = time.monotonic() - begun
    _, left = settle(sink, system, begun)
    found = {"accepted_rate": total * 1e6 / result["microseconds"],
             "delivered_rate": (sink.messages() - before) / received, "during": during,
             "messages": sink.messages() - before, "left": left, "failed": bad,
             "cpu_ms": (system.group.microseconds() - cpu) / 1000 / total}
    sink.stop()
    system.end()
    system.purge()
    return found


def callers(bench):
    calls = 10 if bench.options.quick else (bench.options.messages or 2000) // 8
    systems = bench.systems([Mxpost, MxpostOnDemand, Dma, Opensmtpd, Nullmailer, Postfix, Exim,
                             Sendmail])
    raw = {system.name: [] for system in systems}
    for turn in range(bench.options.rounds):
        for system in systems[turn % len(systems):] + systems[:turn % len(systems)]:
            raw[system.name].append(callers_once(bench, system, calls, 8))
        print(f"  round {turn + 1}", file=sys.stderr)
    print(f"\n8 callers at once, {calls} calls each, 100 domains, delivery going on\n  {'':13} "
          f"{'accepted/s':>10} {'delivered/s':>11} {'CPU ms/msg':>10}  received, of {8 * calls}")
    results = {}
    for name, rounds in raw.items():
        r = results[name] = {"raw": rounds, **{
            key: statistics.median(q[key] for q in rounds)
            for key in ("accepted_rate", "delivered_rate", "cpu_ms")}}
        print(f"  {name:13} {r['accepted_rate']:10.0f} {r['delivered_rate']:11.0f} "
              f"{r['cpu_ms']:10.2f}  {min(q['messages'] for q in rounds)}–"
              f"{max(q['messages'] for q in rounds)}, {sum(q['failed'] for q in rounds)} calls failed")
    if "mxpost" in results and "dma" in results:
        for name in ("mxpost", "mxpost demand"):
            if name in results:
                ratio = results[name]["accepted_rate"] / results["dma"]["accepted_rate"]
                results[name]["ratio"] = ratio
                print(f"  {name} / dma: {ratio:.2f} of the accepted messages a second   target: 2.00")
    return results


def large(bench):
    octets = (1 if bench.options.quick else 25) << 20
    path = os.path.join(bench.root, "message-large")
    with open(bench.message) as file:
        head, body = file.read().split("\n\n", 1)
    line = "Nothing to read here: this line is as long as lines of mail often are.\n"
    with open(path, "w") as file:
        file.write(head + "\n\n" + line * ((octets - len(head)) // len(line)))
    systems = bench.systems(ALL)
    raw = {system.name: [] for system in systems}
    for turn in range(bench.options.rounds):
        for system in systems[turn % len(systems):] + systems[:turn % len(systems)]:
            begin(system)
            sink = Sink(bench.world, watched=True)
            os.sync()
            sampler = Sampler(system.group, 0.01)
            result = call(bench, system, ["u00000@d0000.test"], path)
            received = sink.wait_message(1, bench.options.limit)
            found = {"submitted_ms": result["calls"][0][0] / 1000,
                     "sendmail_kib": result["calls"][0][3],
                     "received_ms": received and received * 1000 - result["start"] / 1000,
                     **sampler.stop()}
            sink.stop()
            system.end()
            system.purge()
            raw[system.name].append(found)
        print(f"  round {turn + 1}", file=sys.stderr)
    print(f"\na message of {octets >> 20} MiB\n  {'':13} {'submitted':>9} {'received':>9} "
          f"{'sendmail':>9} {'largest':>9} {'all':>9}\n  {'':13} {'ms':>9} {'ms':>9} {'MiB':>9} "
          f"{'MiB':>9} {'MiB':>9}")
    results = {}
    for name, rounds in raw.items():
        r = results[name] = {"raw": rounds}
        for key in ("submitted_ms", "received_ms"):
            values = [q[key] for q in rounds if q[key] is not None]
            r[key] = statistics.median(values) if values else None
        for key in ("sendmail_kib", "largest_kib", "memory_kib"):
            r[key] = max(q[key] for q in rounds)
        print(f"  {name:13} {number(r['submitted_ms']):>9} {number(r['received_ms']):>9} "
              f"{r['sendmail_kib'] / 1024:9.1f} {r['largest_kib'] / 1024:9.1f} "
              f"{r['memory_kib'] / 1024:9.1f}")
    for key, what in (("submitted_ms", "of the time to submit"),
                      ("received_ms", "of the time until received")):
        print(least_line(results, key, what))
    return results


def queue_dead(bench, system, count, recipient):
    """COUNT messages for one domain: written by bench_fill where that is built, else handed in."""
    generator = os.path.join(bench.options.build, "tests/bench/bench_fill")
    if os.path.exists(generator):
        system.group.start([bench.tool, "calls", "1", "1", "1000", system.root, bench.message,
                            *system.fill_command, recipient], stdout=subprocess.DEVNULL).wait()
        subprocess.run([generator, system.path("/var/spool/mxpost/1000"), str(count - 1), "--prefix",
                        recipient.split("@")[1]], check=True)
    else:
        process = system.group.start(
            [bench.tool, "calls", str(max(1, count // 8)), "8", "1000", system.root, bench.message,
             *system.fill_command, recipient], stdout=subprocess.DEVNULL)
        process.wait()
    return system.queue_length()


def is_late(times):
    return any(received >= PATIENCE * 1000 for received, _ in times)


def dead(bench):
    """Live mail while one site is dead, with a backlog for it and without."""
    calls = 5 if bench.options.quick else 100
    has_generator = os.path.exists(os.path.join(bench.options.build, "tests/bench/bench_fill"))
    backlog = bench.options.messages or (100_000 if has_generator else 2000)
    system, = bench.systems([Mxpost])
    # The live mail is the same user's, whose queue would else be full.
    with open(system.path("/etc/mxpost.conf"), "a") as file:
        file.write(f"max-queued-messages = {2 * backlog}\n")
    results = {}
    print(f"\nlatency of live mail in ms, {calls} calls, beside a backlog for one dead site\n"
          f"  {'':38} {'p50':>8} {'p95':>8} {'max':>8} {'engine MiB':>10}")
    for name, recipient in (("no backlog", None), ("it doesn't answer", "u@silent.test"),
                            ("it refuses connections", "u@refusing.test")):
        system.end()
        system.purge()
        queued = queue_dead(bench, system, backlog, recipient) if recipient else 0
        sink = Sink(bench.world, watched=True)
        system.serve()
        time.sleep(1)  # it has begun with the backlog
        warm = time_calls(bench, system, sink, 2, 0, may_fail=True)
        found = warm if is_late(warm) else time_calls(bench, system, sink, calls, len(warm),
                                                      may_fail=True)
        values = [t[0] for t in found]
        results[name] = {"backlog": queued, "still_queued": system.queue_length(),
                         "p50": statistics.median(values),
                         "p95": report.quantile(values, 0.95), "raw": found,
                         "engine_kib": system.engine_peak_kib()}
        r = results[name]
        text = name if not recipient else f"{queued} for a site: {name}"
        print(f"  {text:38} {r['p50']:8.2f} {r['p95']:8.2f} {max(values):8.2f} "
              f"{r['engine_kib'] / 1024:10.1f}" + (
                  f"   given up after {PATIENCE} s" if is_late(found) else ""))
        sink.stop()
        system.end()
        system.purge()
    return results
