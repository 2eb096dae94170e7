#!/usr/bin/env python3
"""Puts the results of scripts/load_tests.sh into one results.json, prints them as Markdown, and
compares them or writes them to docs/BASELINE.md."""

import argparse
import json
import os
import platform
import re
import sys
from datetime import date
from pathlib import Path

BASELINE = Path(__file__).resolve().parent.parent / "docs" / "BASELINE.md"
LOADS = {"tcp_load": "TCP", "udp_load": "UDP", "websocket_load": "WebSocket"}
BEGIN, END = "<!-- load tests: begin -->", "<!-- load tests: end -->"


def describe_machine():
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines()
                      if line.startswith("model name")), model)
    return {"cpu": model, "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.release()}", "date": date.today().isoformat()}


# What accounting_load_test counts in each of its cases.
ACCOUNTED = ["connections", "accepted", "dropped", "superseded", "refused", "complete"]


def properties(path):
    """{test name: recorded properties} of a GoogleTest report; an error when a test failed."""
    found = {}
    for suite in json.loads(path.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            name = test["name"].split("/")[-1]
            if test.get("failures"):
                sys.exit(f"{path}: {name} failed")
            if test["result"] == "COMPLETED":
                found[name] = test
    return found


def collect(directory):
    idle = properties(directory / "idle_connections.json")
    stops = properties(directory / "stop_under_load.json")
    accounts = properties(directory / "accounting_load.json")
    return {
        "machine": describe_machine(),
        **{name: json.loads((directory / f"{name}.json").read_text())[name] for name in LOADS},
        "idle": [{"connections": int(test["connections"]),
                  "kib_per_connection": float(test["kib_per_connection"])}
                 for test in idle.values()],
        "stop": [{"case": name, "ms_after_drain_deadline": float(test["ms_after_drain_deadline"])}
                 for name, test in stops.items()],
        "accounting": [{"case": name, **{key: int(test[key]) for key in ACCOUNTED}}
                       for name, test in accounts.items()],
    }


def table(head, rows):
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def load_key(row):
    return row["payload_bytes"], row["clients"], row["in_flight"]


def as_markdown(results):
    machine = results["machine"]
    text = (f"One run on {machine['date']}: {machine['cpu']}, {machine['cores']} cores, "
            f"{machine['system']}.\n\n")
    by_depth = [(name, depth) for name in LOADS
                for depth in sorted({row["in_flight"] for row in results[name]})]
    for name, depth in by_depth:
        rows = [row for row in results[name] if row["in_flight"] == depth]
        text += f"{LOADS[name]}, in flight per client: {depth}\n\n" + table(
            ["bytes", "clients", "messages/s", "MiB/s", "p50 µs", "p95 µs", "p99 µs",
             "peak RSS MiB"],
            [[str(row["payload_bytes"]), str(row["clients"]),
              f"{row['messages_per_second']:,.0f}", f"{row['mebibytes_per_second']:,.0f}",
              f"{row['p50_us']:,.0f}", f"{row['p95_us']:,.0f}", f"{row['p99_us']:,.0f}",
              f"{row['peak_rss_kib'] / 1024:.1f}" if "peak_rss_kib" in row else ""]
             for row in rows]) + "\n\n"
    for row in results["idle"]:
        text += (f"{row['connections']:,} idle connections: {row['kib_per_connection']:.2f} KiB "
                 "resident per connection in the server's process.\n\n")
    if results["stop"]:
        text += table(["stop_server, 1,000 busy connections", "ms after the drain deadline"],
                      [[row["case"], f"{row['ms_after_drain_deadline']:.1f}"]
                       for row in results["stop"]]) + "\n\n"
    text += table(["accounting", *ACCOUNTED],
                  [[row["case"], *(f"{row[key]:,}" for key in ACCOUNTED)]
                   for row in results["accounting"]]) + "\n"
    return text


def compare(before, after):
    rows = []
    for name, row in ((name, row) for name in LOADS for row in after[name]):
        earlier = {load_key(old): old for old in before.get(name, [])}
        if old := earlier.get(load_key(row)):
            rows.append([LOADS[name], *(str(part) for part in load_key(row)),
                         f"{row['messages_per_second'] / old['messages_per_second']:.2f}",
                         f"{row['p50_us'] / old['p50_us']:.2f}",
                         f"{row['p99_us'] / old['p99_us']:.2f}"])
    return "New divided by old:\n\n" + table(
        ["", "bytes", "clients", "in flight", "messages/s", "p50", "p99"], rows)


def update_baseline(text):
    document = BASELINE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(document):
        sys.exit(f"{BASELINE} has no place for the results")
    BASELINE.write_text(pattern.sub(lambda _: f"{BEGIN}\n{text}{END}", document))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="the directory scripts/load_tests.sh wrote")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="an earlier results.json")
    parser.add_argument("--update-baseline", action="store_true")
    arguments = parser.parse_args()
    results = collect(arguments.results)
    (arguments.results / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    text = as_markdown(results)
    print(text)
    if arguments.compare:
        print(compare(json.loads(arguments.compare.read_text()), results))
    if arguments.update_baseline:
        update_baseline(text)


if __name__ == "__main__":
    main()
