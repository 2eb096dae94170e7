#!/usr/bin/env python3
"""Runs a client program, with a server program or without, and checks what happened.

Between the two stands a relay, so that the test knows when the server was reached and what the
client sent, and waits for nothing else. The server, which would run for ever, gets the Ctrl+C that
its snippet promises to obey.
"""

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

LIMIT = 30  # seconds for any single step


class Failed(Exception):
    pass


def listen():
    """A listening socket on a free port, reachable as localhost whichever way that resolves."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError:
            pass  # IPv6 is compiled in, but switched off
    return socket.create_server(("", 0))


def free_port():
    with listen() as sock:
        return sock.getsockname()[1]


class Relay:
    """Passes bytes between clients and the server, and remembers what the clients sent."""

    def __init__(self, server_port):
        self.server_port = server_port
        self.sent = bytearray()
        self.changed = threading.Condition()
        self.listener = listen()
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("localhost", self.server_port))
            threading.Thread(target=self._pass, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, False), daemon=True).start()

    def _pass(self, source, target, from_client):
        try:
            while data := source.recv(65536):
                target.sendall(data)
                if from_client:
                    with self.changed:
                        self.sent += data
                        self.changed.notify_all()
            target.shutdown(socket.SHUT_WR)
        except OSError:
            target.close()

    def wait_for(self, expected):
        with self.changed:
            if not self.changed.wait_for(lambda: expected in self.sent, LIMIT):
                raise Failed(f"the server did not get the message, but {len(self.sent)} other bytes")


def make_certificate(directory, is_trusted):
    """A certificate for localhost, which programs that trust what the system trusts trust too."""
    certificate = os.path.join(directory, "server.crt")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", os.path.join(directory, "server.key"), "-out", certificate],
                   check=True, capture_output=True)
    os.environ["SNIPPET_DIRECTORY"] = directory
    if is_trusted:
        os.environ["SSL_CERT_FILE"] = certificate


def start(program, port):
    return subprocess.Popen(
        [program],
        env={**os.environ, "SNIPPET_PORT": str(port)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A job started in the background hands an ignored Ctrl+C down to its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def start_server(program):
    # Somebody else may take the port between our choice and the server's bind.
    for _ in range(3):
        port = free_port()
        server = start(program, port)
        deadline = time.monotonic() + LIMIT
        while server.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("localhost", port), timeout=1).close()
                return server, port
            except OSError:
                time.sleep(0.01)
        server.kill()
    raise Failed("the server does not listen: " + server.communicate()[0])


def finish(name, process, expected_status):
    try:
        output, _ = process.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Failed(f"the {name} does not end: " + process.communicate()[0]) from None
    if process.returncode != expected_status:
        raise Failed(f"the {name} ended with {process.returncode}, not {expected_status}: {output}")
    return output


def run(arguments, processes):
    expected = None
    if arguments.sends_text:
        expected = arguments.sends_text.encode()
    elif arguments.sends_hex:
        expected = bytes.fromhex(arguments.sends_hex)
    elif arguments.sends_zeros:
        expected = bytes(arguments.sends_zeros)

    if not arguments.server:
        occupied = listen() if arguments.occupy_port else None
        port = occupied.getsockname()[1] if occupied else free_port()
        client = start(arguments.client, port)
        processes.append(client)
        # "return -1" of a main() is seen as 255.
        output = finish("program", client, 255 if arguments.fails_with else 0)
        if arguments.fails_with and arguments.fails_with not in output:
            raise Failed(f"'{arguments.fails_with}' is not in the output: {output}")
        return

    server, server_port = start_server(arguments.server)
    processes.append(server)
    relay = Relay(server_port)
    client = start(arguments.client, relay.port)
    processes.append(client)
    if expected:
        relay.wait_for(expected)
    if arguments.client_fails_with:
        output = finish("client", client, 255)
        if arguments.client_fails_with not in output:
            raise Failed(f"'{arguments.client_fails_with}' is not in the output: {output}")
    elif not arguments.client_waits:
        finish("client", client, 0)
    elif client.poll() is not None:
        raise Failed("the client did not wait: " + client.communicate()[0])
    if server.poll() is not None:
        raise Failed("the server did not wait: " + server.communicate()[0])
    server.send_signal(signal.SIGINT)
    finish("server", server, -signal.SIGINT)
    if arguments.client_waits:
        finish("client", client, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", help="a program that serves until Ctrl+C")
    parser.add_argument("--client", required=True, help="a program that ends by itself")
    parser.add_argument("--sends-text")
    parser.add_argument("--sends-hex")
    parser.add_argument("--sends-zeros", type=int)
    parser.add_argument("--client-waits", action="store_true", help="it ends when the server has ended")
    parser.add_argument("--fails-with", help="main() returns -1, and this text is in the output")
    parser.add_argument("--client-fails-with", help="the same for the client of a server")
    parser.add_argument("--certificates", action="store_true", help="makes a certificate for the server")
    parser.add_argument("--untrusted", action="store_true", help="one that nobody trusts")
    parser.add_argument("--occupy-port", action="store_true", help="the port is in use")
    processes = []
    directory = tempfile.TemporaryDirectory()
    try:
        arguments = parser.parse_args()
        if arguments.certificates:
            make_certificate(directory.name, not arguments.untrusted)
        run(arguments, processes)
    except Failed as failure:
        print(f"FAILED: {failure}")
        return 1
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        directory.cleanup()
    return 0


if __name__ == "__main__":
    sys.exit(main())
