#!/usr/bin/env python3
"""A peer built on Python's websockets (Debian: python3-websockets).

  websockets_peer.py serve [CERTIFICATE KEY]  an echo server, over TLS with these; prints "port N",
                                              ends with its input
  websockets_peer.py talk URL [CA]            talks to an echo server and prints what came of it
  websockets_peer.py conform URL              answers every case of a conformance driver
  websockets_peer.py check                    says that websockets is there

A server takes texts as wishes too: "close CODE REASON", "ping", "fragments". Both ends say
"closed CODE REASON" in the end. It redirects "/moved" to "/", and refuses "/denied".
"""

import asyncio
import http
import ssl
import sys

try:
    import websockets
except ImportError:
    sys.exit("websockets is not there")

OPTIONS = {"max_size": 64 * 1024 * 1024, "compression": None}


def tell(*words):
    print(*words, flush=True)


def tell_close(socket):
    tell(*[word for word in ("closed", socket.close_code, socket.close_reason) if word != ""])


async def answer(socket, message):
    word, *rest = message.split(" ", 2) if isinstance(message, str) else [None]
    if word == "close":
        await socket.close(int(rest[0]), rest[1])
    elif word == "ping":
        await (await socket.ping(b"are you there?"))
        tell("pong are you there?")
    elif word == "fragments":
        await socket.send(["0123456789"] * 1000)
    else:
        await socket.send(message)


async def converse(socket, *_):
    pending = set()  # a ping waits for its pong, which comes while the connection is read from
    try:
        async for message in socket:
            pending.add(asyncio.ensure_future(answer(socket, message)))
            await asyncio.sleep(0)
    except websockets.ConnectionClosedError:
        pass
    await asyncio.gather(*pending, return_exceptions=True)
    await socket.wait_closed()
    tell_close(socket)


def answer_request(connection_or_path, request_or_fields):
    """As websockets wants it before version 14, and since."""
    is_old = isinstance(connection_or_path, str)
    path = connection_or_path if is_old else request_or_fields.path
    answers = {"/moved": (302, [("Location", "/")], "moved"),
               "/denied": (403, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], "not you")}
    if path not in answers:
        return None
    status, fields, text = answers[path]
    if is_old:
        return http.HTTPStatus(status), fields, text.encode()
    response = connection_or_path.respond(status, text)
    for name, value in fields:
        response.headers[name] = value
    return response


async def serve(certificate=None, key=None):
    secure = None
    if certificate:
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(certificate, key)
    async with websockets.serve(converse, "127.0.0.1", 0, ssl=secure, process_request=answer_request,
                                **OPTIONS) as server:
        tell("port", server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def echo(socket, what, sent, pieces=None):
    await socket.send(pieces if pieces is not None else sent)
    tell(what, "same" if await socket.recv() == sent else "different")


async def talk(url, ca=None):
    trusting = dict(OPTIONS, ssl=ssl.create_default_context(cafile=ca)) if ca else OPTIONS
    async with websockets.connect(url, **trusting) as socket:
        await echo(socket, "text", "Größe, Привет, 你好, 😀")
        await echo(socket, "binary", bytes(range(256)))
        await echo(socket, "empty", "")
        await echo(socket, "large", b"\xa5" * 1024 * 1024)
        await echo(socket, "fragmented", "0123456789" * 1000, ["0123456789"] * 1000)
        await (await socket.ping(b"token"))
        tell("pong token")
        await socket.close(4001, "goodbye")
        tell_close(socket)
    async with websockets.connect(url, **trusting) as socket:
        await socket.send("close 4002 as you wish")
        await socket.wait_closed()
        tell_close(socket)


async def connect(url, echoes):
    """The messages of one connection, echoed when wanted."""
    received = []
    async with websockets.connect(url, **OPTIONS) as socket:
        try:
            async for message in socket:
                received.append(message)
                if echoes:
                    await socket.send(message)
        except websockets.ConnectionClosedError:
            pass
    return received


async def conform(url):
    count, = await connect(f"{url}/getCaseCount", False)
    for number in range(1, int(count) + 1):
        await connect(f"{url}/runCase?case={number}&agent=websockets", True)
    await connect(f"{url}/updateReports?agent=websockets", False)


async def check():
    tell("websockets is there")


if __name__ == "__main__":
    modes = {"serve": serve, "talk": talk, "conform": conform, "check": check}
    asyncio.run(modes[sys.argv[1]](*sys.argv[2:]))
