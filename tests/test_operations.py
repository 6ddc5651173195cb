"""The recipes of docs/operations.md work as they stand, with the real packages and AWS's own runtime client."""

import importlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cloud_events import EventFailed
from cloud_events.testing import EventClient, sns, sqs
from conftest import forget
from runtime_api import Runtime

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```", re.MULTILINE | re.DOTALL)
RECIPES = dict(BLOCK.findall((ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
SHOP = dict(BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8")))["shop"]
DONE = {"batchItemFailures": []}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The page's files and the README's shop, importable."""
    for name, text in {**RECIPES, "shop": SHOP}.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget(tmp_path)


def ids(event):
    return [record["messageId"] for record in event["Records"]]


def logged(runtime):
    """The lines of the log that are JSON objects."""
    return [json.loads(line) for line in runtime.stdout.splitlines() if line.startswith("{")]


@contextmanager
def xray(project, handler):
    """A runtime with *handler*, and a list: once the runtime is closed, what X-Ray's daemon was sent."""
    documents = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
        port.bind(("127.0.0.1", 0))
        port.settimeout(0.2)
        address = f"127.0.0.1:{port.getsockname()[1]}"
        with Runtime(handler, path=project, AWS_XRAY_DAEMON_ADDRESS=address, LAMBDA_TASK_ROOT=str(project)) as runtime:
            yield runtime, documents
        with suppress(TimeoutError):
            while True:
                documents.append(json.loads(port.recv(65_536).partition(b"\n")[2]))


def test_every_recipe_is_tried_below():
    assert " ".join(RECIPES) == "once observed traced reported segments logs jobs workflow checkout basket"


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
        failed = {"batchItemFailures": [{"itemIdentifier": ids(event)[1]}]}
        assert [client.send(event).reply, client.send(event).reply] == [failed, failed]
        event["Records"][1]["body"] = "padded"
        assert [client.send(event).reply, client.send(sqs("Emma")).reply] == [DONE, DONE]
    assert once.shipped == ["Emma", "padded", "Emma"]


def test_powertools_around_the_handler(project):
    """A line of the log has the request and the event, and the metric and the subsegments are sent."""
    pytest.importorskip("aws_lambda_powertools")
    event = sqs("Emma", "Lear")
    with xray(project, "observed.handler") as (runtime, documents):
        assert runtime.invoke(event).value == DONE
        assert runtime.invoke(sns("x")).failure[0] == "EventFailed"
    taken = [line for line in logged(runtime) if line.get("message") == "order taken"]
    assert [(line["function_request_id"], line["event_id"]) for line in taken] == [("1", name) for name in ids(event)]
    assert [line["Orders"] for line in logged(runtime) if "Orders" in line] == [[1.0, 1.0]]
    assert [each["name"] for each in documents] == ["## observed.orders"] * 2 + ["## handler"] * 2


def test_opentelemetry(project):
    """The span of a request is out before the handler returns, and belongs to the trace of the message."""
    pytest.importorskip("opentelemetry.instrumentation.wsgi")
    event, trace, parent = sqs("Emma"), "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    attribute = {"stringValue": f"00-{trace}-{parent}-01", "dataType": "String"}
    event["Records"][0]["messageAttributes"] = {"traceparent": attribute}
    with Runtime("traced.handler", path=project) as runtime:
        assert runtime.invoke(event).value == DONE
        runtime.process.kill()  # nothing is sent after the answer
        runtime.stdout, _ = runtime.process.communicate()
    span = json.loads(runtime.stdout[runtime.stdout.index("{") :])
    assert span["name"] == "POST /aws.sqs"
    assert (span["context"]["trace_id"], span["parent_id"]) == (f"0x{trace}", f"0x{parent}")


SENTRY = """
import functools, sentry_sdk
class Printed(sentry_sdk.transport.Transport):
    def capture_envelope(self, envelope):
        for error in (envelope.get_event() or {}).get("exception", {}).get("values", []):
            print("reported", error["type"], flush=True)
sentry_sdk.init = functools.partial(sentry_sdk.init, dsn="http://key@localhost/1", transport=Printed)
from reported import handler
"""


@pytest.mark.parametrize("lets_through", ["False", "True"])
def test_sentry_has_one_report_of_each_failure(project, lets_through):
    """An exception is reported once, whether or not the framework lets it through, and so is a status of no view."""
    pytest.importorskip("sentry_sdk")
    setting = f"from reported import app\napp.config['PROPAGATE_EXCEPTIONS'] = {lets_through}\n"
    (project / "printed.py").write_text(SENTRY + setting)
    with Runtime("printed.handler", path=project) as runtime:
        errors = [runtime.invoke(event).failure[0] for event in (sns("x"), sqs("x"))]
    assert errors == ["RuntimeError" if lets_through == "True" else "EventFailed", "EventFailed"]
    assert re.findall("reported (.*)", runtime.stdout) == ["RuntimeError", "EventFailed"]


def test_xray(project):
    """A subsegment of each record goes to the daemon, in the trace of the invocation."""
    pytest.importorskip("aws_xray_sdk")
    event, trace = sqs("Emma", "Lear"), ("1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "9a9197af755a6419")
    with xray(project, "segments.handler") as (runtime, documents):
        assert runtime.invoke(event).value == DONE
    assert [each["annotations"]["event_id"] for each in documents] == ids(event)
    assert {(each["name"], each["trace_id"], each["parent_id"]) for each in documents} == {("take order", *trace)}


def test_structlog(project):
    """Each line of the view names its event, and the library's line after it has the fields of its own."""
    pytest.importorskip("structlog")
    event = sqs("Emma", "Lear")
    with Runtime("logs.handler", path=project) as runtime:
        assert runtime.invoke(event).value == DONE
    first, line, second, _ = logged(runtime)
    taken = {"event": "order taken", "level": "info", "request_id": "1"}
    assert [first, second] == [taken | {"event_id": message_id} for message_id in ids(event)]
    assert (line["path"], line["status"], line["event_id"]) == ("/aws.sqs", 204, ids(event)[0])


SITE = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
database = {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}
settings.configure(SECRET_KEY="x", ALLOWED_HOSTS=["localhost"], ROOT_URLCONF="jobs", DATABASES={"default": database},
                   INSTALLED_APPS=["django.contrib.sessions"])
application = get_wsgi_application()
"""


def test_management_commands(project):
    """The jobs of the table run, in a real database; what is not in it does not, not even the name of a command."""
    (project / "site_wsgi.py").write_text(SITE)
    settings = {"CLOUD_EVENTS_RESPONSE": "native", "CLOUD_EVENTS_MATCHERS": "jobs.matchers"}
    handler, settings["WSGI_APPLICATION"] = "cloud_events.handler.handler", "site_wsgi.application"
    with Runtime(handler, path=project, **settings) as runtime:
        assert runtime.invoke({"job": "nightly"}).failure[1].startswith("the application answered 500")  # no table yet
        assert "Applying sessions.0001_initial... OK" in runtime.invoke({"job": "migrate"}).value
        assert runtime.invoke({"job": "nightly"}).value is None
        assert runtime.invoke({"job": "flush"}).failure[1].startswith("the application answered 404 at /jobs (job)")


DURABLE = """
import workflow
from aws_durable_execution_sdk_python import durable_execution
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner
for handler in (workflow.handler, durable_execution(workflow.deliver)):
    with DurableFunctionTestRunner(handler=handler) as runner:
        print(runner.run(input="{}", execution_timeout=20).result)
print(workflow.taken)
"""


def test_durable_functions(project):
    """A step's request is sent once, however often the function runs; a view that waits suspends the function."""
    pytest.importorskip("aws_durable_execution_sdk_python_testing")
    done = subprocess.run([sys.executable, "-c", DURABLE], cwd=project, capture_output=True, text=True)
    results = ['{"stage": "charge"}', '"paid"', "['reserve', 'charge', 'a bill', 'a bill']"]
    assert done.stdout.splitlines() == results, done.stderr


def test_step_functions_sees_the_type_of_the_exception(project):
    """AWS is told the application's own exception, with Flask's and Quart's setting and only then."""
    pytest.importorskip("quart")
    for module in ("checkout", "basket"):
        with Runtime(f"{module}.handler", path=project) as runtime:
            assert runtime.invoke({"order": 7}).failure == ("OutOfStock", "Emma")
        app = importlib.import_module(module).app
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert isinstance(EventClient(app, response="native").send({"order": 7}).raised, EventFailed)


POOL = """
import os, pathlib, signal, time
from cloud_events import make_handler
signal.alarm(60)  # should the test fail
def app(environ, start_response):
    pathlib.Path(f"{os.getpid()}.busy").touch()
    while len(list(pathlib.Path().glob("*.busy"))) < 2:
        time.sleep(0.01)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
handler = make_handler(app, response="native")
"""


def test_managed_instances(project):
    """Two processes of the runtime handle two events at the same time."""
    pytest.importorskip("awslambdaric.lambda_multi_concurrent_utils")
    (project / "pool.py").write_text(POOL)
    headers = {"Lambda-Runtime-Deadline-Ms": "4102444800000", "Lambda-Runtime-Invoked-Function-Arn": "a"}
    with Runtime("pool.handler", path=project, AWS_LAMBDA_MAX_CONCURRENCY="2") as runtime:
        runtime.api.put(b"{}", headers)
        runtime.api.put(b"{}", headers)
        runtime.wait_for(lambda: len(runtime.api.answers) == 2)
        processes = {int(answer.value) for answer in runtime.api.answers.values()}
        for process in processes:
            os.kill(process, signal.SIGTERM)
        runtime.process.communicate(timeout=20)
    assert len(processes) == 2
