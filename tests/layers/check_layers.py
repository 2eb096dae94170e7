#!/usr/bin/env python3
"""Checks that the sources keep to the layers of docs/ARCHITECTURE.md.

    check_layers.py              check this checkout
    check_layers.py --root DIR   check another tree
    check_layers.py --self-test  check that every rule is able to fail

Rules:
  1. Includes run downwards only. A folder is a room, with its subfolders; the wings (framed, websocket,
     datagram) do not know each other, nor do protocol and transport.
  2. protocol is pure: neither Asio, nor OpenSSL, nor sockets, nor threads.
  3. OpenSSL is included in src/tls/ only, and Asio in src/runtime/asio/ and the few files named below.
  4. The public core/, session/, testing/ and utils/ headers pull in neither Asio nor OpenSSL, directly or not.
  5. No header includes itself through others.
  6. A quoted include names a file that exists; a public header includes no private one.
  7. src/CMakeLists.txt lists exactly the .cpp files under src/.
  8. A duration is added to a time by utils/deadline.h: a plain sum of one of a user's would overflow.
  9. Threads are made by utils/threads.cpp, which blocks the signals that are not ours.
 10. A public function takes a strict_bool: a plain bool would take a string.
 11. Of fmt, only what fmt 8.1 has is used: CMake asks for no newer one.
"""

import argparse
import pathlib
import re
import sys
import tempfile

# A room and the floors below it: it may include all of them, besides itself and its own subfolders.
_STREAMS = ["transport", "runtime", "os", "utils"]
_SESSION = ["session", "protocol", *_STREAMS]
_WING = ["server", "client", "lifecycle", "tls", *_SESSION]
_LOWER = {
    "utils": [],
    "os": ["utils"],
    "protocol": ["utils"],
    "runtime": ["os", "utils"],
    "transport": ["runtime", "os", "utils"],
    "tls": _STREAMS,
    "session": ["protocol", *_STREAMS],
    "lifecycle": _SESSION,
    "server": ["lifecycle", *_SESSION],
    "client": ["lifecycle", *_SESSION],
    # The wings do not know each other.
    "framed": _WING,
    "websocket": _WING,
    "datagram": _WING,
    # Beside the floors up to lifecycle: a world for them to run in, and certificates.
    "testing": ["lifecycle", "tls", *_SESSION],
    # Above the wings, made of public headers.
    "resilience": ["framed", "websocket", "datagram", *_WING],
    "integration": ["resilience", "framed", "websocket", "datagram", *_WING],
}

# Public headers whose folder, which SPEC.md names, is not the name of their room.
_ROOM_OF_PUBLIC = {
    "async.h": "integration",
    "compatibility.h": "integration",
    "config.h": "utils",  # generated
    "export.h": "utils",  # generated
    "network_system.h": "integration",
    "core/accept_answer.h": "server",
    "core/callback_forms.h": "session",
    "core/callbacks.h": "framed",
    "core/connection_pool.h": "resilience",
    "core/io_thread_options.h": "session",
    "core/listener.h": "server",
    "core/messaging_client.h": "framed",
    "core/messaging_server.h": "framed",
    "core/messaging_udp_client.h": "datagram",
    "core/messaging_udp_server.h": "datagram",
    "core/messaging_ws_client.h": "websocket",
    "core/messaging_ws_server.h": "websocket",
    "core/metrics.h": "session",
    "core/metrics_fields.h": "session",
    "core/options.h": "session",
    "core/proxy_options.h": "session",
    "core/receive_handler.h": "session",
    "core/reconnect_options.h": "session",
    "core/run_options.h": "session",
    "core/secure_messaging_client.h": "framed",
    "core/secure_messaging_server.h": "framed",
    "core/session_manager.h": "server",
    "core/tls_config.h": "utils",
    "core/secure_messaging_ws_client.h": "websocket",
    "core/secure_messaging_ws_server.h": "websocket",
    "core/udp_callbacks.h": "datagram",
    "core/udp_options.h": "session",
    "core/ws_callbacks.h": "websocket",
    "core/ws_handlers.h": "websocket",
    "core/ws_metrics_fields.h": "websocket",
    "core/ws_options.h": "websocket",
    "session/message.h": "protocol",
    "session/ws_connection.h": "websocket",
    "session/ws_handshake.h": "websocket",
    "session/ws_message.h": "websocket",
    "core/ws_session_manager.h": "websocket",
    "utils/resilient_client.h": "resilience",
    "utils/signals.h": "lifecycle",
    "internal/adopted_socket.h": "session",
    "internal/asio_endpoint.h": "utils",
    "internal/asio_version.h": "utils",
    "internal/build_checks.h": "utils",
    "internal/async_operation.h": "integration",
    "internal/async_peer.h": "integration",
    "internal/http_head.h": "protocol",
    "internal/message_memory.h": "utils",
    "internal/messaging_session.h": "session",
    "internal/pipeline.h": "protocol",
    "internal/secure_tcp_socket.h": "framed",
    "internal/send_coroutine.h": "integration",
    "internal/session_coroutine.h": "integration",
    "internal/session_executor.h": "integration",
    "internal/tcp_socket.h": "framed",
    "internal/udp_socket.h": "datagram",
    "internal/utf8.h": "protocol",
    "internal/websocket_frame.h": "protocol",
    "internal/websocket_handshake.h": "protocol",
    "internal/websocket_protocol.h": "protocol",
    "internal/websocket_socket.h": "websocket",
    "utils/session_timeout.h": "session",
    "utils/health_monitor.h": "resilience",
}

_GENERATED = {"include/network_system/config.h", "include/network_system/export.h"}
_LIGHT = re.compile(r"include/network_system/(core|session|testing|utils)/")
_TLS_FILE = re.compile(r"src/(tls/|utils/crypto)|src/testing/certificates")
_ASIO_FILE = re.compile(
    r"src/(runtime/asio/|utils/thread_pool\.cpp|framed/(secure_)?tcp_socket|websocket/websocket_socket"
    r"|datagram/udp_socket|session/adopted_)|include/network_system/(async\.h|internal/)"
)
# Asio's version alone is a macro, and is asked for only where Asio is already.
_ASIO = re.compile(r"(boost/)?asio(\.hpp$|/(?!version\.hpp$))")
_OPENSSL = re.compile(r"openssl/")
_IMPURE = re.compile(
    r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|"
    r"pthread\.h|unistd\.h|poll\.h|winsock2\.h|(sys|netinet|arpa)/.*)$"
)
_INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')


_PLAIN_SUM = re.compile(
    r"\b(now|clock)\(\)\s*\+(?!\+)|(?<!\+)\+\s*[\w.:>()-]*(_timeout|_interval|_delay|_patience|_grace)_?\b"
)
_THREAD = re.compile(r"\bstd::(thread\b(?!::(?:id|hardware_concurrency)\b)|jthread\b|async\b)|\bpthread_create\b")
_MAKES_THREADS = re.compile(r"src/utils/threads\.(h|cpp)$")
_BOOL_PARAMETER = re.compile(r"[(,]\s*(?:const\s+)?bool\s+\w+\s*(?:=[^,)]*)?[,)]")
_FMT_8 = {"fmt", "format", "format_string", "format_to", "formatter", "join", "memory_buffer", "runtime", "to_string"}
_FMT_NAME = re.compile(r"\bfmt::(\w+)|#\s*include\s*<fmt/(\w+)\.h>")
_COMMENT = re.compile(r"//[^\n]*")


def _layer(path):
    """The room of a file: its folder's, unless a public header has one of its own; None for none."""
    parts = path.split("/")
    if parts[0] == "include":
        inside = "/".join(parts[2:])
        room = _ROOM_OF_PUBLIC.get(inside, parts[2] if len(parts) > 3 else None)
    else:
        room = parts[1] if len(parts) > 2 else None
    return room if room in _LOWER else None


class Checker:
    def __init__(self, root):
        self.root = root
        self.errors = []
        self.files = sorted(
            f.relative_to(root).as_posix()
            for top in ("include", "src")
            for f in (root / top).rglob("*")
            if f.suffix in (".h", ".hpp", ".cpp")
        )
        self.known = set(self.files) | _GENERATED
        # file -> [(line, include as written, resolved project path or None)]
        self.includes = {f: list(self._read(f)) for f in self.files}

    def error(self, path, line, text):
        self.errors.append(f"{path}:{line}: {text}")

    def _read(self, path):
        text = (self.root / path).read_text(encoding="utf-8")
        for number, line in enumerate(text.splitlines(), 1):
            match = _INCLUDE.match(line)
            if not match:
                continue
            written = match.group(1)
            name = written[1:-1]
            candidates = [f"include/{name}", f"src/{name}"]
            if written[0] == '"':
                sibling = (pathlib.PurePosixPath(path).parent / name).as_posix()
                candidates.insert(0, re.sub(r"[^/]+/\.\./", "", sibling))
            target = next((c for c in candidates if c in self.known), None)
            yield number, written, target

    def run(self):
        for path in self.files:
            self._check_file(path)
            self._check_sums(path)
            self._check_threads(path)
            self._check_bools(path)
            self._check_fmt(path)
        for path in self.files:
            if _LIGHT.match(path):
                self._check_light(path)
        self._check_cycles()
        self._check_list()
        return self.errors

    def _check_file(self, path):
        layer = _layer(path)
        if layer is None:
            self.error(path, 1, "belongs to no room; add it to the tables in check_layers.py")
            return
        for line, written, target in self.includes[path]:
            name = written[1:-1]
            if target is None:
                if written[0] == '"' or name.startswith("network_system/"):
                    self.error(path, line, f"{written} does not exist")
                if layer == "protocol" and (
                    _ASIO.match(name) or _OPENSSL.match(name) or _IMPURE.match(name)
                ):
                    self.error(path, line, f"protocol is pure, but includes {written}")
                if _OPENSSL.match(name) and not _TLS_FILE.match(path):
                    self.error(path, line, f"{written} outside src/tls/")
                if _ASIO.match(name) and not _ASIO_FILE.match(path):
                    self.error(path, line, f"{written} outside the files of Asio")
                continue
            if path.startswith("include/") and target.startswith("src/"):
                self.error(path, line, f"a public header includes the private {target}")
            below = _layer(target)
            if below is not None and below != layer and below not in _LOWER[layer]:
                self.error(path, line, f"{layer} must not include {below} ({target})")

    def _check_sums(self, path):
        text = _COMMENT.sub("", (self.root / path).read_text(encoding="utf-8"))
        for match in _PLAIN_SUM.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            self.error(path, line, f"a plain sum ({' '.join(match.group().split())}); use after of utils/deadline.h")

    def _check_threads(self, path):
        if _MAKES_THREADS.match(path):
            return
        text = _COMMENT.sub("", (self.root / path).read_text(encoding="utf-8"))
        for match in _THREAD.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            self.error(path, line, f"{match.group()}; threads are made by make_thread of utils/threads.h")

    def _check_bools(self, path):
        if not path.startswith("include/"):
            return
        text = _COMMENT.sub("", (self.root / path).read_text(encoding="utf-8"))
        for match in _BOOL_PARAMETER.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            self.error(path, line, "a bool parameter, which takes a string; see utils/strict_bool.h")

    def _check_fmt(self, path):
        text = _COMMENT.sub("", (self.root / path).read_text(encoding="utf-8"))
        for match in _FMT_NAME.finditer(text):
            if (match.group(1) or match.group(2)) not in _FMT_8:
                line = text.count("\n", 0, match.start()) + 1
                self.error(path, line, f"{match.group()}; fmt 8.1 may not have it, see _FMT_8")

    def _check_light(self, path):
        """Follows the project's own headers from a light public header."""
        pending, seen = [(path, [path])], {path}
        while pending:
            current, way = pending.pop()
            for line, written, target in self.includes.get(current, ()):
                if target is None:
                    name = written[1:-1]
                    if _ASIO.match(name) or _OPENSSL.match(name):
                        via = " -> ".join(way)
                        self.error(current, line, f"light public header reaches {written}: {via}")
                elif target not in seen:
                    seen.add(target)
                    pending.append((target, way + [target]))

    def _check_cycles(self):
        state = {}

        def visit(path, way):
            state[path] = "open"
            for line, _, target in self.includes.get(path, ()):
                if target is None:
                    continue
                if state.get(target) == "open":
                    circle = way[way.index(target) :] + [target]
                    self.error(path, line, "include cycle: " + " -> ".join(circle))
                elif target not in state:
                    visit(target, way + [target])
            state[path] = "done"

        for path in self.files:
            if path not in state:
                visit(path, [path])

    def _check_list(self):
        cmake = self.root / "src/CMakeLists.txt"
        if not cmake.exists():
            return
        text = re.sub(r"#.*", "", cmake.read_text(encoding="utf-8"))
        listed = {f"src/{m}" for m in re.findall(r"(?<![\w/.])[\w/]+\.cpp\b", text)}
        present = {f for f in self.files if f.startswith("src/") and f.endswith(".cpp")}
        for path in sorted(present - listed):
            self.error("src/CMakeLists.txt", 1, f"does not list {path}")
        for path in sorted(listed - present):
            self.error("src/CMakeLists.txt", 1, f"lists {path}, which does not exist")


_SELF_TEST = [
    # (files, part of the message expected; None: the tree is clean)
    ({"src/server/a.h": "", "src/framed/b.h": '#include "server/a.h"\n#include <vector>'}, None),
    ({"src/server/a.h": "", "src/session/b.h": '#include "server/a.h"'}, "session must not include server"),
    ({"src/utils/b.h": '#include "../server/a.h"', "src/server/a.h": ""}, "utils must not include server"),
    ({"src/protocol/a.h": "", "src/transport/b.h": '#include "protocol/a.h"'}, "must not include protocol"),
    ({"src/runtime/a.h": "", "src/protocol/b.h": '#include "runtime/a.h"'}, "must not include runtime"),
    ({"src/integration/a.h": "", "src/server/b.cpp": '#include "integration/a.h"'}, "must not include integration"),
    ({"src/framed/a.h": "", "src/websocket/b.h": '#include "framed/a.h"'}, "websocket must not include framed"),
    ({"src/server/a.h": "", "src/client/b.h": '#include "server/a.h"'}, "client must not include server"),
    ({"src/tls/x/a.h": "", "src/tls/b.h": '#include "tls/x/a.h"'}, None),
    ({"src/protocol/a.h": "#include <asio/buffer.hpp>"}, "protocol is pure"),
    ({"src/runtime/a.h": "#include <asio/buffer.hpp>"}, "outside the files of Asio"),
    ({"src/runtime/asio/a.h": "#include <asio/buffer.hpp>"}, None),
    ({"src/protocol/a.h": "#include <mutex>"}, "protocol is pure"),
    ({"src/protocol/a.h": "#include <sys/socket.h>"}, "protocol is pure"),
    ({"src/transport/a.h": "#include <openssl/ssl.h>"}, "outside src/tls"),
    ({"src/tls/stream.h": "#include <openssl/ssl.h>"}, None),
    (
        {
            "include/network_system/core/options.h": "#include <network_system/utils/b.h>",
            "include/network_system/utils/b.h": "#  include <asio.hpp>",
        },
        "light public header reaches <asio.hpp>",
    ),
    ({"include/network_system/internal/tcp_socket.h": "#include <asio.hpp>"}, None),
    ({"include/network_system/core/new.h": ""}, "belongs to no room"),
    ({"src/utils/a.h": '#include "b.h"', "src/utils/b.h": '#include "a.h"'}, "include cycle"),
    ({"src/utils/a.h": '#include "nowhere.h"'}, "does not exist"),
    ({"include/network_system/utils/a.h": '#include "utils/b.h"', "src/utils/b.h": ""}, "private"),
    ({"src/stray.h": ""}, "belongs to no room"),
    ({"src/utils/a.cpp": "", "src/CMakeLists.txt": "# utils/a.cpp"}, "does not list src/utils/a.cpp"),
    ({"src/server/a.cpp": "d = loop.now() +\n    options.drain_timeout;"}, "src/server/a.cpp:1: a plain sum"),
    ({"src/server/a.cpp": "d = last_ + config_->idle_timeout;"}, "a plain sum"),
    ({"src/server/a.cpp": "d = after(clock(), x); ++all.request_timeouts; y = now() - b; // now() + c"}, None),
    ({"src/server/a.cpp": "std::thread work([] {});"}, "threads are made by make_thread"),
    ({"src/server/a.cpp": "std::vector<std::thread> all; all.emplace_back([] {});"}, "threads are made by"),
    ({"src/server/a.cpp": "std::jthread work([] {});"}, "threads are made by make_thread"),
    ({"src/server/a.cpp": "auto f = std::async(work);"}, "threads are made by make_thread"),
    ({"src/server/a.cpp": "pthread_create(&id, nullptr, run, nullptr);"}, "threads are made by make_thread"),
    ({"src/server/a.cpp": "std::thread::id a = std::this_thread::get_id(); // std::thread"}, None),
    ({"src/utils/threads.cpp": "std::thread work([] {});"}, None),
    ({"include/network_system/utils/a.h": "void f(int a,\n    bool b = true);"}, "a.h:1: a bool parameter"),
    ({"include/network_system/utils/a.h": "struct a { bool b = true; bool c() { return d(b); } };"}, None),
    ({"src/utils/a.h": "void f(bool b);"}, None),
    ({"src/utils/a.cpp": "#include <fmt/std.h>"}, "fmt 8.1 may not have it"),
    ({"src/utils/a.cpp": "a = fmt::println(b);"}, "src/utils/a.cpp:1: fmt::println"),
    ({"src/utils/a.cpp": "#include <fmt/format.h>\na = fmt::format(b); // fmt::print"}, None),
    ({"src/CMakeLists.txt": "utils/a.cpp"}, "lists src/utils/a.cpp"),
]


def _self_test():
    failed = 0
    for files, expected in _SELF_TEST:
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for top in ("include", "src"):
                (root / top).mkdir()
            for name, text in files.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text + "\n", encoding="utf-8")
            errors = Checker(root).run()
        if (expected is None and errors) or (
            expected is not None and not any(expected in error for error in errors)
        ):
            failed += 1
            print(f"FAILED: {files}\n  expected: {expected}\n  reported: {errors}")
    print(f"{len(_SELF_TEST)} self-tests, {failed} failed")
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description="Checks the layers of the sources.")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return _self_test()
    checker = Checker(arguments.root)
    errors = checker.run()
    for error in errors:
        print(error)
    print(f"{len(checker.files)} files, {len(errors)} violations")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
