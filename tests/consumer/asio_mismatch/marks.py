#!/usr/bin/env python3
"""Checks that a program whose Asio differs from the library's asks the linker for another mark.

    marks.py COMPILER FLAGS...   the flags that find the library's headers, and Asio's

Asio is configured by macros. One that changes what the program and the library share links, and then
crashes, unless it is part of the mark.
"""

import re
import subprocess
import sys

# Each changes the layout of what is shared, or what its functions do.
_DIFFERENT = [
    "ASIO_ENABLE_HANDLER_TRACKING",
    "ASIO_DISABLE_THREADS",
    "ASIO_DISABLE_EPOLL",
    "ASIO_DISABLE_EVENTFD",
    "ASIO_HAS_IO_URING",
    "ASIO_HAS_IO_URING -DASIO_DISABLE_EPOLL",
    "ASIO_NO_EXCEPTIONS",
    "ASIO_DISABLE_STD_EXCEPTION_PTR",
    "ASIO_DISABLE_SMALL_BLOCK_RECYCLING",
    "ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8",
    "ASIO_DISABLE_STD_ALIGNED_ALLOC",
    "ASIO_STRAND_IMPLEMENTATIONS=11",
    "ASIO_ENABLE_SEQUENTIAL_STRAND_ALLOCATION",
    "ASIO_DISABLE_FENCED_BLOCK",
    "ASIO_USE_TS_EXECUTOR_AS_DEFAULT",
    "ASIO_NO_TS_EXECUTORS",
    "ASIO_NO_TYPEID",
]
# These hide names, or say what is the default; who sets them is not to be turned away.
_EQUAL = [
    "ASIO_NO_DEPRECATED",
    "ASIO_STANDALONE",
    "ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=2",
    "ASIO_STRAND_IMPLEMENTATIONS=193",
    "ASIO_ENABLE_HANDLER_TYPE_REQUIREMENTS",
]

_SOURCE = """
#include <asio/detail/config.hpp>
#include <network_system/internal/asio_version.h>
"""


def _mark(compiler, flags, macro=None):
    # Asio's configuration is all that the mark depends on, and needs no liburing.
    command = [compiler, *flags, "-E", "-P", "-x", "c++", "-std=c++20", "-"]
    if macro:
        command[1:1] = f"-D{macro}".split()
    done = subprocess.run(command, input=_SOURCE, capture_output=True, text=True, check=False)
    found = re.search(r"const char (library_built_with_asio_\w+);", done.stdout)
    if done.returncode != 0 or not found:
        sys.exit(f"no mark with {macro}:\n{done.stderr}")
    return found.group(1)


def main():
    compiler, *flags = sys.argv[1:]
    usual = _mark(compiler, flags)
    seen = {usual: "nothing"}
    failures = []
    for macro in _DIFFERENT:
        mark = _mark(compiler, flags, macro)
        if mark in seen:
            failures.append(f"{macro} links with {seen[mark]}: {mark}")
        seen[mark] = macro
    for macro in _EQUAL:
        mark = _mark(compiler, flags, macro)
        if mark != usual:
            failures.append(f"{macro} does not link, which would be well: {mark}")
    print("\n".join(failures))
    print(f"{len(_DIFFERENT) + len(_EQUAL)} macros of Asio, {len(failures)} failed; {usual}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
