"""What the README shows is true: its code runs, its tables are those of the code."""

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys

import pytest

from cloud_events import make_handler, settings
from cloud_events.interface.wsgi import DEFAULT_ENVIRON
from conftest import forget, sample
from sent import sent
from test_docs import README, rows_of

BLOCKS = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
FILES = {block.partition("\n")[0][2:]: block for block in BLOCKS if re.match(r"# [\w/]+\.py\n", block)}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The README's files, importable, in a project of their own."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    forget(tmp_path)


def run(project, code, **environment):
    """The output of *code*, in a process of its own with these settings, in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env={"PATH": "", **environment}, capture_output=True, text=True
    )
    assert done.stderr == ""
    return done.stdout


def test_every_file_of_the_readme_is_tried_below():
    views, events = (
        "project/events.py project/views.py project/wsgi.py",
        "books/events.py depot.py edge.py my_module.py",
    )
    assert " ".join(sorted(FILES)) == f"app/config.py {events} {views} shop.py"
    assert len(BLOCKS) == len(FILES) + 2  # the default environ, and the reply


def test_the_story(project, tmp_path):
    """S3's event reaches the Django view, which answers 201; the object's key is decoded."""
    (tmp_path / "site_wsgi.py").write_text(
        "from django.conf import settings\nfrom django.core.wsgi import get_wsgi_application\n"
        "settings.configure(SECRET_KEY='x', ALLOWED_HOSTS=['localhost'], ROOT_URLCONF='books.events', USE_TZ=True)\n"
        "application = get_wsgi_application()\n"
    )
    (tmp_path / "event.json").write_text(json.dumps(sample("s3")))
    code = "import json; from cloud_events.handler import handler; print(handler(json.load(open('event.json')), None))"
    settings = {"WSGI_APPLICATION": "site_wsgi.application", "CLOUD_EVENTS_RESPONSE": "native"}
    lines = run(project, code, **settings).splitlines()
    assert lines[0].startswith("books-uploads novels/Café Noir (1).epub ")
    assert lines[1].startswith(
        "{'status_code': '201', 'body': '', 'headers': {'Content-Type': 'text/html; charset=utf-8'"
    )


def test_flask_and_fastapi(project, capsys):
    """The two small applications take the events that the README says."""
    shop, depot = importlib.import_module("shop"), importlib.import_module("depot")
    assert json.loads(make_handler(shop.app)(sample("sqs"), None)["body"]) == {"batchItemFailures": []}
    assert capsys.readouterr().out.startswith("order ")
    event = {**sample("eventbridge"), "source": "com.example.orders", "detail": {"order": 7}}
    assert make_handler(depot.app, response="native")(event, None) == {
        "status_code": "200",
        "body": '{"order":7}',
        "headers": {"content-length": "11", "content-type": "application/json"},
    }


def test_the_environ_that_is_merged(project):
    """WSGI_ENVIRON's dictionary is merged over the default environ, which is the one shown."""
    seen = []

    def view(environ, start_response):
        seen.append([environ[name] for name in ("HTTP_ACCEPT", "REQUEST_METHOD", "CONTENT_LENGTH", "PATH_INFO")])
        start_response("204 No Content", [])
        return []

    make_handler(view, wsgi_environ="app.config.environ")(None, None)
    assert seen == [["application/vnd.api+json", "GET", "0", "/books/"]]
    shown = {}
    exec(next(block for block in BLOCKS if "DEFAULT_ENVIRON = {" in block), shown)
    assert shown["DEFAULT_ENVIRON"] == DEFAULT_ENVIRON


def test_handlers_of_ones_own(project):
    """A function around the handler, and a handler made in code, both deliver."""
    (project / "event.json").write_text(json.dumps(sample("sqs")))
    code = "import json, {0}; print({0}.{1}(json.load(open('event.json')), None))"
    wrapped = run(project, code.format("my_module", "my_handler"), WSGI_APPLICATION="shop.app").splitlines()
    made = run(project, code.format("edge", "handler")).splitlines()
    assert wrapped[0].startswith("order ")
    assert wrapped[-1].startswith(
        "{'status_code': '200', 'body': '{\"batchItemFailures\":[]}\\n', 'headers': {'Content-Type'"
    )
    assert made[-1] == "{'batchItemFailures': []}"


def test_rows_of_ones_own(project):
    """The three rows route by queue, by detail-type, and by bucket."""
    invoices = sample("sqs")
    for record in invoices["Records"]:
        record["eventSourceARN"] = "arn:aws:sqs:eu-west-1:123456789012:invoices"
    paid = {**sample("eventbridge"), "source": "depot", "detail-type": "Order Paid"}
    events = (invoices, sample("sqs"), paid, sample("s3"))
    paths = [sent(event, matchers="project.events.matchers")[0].path for event in events]
    assert paths == ["/invoices", "/aws.sqs", "/orders/paid", "/uploads/books-uploads"]


def test_a_view_asks_for_its_cloudevent(project):
    """The three attributes that the comment shows are those of an S3 event."""
    view, seen = importlib.import_module("project.views").view, []

    def application(environ, start_response):
        seen.append(view(environ))
        start_response("204 No Content", [])
        return []

    make_handler(application)(sample("s3"), None)
    source, key = "aws:s3.eu-west-1.books-uploads", "novels/Caf%C3%A9+Noir+%281%29.epub"
    assert seen == [("com.amazonaws.s3.ObjectCreated:Put", source, key)]


def test_the_lock(project):
    """Behind the two lines an event gets in, and nobody else."""
    application = importlib.import_module("project.wsgi").application
    handler = make_handler(application, path_prefix="/events")
    assert handler(sample("s3"), None)["status_code"] == "404"  # the shop has no such route: the event was let in
    assert handler(sample("s3"), None)["body"].startswith("<!doctype html>")
    answered = []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/events/aws.s3", "SCRIPT_NAME": ""}
    assert application(environ, lambda status, headers: answered.append(status)) == [b"Not Found"]
    assert answered == ["404 Not Found"]


def table(heading):
    """The rows of the table under a header line."""
    return rows_of(README[README.index(heading) :].partition("\n\n")[0])[2:]


def test_the_settings_are_those_that_exist():
    named = {re.search(r"`(\w+)`", row[0])[1] for row in table("| setting | meaning")}
    variables = {settings.PREFIX + name.upper() for name in settings.NAMES}
    assert named == {"WSGI_APPLICATION", "ASGI_APPLICATION", "WSGI_ENVIRON", "ASGI_SCOPE"} | variables


# An event of each row of the README's tables: a sample, or what it says in short.
EVENTS = {
    "CloudEvent": {"specversion": "1.0", "id": "1", "type": "t", "source": "/myContext"},
    "AWS EventBridge": {**sample("eventbridge"), "source": "com.my.event"},
    "AWS CloudWatch Events": sample("eventbridge__ec2-lifecycle"),
    "AWS IoT Events": {"event": {"eventName": "myChargedEvent", "payload": {}}},
    "EC2 lifecycle": sample("eventbridge__ec2-lifecycle"),
    "Lex": sample("lex.v1"),
    "Kinesis Firehose": sample("kinesis.firehose__direct-put"),
    "Cognito (Sync)": sample("cognito.sync"),
    "Alexa": sample("alexa.smarthome.v2"),
}


@pytest.mark.parametrize(
    "row", table("| event | path, taken") + table("| AWS event | recognised by"), ids=lambda row: row[0]
)
def test_the_paths_are_those_that_events_get(row):
    """An event of the row goes to the path that the table shows."""
    event = EVENTS.get(row[0]) or sample(row[0].lower())
    assert f"`{sent(event)[0].path}`" == row[2]


def test_links_on_the_package_index():
    """There, all are absolute."""
    description = importlib.metadata.metadata("cloud-events").get_payload()
    links = re.findall(r"\]\(([^)]+)\)", description)
    assert len(links) == len(re.findall(r"\]\(([^)]+)\)", README))
    assert [link for link in links if not link.startswith("https://")] == []
