"""Applications behind real servers on loopback, and clients that send them whatever they are told to, as it stands."""

import asyncio
import socket
import threading
from contextlib import contextmanager
from typing import NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, make_server

import uvicorn


class Answer(NamedTuple):
    """A server's answer: its status, and its body as text."""

    status: int
    body: str


class Client:
    """Sends requests to one server; each has a connection of its own."""

    def __init__(self, port):
        self._port = port

    def send(self, lines, body=b"", whole=True):
        """The answer to a request of these *lines*, without their ends; not *whole*: as far as its head."""
        head = "".join(f"{line}\r\n" for line in [*lines, ""]).encode("utf-8", "surrogateescape")
        with socket.create_connection(("127.0.0.1", self._port), timeout=20) as connection:
            connection.sendall(head + body)
            answer = b""
            while (whole or b"\r\n\r\n" not in answer) and (chunk := connection.recv(65536)):
                answer += chunk
        fields, _, content = answer.partition(b"\r\n\r\n")
        return Answer(int(fields.split()[1]), content.decode())

    def post(self, target, body=b"{}", headers=()):
        """The answer to a POST of JSON to *target*, sent byte for byte."""
        standard = [
            "Host: localhost",
            "Connection: close",
            f"Content-Length: {len(body)}",
            "Content-Type: application/json",
        ]
        return self.send([f"POST {target} HTTP/1.1", *standard, *headers], body)

    def upgrade(self, target):
        """The answer to an attempt to open a websocket at *target*."""
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        upgrade = ["Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 13"]
        return self.send([f"GET {target} HTTP/1.1", "Host: localhost", *upgrade], whole=False)


class _Silent(WSGIRequestHandler):
    def log_message(self, *args):
        """A test's output is no server's log."""


@contextmanager
def wsgi(application):
    """A client of *application*, served by wsgiref."""
    with make_server("127.0.0.1", 0, application, handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield Client(server.server_port)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def asgi(application, **options):
    """A client of *application*, served by uvicorn."""
    fixed = {"interface": "asgi3", "http": "h11", "ws": "wsproto", "lifespan": "off", "log_config": None}
    config = uvicorn.Config(application, **fixed, **options)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
        thread.start()
        try:
            yield Client(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


serve = {"wsgi": wsgi, "asgi": asgi}
