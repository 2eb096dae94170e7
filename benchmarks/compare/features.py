#!/usr/bin/env python3
"""What the features of the library cost, each beside what it is measured against.

Interleaved rounds of pairs, as in run.py: requests, coroutines and callbacks on a pool against the
callback echo, a broadcast against raw epoll sending to each connection, several threads sending
through one client against posting each send to an io_context; and a second I/O thread against one,
with the CPU time that the machine has left for it.
"""

import concurrent.futures
import json
import os
import statistics
import subprocess
from dataclasses import dataclass

import command_line
import run
from command_line import Failure
from run import Server


@dataclass(frozen=True)
class Pair:
    """CPU per message of one server over that of another, at one load."""
    name: str
    load: str
    subject: Server
    base: Server
    limit: float


LIBRARY = "compare_network_system_server"
ECHO = Server("echo", LIBRARY, hello=True)
PAIRS = [
    Pair("requests / echo", "64x8x64",
         Server("requests", LIBRARY, hello=True, load=("--requests",)), ECHO, 1.15),
    Pair("coroutines / callbacks", "64x8x64",
         Server("coroutines", LIBRARY, hello=True, arguments=("--coroutines",)), ECHO, 1.15),
    Pair("coroutines of any executor / callbacks", "64x8x64",
         Server("any executor", LIBRARY, hello=True, arguments=("--any-coroutines",)), ECHO, 1.25),
    Pair("coroutines that receive all / callbacks", "64x8x64",
         Server("receive all", LIBRARY, hello=True, arguments=("--coroutines-all",)), ECHO, 1.15),
    Pair("pool of one / inline", "64x32x64",
         Server("pool", LIBRARY, hello=True, arguments=("--callback-pool", "1")), ECHO, 1.6),
    Pair("broadcast / raw epoll", "1000x1x64",
         Server("broadcast", LIBRARY, hello=True, arguments=("--broadcast",),
                load=("--broadcast",)),
         Server("raw epoll", "compare_epoll_server", hello=True, arguments=("--broadcast",),
                load=("--broadcast",)), 1.15),
]
SENDERS_TARGET = 3.0
SCALING_TARGET = 1.6
GENERATORS = 4


def measure_pair(pair, arguments, cores):
    samples = run.measure_load(pair.load, [pair.subject, pair.base], arguments, cores)
    ratio = run.ratios(samples, pair.subject.name, pair.base.name)
    print(f"{pair.name}, {pair.load}: CPU per message {run.format_ratio(ratio)}, "
          f"target {pair.limit:.2f}")
    for server in (pair.subject, pair.base):
        rounds = samples[server.name]
        median = {key: statistics.median(each[key] for each in rounds)
                  for key in ("rate", "server_cpu_ns_per_message", "p50_us")}
        print(f"    {server.name}: {median['rate']:,.0f} messages/s, "
              f"{median['server_cpu_ns_per_message']:,.0f} ns CPU each, "
              f"p50 {median['p50_us']:,.1f} us")
    print(flush=True)
    return ratio[0] <= pair.limit


def measure_senders(arguments):
    """The library is measured on all cores, as its rival is: both need more threads than cores."""
    def rate(*options):
        command = [arguments.programs / "compare_senders", "--seconds", str(arguments.seconds),
                   *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise Failure(f"compare_senders: {done.stderr.strip()}")
        return json.loads(done.stdout)["rate"]

    rounds = [(rate(), rate("--post")) for _ in range(arguments.rounds)]
    ratio = statistics.median(own / post for own, post in rounds)
    print(f"4 threads sending 64 B through one client / posting each: rate {ratio:.2f}, "
          f"target {SENDERS_TARGET:.1f}")
    print(f"    library {statistics.median(own for own, _ in rounds):,.0f} messages/s, "
          f"posting {statistics.median(post for _, post in rounds):,.0f}\n", flush=True)
    return ratio >= SENDERS_TARGET


def generate_in_parallel(server, process, port, arguments):
    """The sum of several generators, which run where the system puts them."""
    options = ["--connections", 16, "--in-flight", 32, "--payload", 64, "--seconds",
               arguments.seconds, "--warmup", arguments.warmup]
    before = os.times()
    with concurrent.futures.ThreadPoolExecutor(GENERATORS) as threads:
        jobs = [threads.submit(run.generate, server, process, port, arguments.programs, None,
                               options, 60) for _ in range(GENERATORS)]
        results = [job.result() for job in jobs]
    after = os.times()
    elapsed = after.elapsed - before.elapsed
    own = (after.children_user + after.children_system
           - before.children_user - before.children_system) / elapsed
    return {"rate": sum(each["rate"] for each in results),
            "server_cores": statistics.mean(each["server_busy"] for each in results),
            "generator_cores": own}


def measure_scaling(arguments):
    """A second I/O thread helps as far as there are cores that nothing else needs."""
    samples = {}
    for _ in range(arguments.rounds):
        for threads in ("1", "2"):
            server = Server(f"io_threads = {threads}", LIBRARY, hello=True,
                            arguments=("--io-threads", threads))
            with run.running(server, arguments.programs, None) as (process, port):
                samples.setdefault(server.name, []).append(
                    generate_in_parallel(server, process, port, arguments))
    one, two = samples.values()
    ratio = statistics.median(b["rate"] / a["rate"] for a, b in zip(one, two))
    print(f"io_threads 1 -> 2, 4 generators, 64x32x64: rate {ratio:.2f}, target {SCALING_TARGET}")
    used = 0.0
    for name, rounds in samples.items():
        median = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        used = used or median["server_cores"] + median["generator_cores"]
        print(f"    {name}: {median['rate']:,.0f} messages/s, cores busy: server "
              f"{median['server_cores']:.2f}, generators {median['generator_cores']:.2f}")
    cores = len(os.sched_getaffinity(0))
    print(f"    with one I/O thread {used:.2f} of {cores} cores are busy: at most "
          f"{cores / used:.2f} times the rate is to be had here\n", flush=True)
    return ratio >= min(SCALING_TARGET, 0.8 * cores / used)


def parse_arguments():
    parser = command_line.make_parser(__doc__)
    parser.add_argument("--warmup", type=float, default=0.1)
    programs = {side.program for pair in PAIRS for side in (pair.subject, pair.base)}
    return command_line.parse(parser, {run.GENERATOR, "compare_senders", *programs})


def main():
    arguments = parse_arguments()
    cores = run.choose_cores()
    reached = [measure_pair(pair, arguments, cores) for pair in PAIRS]
    reached.append(measure_senders(arguments))
    reached.append(measure_scaling(arguments))
    print(f"{sum(reached)} of {len(reached)} targets reached")
    return 0 if all(reached) or not arguments.check else 1


if __name__ == "__main__":
    command_line.run(main)
