#!/usr/bin/env python3
"""Compares echo servers side by side: same load, same cores, interleaved rounds.

Every server runs alone on one core, the load generator on another. In each round every server is
measured once, in an order that rotates; ratios are taken within a round, so that a slow moment of
the machine meets both sides, and their median is printed with the smallest and largest. The second
raw epoll server shows how far two equal programs differ: smaller differences mean nothing.
"""

import contextlib
import json
import os
import platform
import select
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

import command_line
from command_line import Failure


@dataclass(frozen=True)
class Server:
    name: str
    program: str
    hello: bool = False  # its first frame is a hello, which is not part of the load
    arguments: tuple = ()  # of the program
    load: tuple = ()  # of the generator


SERVERS = [
    Server("raw epoll", "compare_epoll_server"),
    Server("raw epoll (A/A)", "compare_epoll_server"),
    Server("asio", "compare_asio_server"),
    Server("network_system", "compare_network_system_server", hello=True),
]
FLOOR = "raw epoll"
BY_HAND = "asio"

# What --check holds a server to. For each load: CPU per message / raw epoll, / hand-written Asio.
TARGETS = {
    "network_system": {
        "1x1x64": (1.15, 1.10),
        "64x1x64": (1.08, 1.00),
        "64x32x64": (1.20, 1.05),
        "64x8x1024": (1.10, 0.97),
        "8x4x65536": (1.20, 0.80),
    }
}
IDLE_TARGETS = {"network_system": 1.0}  # KiB per idle connection

GENERATOR = "compare_generator"
PATIENCE_SECONDS = 10
MEASURED = ("rate", "p50_us", "p99_us", "p999_us", "server_cpu_ns_per_message", "server_busy",
            "generator_busy", "server_rss_kib")


def pinned(core):
    return None if core is None else lambda: os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def running(server, programs, core):
    """A started server as (process, port); it is stopped, or killed, however the block ends."""
    process = subprocess.Popen([programs / server.program, *server.arguments], stdout=subprocess.PIPE, text=True,
                               preexec_fn=pinned(core))
    try:
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE_SECONDS)
        words = process.stdout.readline().split() if ready else []
        if len(words) != 2 or words[0] != "port":
            raise Failure(f"{server.name}: did not announce its port")
        yield process, int(words[1])
        if process.poll() is not None:
            raise Failure(f"{server.name}: ended by itself with status {process.returncode}")
        process.terminate()
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"{server.name}: did not stop within {PATIENCE_SECONDS} s") from None
        if status != 0:
            raise Failure(f"{server.name}: ended with status {status}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def generate(server, process, port, programs, core, options, limit):
    command = [programs / GENERATOR, "--port", port, "--server-pid", process.pid, *options]
    command += server.load
    if server.hello:
        command.append("--hello")
    try:
        result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                timeout=limit, preexec_fn=pinned(core))
    except subprocess.TimeoutExpired:
        raise Failure(f"{server.name}: the generator did not end within {limit:.0f} s") from None
    if result.returncode != 0:
        state = process.poll()
        ended = "" if state is None else f" (the server had ended with status {state})"
        raise Failure(f"{server.name}: {result.stderr.strip()}{ended}")
    return json.loads(result.stdout)


def measure(servers, arguments, cores, options):
    """{server name: [one result of the generator for each round]}

    Each round starts the servers anew: where the memory of a process happens to lie is worth 5 %.
    """
    limit = arguments.seconds + arguments.warmup + 60
    samples = {server.name: [] for server in servers}
    for turn in range(arguments.rounds):
        first = turn % len(servers)
        for server in servers[first:] + servers[:first]:
            with running(server, arguments.programs, cores[0]) as (process, port):
                samples[server.name].append(generate(server, process, port, arguments.programs,
                                                     cores[1], options, limit))
    return samples


def measure_load(load, servers, arguments, cores):
    connections, in_flight, payload = load.split("x")
    return measure(servers, arguments, cores,
                   ["--connections", connections, "--in-flight", in_flight, "--payload", payload,
                    "--seconds", arguments.seconds, "--warmup", arguments.warmup])


def ratios(samples, name, base):
    """Median, smallest and largest ratio of CPU per message, each taken within one round."""
    if base not in samples:
        return None
    key = "server_cpu_ns_per_message"
    pairs = [own[key] / other[key] for own, other in zip(samples[name], samples[base])]
    return statistics.median(pairs), min(pairs), max(pairs)


def summarize(samples):
    return {name: {key: statistics.median(round[key] for round in rounds) for key in MEASURED}
            | {"to_floor": ratios(samples, name, FLOOR), "to_asio": ratios(samples, name, BY_HAND)}
            for name, rounds in samples.items()}


def print_table(header, rows):
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        cells = [cell.ljust(width) if column == 0 else cell.rjust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells).rstrip())
    print(flush=True)


def format_ratio(ratio):
    return "-" if ratio is None else f"{ratio[0]:.2f} ({ratio[1]:.2f}..{ratio[2]:.2f})"


def print_load(load, summary):
    connections, in_flight, payload = load.split("x")
    print(f"{connections} connections x {in_flight} in flight x {payload} bytes")
    rows = [[name, f"{s['rate']:,.0f}", f"{s['p50_us']:,.1f}", f"{s['p99_us']:,.1f}",
             f"{s['p999_us']:,.1f}", f"{s['server_cpu_ns_per_message']:,.0f}",
             f"{s['server_busy']:.0%}/{s['generator_busy']:.0%}", f"{s['server_rss_kib']:,.0f}",
             format_ratio(s["to_floor"]), format_ratio(s["to_asio"])]
            for name, s in summary.items()]
    print_table(["", "messages/s", "p50 us", "p99 us", "p99.9 us", "CPU ns/msg", "busy s/g",
                 "RSS KiB", "CPU / raw epoll", "CPU / asio"], rows)


def measure_idle(servers, arguments, cores):
    results = {}
    for server in servers:
        with running(server, arguments.programs, cores[0]) as (process, port):
            results[server.name] = generate(server, process, port, arguments.programs, cores[1],
                                            ["--idle", arguments.idle], 120)
    return results


def print_idle(results, connections):
    print(f"{connections} idle connections, each of which has echoed one message")
    print_table(["", "RSS before KiB", "RSS after KiB", "KiB/connection"],
                [[name, f"{r['rss_before_kib']:,}", f"{r['rss_after_kib']:,}",
                  f"{r['kib_per_connection']:.2f}"] for name, r in results.items()])


def find_misses(loads, idle):
    """(number of comparisons made, what missed its target)"""
    compared = [(f"{name}, {load}, CPU / {base}", loads[load][name][key], limit)
                for name, targets in TARGETS.items() for load, limits in targets.items()
                for base, key, limit in zip((FLOOR, BY_HAND), ("to_floor", "to_asio"), limits)
                if load in loads and name in loads[load]]
    compared = [(what, value and value[0], limit) for what, value, limit in compared]
    compared += [(f"{name}, KiB per idle connection", idle[name]["kib_per_connection"], limit)
                 for name, limit in IDLE_TARGETS.items() if name in idle]
    misses = [f"{what}: not measured" if value is None else f"{what}: {value:.3f} > {limit:.3f}"
              for what, value, limit in compared if value is None or value > limit]
    return len(compared), misses


def check(loads, idle):
    compared, misses = find_misses(loads, idle)
    for miss in misses:
        print(f"missed: {miss}")
    if compared == 0:
        raise Failure("--check: nothing that has a target was measured")
    print(f"{compared - len(misses)} of {compared} targets reached")
    return 1 if misses else 0


def describe_machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), platform.machine())
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release()}


def choose_cores():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Failure("needs two cores: one for the server, one for the generator")
    return cores[0], cores[1]


def choose_servers(names):
    known = {server.name: server for server in SERVERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failure(f"unknown server {unknown[0]!r}; known: {', '.join(known)}")
    return [known[name] for name in names]


def parse_arguments():
    parser = command_line.make_parser(__doc__, rounds=21)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--loads", type=command_line.separated,
                        default=list(TARGETS["network_system"]),
                        help="comma-separated CONNECTIONSxIN_FLIGHTxBYTES")
    parser.add_argument("--idle", type=int, default=10000, help="idle connections; 0 = skip")
    parser.add_argument("--servers", type=command_line.separated,
                        default=[server.name for server in SERVERS], help="comma-separated names")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    return command_line.parse(parser, {GENERATOR, *(server.program for server in SERVERS)})


def main():
    arguments = parse_arguments()
    servers = choose_servers(arguments.servers)
    cores = choose_cores()
    machine = describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
          f"servers on core {cores[0]}, generator on core {cores[1]}\n"
          f"medians of {arguments.rounds} rounds of {arguments.seconds} s; ratios: median of the "
          f"rounds (smallest..largest); busy: CPU share of server/generator\n", flush=True)

    samples, loads, idle = {}, {}, {}
    for load in arguments.loads:
        samples[load] = measure_load(load, servers, arguments, cores)
        loads[load] = summarize(samples[load])
        print_load(load, loads[load])
    if arguments.idle > 0:
        idle = measure_idle(servers, arguments, cores)
        print_idle(idle, arguments.idle)
    if arguments.json:
        arguments.json.write_text(json.dumps(
            {"machine": machine, "rounds": arguments.rounds, "seconds": arguments.seconds,
             "loads": loads, "samples": samples, "idle": idle}, indent=1))
    return check(loads, idle) if arguments.check else 0


if __name__ == "__main__":
    command_line.run(main)
