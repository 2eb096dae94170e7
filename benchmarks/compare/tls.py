#!/usr/bin/env python3
"""Compares servers over TLS: the library, OpenSSL on the socket of an epoll server, asio::ssl::stream.

Loads, handshakes (full and resumed) and idle connections, in interleaved rounds as in run.py, with
one certificate (ECDSA P-256, or RSA 2048 with --rsa) made for the run by the openssl program.
"""

import statistics
import subprocess
import tempfile
from pathlib import Path

import command_line
import run
from command_line import Failure
from run import Server

OPENSSL = "openssl on epoll"
ASIO = "asio::ssl"
OWN = "network_system"

# CPU per message / OpenSSL on epoll, / asio::ssl::stream.
LOAD_TARGETS = {
    "64x1x64": (0.95, 1.00),
    "64x32x64": (0.97, 0.95),
    "8x4x65536": (0.97, 0.85),
}
HANDSHAKES = ("full", "resumed")
HANDSHAKE_TARGET = 1 / 0.95  # CPU per handshake / OpenSSL on epoll
IDLE_TARGET = 12.0  # KiB per connection


def make_certificate(directory, is_rsa):
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    kind = ["rsa:2048"] if is_rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-subj", "/CN=compare",
                    "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def servers_with(certificate, key, suites=""):
    serve = ("--tls-cert", str(certificate), "--tls-key", str(key))
    load = ("--tls", "--suites", suites) if suites else ("--tls",)
    return [
        Server(OPENSSL, "compare_epoll_server", arguments=serve, load=load),
        Server(ASIO, "compare_asio_server", arguments=serve, load=load),
        Server(OWN, "compare_network_system_server", hello=True, arguments=serve, load=load),
    ]


def measure_handshakes(kind, servers, arguments, cores):
    options = ["--handshakes", kind, "--seconds", arguments.seconds, "--warmup", arguments.warmup]
    return run.measure(servers, arguments, cores, options)


def check_ratio(what, ratio, limit):
    """Prints a ratio beside its target; what was missed."""
    value = ratio[0]
    print(f"  {what}: {run.format_ratio(ratio)}, target {limit:.2f}", flush=True)
    return [] if value <= limit else [f"{what}: {value:.3f} > {limit:.3f}"]


def compare_loads(servers, arguments, cores):
    misses = []
    for load in arguments.loads:
        samples = run.measure_load(load, servers, arguments, cores)
        print(f"{load}: CPU ns per message " + ", ".join(
            f"{name} {statistics.median(s['server_cpu_ns_per_message'] for s in rounds):,.0f}"
            for name, rounds in samples.items()))
        for base, limit in zip((OPENSSL, ASIO), LOAD_TARGETS.get(load, (1.0, 1.0))):
            misses += check_ratio(f"{load} / {base}", run.ratios(samples, OWN, base), limit)
    return misses


def compare_handshakes(servers, arguments, cores):
    misses = []
    for kind in HANDSHAKES:
        samples = measure_handshakes(kind, servers, arguments, cores)
        print(f"{kind} handshakes: CPU us each " + ", ".join(
            f"{name} {statistics.median(s['server_cpu_ns_per_message'] for s in rounds) / 1e3:,.0f}"
            for name, rounds in samples.items()))
        misses += check_ratio(f"{kind} handshakes / {OPENSSL}", run.ratios(samples, OWN, OPENSSL),
                        HANDSHAKE_TARGET)
    return misses


def compare_idle(servers, arguments, cores):
    results = run.measure_idle(servers, arguments, cores)
    run.print_idle(results, arguments.idle)
    used = results[OWN]["kib_per_connection"]
    return [] if used <= IDLE_TARGET else [f"idle: {used:.2f} KiB > {IDLE_TARGET:.2f}"]


def parse_arguments():
    parser = command_line.make_parser(__doc__)
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--loads", type=command_line.separated, default=list(LOAD_TARGETS))
    parser.add_argument("--idle", type=int, default=1000, help="0 = skip")
    parser.add_argument("--rsa", action="store_true")
    parser.add_argument("--no-handshakes", action="store_true")
    parser.add_argument("--suites", default="", help="what clients offer; left to themselves, the "
                        "library takes TLS_AES_128_GCM_SHA256 and OpenSSL TLS_AES_256_GCM_SHA384")
    return command_line.parse(parser, (run.GENERATOR,))


def main():
    arguments = parse_arguments()
    cores = run.choose_cores()
    with tempfile.TemporaryDirectory() as directory:
        servers = servers_with(*make_certificate(Path(directory), arguments.rsa), arguments.suites)
        misses = compare_loads(servers, arguments, cores)
        if not arguments.no_handshakes:
            misses += compare_handshakes(servers, arguments, cores)
        if arguments.idle > 0:
            misses += compare_idle(servers, arguments, cores)
    for miss in misses:
        print(f"missed: {miss}")
    return 1 if misses and arguments.check else 0


if __name__ == "__main__":
    command_line.run(main)
