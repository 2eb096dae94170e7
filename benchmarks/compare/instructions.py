#!/usr/bin/env python3
"""Counts the instructions that a message costs outside the kernel, and compares two builds by them.

Valgrind's callgrind counts those of the library's servers under the generator's load, and of a client
that sends from its own I/O thread. What is done once, from the start to the stop, drops out: each is
run for a short and for a long time, and the difference counts. The numbers repeat within a percent
where times vary by tens of them, but tell nothing of caches and of the kernel's work.
"""

import json
import re
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

import command_line
import run
import tls
from command_line import Failure
from run import Server

SERVER = "compare_network_system_server"
SENDERS = "compare_senders"
LOADS = "64x32x64,64x1x64,64x8x1024"
SHORT_SECONDS, LONG_SECONDS = 1, 5
SENT = (100_000, 600_000)


def counted(directory):
    """The command that counts, and the file it writes."""
    out = directory / "callgrind.out"
    out.unlink(missing_ok=True)
    return ("--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"), out


def instructions_in(out):
    found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    if found is None:
        raise Failure(f"{out}: no sum of instructions")
    return int(found.group(1))


def serve(kind, load, programs, directory, seconds):
    """(instructions, messages) of one run of a server."""
    options, out = counted(directory)
    arguments, generator = kind
    server = Server(SERVER, shutil.which("valgrind"), hello="--websocket" not in arguments,
                    arguments=(*options, str(programs / SERVER), *arguments), load=generator)
    connections, in_flight, payload = load.split("x")
    with run.running(server, programs, None) as (process, port):
        result = run.generate(server, process, port, programs, None,
                              ["--connections", connections, "--in-flight", in_flight,
                               "--payload", payload, "--seconds", seconds, "--warmup", 0], 120)
    return instructions_in(out), result["messages"]


def send(programs, directory, messages):
    """(instructions, messages) of a client on whose own thread all are sent."""
    options, out = counted(directory)
    done = subprocess.run(["valgrind", *options, programs / SENDERS, "--own-thread", str(messages)],
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Failure(f"{SENDERS}: {done.stderr.strip()}")
    return instructions_in(out), json.loads(done.stdout)["messages"]


def per_message(measure, sizes):
    (few, short), (many, long) = (measure(size) for size in sizes)
    return (many - few) / (long - short)


def cases(arguments, directory):
    """{name: what measures it in a directory of programs}"""
    certificate, key = tls.make_certificate(directory, False)
    kinds = {
        "TCP": ((), ()),
        "TLS": (("--tls-cert", str(certificate), "--tls-key", str(key)), ("--tls",)),
        "WebSocket": (("--websocket",), ("--websocket", "binary")),
        "logger at info": (("--logger",), ()),
        "coroutines": (("--coroutines",), ()),
        "coroutines, all at once": (("--coroutines-all",), ()),
    }
    for name, kind in kinds.items():
        if name not in arguments.only:
            continue
        for load in arguments.loads:
            yield f"{name} {load}", lambda programs, kind=kind, load=load: per_message(
                lambda seconds: serve(kind, load, programs, directory, seconds),
                (SHORT_SECONDS, LONG_SECONDS))
    if "client" in arguments.only:
        yield "client, own thread", lambda programs: per_message(
            lambda messages: send(programs, directory, messages), SENT)


def parse_arguments():
    parser = command_line.make_plain_parser(__doc__, rounds=3)
    parser.add_argument("--base", type=Path, help="the build tree of another version")
    parser.add_argument("--loads", type=command_line.separated, default=LOADS.split(","),
                        help="CONNECTIONSxIN_FLIGHTxBYTES, separated by commas")
    parser.add_argument("--only", type=command_line.separated,
                        default=["TCP", "TLS", "WebSocket", "client"],
                        help="which of TCP, TLS, WebSocket, 'logger at info', coroutines, 'coroutines, all at once', client")
    arguments = command_line.parse(parser, (run.GENERATOR, SERVER, SENDERS))
    if shutil.which("valgrind") is None:
        raise Failure("valgrind is missing: install the package of that name")
    return arguments


def main():
    arguments = parse_arguments()
    trees = [arguments.programs]
    if arguments.base is not None:
        trees.append((arguments.base / "benchmarks" / "compare").resolve())
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        for name, measure in cases(arguments, Path(directory)):
            medians = [statistics.median(measure(tree) for _ in range(arguments.rounds))
                       for tree in trees]
            row = [name, *(f"{median:.1f}" for median in medians)]
            if len(medians) > 1:
                row.append(f"{medians[0] / medians[1]:.3f}")
            rows.append(row)
    run.print_table(["instructions per message", "here", "base", "ratio"][:len(trees) * 2], rows)
    return 0


if __name__ == "__main__":
    command_line.run(main)
