"""AWS Lambda on loopback: the Runtime API that a function's process talks to, and the real runtime client in one.

`Runtime` starts AWS's own client (`python -m awslambdaric`) with a handler string and hands it events, one at a time as
Lambda does. What the client posts back is exactly what AWS would have received.

    with Runtime("cloud_events.handler.handler", WSGI_APPLICATION="apps.obedient.wsgi") as runtime:
        answer = runtime.invoke({"Records": []})

The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

VERSION = "/2018-06-01/runtime"
TESTS = Path(__file__).parent

# What Lambda tells every function about itself. The client polls in a thread, and so lets a signal handler run, for the
# execution environments from 3.12 on.
LAMBDA = {
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
    "AWS_LAMBDA_FUNCTION_NAME": "books",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/books",
    "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef",
    "AWS_REGION": "us-east-2",
}
ARN = "arn:aws:lambda:us-east-2:123456789012:function:books"

# Of the environment of the tests only this much: settings of the person who runs them must not decide how they end.
INHERITED = re.compile("PATH|HOME|LANG|SYSTEMROOT|TMPDIR|COVERAGE_.*")


@dataclass(frozen=True)
class Answer:
    """What AWS received for one event: a response as its text, or an error as its document."""

    text: str | None = None
    error: dict[str, Any] | None = None

    @property
    def value(self) -> Any:
        """The response as JSON; an error has none."""
        assert self.text is not None, f"not a response but an error: {self.error}"
        return json.loads(self.text)

    @property
    def failure(self) -> tuple[str, str]:
        """The error's type and message, by which AWS tells one from another; a response has none."""
        assert self.error is not None, f"not an error but a response: {self.text}"
        return self.error["errorType"], self.error["errorMessage"]


class RuntimeApi(ThreadingHTTPServer):
    """The Runtime API for one process. Everything that is said to it goes into `journal`, in order.

    The journal's lines are "next", "response 1", "error 2", "init error", "restore", "restore error" and, from an
    application that wants its own steps noted, whatever word it sends to /mark/WORD.
    """

    # Every thread is waited for when the server closes, so that none outlives its test.
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), RuntimeApiRequest)
        self.changed = threading.Condition()
        self.journal: list[str] = []
        self.events: deque[tuple[str, bytes, Mapping[str, str]]] = deque()
        self.answers: dict[str, Answer] = {}
        self.init_error: dict[str, Any] | None = None
        self.closing = False
        self._count = 0
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port, as Lambda writes them into AWS_LAMBDA_RUNTIME_API."""
        host, port = self.server_address[:2]
        return f"{host!s}:{port}"

    def note(self, line: str) -> None:
        """Write *line* into the journal and wake whoever waits for a change."""
        with self.changed:
            self.journal.append(line)
            self.changed.notify_all()

    def put(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Queue an event; return the request id that it will have."""
        with self.changed:
            self._count += 1
            request_id = str(self._count)
            self.events.append((request_id, body, headers))
            self.changed.notify_all()
        return request_id

    def stop(self) -> None:
        """Let go of a process that waits for its next event, and close."""
        with self.changed:
            self.closing = True
            self.changed.notify_all()
        self.shutdown()
        self._thread.join()
        self.server_close()


class RuntimeApiRequest(BaseHTTPRequestHandler):
    """One request of the runtime client."""

    protocol_version = "HTTP/1.1"
    server: RuntimeApi

    def do_GET(self) -> None:
        """Hand out the next event, note a restore, or note a mark."""
        if self.path == f"{VERSION}/invocation/next":
            self.next_event()
        elif self.path == f"{VERSION}/restore/next":
            self.server.note("restore")
            self.answer(200)
        elif self.path.startswith("/mark/"):
            self.server.note(self.path.removeprefix("/mark/"))
            self.answer(204)
        else:
            self.answer(404)

    def do_POST(self) -> None:
        """Take a response or an error."""
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = 202
        match self.path.removeprefix(f"{VERSION}/").split("/"):
            case ["invocation", request_id, "response"]:
                self.server.answers[request_id] = Answer(text=body)
                self.server.note(f"response {request_id}")
            case ["invocation", request_id, "error"]:
                self.server.answers[request_id] = Answer(error=json.loads(body))
                self.server.note(f"error {request_id}")
            case ["init" | "restore" as phase, "error"]:
                self.server.init_error = json.loads(body)
                self.server.note(f"{phase} error")
            case _:
                status = 404
        self.answer(status)

    def next_event(self) -> None:
        """Hold the request until there is an event: between two of them a process does nothing but wait."""
        server = self.server
        server.note("next")
        with server.changed:
            server.changed.wait_for(lambda: server.events or server.closing)
            if server.closing:
                self.close_connection = True
                return
            request_id, body, headers = server.events.popleft()
        self.answer(200, body, {"Lambda-Runtime-Aws-Request-Id": request_id, **headers})

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """Send a response, and close: a thread then never waits for a second request that does not come."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Say nothing: the journal has it all."""


class Runtime:
    """A Lambda execution environment: the real runtime client in a process of its own, with a Runtime API to talk to.

    *settings* are its environment variables, beside those that Lambda sets itself; None takes one of these away. The
    process sees *path*, the folder of the tests, and whatever PYTHONPATH the tests run with.
    """

    def __init__(self, handler: str, *, path: Path | None = None, seconds: float = 60, **settings: str | None) -> None:
        self.seconds = seconds
        self.api = RuntimeApi()
        folders = [str(path)] if path else []
        folders += [str(TESTS), *map(os.path.abspath, filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)))]
        environment: dict[str, str | None] = {
            name: value for name, value in os.environ.items() if INHERITED.fullmatch(name)
        }
        environment |= LAMBDA
        environment |= {
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "PYTHONPATH": os.pathsep.join(folders),
            # Whatever is left open is reported on the standard error.
            "PYTHONDEVMODE": "1",
            "_HANDLER": handler,
        }
        environment |= settings
        self.process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=path or TESTS,
            env={name: value for name, value in environment.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self.stdout = ""
        self.stderr = ""

    def __enter__(self) -> Runtime:
        """Wait until the init phase is over, well or badly."""
        try:
            self.wait_for(lambda: "next" in self.journal or self.init_error is not None)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def journal(self) -> list[str]:
        """What happened so far, in order."""
        return self.api.journal

    @property
    def init_error(self) -> dict[str, Any] | None:
        """The document of the failed init phase, or None."""
        return self.api.init_error

    def invoke(self, event: Any, remaining_ms: int = 30_000) -> Answer:
        """Send *event* with so much time left, and return what AWS receives for it once the process asks for the next.

        A str is sent as it is, everything else as JSON. Fails when the process ends instead of answering.
        """
        body = event if isinstance(event, str) else json.dumps(event)
        deadline = int(time.time() * 1000) + remaining_ms
        request_id = self.api.put(
            body.encode(),
            {
                "Lambda-Runtime-Deadline-Ms": str(deadline),
                "Lambda-Runtime-Invoked-Function-Arn": ARN,
                "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            },
        )
        # The first "next" was before the first event, whose id is 1.
        self.wait_for(lambda: self.journal.count("next") > int(request_id))
        return self.api.answers[request_id]

    def terminate(self) -> int:
        """Send SIGTERM, as Lambda does to an environment that it takes away; return how the process ended.

        Lambda kills soon afterwards; the process must therefore end by itself, although its request for the next event
        is never answered.
        """
        self.process.terminate()
        self.stdout, self.stderr = self.process.communicate(timeout=self.seconds)
        return self.process.returncode

    def close(self) -> None:
        """End the process, if it has not ended by itself, and the server; keep what was printed."""
        try:
            # After an init error the process ends by itself.
            if self.process.returncode is None and self.init_error is None:
                self.terminate()
            elif self.process.returncode is None:
                self.stdout, self.stderr = self.process.communicate(timeout=self.seconds)
        finally:
            self.process.kill()
            self.api.stop()

    def wait_for(self, happened: Callable[[], bool]) -> None:
        """Wait until *happened* is true of the journal, or fail with all that is known."""
        until = time.monotonic() + self.seconds
        with self.api.changed:
            while not happened():
                ended = self.process.poll()
                if ended is not None or time.monotonic() > until:
                    break
                # The process can end without a word to the server; the wait is cut into pieces to notice that.
                self.api.changed.wait(0.1)
            else:
                return
        self.process.kill()
        self.stdout, self.stderr = self.process.communicate()
        what = "did not answer in time" if ended is None else f"ended with status {ended}"
        raise AssertionError(f"the runtime {what}\n{self.journal}\n{self.stdout}\n{self.stderr}")
