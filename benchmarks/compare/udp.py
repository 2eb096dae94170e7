#!/usr/bin/env python3
"""Compares UDP programs side by side: same load, same cores, interleaved rounds.

As in run.py, ratios are taken within a round, and their median is printed with the smallest and
largest. What was sent, received and lost is counted in every row; a program that loses pays less for
each, so a comparison counts only where the losses are alike.
"""

import json
import signal
import statistics
import subprocess
from dataclasses import dataclass
from pathlib import Path

import command_line
import run
from command_line import Failure

GENERATOR = "compare_udp_generator"
RAW, ASIO, LIBRARY = "compare_udp_raw", "compare_udp_asio", "compare_udp_network_system"
PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Program:
    name: str
    program: str
    arguments: tuple = ()


FLOOR = Program("raw", RAW)
AGAIN = Program("raw (A/A)", RAW)
BY_HAND = Program("asio", ASIO)
PLAIN = Program("network_system", LIBRARY)
OFFLOAD = Program("network_system, GSO/GRO", LIBRARY, ("--offload",))
RAW_OFFLOAD = Program("raw, GSO/GRO", RAW, ("--offload",))


@dataclass(frozen=True)
class Target:
    subject: Program
    base: Program
    limit: float
    measure: str = "cpu"  # CPU per datagram, at most; or "rate", at least


@dataclass(frozen=True)
class Case:
    name: str
    kind: str  # "receive", "send", "echo" or "bulk"
    size: int
    programs: tuple
    targets: tuple


CASES = [
    Case(f"receive {size} B", "receive", size,
         (FLOOR, AGAIN, BY_HAND, PLAIN, RAW_OFFLOAD, OFFLOAD),
         (Target(PLAIN, FLOOR, 1.10), Target(PLAIN, BY_HAND, 0.85)))
    for size in (64, 1200)
] + [
    Case(f"send {size} B", "send", size, (FLOOR, AGAIN, PLAIN, OFFLOAD),
         (Target(PLAIN, FLOOR, 1.10), Target(OFFLOAD, FLOOR, 1.10)))
    for size in (64, 1200)
] + [
    Case("echo 64 x 8 x 64 B", "echo", 64, (FLOOR, AGAIN, BY_HAND, PLAIN, OFFLOAD),
         (Target(PLAIN, FLOOR, 1.15), Target(OFFLOAD, FLOOR, 1.15))),
    Case("bulk 1200 B", "bulk", 1200, (FLOOR, RAW_OFFLOAD, PLAIN, OFFLOAD),
         (Target(OFFLOAD, PLAIN, 8.0, "rate"),)),
]


def start(program, programs, core, *arguments):
    command = [programs / program.program, *program.arguments, *arguments]
    return subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, preexec_fn=run.pinned(core))


def result_of(name, process):
    try:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failure(f"{name}: did not end within {PATIENCE_SECONDS} s") from None
    if process.returncode != 0:
        raise Failure(f"{name}: {err.strip()}")
    return json.loads(out.splitlines()[-1])


def served(program, programs, role, core, load):
    """What a serving program and `load(port)`, while it served, have counted."""
    process = start(program, programs, core, "--role", role)
    try:
        words = process.stdout.readline().split()
        if len(words) != 2 or words[0] != "port":
            raise Failure(f"{program.name}: did not announce its port")
        sent = load(words[1])
        process.send_signal(signal.SIGTERM)
        return sent, result_of(program.name, process)
    finally:
        process.kill()
        process.wait()


def measure_round(case, program, arguments, cores):
    """One measurement: counts, CPU of the subject, seconds."""
    programs = arguments.programs
    common = ["--size", case.size, "--seconds", arguments.seconds]

    def generate(*options):
        def load(port):
            generator = Program("generator", GENERATOR)
            return result_of("generator", start(generator, programs, cores[1], "--port", port,
                                                *common, *options))
        return load

    if case.kind == "receive":
        sent, got = served(program, programs, "receive", cores[0],
                           generate("--role", "flood", "--rate", arguments.rate))
        return entry(sent["datagrams"], got["datagrams"], got, got["datagrams"])
    if case.kind == "echo":
        answered, got = served(program, programs, "echo", cores[0], generate("--role", "echo"))
        return entry(answered["datagrams"] + answered["lost"], answered["datagrams"], got,
                     got["datagrams"])

    def send(port):
        sender = start(program, programs, cores[0], "--role", "send", "--port", port, *common)
        return result_of(program.name, sender)

    # The receiver of a bulk is the program itself, of a send the raw one.
    receiver = program if case.kind == "bulk" else FLOOR
    sent, got = served(receiver, programs, "receive", cores[1], send)
    if case.kind == "bulk":
        return entry(sent["datagrams"], got["datagrams"], got, got["datagrams"])
    return entry(sent["datagrams"], got["datagrams"], sent, sent["datagrams"])


def entry(sent, received, subject, handled):
    return {"sent": sent, "received": received, "lost": max(sent - received, 0),
            "cpu": subject["cpu_ns"] / max(handled, 1),
            "rate": handled / max(subject["seconds"], 1e-9)}


def measure_case(case, arguments, cores):
    samples = {program.name: [] for program in case.programs}
    for turn in range(arguments.rounds):
        first = turn % len(case.programs)
        for program in case.programs[first:] + case.programs[:first]:
            samples[program.name].append(measure_round(case, program, arguments, cores))
    return samples


def ratio(samples, subject, base, measure):
    pairs = [own[measure] / other[measure]
             for own, other in zip(samples[subject.name], samples[base.name])]
    return statistics.median(pairs), min(pairs), max(pairs)


def print_case(case, samples):
    print(case.name)
    rows = []
    for program in case.programs:
        rounds = samples[program.name]
        median = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        lost = sum(each["lost"] for each in rounds) / max(sum(each["sent"] for each in rounds), 1)
        rows.append([program.name, f"{median['sent']:,.0f}", f"{median['received']:,.0f}",
                     f"{lost:.2%}", f"{median['rate']:,.0f}", f"{median['cpu']:,.0f}",
                     run.format_ratio(ratio(samples, program, FLOOR, "cpu")),
                     f"{ratio(samples, program, FLOOR, 'rate')[0]:.2f}"])
    run.print_table(["", "sent", "received", "lost", "datagrams/s", "CPU ns", "CPU / raw",
                     "rate / raw"], rows)


def find_misses(case, samples):
    for target in case.targets:
        value = ratio(samples, target.subject, target.base, target.measure)[0]
        is_met = value >= target.limit if target.measure == "rate" else value <= target.limit
        sign = ">=" if target.measure == "rate" else "<="
        yield is_met, (f"{case.name}: {target.subject.name} / {target.base.name}, "
                       f"{target.measure}: {value:.3f}, wanted {sign} {target.limit:.2f}")


def parse_arguments():
    parser = command_line.make_parser(__doc__)
    parser.add_argument("--rate", type=int, default=400000,
                        help="datagrams a second of the floods; 0 = as fast as they go")
    parser.add_argument("--cases", default="", help="only those whose names contain this")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    return command_line.parse(parser, (GENERATOR, RAW, ASIO, LIBRARY))


def main():
    arguments = parse_arguments()
    cores = run.choose_cores()
    machine = run.describe_machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; subject on core "
          f"{cores[0]}, the other side on core {cores[1]}\nmedians of {arguments.rounds} rounds of "
          f"{arguments.seconds} s; ratios: median of the rounds (smallest..largest)\n", flush=True)
    everything, missed = {}, 0
    for case in (each for each in CASES if arguments.cases in each.name):
        everything[case.name] = measure_case(case, arguments, cores)
        print_case(case, everything[case.name])
        for is_met, text in find_misses(case, everything[case.name]):
            print(f"  {'reached' if is_met else 'MISSED '}  {text}")
            missed += 0 if is_met else 1
        print(flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "samples": everything}, indent=1))
    return 1 if arguments.check and missed else 0


if __name__ == "__main__":
    command_line.run(main)
