"""Figures from raw calls, and the table."""

import statistics


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def summarize(blocks, parallel):
    """blocks, parallel: per round what bench_submit printed, plus "daemon_microseconds"."""
    calls = [call for block in blocks for call in block["calls"]]
    cpu = [call[1] + call[2] for call in calls]
    rates = [len(block["calls"]) * 1e6 / block["microseconds"] for block in parallel]
    all_blocks = blocks + parallel
    count = sum(len(block["calls"]) for block in all_blocks)
    return {
        "calls": len(calls),
        "wall_p50_ms": quantile([call[0] for call in calls], 0.5) / 1000,
        "wall_p90_ms": quantile([call[0] for call in calls], 0.9) / 1000,
        "cpu_p50_ms": quantile(cpu, 0.5) / 1000,
        "cpu_mean_ms": statistics.mean(cpu) / 1000,
        "daemon_cpu_ms": sum(b["daemon_microseconds"] for b in all_blocks) / count / 1000,
        "memory_kib": max(call[3] for call in calls),
        "rate": statistics.median(rates) if rates else None,
        "rate_min": min(rates, default=None),
        "rate_max": max(rates, default=None),
    }


def synced(trace):
    syncs = trace["syncs"]
    text = f"{syncs['file']} file, {syncs['directory']} dir"
    daemons = trace.get("daemon_syncs")
    if daemons and daemons["file"] + daemons["directory"]:
        text += f" (+{daemons['file'] + daemons['directory']} later)"
    return text


def table(results):
    """results: {name: {"summary": …, "trace": …, "note": …}}"""
    head = (f"{'':12} {'wall p50':>9} {'p90':>7} {'CPU p50':>8} {'daemons':>8} {'memory':>8} "
            f"{'8 callers':>10}  {'calls':>5}  synced before it returns")
    unit = (f"{'':12} {'ms':>9} {'ms':>7} {'ms':>8} {'ms CPU':>8} {'KiB':>8} {'msg/s':>10}")
    lines = [head, unit]
    for name, result in results.items():
        s = result["summary"]
        rate = f"{s['rate']:10.0f}" if s["rate"] else f"{'-':>10}"
        lines.append(
            f"{name:12} {s['wall_p50_ms']:9.2f} {s['wall_p90_ms']:7.2f} {s['cpu_p50_ms']:8.2f} "
            f"{s['daemon_cpu_ms']:8.2f} {s['memory_kib']:8d} {rate}  "
            f"{result['trace']['system_calls']:5d}  {synced(result['trace'])}")
    return "\n".join(lines)


def ratios(results):
    """mxpost against each; the targets are against dma."""
    if "mxpost" not in results:
        return {}
    own = results["mxpost"]["summary"]
    found = {}
    for name, result in results.items():
        s = result["summary"]
        if name != "mxpost":
            found[name] = {
                "wall": own["wall_p50_ms"] / s["wall_p50_ms"],
                "cpu": own["cpu_p50_ms"] / s["cpu_p50_ms"],
                "rate": own["rate"] / s["rate"] if own["rate"] and s["rate"] else None,
            }
    return found


def ratio_table(found):
    lines = [f"{'mxpost /':12} {'wall':>6} {'CPU':>6} {'rate':>6}"]
    for name, r in found.items():
        rate = f"{r['rate']:6.2f}" if r["rate"] else f"{'-':>6}"
        target = "   target: 0.60, 0.60, 1.80" if name == "dma" else ""
        lines.append(f"{name:12} {r['wall']:6.2f} {r['cpu']:6.2f} {rate}{target}")
    return "\n".join(lines)
