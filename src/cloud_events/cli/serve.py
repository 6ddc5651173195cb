"""``cloud-events serve``: the configured function behind Lambda's Invoke API, and a page that sends events to it.

The function runs with the developer's credentials, and any web page that is open in the developer's browser can send
requests to loopback. So a request is refused if its Host is foreign (DNS rebinding: a foreign name that resolves to
loopback) or its Origin is not ours (a browser sends the origin of the page with every POST).

Source: Lambda API, "Invoke"; Lambda developer guide, "Lambda quotas".
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from ..errors import ConfigurationError
from ..settings import from_environment
from ..testing.invocation import Invocation, Invoker, LambdaContext
from .explanation import Explanation
from .report import Formatter, as_json, as_text, match_lines, show_traceback, their_traceback
from .sample import KINDS, sample

INVOKE = re.compile("/2015-03-31/functions/[^/]+/invocations")
LARGEST = 6 * 1024 * 1024  # bytes of an event
PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
POLICY = (
    "default-src 'none'; connect-src 'self'; img-src data:; script-src 'nonce-{0}'; style-src 'nonce-{0}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TEXT, JSON = "text/plain; charset=utf-8", "application/json"


class Function:
    """The configured function. Prints the result of each event, as ``cloud-events invoke`` does."""

    def __init__(self, seconds: int, formatter: Formatter) -> None:
        self.explanation = Explanation()
        started = perf_counter()
        self._invoker = Invoker(from_environment())
        self._load: float | None = (perf_counter() - started) * 1000  # reported once, with the first event
        self._seconds = seconds
        self._formatter = formatter
        self._lock = Lock()
        self._events = 0

    def context(self) -> LambdaContext:
        return LambdaContext(self._seconds * 1000)

    def invoke(self, event: Any, context: LambdaContext) -> Invocation:
        invocation = self._invoker(event, context)
        with self._lock:
            self._events += 1
            print(as_text(f"event {self._events}", [invocation], self._load), flush=True)
            show_traceback(invocation.raised, self._formatter.shown)
            self._formatter.shown.clear()  # otherwise every exception would be kept
            self._load = None
        return invocation


class Server(ThreadingHTTPServer):
    """Serves *function*. Raises OSError or OverflowError if *host* and *port* cannot be used."""

    def __init__(self, host: str, port: int, function: Function) -> None:
        self.address_family, _, _, _, address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        self.host = host
        self.function = function
        super().__init__((str(address[0]), port), RequestHandler)

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.server_port}"


class RequestHandler(BaseHTTPRequestHandler):
    """Answers the page (GET / and /samples, POST /try) and Lambda's Invoke API."""

    server: Server

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client has closed the connection
            super().handle()

    def do_GET(self) -> None:  # http.server's name
        if fault := self._foreign():
            self._refuse(403, fault)
        elif self.path == "/":
            nonce = secrets.token_urlsafe()
            headers = {"Content-Security-Policy": POLICY.format(nonce)}
            self._answer(200, PAGE.replace("{nonce}", nonce), "text/html; charset=utf-8", headers)
        elif self.path == "/samples":
            # As text: JavaScript would round long numbers.
            self._answer(200, json.dumps({kind: json.dumps(sample(kind), indent=2) for kind in KINDS}))
        else:
            self._refuse(404, f"the page is at {self.server.url}/")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            return self._refuse(411, "send the event with a Content-Length")
        if int(length) > LARGEST:
            return self._refuse(413, f"an event has at most {LARGEST} bytes", "RequestTooLargeException")
        content = self.rfile.read(int(length))
        if fault := self._foreign():
            return self._refuse(403, fault)
        path = urlsplit(self.path).path
        if path != "/try" and not INVOKE.fullmatch(path):
            return self._refuse(404, f"post events to {self.server.url}/2015-03-31/functions/function/invocations")
        try:
            event = json.loads(content or b"{}")
        except (ValueError, RecursionError):
            return self._refuse(400, "the event is not JSON", "InvalidRequestContentException")
        return self._try(event) if path == "/try" else self._invoke(event)

    def _invoke(self, event: Any) -> None:
        function, context = self.server.function, self.server.function.context()
        invocation_type = self.headers.get("x-amz-invocation-type", "RequestResponse")
        if invocation_type == "Event":
            self._answer(202, "")
            function.invoke(event, context)
        elif invocation_type != "RequestResponse":
            fault = "the invocation type must be RequestResponse or Event"
            self._refuse(400, fault, "InvalidParameterValueException")
        else:
            invocation = function.invoke(event, context)
            headers = {"X-Amzn-RequestId": context.aws_request_id, "X-Amz-Executed-Version": context.function_version}
            reply = invocation.reply
            if (error := invocation.raised) is not None:
                headers["X-Amz-Function-Error"] = "Unhandled"
                reply = {
                    "errorMessage": str(error), "errorType": type(error).__name__, "requestId": context.aws_request_id,
                    "stackTrace": their_traceback(error).stack.format(),
                }  # fmt: skip
            self._answer(200, json.dumps(reply, default=repr), headers=headers)

    def _try(self, event: Any) -> None:
        """Answer the page with the complete result of *event*."""
        function = self.server.function
        why = match_lines("the event", function.explanation.explain(event))
        invocation = function.invoke(event, function.context())
        report = as_json("the event", [invocation], None)
        for shown, each in zip(report["requests"], invocation.exchanges, strict=True):
            answer = each.response
            shown["body"] = each.request.body.decode(errors="replace")
            shown["answer"] = answer and {"headers": answer.headers, "body": answer.body.decode(errors="replace")}
        reply = json.dumps(invocation.reply, indent=2, default=repr)
        report |= {"why": "\n".join(why), "reply": reply, "hint": invocation.hint}
        self._answer(200, json.dumps(report, default=repr))

    def _foreign(self) -> str:
        """Return why the request is refused; "" if it was sent to this machine, and not by a page of another site."""
        hosts, origin = self.headers.get_all("host", []), self.headers.get("origin")
        if len(hosts) != 1 or not (_is_loopback(hosts[0]) or _name(hosts[0]) == self.server.host.lower()):
            return f"the function is served at {self.server.url} only; to serve it by another name, use --host"
        if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return "pages of other sites may not invoke the function, since it has your credentials"
        return ""

    def _refuse(self, status: int, fault: str, code: str = "") -> None:
        print(f"cloud-events: refused, {status}: {fault}", file=sys.stderr, flush=True)
        self._answer(status, f"{fault}\n", TEXT, {"X-Amzn-ErrorType": code} if code else {})

    def _answer(
        self, status: int, content: str, content_type: str = JSON, headers: Mapping[str, str] | None = None
    ) -> None:
        body = content.encode()
        self.send_response(status)
        standard = {"Content-Type": content_type, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        for name, value in {**standard, "X-Content-Type-Options": "nosniff", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Print nothing, since each event is reported."""


def _name(host: str) -> str:
    """Return the name in a Host header, in lower case and without the port; "" if it has none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    name = _name(host)
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def serve(host: str, port: int, function: Function) -> None:
    """Serve *function* until Ctrl-C; the end of the process ends the lifespan. Raises ConfigurationError."""
    try:
        server = Server(host, port, function)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"--host {host} --port {port}: {reason}; choose another") from None
    print(f"Try out events at {server.url}/; Ctrl-C ends the server")
    print(f"curl -d @event.json {server.url}/2015-03-31/functions/function/invocations")
    print(f"aws lambda invoke --endpoint-url {server.url} --function-name function out.json", flush=True)
    if not _is_loopback(server.url.removeprefix("http://")):
        print("Anyone who can reach this machine can invoke the function, which has your credentials", flush=True)
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()
