"""Medians, ratios, targets, and the table that shows them."""

import json
import statistics

TARGET_CONNECTIONS = 64
SLOW_FSYNC_MS = [2, 8]


def summarize(measurements):
    ratios = all_ratios(measurements)
    return {"rows": all_rows(measurements), "ratios": ratios, "targets": all_targets(measurements, ratios)}


def groups(measurements):
    """Measurements of the same peer under the same conditions, in the order in which they came first."""
    found = {}
    for it in measurements:
        found.setdefault((it["slow_fsync_ms"], it["connections"], it["peer"]), []).append(it)
    return found


def all_rows(measurements):
    rows = []
    for (slow_ms, connections, peer), group in groups(measurements).items():
        def values(key):
            return [it[key] for it in group if it.get(key) is not None]

        def median(key):
            return statistics.median(values(key)) if values(key) else None

        rows.append({
            "peer": peer,
            "connections": connections,
            "slow_fsync_ms": slow_ms,
            "rate": median("rate"),
            "rate_lowest": min(values("rate"), default=None),
            "rate_highest": max(values("rate"), default=None),
            "p50_ms": median("p50_ms"),
            "p99_ms": median("p99_ms"),
            "p99_ms_worst": max(values("p99_ms"), default=None),
            "max_ms": max(values("max_ms"), default=None),
            "cpu_us_per_call": median("cpu_us_per_call"),
            "peak_rss_mb": max(values("peak_rss_mb"), default=None),
            "load_cpu_share": median("load_cpu_share"),
            "drain_seconds": median("drain_seconds"),
            "commands_per_call": median("commands_per_call"),
            "calls_per_fsync": median("calls_per_fsync"),
            "invalid": [f"round {it['round']}: {it['invalid']}" for it in group if it["invalid"]],
        })
    return rows


def all_ratios(measurements):
    """Rate of Inlet divided by that of a peer in the same round, for every peer and condition."""
    inlet = {(it["round"], it["slow_fsync_ms"], it["connections"]): it
             for it in measurements if it["peer"] == "inlet"}
    ratios = []
    for (slow_ms, connections, peer), group in groups(measurements).items():
        if peer == "inlet":
            continue
        pairs = [(inlet.get((it["round"], slow_ms, connections)), it) for it in group]
        pairs = [(ours, theirs) for ours, theirs in pairs if ours]
        by_round = [ours["rate"] / theirs["rate"] for ours, theirs in pairs if ours.get("rate") and theirs.get("rate")]
        if pairs:
            ratios.append({
                "peer": peer,
                "connections": connections,
                "slow_fsync_ms": slow_ms,
                "by_round": by_round,
                "median": statistics.median(by_round) if by_round else None,
                "valid": not any(it["invalid"] for pair in pairs for it in pair),
            })
    return ratios


def all_targets(measurements, ratios):
    inlet = groups(measurements).get((0, TARGET_CONNECTIONS, "inlet"), [])
    valid = not any(it["invalid"] for it in inlet)
    p99 = [it["p99_ms"] for it in inlet if it.get("p99_ms") is not None]
    rss = [it["peak_rss_mb"] for it in inlet if it.get("peak_rss_mb") is not None]

    def ratio(peer, slow_ms=0):
        return next((it for it in ratios if (it["peer"], it["connections"], it["slow_fsync_ms"])
                     == (peer, TARGET_CONNECTIONS, slow_ms)), {"median": None, "valid": True})

    def judged(name, value, bound, is_met, valid):
        if not valid:
            outcome = "invalid"
        elif value is None:
            outcome = "not measured"
        else:
            outcome = "pass" if is_met(value) else "MISS"
        return {"target": name, "bound": bound, "measured": value, "outcome": outcome}

    basic, fastapi, webhook = ratio("nginx-basic"), ratio("fastapi"), ratio("webhook")
    targets = [
        judged("Inlet / nginx with `auth_basic`", basic["median"], "≥ 0.40", lambda it: it >= 0.40, basic["valid"]),
        judged("Inlet / FastAPI", fastapi["median"], "≥ 5", lambda it: it >= 5, fastapi["valid"]),
        judged("Inlet / `webhook`", webhook["median"], "> 1", lambda it: it > 1, webhook["valid"]),
    ]
    for slow_ms in SLOW_FSYNC_MS:
        slow = ratio("fastapi", slow_ms)
        targets.append(judged(f"Inlet / FastAPI, every fsync {slow_ms} ms slower", slow["median"], "≥ 30",
                              lambda it: it >= 30, slow["valid"]))
    targets.append(judged("Inlet, p99 of the answer in ms (median of the rounds)",
                          statistics.median(p99) if p99 else None, "≤ 25", lambda it: it <= 25, valid))
    targets.append(judged("Inlet, peak RSS in MB (highest of the rounds)",
                          max(rss, default=None), "≤ 150", lambda it: it <= 150, valid))
    return targets


def markdown(bench):
    machine, versions = bench["machine"], bench["versions"]
    lines = [
        f"# Bench of {bench['date']}",
        "",
        f"    {bench['command']}",
        "",
        f"Medians; rounds: {bench['rounds']}, of {bench['seconds']} s per measurement; POST of a 512-byte JSON body over"
        " keep-alive on loopback; wrk with one thread. How to read it: [Benchmarks/README.md](../README.md).",
        "",
        f"## Targets (at {TARGET_CONNECTIONS} connections)",
        "",
        *table(["Target", "Bound", "Measured", "Outcome"],
               [[it["target"], it["bound"], number(it["measured"]), it["outcome"]] for it in bench["targets"]]),
    ]
    conditions = list(dict.fromkeys((row["slow_fsync_ms"], row["connections"]) for row in bench["rows"]))
    for slow_ms, connections in sorted(conditions, key=lambda it: (it[0], it[1] != TARGET_CONNECTIONS, it[1])):
        slowed = f", every fsync {slow_ms} ms slower" if slow_ms else ""
        lines += ["", f"## {connections} connection{'s' if connections > 1 else ''}{slowed}", ""]
        lines += rate_table(bench, slow_ms, connections)
    invalid = [f"- {row['peer']}, {row['connections']} connections, slow fsync {row['slow_fsync_ms']} ms: {reason}"
               for row in bench["rows"] for reason in row["invalid"]]
    if invalid:
        lines += ["", "## Invalid measurements", "", *invalid]
    lines += [
        "",
        "## Machine and versions",
        "",
        *table(["What", "Which"], [
            ["Processor", f"{machine['cores']} cores, {machine['processor']}"],
            ["Kernel", machine["kernel"]],
            ["Disk", f"{machine['file_system']}, fdatasync of 4 KiB takes {between(machine['fdatasync_ms'])} ms"],
            ["Load average before", number(machine["load_average_before"])],
            *[[name, version or "not there"] for name, version in versions.items()],
        ]),
        "",
    ]
    return "\n".join(lines)


def rate_table(bench, slow_ms, connections):
    def is_here(it):
        return (it["slow_fsync_ms"], it["connections"]) == (slow_ms, connections)

    ratio_of = {it["peer"]: it["median"] for it in bench["ratios"] if is_here(it)}
    order = list(bench["titles"])
    rows = []
    for row in sorted(filter(is_here, bench["rows"]), key=lambda it: order.index(it["peer"])):
        cells = [
            bench["titles"][row["peer"]] + (" **INVALID**" if row["invalid"] else ""),
            number(row["rate"]),
            between([row["rate_lowest"], row["rate_highest"]]),
            number(ratio_of.get(row["peer"])),
            number(row["p50_ms"]),
            number(row["p99_ms"]),
            number(row["p99_ms_worst"]),
            number(row["max_ms"]),
            number(row["cpu_us_per_call"]),
            number(row["peak_rss_mb"]),
            number(row["drain_seconds"]),
            "–" if row["load_cpu_share"] is None else f"{row['load_cpu_share']:.0%}",
        ]
        rows.append(cells + ([number(row["calls_per_fsync"])] if slow_ms else []))
    head = ["Server", "Calls/s", "Lowest to highest", "Inlet / this", "p50 ms", "p99 ms", "Worst p99 ms", "Max ms",
            "CPU µs/call", "Peak RSS MB", "Busy after s", "wrk CPU"]
    lines = table(head + (["Calls/fsync"] if slow_ms else []), rows)
    for row in filter(is_here, bench["rows"]):
        if row["commands_per_call"] is not None:
            share = min(row["commands_per_call"], 1)
            lines += ["", f"`{row['peer']}` ran its command for about {share:.0%} of the calls that it answered."]
    return lines


def table(head, rows):
    align = [":--"] + ["--:"] * (len(head) - 1)
    return ["| " + " | ".join(cells) + " |" for cells in [head, align, *rows]]


def number(value):
    """Three significant digits, or all digits before the point."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def between(values):
    if None in values:
        return number(None)
    lowest, highest = number(min(values)), number(max(values))
    return lowest if lowest == highest else f"{lowest} to {highest}"


def progress(figures, rounds):
    slowed = f" +{figures['slow_fsync_ms']} ms fsync" if figures["slow_fsync_ms"] else ""
    label = f"round {figures['round']}/{rounds}  {figures['peer']}{slowed}, {figures['connections']} connections:"
    rate = f" {number(figures.get('rate'))} calls/s, p99 {number(figures.get('p99_ms'))} ms"
    return label + rate + (f"  INVALID: {figures['invalid']}" if figures["invalid"] else "")


def write(bench, folder, date, root):
    """Writes the results as Markdown and JSON; a second bench of the day gets a number."""
    name, count = f"{date}-bench", 1
    while (folder / f"{name}.md").exists() or (folder / f"{name}.json").exists():
        count += 1
        name = f"{date}-bench-{count}"
    texts = {
        "md": markdown(bench),
        "json": json.dumps(bench, indent=1, ensure_ascii=False) + "\n",
    }
    paths = []
    for ending, text in texts.items():
        paths.append(folder / f"{name}.{ending}")
        # A server's own error may name the checkout; where it lay is nobody's business.
        paths[-1].write_text(text.replace(str(root), "."))
    return paths
