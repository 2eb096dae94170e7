#!/usr/bin/env python3
"""Measures what WebSocket echo servers spend outside the kernel, with its calls replayed to them.

See replayed_calls.cpp. The servers are those of ws.py that use one epoll set and recv; every load is
run so many times as there are rounds, each in a new process, because the pages it gets matter.
"""

import os
import select
import statistics
import subprocess
import tempfile
from pathlib import Path

import command_line
import run
import ws
from command_line import Failure

LIBRARY = "libcompare_replayed_calls.so"
LOADS = "64x32x64,64x1x64,64x8x1024"
LARGEST_READ = 48 * 1024
MESSAGES = 20_000_000  # of 64 bytes, and so many fewer of longer ones


def frame_size(payload):
    """A masked frame of the generator's."""
    return payload + (6 if payload < 126 else 8 if payload < 65536 else 14)


def read_words(process, patience):
    ready, _, _ = select.select([process.stdout], [], [], patience)
    return process.stdout.readline().split() if ready else []


def replay(server, programs, cores, load):
    """The time of a message in nanoseconds: (smallest, median) over the parts of one process."""
    connections, in_flight, payload = (int(word) for word in load.split("x"))
    size = in_flight * frame_size(payload)
    if size > LARGEST_READ:
        raise Failure(f"{load}: more than one read of each connection")
    messages = connections * in_flight
    rounds = max(MESSAGES // messages * 64 // max(payload, 64), 20)
    environment = os.environ | {"LD_PRELOAD": str(programs / LIBRARY),
                                "REPLAY_CONNECTIONS": str(connections),
                                "REPLAY_BYTES": str(size), "REPLAY_ROUNDS": str(rounds)}
    with subprocess.Popen([programs / server.program, *server.arguments], env=environment, text=True,
                          stdout=subprocess.PIPE, preexec_fn=run.pinned(cores[0])) as process:
        generator = None
        try:
            words = read_words(process, run.PATIENCE_SECONDS)
            if len(words) != 2 or words[0] != "port":
                raise Failure(f"{server.name}: did not announce its port")
            # It hears nothing any more once the calls are replayed, and is stopped.
            generator = subprocess.Popen(
                [programs / run.GENERATOR, "--port", words[1], "--server-pid", str(process.pid),
                 "--connections", str(connections), "--in-flight", str(in_flight),
                 "--payload", str(payload), *server.load],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                preexec_fn=run.pinned(cores[1]))
            words = read_words(process, 60)
            if len(words) != 3 or words[0] != "replayed":
                raise Failure(f"{server.name}: said nothing of the replay")
            return tuple(float(word) / messages for word in words[1:])
        finally:
            process.kill()
            if generator is not None:
                generator.kill()
                generator.wait()


def parse_arguments():
    parser = command_line.make_plain_parser(__doc__, rounds=5)
    parser.set_defaults(own=True)
    ws.add_uwebsockets(parser)
    parser.add_argument("--loads", type=command_line.separated, default=LOADS.split(","),
                        help="CONNECTIONSxIN_FLIGHTxBYTES, separated by commas")
    return command_line.parse(parser, (run.GENERATOR, LIBRARY))


def main():
    arguments = parse_arguments()
    cores = run.choose_cores()
    with tempfile.TemporaryDirectory() as directory:
        program = None
        if arguments.uwebsockets is not None:
            program = ws.build_uwebsockets(Path(arguments.uwebsockets).resolve(), Path(directory))
        servers = [each for each in ws.choose_servers("binary", arguments, program)
                   if each.name != ws.BEAST]
        for load in arguments.loads:
            samples = {each.name: [] for each in servers}
            for _ in range(arguments.rounds):
                for server in servers:
                    samples[server.name].append(replay(server, arguments.programs, cores, load))
            print(f"{load}: ns outside the kernel for each message, {arguments.rounds} processes")
            run.print_table(["", "smallest", "median"], [
                [name, f"{min(smallest for smallest, _ in times):.1f}",
                 f"{statistics.median(median for _, median in times):.1f}"]
                for name, times in samples.items()])
    return 0


if __name__ == "__main__":
    command_line.run(main)
