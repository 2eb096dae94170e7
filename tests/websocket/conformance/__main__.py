"""Holds a WebSocket echo peer against RFC 6455, strictly, over raw sockets.

  python3 tests/websocket/conformance --server HOST:PORT    drives an echo server
  python3 tests/websocket/conformance --listen PORT         waits for an echo client (0: any port,
                                                            printed), which asks for the cases as it
                                                            would ask the Autobahn test suite:
                                                            /getCaseCount, /runCase?case=N, and
                                                            /updateReports when it is done

Each case is a connection. The exit status is 1 when one has failed.
"""

import argparse
import json
import socket
import sys
import time
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import wire
from cases import Await, Head, Piece, Silence, all_cases
from handshake_cases import ANSWER, handshake_cases
from wire import CLOSE, TEXT, Connection, Frame, Miss, close_payload, describe

FAILS_FAST_WITHIN_SECONDS = 2


def send_step(peer, step):
    if isinstance(step, Frame):
        peer.send(step)
    elif isinstance(step, Head):
        mask_bit, mask = (0x80, bytes(4)) if peer.is_client else (0, b"")
        peer.send_bytes(bytes([step.first, mask_bit | 127]) + step.size.to_bytes(8, "big") + mask)
    elif isinstance(step, Piece):
        encoded = step.frame.encode(peer.is_client)
        head = len(encoded) - len(step.frame.payload)
        peer.send_bytes(encoded[head + step.begin if step.begin else 0:head + step.end])
    elif isinstance(step, Silence):
        if not peer.is_silent_for(step.seconds):
            raise Miss(f"says something too early: {describe(peer.next_event())}")
    elif isinstance(step, Await):
        event = peer.next_event()
        if event != step.event:
            raise Miss(f"expected {describe(step.event)}, got {describe(event)}")


def check_events(case, events):
    if events not in (case.events, *case.lenient_events):
        got = "; ".join(describe(event) for event in events) or "nothing"
        raise Miss(f"expected {'; '.join(map(describe, case.events)) or 'nothing'}, got {got}")


def events_until_close(peer):
    events = []
    while True:
        event = peer.next_event()
        if event[0] == "end":
            raise Miss("drops the connection without a close frame, after "
                       + ("; ".join(describe(each) for each in events) or "nothing"))
        if event[0] == "close":
            return events, event[1]
        events.append(event)


def expect_close(peer, case, codes):
    events, code = events_until_close(peer)
    check_events(case, events)
    if code not in codes:
        raise Miss(f"closes with {code}, not {' or '.join(map(str, codes))}")


def leave(peer):
    """A server closes the connection first."""
    if peer.is_client:
        peer.expect_end()
    peer.tcp.close()


def run_normal(peer, case):
    events = [peer.next_event() for _ in case.events]
    check_events(case, events)
    peer.send(Frame(CLOSE, close_payload(1000)))
    expect_close(peer, type(case)(case.name, []), case.codes)


def run_failed(peer, case):
    if case.rest and peer.is_silent_for(FAILS_FAST_WITHIN_SECONDS):
        raise Miss("does not fail at the first bad byte")
    expect_close(peer, case, case.codes)
    peer.send(Frame(CLOSE, close_payload(case.codes[0])))


def run_case(peer, case):
    for step in case.steps:
        send_step(peer, step)
    if case.ends == "normal":
        run_normal(peer, case)
    elif case.ends == "failed":
        run_failed(peer, case)
    else:
        expect_close(peer, case, case.codes)
    leave(peer)


def run_opening(address, opening):
    status, headers = wire.open_with(*address, opening.request, opening.chop)
    if status not in opening.statuses:
        raise Miss(f"answers {status}, not {' or '.join(map(str, opening.statuses))}")
    wanted = dict(opening.fields or {})
    if status == 101:
        wanted |= {b"sec-websocket-accept": ANSWER}
    for name, value in wanted.items():
        if headers.get(name) != value:
            raise Miss(f"answers without {name.decode()}: {value.decode()}")


def section(case):
    return int(case.name.split(".")[0])


class Report:
    def __init__(self, is_verbose):
        self.is_verbose = is_verbose
        self.passed, self.failed = Counter(), Counter()
        self.missing = 0

    def record(self, case, run):
        """Runs it, and says whether it has passed."""
        began = time.monotonic()
        try:
            run()
        except (Miss, OSError, ValueError) as miss:
            self.failed[section(case)] += 1
            print(f"FAILED {case.name}: {miss}", flush=True)
            return False
        self.passed[section(case)] += 1
        if self.is_verbose:
            print(f"passed {case.name} ({time.monotonic() - began:.3f} s)", flush=True)
        return True

    def finish(self, count):
        for each in sorted({*self.passed, *self.failed}):
            print(f"section {each}: {self.passed[each]} passed, {self.failed[each]} failed")
        passed, failed = self.passed.total(), self.failed.total()
        if passed + failed < count:
            print(f"{count - passed - failed} cases were not run")
        print(f"{passed} passed, {failed} failed", flush=True)
        return 0 if passed == count else 1


def drive_server(address, cases, openings, report):
    for case in cases:
        report.record(case, lambda: run_case(wire.connect(*address), case))
    for opening in openings:
        report.record(opening, lambda: run_opening(address, opening))
    return report.finish(len(cases) + len(openings))


def answer(peer, text):
    if text is not None:
        peer.send(Frame(TEXT, text.encode()))
    peer.send(Frame(CLOSE, close_payload(1000)))
    while peer.next_event()[0] not in ("close", "end"):
        pass
    peer.tcp.close()


def drive_client(port, cases, report, patience):
    """One connection after the other, as they come, until the client wants its report."""
    verdicts = {}
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(patience)
        print(f"port {listener.getsockname()[1]}", flush=True)
        while True:
            try:
                tcp, _ = listener.accept()
            except TimeoutError:
                print("the client does not come back")
                return report.finish(len(cases)) or 1
            peer, path = wire.accept(tcp)
            url = urlsplit(path)
            asked = parse_qs(url.query)
            number = int(asked.get("case", ["0"])[0])
            if number not in range(len(cases) + 1):
                raise Miss(f"asks for case {number}")
            case = cases[number - 1] if number else None
            if url.path == "/runCase" and case:
                passed = report.record(case, lambda: run_case(peer, case))
                verdicts[number] = "OK" if passed else "FAILED"
                tcp.close()
            elif url.path == "/getCaseCount":
                answer(peer, str(len(cases)))
            elif url.path == "/getCaseInfo" and case:
                answer(peer, json.dumps({"id": case.name, "description": ""}))
            elif url.path == "/getCaseStatus" and case:
                answer(peer, json.dumps({"behavior": verdicts.get(number, "UNKNOWN")}))
            elif url.path == "/updateReports":
                answer(peer, None)
                return report.finish(len(cases))
            else:
                raise Miss(f"asks for {path}")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--server", help="HOST:PORT of an echo server")
    mode.add_argument("--listen", type=int, metavar="PORT", help="for an echo client")
    parser.add_argument("--cases", default="", help="names or their beginnings: 6,7.1,9.3.1")
    parser.add_argument("--quick", action="store_true", help="without the largest and longest")
    parser.add_argument("--max-message-size", type=int, default=0,
                        help="what the peer is configured with, to ask for one byte more")
    parser.add_argument("--patience", type=float, default=30,
                        help="seconds to wait for the next connection of a client")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    wanted = [name + "." for name in arguments.cases.split(",") if name]

    def choose(cases):
        return [case for case in cases
                if not (arguments.quick and case.is_slow)
                and (not wanted or any((case.name + ".").startswith(name) for name in wanted))]

    cases = choose(all_cases(arguments.max_message_size))
    report = Report(arguments.verbose)
    if arguments.server:
        host, _, port = arguments.server.rpartition(":")
        return drive_server((host, int(port)), cases, choose(handshake_cases()), report)
    return drive_client(arguments.listen, cases, report, arguments.patience)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Miss as miss:
        sys.exit(f"conformance: {miss}")
