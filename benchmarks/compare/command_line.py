"""What the command lines of all comparisons have in common."""

import argparse
import os
import signal
import sys
from pathlib import Path


class Failure(Exception):
    pass


def separated(text):
    """The words of a comma-separated option."""
    return [word.strip() for word in text.split(",") if word.strip()]


def make_plain_parser(description, rounds):
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("--build-dir", type=Path, required=True,
                        help="the build tree, or the directory of the programs")
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser


def make_parser(description, rounds=11):
    parser = make_plain_parser(description, rounds)
    parser.add_argument("--seconds", type=float, default=0.3,
                        help="measured time of one run; more short rounds beat fewer long ones, "
                             "because neighbouring runs then meet the same machine")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed")
    return parser


def parse(parser, programs):
    """The arguments, and in `programs` the directory of the programs, which have to be there."""
    arguments = parser.parse_args()
    of_tree = arguments.build_dir / "benchmarks" / "compare"
    arguments.programs = (of_tree if of_tree.is_dir() else arguments.build_dir).resolve()
    for program in programs:
        if not os.access(arguments.programs / program, os.X_OK):
            raise Failure(f"{arguments.programs / program} is missing: build it first")
    return arguments


def run(main):
    """Ends the process with what `main` returns, or says what went wrong."""
    # A signal ends the program like an exception does, so that nothing it started outlives it.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda caught, _: sys.exit(128 + caught))
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"{Path(sys.argv[0]).stem}: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
