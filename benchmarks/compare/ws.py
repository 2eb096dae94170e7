#!/usr/bin/env python3
"""Compares WebSocket echo servers: the library, Boost.Beast, uWebSockets, and raw epoll beneath them.

Interleaved rounds as in run.py, under the same load generator: masked frames made once, every answer
checked byte by byte. Raw epoll echoes the same bytes without knowing what they are. uWebSockets is
no part of the project: --uwebsockets names a checkout of it that holds one of uSockets (a directory
in it or beside it), from which this program builds an echo server with their usual settings.
"""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path

import command_line
import run
from command_line import Failure
from run import Server

RAW = "raw epoll"
BEAST = "Boost.Beast"
UWS = "uWebSockets"
OWN = "network_system"
RIVALS = (RAW, UWS, BEAST)

# (payload, load): CPU per message / raw epoll, / uWebSockets, / Boost.Beast.
TARGETS = {
    ("binary", "64x32x64"): (1.30, 0.95, 0.10),
    ("binary", "64x1x64"): (1.08, 0.97, 0.70),
    ("binary", "64x8x1024"): (1.10, 1.00, 0.20),
    ("binary", "8x4x65536"): (1.40, 0.95, 0.90),
    ("ascii", "64x8x1024"): (None, 1.00, None),
    ("mixed", "64x8x1024"): (None, 1.00, None),
}
IDLE_TARGET = 1.5  # KiB per connection

BUILD_SECONDS = 300


def build_uwebsockets(checkout, directory):
    """uSockets with epoll and without TLS, and our echo server, as their own build does: -O3, LTO."""
    sockets = next((at for at in (checkout / "uSockets", checkout.parent / "uSockets")
                    if (at / "src" / "libusockets.h").is_file()), None)
    if sockets is None or not (checkout / "src" / "App.h").is_file():
        raise Failure(f"--uwebsockets {checkout}: not a checkout of uWebSockets with uSockets")
    headers = sockets / "src"
    sources = [*headers.glob("*.c"), *headers.glob("eventing/*.c"), *headers.glob("crypto/*.c")]
    program = directory / "compare_uws_server"
    here = Path(__file__).resolve().parent
    optimized = ["-O3", "-march=native", "-flto=auto", f"-I{headers}"]
    for command in (
            [os.environ.get("CC", "cc"), *optimized, "-std=c11", "-DLIBUS_NO_SSL", "-c", *sources],
            [os.environ.get("CXX", "c++"), *optimized, "-std=c++20", "-DUWS_NO_ZLIB", "-pthread",
             f"-I{checkout / 'src'}", here / "uws_server.cpp",
             *(f"{source.stem}.o" for source in sources), "-o", program]):
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True,
                              timeout=BUILD_SECONDS, check=False)
        if done.returncode != 0:
            raise Failure(f"uWebSockets does not build:\n{done.stderr.strip()}")
    return program


def choose_servers(kind, arguments, uws_program):
    load = ("--websocket", kind)
    servers = [Server(RAW, "compare_epoll_server", load=(*load, "--comes-back-as-sent"))]
    if arguments.own:
        servers.append(Server(OWN, "compare_network_system_server", arguments=("--websocket",),
                              load=load))
    if uws_program is not None:
        servers.append(Server(UWS, str(uws_program), load=load))
    if os.access(arguments.programs / "compare_beast_server", os.X_OK):
        servers.append(Server(BEAST, "compare_beast_server", load=load))
    return servers


def print_load(kind, load, samples):
    connections, in_flight, payload = load.split("x")
    print(f"{kind}, {connections} connections x {in_flight} in flight x {payload} bytes")
    rows = []
    for name, rounds in samples.items():
        median = {key: statistics.median(each[key] for each in rounds) for key in run.MEASURED}
        rows.append([name, f"{median['rate']:,.0f}", f"{median['p50_us']:,.1f}",
                     f"{median['p99_us']:,.1f}", f"{median['server_cpu_ns_per_message']:,.0f}",
                     f"{median['server_busy']:.0%}/{median['generator_busy']:.0%}",
                     *(run.format_ratio(run.ratios(samples, name, base)) for base in RIVALS)])
    run.print_table(["", "messages/s", "p50 us", "p99 us", "CPU ns/msg", "busy s/g",
                     *(f"CPU / {base}" for base in RIVALS)], rows)


def compare_to_targets(kind, load, samples):
    """(what was compared, its value or None, its limit) for each target of a load"""
    limits = TARGETS.get((kind, load), ())
    for base, limit in zip(RIVALS, limits):
        if limit is not None:
            ratio = run.ratios(samples, OWN, base) if OWN in samples else None
            yield f"{kind} {load} / {base}", ratio and ratio[0], limit


def report(results):
    for what, value, limit in results:
        if value is None:
            print(f"  {what}: not measured, target {limit:.2f}")
        else:
            print(f"  {what}: {value:.3f}, target {limit:.2f}: "
                  f"{'reached' if value <= limit else 'MISSED'}")
    measured = [(value, limit) for _, value, limit in results if value is not None]
    if not measured:
        raise Failure("--check: nothing that has a target was measured")
    reached = sum(value <= limit for value, limit in measured)
    print(f"{reached} of {len(measured)} targets reached, {len(results) - len(measured)} not measured")
    return 0 if reached == len(measured) else 1


def parse_loads(text):
    """binary:64x32x64,mixed:64x8x1024; without a payload it is binary"""
    return [tuple(load.split(":")) if ":" in load else ("binary", load)
            for load in command_line.separated(text)]


def add_uwebsockets(parser):
    parser.add_argument("--uwebsockets", type=Path, default=os.environ.get("UWEBSOCKETS_DIR"),
                        help="a checkout of uWebSockets; default: $UWEBSOCKETS_DIR, else without")


def parse_arguments():
    parser = command_line.make_parser(__doc__)
    add_uwebsockets(parser)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--loads", type=parse_loads, default=list(TARGETS),
                        help="[binary:|ascii:|mixed:]CONNECTIONSxIN_FLIGHTxBYTES, separated by commas")
    parser.add_argument("--idle", type=int, default=10000, help="idle connections; 0 = skip")
    parser.add_argument("--rivals-only", dest="own", action="store_false",
                        help="without the library's server")
    return command_line.parse(parser, (run.GENERATOR, "compare_epoll_server"))


def main():
    arguments = parse_arguments()
    cores = run.choose_cores()
    results = []
    with tempfile.TemporaryDirectory() as directory:
        uws_program = None
        if arguments.uwebsockets is not None:
            uws_program = build_uwebsockets(Path(arguments.uwebsockets).resolve(), Path(directory))
        for kind, load in arguments.loads:
            samples = run.measure_load(load, choose_servers(kind, arguments, uws_program),
                                       arguments, cores)
            print_load(kind, load, samples)
            results += compare_to_targets(kind, load, samples)
        if arguments.idle > 0:
            idle = run.measure_idle(choose_servers("binary", arguments, uws_program), arguments,
                                    cores)
            run.print_idle(idle, arguments.idle)
            used = idle[OWN]["kib_per_connection"] if OWN in idle else None
            results.append(("KiB per idle connection", used, IDLE_TARGET))
    return report(results) if arguments.check else 0


if __name__ == "__main__":
    command_line.run(main)
