"""The recipes of docs/operations.md work as they stand, with the real packages and the real runtime client."""

import importlib
import json
import re
import socket
import sys
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cloud_events.testing import EventClient, sns, sqs
from runtime_api import Runtime

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^```python\n# (\w+)\.py\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHOP = re.search(r"^```python\n# shop\.py\n(.*?)^```", README, re.MULTILINE | re.DOTALL)[1]
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The page's files and the README's shop, importable."""
    for name, text in {**RECIPES, "shop": SHOP}.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [*RECIPES, "shop"]:
        sys.modules.pop(name, None)


def logged(text):
    """The lines of *text* that are JSON objects."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def traced(event):
    """*event* with the trace of its producer in each message."""
    attribute = {"stringValue": f"00-{TRACE}-{PARENT}-01", "dataType": "String"}
    for record in event["Records"]:
        record["messageAttributes"] = {"traceparent": attribute}
    return event


@contextmanager
def daemon(monkeypatch):
    """X-Ray's daemon: what is sent to its port, as a function that returns the documents."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(0.2)

        def received():
            found = []
            try:
                while True:
                    found.append(json.loads(port.recv(65_536).partition(b"\n")[2]))
            except TimeoutError:
                return found

        yield f"127.0.0.1:{port.getsockname()[1]}", received


def test_every_recipe_is_tried_below():
    names = "once observed traced reported segments logs jobs workflow checkout"
    assert sorted(RECIPES) == sorted(names.split())


def test_each_event_once(project, monkeypatch):
    """Two copies of a message run once; a failed one runs again; another message runs too."""
    pytest.importorskip("aws_lambda_powertools")
    moto, boto3 = pytest.importorskip("moto"), pytest.importorskip("boto3")
    for name, value in {"DEFAULT_REGION": "eu-west-1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with moto.mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="handled-events",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        once = importlib.import_module("once")
        client = EventClient(once.app, response="native", delivery="record")
        event = sqs("Emma", "fragile")
        failed = [{"itemIdentifier": event["Records"][1]["messageId"]}]
        assert client.send(event).reply == {"batchItemFailures": failed}
        assert client.send(event).reply == {"batchItemFailures": failed}
        event["Records"][1]["body"] = "padded"
        assert client.send(event).reply == client.send(sqs("Emma")).reply == {"batchItemFailures": []}
    assert once.shipped == ["Emma", "padded", "Emma"]


def test_powertools_around_the_handler(project, monkeypatch):
    """A line of the log has the request and the event, the metric is written, and the subsegments are sent."""
    pytest.importorskip("aws_lambda_powertools")
    pytest.importorskip("aws_xray_sdk")
    event = sqs("Emma", "Lear")
    with daemon(monkeypatch) as (address, received):
        settings = {"AWS_XRAY_DAEMON_ADDRESS": address, "LAMBDA_TASK_ROOT": str(project)}
        with Runtime("observed.handler", path=project, **settings) as runtime:
            assert runtime.invoke(event).value == {"batchItemFailures": []}
            error = runtime.invoke(sns("x")).failure
        names = [document["name"] for document in received()]
    lines = logged(runtime.stdout)
    taken = [line for line in lines if line.get("message") == "order taken"]
    assert [line["event_id"] for line in taken] == [record["messageId"] for record in event["Records"]]
    assert [line["function_request_id"] for line in taken] == ["1", "1"]
    assert [line["Orders"] for line in lines if "Orders" in line] == [[1.0, 1.0]]
    assert error[0] == "EventFailed"
    assert names == ["## orders", "## orders", "## handler", "## handler"]


def test_opentelemetry(project):
    """The span of each request is out before the handler returns, and belongs to the trace of the message."""
    pytest.importorskip("opentelemetry.instrumentation.wsgi")
    with Runtime("traced.handler", path=project) as runtime:
        assert runtime.invoke(traced(sqs("Emma"))).value == {"batchItemFailures": []}
        runtime.process.kill()  # nothing can be sent after the answer
        runtime.stdout = runtime.process.communicate()[0]
    spans = json.loads(runtime.stdout[runtime.stdout.index("{") :])
    assert (spans["context"]["trace_id"], spans["parent_id"]) == (f"0x{TRACE}", f"0x{PARENT}")
    assert spans["attributes"]["http.target"] == "/aws.sqs"


class Sentry(BaseHTTPRequestHandler):
    """Takes envelopes, as Sentry does."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = zlib.decompress(body, wbits=31)
        for line in body.splitlines():
            document = json.loads(line)
            self.server.reports += [each["type"] for each in document.get("exception", {}).get("values", [])]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


def test_sentry_has_one_report_of_each_failure(project):
    """An exception of a view is reported once, and so is a status that no view raised."""
    pytest.importorskip("sentry_sdk")
    with HTTPServer(("127.0.0.1", 0), Sentry) as server:
        server.reports = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            address = f"http://key@127.0.0.1:{server.server_address[1]}/1"
            with Runtime("reported.handler", path=project, SENTRY_DSN=address) as runtime:
                assert runtime.invoke(sns("x")).failure[0] == "EventFailed"
                assert server.reports == ["RuntimeError"]
                assert runtime.invoke(sqs("x")).failure[1].startswith("the application answered 404 at /aws.sqs (sqs)")
                assert server.reports == ["RuntimeError", "EventFailed"]
        finally:
            server.shutdown()
            thread.join()


def test_xray(project, monkeypatch):
    """A subsegment of each record goes to the daemon, in the trace of the invocation."""
    pytest.importorskip("aws_xray_sdk")
    event = sqs("Emma", "Lear")
    with daemon(monkeypatch) as (address, received):
        settings = {"AWS_XRAY_DAEMON_ADDRESS": address, "LAMBDA_TASK_ROOT": str(project)}
        with Runtime("segments.handler", path=project, **settings) as runtime:
            assert runtime.invoke(event).value == {"batchItemFailures": []}
        documents = received()
    assert [document["annotations"]["event_id"] for document in documents] == [
        record["messageId"] for record in event["Records"]
    ]
    assert {(each["name"], each["trace_id"], each["parent_id"]) for each in documents} == {
        ("take order", "1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "9a9197af755a6419")
    }


def test_structlog(project):
    """Each line of the view names its event, and the library's line follows, without it, with the fields of its own."""
    pytest.importorskip("structlog")
    event = sqs("Emma", "Lear")
    with Runtime("logs.handler", path=project) as runtime:
        assert runtime.invoke(event).value == {"batchItemFailures": []}
    first, line, second, _ = logged(runtime.stdout)
    ids = [record["messageId"] for record in event["Records"]]
    taken = {"event": "order taken", "level": "info"}
    assert [first, second] == [taken | {"event_id": message_id} for message_id in ids]
    assert (line["path"], line["status"], line["event_id"]) == ("/aws.sqs", 204, ids[0])
