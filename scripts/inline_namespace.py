#!/usr/bin/env python3
"""Puts everything in namespace network_system into its inline namespace, named after the version.

    inline_namespace.py [ROOT]           rewrites the tree (default: the current directory)
    inline_namespace.py --check [ROOT]   lists what is not in it, and fails if there is something
    inline_namespace.py --undo [ROOT]    takes the inline namespace out again

`namespace network_system::core {` becomes `namespace network_system::inline v0_1::core {`, forward
declarations and tests that reopen a namespace included: a declaration outside of it, before the header
is included, would be of another class. Run it again after a change of major.minor in CMakeLists.txt.
What users write (tests/consumer) stays as it is.
"""

import argparse
import pathlib
import re
import sys

_TOPS = ("include", "src", "tests", "samples", "benchmarks", "integration_tests", "cmake")
_USERS = ("tests/consumer/", "tests/compile/misuse/")
_SUFFIXES = (".h", ".hpp", ".cpp", ".ipp", ".inc", ".in")
_OPENING = re.compile(
    r"^([ \t]*namespace network_system)(::inline v\d+_\d+)?((?:::\w+)*)(\s*\{)", re.MULTILINE
)


def name_of_version(root):
    text = (root / "CMakeLists.txt").read_text()
    found = re.search(r"project\(\s*network_system\s+VERSION (\d+)\.(\d+)\.", text)
    if not found:
        sys.exit("no version in CMakeLists.txt")
    return f"v{found[1]}_{found[2]}"


def sources(root):
    for top in _TOPS:
        for file in sorted((root / top).rglob("*")):
            name = file.relative_to(root).as_posix()
            if file.is_file() and file.suffix in _SUFFIXES and not name.startswith(_USERS):
                yield file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--undo", action="store_true")
    parser.add_argument("root", nargs="?", default=".", type=pathlib.Path)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    inline = "" if arguments.undo else "::inline " + name_of_version(root)

    changed = []
    for file in sources(root):
        text = file.read_text()
        rewritten = _OPENING.sub(lambda m: m[1] + inline + m[3] + m[4], text)
        if rewritten != text:
            changed.append(file)
            if not arguments.check:
                file.write_text(rewritten)
    for file in changed:
        print(file.relative_to(root).as_posix())
    if arguments.check:
        sys.exit(1 if changed else 0)


if __name__ == "__main__":
    main()
