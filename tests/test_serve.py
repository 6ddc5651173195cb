"""``cloud-events serve``, a process of its own, called as Lambda is: by boto3, and by requests byte for byte."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import boto3
import pytest

from served import Client

# Does as the event says, with a status or an error.
APPLICATION = """
import json

def wsgi(environ, start_response):
    event = json.load(environ["wsgi.input"])
    word = str(event.get("say", 201))
    if not word.isdecimal():
        refuse(word)
    start_response(f"{word} Said", [("Content-Type", "application/json")])
    return [json.dumps({"path": environ["PATH_INFO"]}).encode()]

def refuse(word):
    raise LookupError(word)
"""
INVOKE = "/2015-03-31/functions/function/invocations"
ERROR = ("errorMessage", "errorType", "requestId", "stackTrace")


class Served(Client):
    """A running ``cloud-events serve``. *url* is its own; *printed* what it has printed so far."""

    def __init__(self, process, log):
        self.process = process
        self._log = log
        self.url = re.search(r"http://[^/]+", self.until("function out.json\n"))[0]
        super().__init__(int(self.url.rpartition(":")[2]))

    @property
    def printed(self):
        return self._log.read_text()

    def until(self, text):
        """What is printed, once *text* is."""
        for _ in range(3000):
            if text in self.printed or self.process.poll() is not None:
                break
            time.sleep(0.01)
        assert text in self.printed
        return self.printed

    def raw(self, target=INVOKE, body=b"{}", method="POST", host="localhost", headers=()):
        """(status, body) of the answer to a request with just these headers and its length."""
        lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host else []), f"Content-Length: {len(body)}"]
        return tuple(self.send([*lines, *headers], body))

    def interrupt(self):
        """The exit status after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


# Where the tests were started in the background, Ctrl-C is ignored.
hear = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)


@contextmanager
def served(directory, *words, leg="wsgi", path="shop.wsgi", **settings):
    (directory / "shop.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "cloud_events", "serve", f"--{leg}", path, "--port", "0", *words]
    environment = {**os.environ, "PYTHONDEVMODE": "", **settings}
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT, preexec_fn=hear
        )
    with process:
        try:
            yield Served(process, directory / "log")
        finally:
            process.send_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("shop"), CLOUD_EVENTS_RESPONSE="native") as server:
        yield server


def test_boto3(server):
    """boto3 invokes it as it invokes Lambda: the reply, an error, an event that nobody waits for, what is refused."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    client = boto3.client("lambda", "eu-west-1", endpoint_url=server.url, **keys)

    def invoke(event, **more):
        answer = client.invoke(FunctionName="shop", Payload=json.dumps(event), **more)
        payload = answer["Payload"].read()
        return answer["StatusCode"], answer.get("FunctionError"), json.loads(payload) if payload else None

    assert invoke({"source": "a"}) == (200, None, {"path": "/a"})
    assert json.load(client.invoke(FunctionName="shop")["Payload"]) == {"path": "/"}  # the event is {}, as on Lambda
    status, function_error, error = invoke({"source": "a", "say": "no book"})
    assert (status, function_error, [*error]) == (200, "Unhandled", [*ERROR])
    assert invoke({"source": "a"}, InvocationType="Event") == (202, None, None)
    with pytest.raises(client.exceptions.InvalidRequestContentException):
        client.invoke(FunctionName="shop", Payload="{")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="RequestResponse or Event"):
        invoke({}, InvocationType="DryRun")


FAILED = [
    ("no book", "LookupError", "no book", ["in wsgi\n    refuse(word)", "in refuse\n"]),
    (500, "EventFailed", 'the application answered 500 at /a (source)\n{"path": "/a"}', []),
    (None, "InvalidEvent", "matcher 'source', $.source: the path must not have '.' or '..' segments", []),
]


@pytest.mark.parametrize(("said", "kind", "message", "trace"), FAILED)
def test_errors(server, said, kind, message, trace):
    """The body of an error is Lambda's, with the application's own frames."""
    status, body = server.raw(body=json.dumps({"source": "a" if said else "..", "say": said}).encode())
    found = json.loads(body)
    assert (status, [*found]) == (200, [*ERROR])
    assert (found["errorType"], found["errorMessage"]) == (kind, message)
    assert len(found["stackTrace"]) == len(trace)
    assert all(words in frame for words, frame in zip(trace, found["stackTrace"], strict=True))


def test_the_terminal(tmp_path):
    """Where it is served is printed; each event is reported as ``invoke`` does, with the application's traceback."""
    with served(tmp_path, CLOUD_EVENTS_RESPONSE="native") as server:
        for event in ({"source": "a"}, {"source": "a", "say": "no book"}):
            server.raw(body=json.dumps(event).encode())
        assert server.interrupt() == 0
    greeting, first, second = re.split(r"event [12]\n", server.printed)
    assert greeting == (
        f"Try out events at {server.url}/; Ctrl-C ends the server\n"
        f"curl -d @event.json {server.url}{INVOKE}\n"
        f"aws lambda invoke --endpoint-url {server.url} --function-name function out.json\n"
    )
    assert first.startswith("  matched   source\n  request   POST /a, 14 bytes\n")
    assert re.search(r"\n  next      answer: .*\n  time      cold .* ms to load the application\n$", first)
    assert "\n  raised    LookupError: no book\n" in second
    assert re.search(r"\n  time      warm \d+\.\d ms\nTraceback .*\nLookupError: no book\n$", second, re.DOTALL)


OF_ANOTHER_SITE = "pages of other sites may not invoke the function, since it has your credentials\n"
ELSEWHERE = "the function is served at {} only; to serve it by another name, use --host\n"


@pytest.mark.parametrize("method_target", ["POST /try", f"POST {INVOKE}", "GET /", "GET /samples"])
def test_foreign_pages(server, method_target):
    """A page of another site reaches nothing, whether it posts text/plain across sites or rebinds its own name."""
    method, target = method_target.split()
    port = server.url.rpartition(":")[2]
    own, other = f"http://127.0.0.1:{port}", "http://localhost:3000"
    for origin in ("https://evil.example", "http://localhost", own, other, "null"):
        headers = ["Content-Type: text/plain", f"Origin: {origin}"]
        assert server.raw(target, method=method, host=f"localhost:{port}", headers=headers) == (403, OF_ANOTHER_SITE)
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "0.0.0.0", "192.0.2.1", "[::", ""):
        answer = server.raw(target, method=method, host=host, headers=[f"Origin: http://{host}"])
        assert answer == (403, ELSEWHERE.format(server.url))
    assert server.raw(target, method=method, headers=["Host: evil.example"]) == (403, ELSEWHERE.format(server.url))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:{port}", "127.0.0.1:{port}", "127.0.0.2", "[::1]:{port}"])
def test_own_pages(server, host):
    """Loopback by any name may be asked, by the page that it serves too."""
    host = host.format(port=server.url.rpartition(":")[2])
    assert server.raw(host=host, headers=[f"Origin: http://{host}"]) == (200, '{"path": "/"}')


REFUSED = [
    ("GET /nothing", None, b"", 404, "the page is at {url}/"),
    ("POST /", 2, b"{}", 404, "post events to {url}" + INVOKE),
    (f"POST {INVOKE}", None, b"", 411, "send the event with a Content-Length"),
    (f"POST {INVOKE}", 6291457, b"", 413, "an event has at most 6291456 bytes"),
    (f"POST {INVOKE}", 1, b"{", 400, "the event is not JSON"),
]


@pytest.mark.parametrize(("line", "length", "body", "status", "fault"), REFUSED)
def test_what_is_refused(server, line, length, body, status, fault):
    """What is not an event for the function is refused with what to do instead, which the terminal shows too."""
    lengths = [] if length is None else [f"Content-Length: {length}"]
    fault = fault.format(url=server.url)
    assert server.send([f"{line} HTTP/1.1", "Host: localhost", *lengths], body) == (status, f"{fault}\n")
    assert server.until(f"cloud-events: refused, {status}: {fault}\n")


def test_the_lifespan_and_events(tmp_path):
    """An Event is answered at once and invoked then; Ctrl-C ends the lifespan that the first event began."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    with served(tmp_path, leg="asgi", path="apps.living.application", PYTHONPATH=path) as server:
        lines = [f"POST {INVOKE} HTTP/1.1", "Host: localhost", "Content-Length: 13", "X-Amz-Invocation-Type: Event"]
        assert server.send(lines, b'{"wait": 0.5}', whole=False).status == 202
        assert "event 1\n" not in server.printed
        printed = server.until("load the application\n")
        assert re.findall("^(startup|http|event 1)$", printed, re.MULTILINE) == ["startup", "http", "event 1"]
        assert server.interrupt() == 0
    assert server.printed.endswith("application\nshutdown\n")


def test_clients_that_leave(server):
    """A client that does not wait for the answer ends nothing, and prints no traceback."""
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(f"POST {INVOKE} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode())
        time.sleep(0.1)  # until it is read
    assert server.raw() == (200, '{"path": "/"}')
    time.sleep(0.2)  # until a traceback would be printed
    assert "ConnectionResetError" not in server.printed


def test_another_host(tmp_path):
    """--host names where to listen; whoever can reach that is warned of, and its name is accepted."""
    with served(tmp_path, "--host", "0.0.0.0") as server:
        warning = "Anyone who can reach this machine can invoke the function, which has your credentials\n"
        assert server.until(warning).endswith(f"out.json\n{warning}")
        assert [server.raw(host=host)[0] for host in ("0.0.0.0:1", "localhost", "shop.example")] == [200, 200, 403]


NO_PORT = "--host 127.0.0.1 --port {}: {}; choose another"
FAULTS = [
    ("--wsgi shop.wsgi --port {taken}", NO_PORT.format("{taken}", "Address already in use")),
    ("--wsgi shop.wsgi --port 70000", NO_PORT.format(70000, "bind(): port must be 0-65535.")),
    ("--wsgi shop.wsgi --timeout 0", "--timeout='0': it must be a whole number from 1, such as 10"),
    ("", "name the application: --wsgi project.wsgi.application, or --asgi; or set WSGI_APPLICATION or "
     "ASGI_APPLICATION"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "fault"), FAULTS)
def test_faults(server, tmp_path, command, words, fault):
    """What cannot be served is one line and exit status 2."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    taken = server.url.rpartition(":")[2]
    faulted = command("serve", *words.format(taken=taken).split())
    assert faulted == (2, "", f"cloud-events: {fault.format(taken=taken)}\n")


def test_what_the_page_asks_for(server):
    """The page, its samples, and the complete result of an event."""
    status, page = server.raw("/", b"", "GET")
    assert (status, "<title>" in page) == (200, True)
    status, samples = server.raw("/samples", b"", "GET")
    assert (status, json.loads(json.loads(samples)["sqs"])["Records"][0]["eventSource"]) == (200, "aws:sqs")
    status, tried = server.raw("/try", json.dumps({"source": "nowhere"}).encode())
    assert (status, json.loads(tried)["requests"][0]["path"]) == (200, "/nowhere")
