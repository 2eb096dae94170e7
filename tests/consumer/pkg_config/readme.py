#!/usr/bin/env python3
"""Prints the coroutines of README.md as a program: the blocks as they are, and a main."""

import pathlib
import re

_README = pathlib.Path(__file__).resolve().parents[3] / "README.md"
_BLOCK = re.compile(r"<!-- readme:([\w-]+) -->\n```cpp\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# The echo server answers no requests, which the client asks last: what comes before has worked.
_MAIN = """
int main() {
    const auto server = make_server([] {});
    if (!server->start_server(0)) {
        return 1;
    }
    const auto ended = run_client(server->local_port());
    return ended.is_err() && ended.error().code == static_cast<int>(errc::not_supported) ? 0 : 2;
}
"""

blocks = dict(_BLOCK.findall(_README.read_text(encoding="utf-8")))
print("".join(blocks[f"coroutine_{part}"] for part in ("includes", "client", "server")) + _MAIN)
