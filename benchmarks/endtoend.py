"""End to end: AWS's own runtime client, started on each peer, fetching events from a Runtime API on loopback.

Init is all from the start of the process until it asks for its first event, the first is from that event to the next
question, and warm is one of those that follow: CPU time of the thread that runs the handler. What else the machine does
only adds to it, so the least of several is taken. The protocol:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

from inside import events
from measure import LAMBDA
from peers import OURS, PEERS, Peer

ROUNDS, CALLS = 5, 200  # processes, and the events that each is given
BASES = {"Flask": ("flask_app", "wsgi"), "FastAPI": ("fastapi_app", "asgi")}
NOTHING = "a handler of {}"


class RuntimeApi(BaseHTTPRequestHandler):
    """One connection of the runtime client. The server has the `process`, its `event`, and its clock's `marks`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: a second would wait for the client's acknowledgement
    disable_nagle_algorithm = True
    server: Any

    def do_GET(self) -> None:
        """Note how far the process has come, and hand out the next event."""
        # Nanoseconds on a processor: the kernel's documentation, "Scheduler statistics".
        spent = Path(f"/proc/{self.server.process.pid}/schedstat").read_text().split()[0]
        self.server.marks.append(int(spent) / 1e9)
        if len(self.server.marks) > CALLS:
            self.close_connection = True
        else:
            self.answer(200, self.server.event)

    def do_POST(self) -> None:
        """Take a response."""
        self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/response"):
            raise SystemExit(f"the measured function failed: {self.path}")
        self.answer(202, b"{}")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Lambda-Runtime-Aws-Request-Id", events.Context.aws_request_id)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(time.time() * 1000) + 300_000))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", events.Context.invoked_function_arn)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None: ...


def live(peer: Peer, module: str) -> dict[str, float]:
    """Run a process of *peer*; return the CPU seconds of init, the first S3 event, and a warm one."""
    server: Any = HTTPServer(("127.0.0.1", 0), RuntimeApi)
    server.event = json.dumps(events.http(events.s3()) if peer.given != "event" else events.s3()).encode()
    server.marks = []
    handler = "cloud_events.handler.handler" if peer.setup == OURS else "lambda_function.handler"
    deployed = {"MODULE": module, "SETUP": peer.setup, "_HANDLER": handler}
    deployed["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{server.server_port}"
    command = [sys.executable, "-P", "-m", "awslambdaric", handler]
    settings = LAMBDA | deployed | peer.settings(f"{module}.application")
    server.process = subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL)
    try:
        while len(server.marks) <= CALLS:
            server.handle_request()
    finally:
        server.process.kill()
        server.process.wait()
        server.server_close()
    first, *warm = (after - before for before, after in pairwise(server.marks))
    return {"init": server.marks[0], "first": first, "warm": min(warm)}


def measure() -> dict[str, Any]:
    """Return for each base and peer each phase, over that of a handler of {} that imports the same application."""
    found: dict[str, Any] = {base: {} for base in BASES}
    for base, (module, interface) in BASES.items():
        peers = (Peer(NOTHING, interface, "handler = lambda event, context: {}"), *PEERS[interface])
        rounds = [{peer.name: live(peer, module) for peer in peers} for _ in range(ROUNDS)]
        least = {
            peer.name: {phase: min(each[peer.name][phase] for each in rounds) for phase in ("init", "first", "warm")}
            for peer in peers
        }
        for name, took in least.items():
            found[base][name] = {phase: seconds / least[NOTHING][phase] for phase, seconds in took.items()}
    return found
