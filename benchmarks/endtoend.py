"""End to end: AWS's own runtime client, started on each peer, fetching events from a Runtime API on loopback.

Init is everything from the start of the process until it asks for its first event; warm is from one event to the next.
Both are CPU time of the runtime's process, which is what grows with an adapter; the network between is Lambda's affair.
The peak is by how much a large event makes memory grow, over what it does where the handler only takes it.

The protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from queue import Queue
from statistics import median
from typing import Any

import venvs
from inside import events
from measure import INSIDE, LAMBDA
from peers import ADAPTERS, NOTHING, Peer, chosen

EVENTS = {"S3": events.s3(), "SQS": events.sqs(10, 1_000)}
LARGE = json.dumps(events.sqs(22, 250_000)).encode()
CHUNK = 20  # events that are timed together
OURS = "cloud_events.handler.handler"


class RuntimeApi(ThreadingHTTPServer):
    """The Runtime API of one process: it hands out what is put into `events` and passes on what comes back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.events: Queue[bytes] = Queue()
        self.said: Queue[str] = Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, word: str) -> None:
        """Wait until the process says *word*: "next", or the last part of the path that it posted to."""
        said = self.said.get(timeout=60)
        if said != word:
            raise SystemExit(f"the runtime client said {said!r} instead of {word!r}")


class Request(BaseHTTPRequestHandler):
    """One request of the runtime client."""

    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: the second of two would wait for the client's acknowledgement of the first.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: RuntimeApi

    def do_GET(self) -> None:
        """Hand out the next event, when there is one."""
        self.server.said.put("next")
        self.answer(200, self.server.events.get())

    def do_POST(self) -> None:
        """Take a response or an error."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.said.put(self.path.rpartition("/")[2])
        self.answer(202, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        """Send a response; its headers are those of an event."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", "5d2f6c5e-8a1b-4c7d-9e3f-0a1b2c3d4e5f")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 300_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", events.Context.invoked_function_arn)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def environment(peer: Peer, address: str) -> tuple[str, dict[str, str]]:
    """Return the handler string that *peer* is deployed with, and its environment variables."""
    interface = peer.interface or "wsgi"
    handler = OURS if peer.environment == "cloud-events" else "lambda_function.handler"
    settings = {"INTERFACE": interface, "SETUP": peer.setup, "AWS_LAMBDA_RUNTIME_API": address, "_HANDLER": handler}
    if peer.interface:
        settings[f"{interface.upper()}_APPLICATION"] = f"bare.{interface}"
    return handler, {**LAMBDA, **settings, "PYTHONPATH": str(INSIDE)}


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """Return the CPU time of the main thread of *process*, which runs the handler (schedstat counts nanoseconds)."""
    return int(Path(f"/proc/{process.pid}/schedstat").read_text().split()[0]) / 1e9


def memory(process: subprocess.Popen[bytes], what: str) -> int:
    """Return the resident memory of *process* now (VmRSS) or at its highest (VmHWM), in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return 1024 * int(status.partition(f"{what}:")[2].split()[0])


def live(peer: Peer, calls: int) -> dict[str, float]:
    """Start a process of *peer*, send it each event *calls* times; return what init and an event took, and the peak."""
    api = RuntimeApi()
    handler, variables = environment(peer, f"127.0.0.1:{api.server_port}")
    command = [str(venvs.python(peer.environment)), "-m", "awslambdaric", handler]
    process = subprocess.Popen(command, env=variables, cwd=INSIDE, stdout=subprocess.DEVNULL)
    try:
        api.wait("next")
        took = {"init": processor_seconds(process)}
        for name, event in EVENTS.items():
            body = json.dumps(event if peer.takes == "event" else events.http(event)).encode()
            marks = []
            for number in range(calls + 1):
                if number % CHUNK == 0:
                    marks.append(processor_seconds(process))
                api.events.put(body)
                api.wait("response")
                api.wait("next")
            # What else the machine does only adds to it, and the first chunk warms up.
            took[name] = min(after - before for before, after in pairwise(marks)) / CHUNK
        if peer.takes == "event":
            before = memory(process, "VmRSS")
            api.events.put(LARGE)
            api.wait("response")
            api.wait("next")
            took["peak"] = (memory(process, "VmHWM") - before) / len(LARGE)
    finally:
        process.kill()
        process.wait()
        api.shutdown()
        api.server_close()
    return took


def measure(rounds: int, quick: bool) -> dict[str, Any]:
    """Return for each peer the seconds of init and events, and their ratio to a handler that returns {}."""
    if not Path("/proc/self/schedstat").exists():
        return {}
    peers = chosen((NOTHING, *ADAPTERS), quick)
    found: dict[str, list[dict[str, float]]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(live(peer, calls=100 if quick else 400))
    floors = found[NOTHING.name]
    return {name: figures(rounds_of_peer, floors) for name, rounds_of_peer in found.items()}


def figures(rounds: list[dict[str, float]], floors: list[dict[str, float]]) -> dict[str, Any]:
    """Return the least seconds of each phase, also over the least of the floor, and the peak in payloads."""
    pairs = list(zip(rounds, floors, strict=True))
    least = {what: min(took[what] for took in rounds) for what in ("init", *EVENTS)}
    return {
        what: {"seconds": seconds, "ratio": seconds / min(floor[what] for floor in floors)}
        for what, seconds in least.items()
    } | {"peak": median(took["peak"] - floor["peak"] for took, floor in pairs) if "peak" in rounds[0] else None}
