#!/usr/bin/env python3
"""Checks what a compiler says of each public header when it was not told to speak C++20: one #error.

    old_language.py COMPILER INCLUDE_DIRECTORY... -- HEADER...
"""

import subprocess
import sys

_MESSAGE = "network_system needs C++20: compile with -std=c++20"


def _compile(compiler, directories, source, standard):
    command = [compiler, f"-std={standard}", "-fsyntax-only", "-DASIO_STANDALONE", "-x", "c++", "-"]
    command += [f"-I{each}" for each in directories]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def _complaint(status, output):
    """What is wrong with what the compiler has said; empty: nothing."""
    errors = [line for line in output.splitlines() if "error: " in line]
    # The second one is how the compiler is stopped.
    if status == 0 or len(errors) != 2:
        return f"{len(errors)} errors instead of 2"
    if _MESSAGE not in errors[0]:
        return f"the first error is another: {errors[0]}"
    if "network_system-needs-C++20" not in errors[1]:
        return f"the compiler is not stopped: {errors[1]}"
    return ""


def main():
    compiler, *rest = sys.argv[1:]
    middle = rest.index("--")
    directories, headers = rest[:middle], rest[middle + 1 :]
    failures = 0
    for header in headers:
        # What follows would be errors, too.
        source = f"#include <{header}>\nnetwork_system::endpoint a; std::span<int> b;\n"
        complaint = _complaint(*_compile(compiler, directories, source, "c++17"))
        if complaint:
            failures += 1
            print(f"{header}: {complaint}")
    print(f"{len(headers)} headers, {failures} failed")
    return 1 if failures or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
