"""The command line: its whole output compared. What only a process shows is seen in one of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from cloud_events import __version__
from cloud_events.adapter.router import OURS
from cloud_events.testing import s3_in_sqs
from conftest import sample

# A WSGI application that does as the event says, and prints.
APPLICATION = """
import json

def application(environ, start_response):
    event = json.load(environ["wsgi.input"])
    said = event.get("say", {}) if isinstance(event, dict) else {}
    print("the application was here")
    if "raise" in said:
        refuse(said["raise"])
    start_response(f"{said.get('status', 201)} Said", [("Content-Type", "application/json")])
    return [said.get("body", "{}").encode()]

def refuse(reason):
    try:
        {}["shelf"]
    except KeyError as error:
        raise LookupError(reason) from error
"""
ROWS = """
from cloud_events import Matcher

def by_shop(event):
    return "/shops/" + event["detail"]["shop"]

rows = [
    Matcher("offers", {"$['detail-type']": {"Sold", "Offered"}, "$.detail": dict}, "/offers"),
    Matcher("shops", {"$.detail.shop": lambda shop: shop in ("cork", "..")}, by_shop),
    Matcher("hello", {"$.hello": bool}, lambda event: "/hello"),
    Matcher("early", {"$.early": by_shop, "$.n": float, "$.at": bytes, "$.in": list}, "$.early", "async"),
    Matcher("tests", {"$.test": True}, None),
]
any = [Matcher("all", {}, lambda event: event["shop"])]
environ = {"PATH_INFO": "/direct", "REQUEST_METHOD": "put"}
scope = {"path": "/calls", "method": "get"}
"""
OFFER = {"source": "shop", "detail-type": "Sold", "detail": {}}
OTHER = {"source": "shop", "detail-type": "Other"}
FILES = {
    "offer": OFFER,
    "none": {"hello": 1},
    "direct": None,
    "query": {"source": "a/b?c=d#e"},
    "half": {"detail-type": 3, "source": 4, "detail": {}, "version": "2.0", "path": "/"},
    "five": [OFFER, OFFER, OTHER | {"detail": {"shop": "cork"}}, OTHER | {"detail": {"shop": ".."}}, {"detail": 1}],
    "last": [OFFER, {"detail": 1}],
    "test": {"test": True},
    "s3": sample("s3"),
    "nested": s3_in_sqs(),
    "lost": OFFER | {"say": {"status": 404, "body": "x" * 501}},
    "taken": OFFER | {"say": {"status": 409, "body": "taken"}},
    "bad": OFFER | {"say": {"raise": "no such shelf"}},
    "one": sample("sqs__one-record") | {"say": {"raise": "no such shelf"}},
    "sqs": sample("sqs"),
    "alb": sample("http.alb"),
    "warmup": {"source": "serverless-plugin-warmup"},
}
OWN = {"CLOUD_EVENTS_MATCHERS": "rules.rows"}
RECORD = {"CLOUD_EVENTS_DELIVERY": "record"}


@pytest.fixture
def shop(tmp_path):
    """A directory with an application, rows and events."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    (tmp_path / "rules.py").write_text(ROWS)
    write(tmp_path, **FILES)
    return tmp_path


class Run(NamedTuple):
    """The exit status of a command, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def run(command):
    """Run a command in the shop, in this process. Times are left out, and what a traceback underlines, which depends on
    the version of Python.
    """

    def run(*words, **settings):
        status, out, err = command(*words, **settings)
        err = re.sub(r"^ +[~^]+\n", "", err, flags=re.MULTILINE)
        return Run(status, re.sub(r"\d+\.\d+ ms", "T ms", out), err)

    return run


@pytest.fixture
def invoke(run):
    return lambda *words, **settings: run("invoke", "--wsgi", "shop.application", *words, **settings)


def process(directory, *words, **settings):
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "cloud_events", *words],
        cwd=directory,
        env={**os.environ, "PYTHONDEVMODE": "", **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def write(directory, **events):
    for name, event in events.items():
        (directory / f"{name}.json").write_text(json.dumps(event))


class TestCommand:
    def test_help(self, run):
        """Help names the commands and says what an exit status means."""
        assert run("--help").out == (
            "usage: cloud-events [-h] [--version] COMMAND ...\n"
            "\n"
            "See where events go, and send them to your application as AWS Lambda would.\n"
            "\n"
            "positional arguments:\n"
            "  COMMAND\n"
            "    routes    print every row: its path, and what the sender of such events reads\n"
            "    match     show which row matches each event, where it goes, and why\n"
            "    invoke    send each event to your application, and show what AWS would do next\n"
            "    check     find wiring in templates that would lose events\n"
            "    serve     answer Lambda's Invoke API, and serve a page for trying out events\n"
            "    sample    print a sample event, or list the kinds of events and their options\n"
            "\n"
            "options:\n"
            "  -h, --help  show this help message and exit\n"
            "  --version   show program's version number and exit\n"
            "\n"
            "Settings are read from the environment, as in Lambda. Exit status: 0 if all went well; 1 if an event "
            "matched no row,\n"
            "was refused or failed; 2 if the command line, a setting or a file cannot be used.\n"
        )

        does = "\nSend each event to your application, and show what AWS would do next.\n"
        assert does in run("invoke", "--help").out

    def test_version_and_no_command(self, run):
        """The version is the package's. Without a command there is a usage line and exit status 2."""
        assert run("--version") == (0, f"cloud-events {__version__}\n", "")
        status, out, err = run()
        assert (status, out) == (2, "")
        assert err.endswith("cloud-events: error: the following arguments are required: COMMAND\n")

    def test_script(self, shop):
        """The script that pip installs is this command."""
        script = Path(sys.executable).with_name("cloud-events")
        if not script.exists():
            pytest.skip("the library is not installed")
        run = subprocess.run([script, "match", "s3.json"], cwd=shop, capture_output=True, text=True)
        assert run.stdout.startswith("s3.json: POST /aws.s3, by row s3\n")

    @pytest.mark.parametrize("words", ["routes", "match s3.json", "invoke --wsgi shop.application s3.json"])
    def test_a_setting_that_does_not_exist(self, shop, run, words):
        """A fault in the settings is one line on stderr and exit status 2, whatever the command."""
        fault = "cloud-events: CLOUD_EVENTS_RESPONS: no such setting; did you mean CLOUD_EVENTS_RESPONSE?\n"
        assert run(*words.split(), CLOUD_EVENTS_RESPONS="native") == (2, "", fault)

    def test_a_reader_that_has_seen_enough(self, shop):
        """A pipe that is closed at the other end ends the command without a traceback."""
        reader, writer = os.pipe()
        os.close(reader)
        run = subprocess.run(
            [sys.executable, "-m", "cloud_events", "routes"], cwd=shop, stdout=writer, stderr=subprocess.PIPE
        )
        os.close(writer)
        assert (run.returncode, run.stderr) == (1, b"")

    def test_interrupted(self, shop):
        """Ctrl-C ends the command with the exit status of one that was interrupted, without a traceback."""
        (shop / "shop.py").write_text(
            "import os, signal\ndef application(environ, start_response):\n"
            "    signal.signal(signal.SIGINT, signal.default_int_handler)\n    os.kill(os.getpid(), signal.SIGINT)\n"
        )
        words = ("invoke", "--wsgi", "shop.application", "s3.json", "s3.json")
        assert process(shop, *words) == (130, "", "[1/2] s3.json\n")

    def test_a_terminal_without_the_letters(self, shop):
        """What cannot be written in the terminal's encoding is escaped."""
        write(shop, far=OFFER | {"source": "/本"})
        run = process(shop, "match", "far.json", PYTHONIOENCODING="ascii")
        assert run.out.splitlines()[0] == r"far.json: POST /\u672c, by row eventbridge"


class TestRoutes:
    def test_table(self, shop, run):
        """Every row is a line, alternatives once: those of CLOUD_EVENTS_MATCHERS, then ours, in order. Every path has
        the prefix, but where there is none.
        """
        status, out, err = run("routes", **OWN, CLOUD_EVENTS_PATH_PREFIX="/in")
        lines = [tuple(re.split("  +", line)) for line in out.splitlines()]
        assert lines[0] == ("ROW", "PATH", "SENDER READS")
        own, ours = ["offers", "shops", "hello", "early", "tests"], "what our row says"
        names = dict.fromkeys(line[0] for line in lines[1:])
        assert [*names] == [*own, *dict.fromkeys(row.name for row in OURS.rows)]
        assert len({*lines}) == len(lines)
        assert lines[1:6] == [
            ("offers", "/in/offers", ours),
            ("shops", "/in/by_shop(event)", ours),
            ("hello", "/in/lambda(event)", ours),
            ("early", "/in/$.early", "nothing"),
            ("tests", "acknowledged without a request", ours),
        ]
        assert {*lines} > {
            ("cloudevents.batch", "per item", "the answer"),
            ("eventbridge", "/in/$.source", "nothing"),
            ("sqs", "/in/aws.sqs", "which records failed"),
            ("records", "/in/dotted_event_source(event)", "nothing"),
            ("mq.rabbitmq", "/in/aws.mq.rabbitmq", "whether the batch failed"),
            ("http.alb", "http", "the HTTP response"),
            ("s3.test", "acknowledged without a request", "nothing"),
        }
        assert len({line.rindex("  ") for line in out.splitlines()}) == 1
        assert (status, err) == (0, "")

    def test_json(self, shop, run):
        """With --json there is an array with every row's conditions in words."""
        listed = json.loads(run("routes", "--json", **OWN).out)
        assert [each["where"] for each in listed[2:4]] == [
            ["$.hello is a boolean"],
            ["$.early passes by_shop()", "$.n is a number", "$.at is bytes", "$.in is a list"],
        ]
        assert {"row": "s3", "path": "/aws.s3", "reads": "nothing", "where": [S3_WHY.strip()]} in listed
        assert len(listed) == 5 + len(OURS.rows)


S3_WHY = "    $.Records[0].eventSource is 'aws:s3'\n"
OFFERED = "    $['detail-type'] is a string\n    $.source is a string\n    $.detail is present\n"
REMEDY = "    a row of your own, in CLOUD_EVENTS_MATCHERS, may send it elsewhere\n"
ANSWER = "    the sender reads the answer\n"

# Words, settings, exit status, output
MATCH = [
    ("s3.json offer.json", {}, 0, f"""\
s3.json: POST /aws.s3, by row s3
{S3_WHY}    the sender reads nothing
offer.json: POST /shop, by row eventbridge
{OFFERED}    the sender reads nothing
"""),
    # The settings of the handler count.
    ("offer.json query.json", OWN | {"CLOUD_EVENTS_PATH_PREFIX": "/in"}, 0, f"""\
offer.json: POST /in/offers, by row offers
    $['detail-type'] is one of 'Offered', 'Sold'
    $.detail is an object
    the sender reads nothing
query.json: POST /in/a/b?c=d, by row source
    $.source passes text()
{ANSWER}"""),
    ("half.json none.json direct.json", {}, 1, f"""\
half.json: POST /: no row matches, these came closest
    http.apigw2
      + $.version is '2.0'
      - $.requestContext.http is not present
    eventbridge
      + $.detail is present
      - $['detail-type'] is not a string
      - $.source is not a string
    http.functionurl
      + $.version is '2.0'
      - $.requestContext.http is not present
      - $.requestContext.domainName does not pass function_url()
{REMEDY}{ANSWER}none.json: POST /: no row matches
{REMEDY}{ANSWER}direct.json: POST /: no row matches
{REMEDY}{ANSWER}"""),
    # The default request is that of WSGI_ENVIRON, or of ASGI_SCOPE.
    ("none.json", {"WSGI_ENVIRON": "rules.environ", "ASGI_SCOPE": "rules.scope"}, 1,
     f"none.json: PUT /direct: no row matches\n{REMEDY}{ANSWER}"),
    ("none.json", {"ASGI_APPLICATION": "not.loaded", "ASGI_SCOPE": "rules.scope"}, 1,
     f"none.json: GET /calls: no row matches\n{REMEDY}{ANSWER}"),
    # A list whose items go one by one
    ("five.json", OWN, 1, f"""\
five.json: row eventbridge.custombus, a request for each item
    the sender reads nothing
  items 0 to 1: POST /offers, by row offers
      $['detail-type'] is one of 'Offered', 'Sold'
      $.detail is an object
  item 2: POST /shops/cork, by row shops
      $.detail.shop passes a test
  item 3: refused: matcher 'shops', its callable path: the path must not have '.' or '..' segments
  item 4: POST /: no row matches, these came closest
      eventbridge
        + $.detail is present
        - $['detail-type'] is not a string
        - $.source is not a string
  {REMEDY}"""),
    # Records that are delivered singly, and events found inside them
    ("nested.json", RECORD | {"CLOUD_EVENTS_UNWRAP": "s3"}, 0, f"""\
nested.json: row sqs, a request for each record
    the sender reads which records failed
  record 0: POST /aws.s3, by row s3, inside sqs
  {S3_WHY}"""),
    # What needs no request
    ("warmup.json test.json", OWN, 0, """\
warmup.json: acknowledged without a request, by row warmup
    $.source is 'serverless-plugin-warmup'
test.json: acknowledged without a request, by row tests
    $.test is True
"""),
    ("alb.json", {}, 1, """\
alb.json: refused: this is an HTTP request, from an Application Load Balancer: set CLOUD_EVENTS_HTTP_HANDLER=apig-wsgi \
to have the same application answer it, or to the dotted path of a Lambda handler of your own
"""),
    *(("alb.json", {"CLOUD_EVENTS_HTTP_HANDLER": handler}, 0, """\
alb.json: an HTTP request, from an Application Load Balancer; CLOUD_EVENTS_HTTP_HANDLER takes it
    $.requestContext.elb is present
""") for handler in ("shop.refuse", "mangum", "apig-wsgi")),
    # A row whose function fails
    ("offer.json", {"CLOUD_EVENTS_MATCHERS": "rules.any"}, 1,
     "offer.json: refused: a function of one of your rows raised KeyError: 'shop'\n"),
]  # fmt: skip


class TestMatch:
    @pytest.mark.parametrize(("words", "settings", "status", "out"), MATCH)
    def test_says_where_events_go_and_why(self, shop, run, words, settings, status, out):
        """Each event has its request, the conditions that hold, or what came closest, and what its sender reads. The
        exit status is that of the worst event, record or item.
        """
        assert run("match", *words.split(), **settings) == (status, out, "")

    def test_json(self, shop, run):
        """With --json there is one object a line for each event, with the same keys whatever became of it."""
        found = run("match", "--json", "s3.json", "none.json", "alb.json", "last.json", "warmup.json")
        s3, none, http, last, warmup = found.json
        (handed,) = run("match", "--json", "alb.json", CLOUD_EVENTS_HTTP_HANDLER="shop.refuse").json
        sent = {"position": 0, "method": "POST", "via": []}
        request = sent | {"status": "matched", "row": "s3", "path": "/aws.s3", "why": [S3_WHY.strip()]}
        result = {"status": "matched", "row": "s3", "reads": "nothing", "each": None, "requests": [request]}
        assert s3 == {"file": "s3.json", **result, "fault": None}
        assert none["requests"] == [sent | {"status": "unmatched", "row": None, "path": "/", "closest": []}]
        assert (http["status"], http["row"], http["requests"]) == ("refused", "http.alb", [])
        assert http["fault"].startswith("this is an HTTP request, from an Application Load Balancer: set ")
        assert (last["status"], last["each"]) == ("unmatched", "item")
        assert [request["position"] for request in last["requests"]] == [0, 1]
        why = ["$.source is 'serverless-plugin-warmup'"]
        assert warmup["requests"] == [{"position": 0, "status": "acknowledged", "row": "warmup", "why": why}]
        alb = {"row": "http.alb", "from": "an Application Load Balancer", "why": ["$.requestContext.elb is present"]}
        assert handed["requests"] == [{"position": 0, "status": "http", **alb}]
        assert s3.keys() == none.keys() == http.keys() == last.keys() == warmup.keys() == handed.keys()
        assert found.status == 1


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "content", "complaint"),
        [
            ("event.json", b" \n", "it is empty; was it ever saved?"),
            ("event.json", b'{"a": 1\n "b": 2}', "not JSON, line 2, column 2: Expecting ',' delimiter"),
            (
                "event.json",
                b"{}\n{}\n",
                "not JSON, line 2, column 1: the event ends before this; one file holds one event",
            ),
            ("event.json", b'{"a": "\xff"}', "not JSON, byte 7: this is not UTF-8"),
            ("event.json", b"[" * 100_000, "nested too deeply, also for Lambda"),
            ("evnt.json", b"{}", "no such file; did you mean event.json?"),
            ("nowhere/event.json", b"{}", "No such file or directory"),
            ("zzzzzzzz", b"{}", "No such file or directory"),
            ("event.json/event.json", b"{}", "Not a directory"),
            (".", b"{}", "this is a directory; name the files in it, such as *.json"),
        ],
    )
    def test_no_event(self, tmp_path, run, name, content, complaint):
        """A file without an event is reported with the place and the reason, one that cannot be read with the name that
        was perhaps meant; exit status 2.
        """
        (tmp_path / "event.json").write_bytes(content)
        assert run("match", name) == (2, "", f"cloud-events: {name}: {complaint}\n")

    def test_standard_input(self, run):
        """``-`` is standard input; a pipe from a command that failed is reported as such."""
        assert run("match", "-", given=b"null").out.startswith("standard input: POST /: no row matches\n")
        fault = "cloud-events: standard input: it is empty; did the command before | fail?\n"
        assert run("match", "-") == (2, "", fault)

    def test_utf_16(self, tmp_path, run):
        """A file that PowerShell wrote, in UTF-16, is read."""
        (tmp_path / "wide.json").write_text(json.dumps(sample("s3")), encoding="utf-16")
        assert run("match", "wide.json").status == 0


THEIRS = (
    "Traceback (most recent call last):\n"
    '  File "{shop}/shop.py", line 15, in refuse\n'
    '    {{}}["shelf"]\n'
    "KeyError: 'shelf'\n"
    "\n"
    "The above exception was the direct cause of the following exception:\n"
    "\n"
    "Traceback (most recent call last):\n"
    '  File "{shop}/shop.py", line 9, in application\n'
    '    refuse(said["raise"])\n'
    '  File "{shop}/shop.py", line 17, in refuse\n'
    "    raise LookupError(reason) from error\n"
    "LookupError: no such shelf\n"
)


ASYNC = (
    "AWS retries the event, twice unless configured otherwise; then it goes to the function's dead-letter queue or "
    "failure destination, or is dropped if there is none"
)
LOGGED = "ERROR cloud_events: a record or item of the event failed: LookupError\n"
LOUDER = "CLOUD_EVENTS_RESPONSE=native"
NATIVE = {"CLOUD_EVENTS_RESPONSE": "native"}
REPLY = """\
  reply     {
              "status_code": "%d",
              "body": "%s",
              "headers": {
                "Content-Type": "application/json"
              }
            }
"""
NO_ROUTE = (
    "The application has no route for this path, or the view itself answered 404: check that there is a route for POST "
    "/shop."
)

# Words, settings, exit status, lines of the output, stderr
INVOKE = [
    # A failure that AWS would never hear of
    ("lost.json", {}, 1,
     "  answered  404, after T ms\n"
     + REPLY % (404, "x" * 500 + "... (501 characters; --json shows them all)")
     + f"  hint      {NO_ROUTE}\n"
     f"  next      lost: AWS takes this as success, so the event will not be retried; with {LOUDER} the invocation "
     "would have failed\n",
     "WARNING cloud_events: the application answered 404 at /shop (eventbridge); AWS takes this as success and will "
     f"not retry the event. {NO_ROUTE} Set {LOUDER} to have such an invocation fail.\n"),
    # No success and, by the settings, no failure
    ("taken.json", {"CLOUD_EVENTS_FAILURE_STATUSES": "500-599"}, 0,
     "  answered  409, dropped (CLOUD_EVENTS_FAILURE_STATUSES), after T ms\n" + REPLY % (409, "taken")
     + "  next      done: AWS is done with the event; nothing reads the reply\n",
     "WARNING cloud_events: eventbridge: /shop answered 409; CLOUD_EVENTS_FAILURE_STATUSES does not count this as a "
     "failure, so it is not retried\n"),
    # An error of ours, without a traceback
    ("taken.json", NATIVE, 1,
     "  raised    EventFailed: the application answered 409 at /shop (eventbridge)\n            taken\n"
     f"  next      retry: {ASYNC}\n", ""),
    # The application's, with its traceback and that of the cause, without frames of ours
    ("bad.json", {}, 1, "  answered  nothing, but raised LookupError, after T ms\n"
     f"  raised    LookupError: no such shelf\n  next      retry: {ASYNC}\n", THEIRS),
    # One that was logged with its traceback is not shown a second time.
    ("one.json", RECORD | NATIVE, 1, "  raised    LookupError: no such shelf\n"
     "  next      retry: AWS delivers the whole batch of messages again, until the queue gives it to its dead-letter "
     "queue\n", LOGGED + THEIRS),
    # An HTTP request is given to its handler, whose answer is shown, whatever it holds.
    ("alb.json", {"CLOUD_EVENTS_HTTP_HANDLER": "web.handler"}, 0,
     'alb.json\n  matched   http.alb\n  reply     {\n              "statusCode": 200,\n              "body": "{1j}"\n'
     "            }\n  next      answer: the HTTP client gets the reply\n", ""),
]  # fmt: skip


REFUSED = """\
    shop.refuse('no such shelf')
  File "{shop}/shop.py", line 17, in refuse
    raise LookupError(reason) from error
LookupError: no such shelf
"""
# A module, what it is, where in it the traceback begins, the rest of stderr, stdout
FAILING = [
    ("import shop\n\nshop.refuse('no such shelf')\n", "wsgi", "3, in <module>",
     REFUSED + "cloud-events: WSGI_APPLICATION='web.application': module 'web' failed while it was imported: "
     "LookupError: no such shelf\n", ""),
    # Of an error of ours: what in the application led to it
    ("""
import shop
async def application(scope, receive, send):
    await receive()
    if 'state' in scope:
        await send({'type': 'lifespan.startup.failed', 'message': 'no database'})
        shop.refuse('no such shelf')
""", "asgi", "7, in application", REFUSED,
     "  raised    StartupFailed: the application's startup failed: no database\n"),
    # So it is with the exceptions in a group, as task groups raise them.
    ("""
import shop
from cloud_events import make_handler
inner = make_handler(shop.application)
async def application(scope, receive, send):
    try:
        inner({'say': {'raise': 'no such shelf'}}, None)
    except LookupError as error:
        raise ExceptionGroup('two', [error, ValueError('other')])
""", "asgi", "9, in application", "  |     raise ExceptionGroup('two', [error, ValueError('other')])\n",
     "  raised    ExceptionGroup: two (2 sub-exceptions)\n"),
    # An application that is cancelled is shown where it waited.
    ("""
import asyncio
async def application(scope, receive, send):
    if scope['type'] == 'http':
        await asyncio.Event().wait()
""", "asgi", "5, in application", "    await asyncio.Event().wait()\n",
     "  raised    OutOfTime: the application was cancelled "),
    # sys.exit() ends the process on Lambda too.
    ("import sys\ndef application(environ, start_response):\n    sys.exit(3)\n", "wsgi", "3, in application",
     "    sys.exit(3)\nSystemExit: 3\n", "  raised    SystemExit: 3\n"),
]  # fmt: skip


class TestInvoke:
    @pytest.mark.parametrize(
        ("words", "complaint"),
        [
            (["s3.json"], "cloud-events: name the application: --wsgi project.wsgi.application, or --asgi; or set "
             "WSGI_APPLICATION or ASGI_APPLICATION\n"),
            (["--wsgi", "a.b", "--asgi", "a.b", "s3.json"], "argument --asgi: not allowed with argument --wsgi\n"),
            (["--wsgi", "shoop.application", "s3.json"], "cloud-events: WSGI_APPLICATION='shoop.application': module "
             "'shoop' not found; is it in the deployment package, and is the name spelled correctly?\n"),
            *((["--wsgi", "shop.application", option, wrong, "s3.json"],
               f"cloud-events: {option}='{wrong}': it must be a whole number from 1, such as 10\n")
              for option, wrong in (("--repeat", "0"), ("--repeat", "-1"), ("--timeout", "many"))),
        ],
    )  # fmt: skip
    def test_mistakes(self, shop, run, words, complaint):
        """What cannot be is one line on stderr, without a traceback."""
        status, out, err = run("invoke", *words)
        assert err.endswith(complaint)
        assert (status, out, "Traceback" in err) == (2, "", False)

    def test_success(self, shop, run, invoke):
        """The report has the row, the request, the answer, the reply, what AWS would do next, and the times."""
        done = run("invoke", "s3.json", WSGI_APPLICATION="shop.application")
        assert done.out == (
            "the application was here\n"
            "s3.json\n"
            "  matched   s3\n"
            "  request   POST /aws.s3, 730 bytes\n"
            "            content-type: application/json\n"
            "            ce-specversion: 1.0\n"
            "            ce-id: D8B4F7F1315379BE.LnAiiXxHrJDzAW3GnxAiOv+IKjTxqUuWfJOIm2gw4sbT6Wj1JJXkUIzfYKgYlFLx\n"
            "            ce-source: aws:s3.eu-west-1.books-uploads\n"
            "            ce-type: com.amazonaws.s3.ObjectCreated:Put\n"
            "            ce-subject: novels/Caf%25C3%25A9+Noir+%25281%2529.epub\n"
            "            ce-time: 2026-03-14T09:26:53.589Z\n"
            "  answered  201, after T ms\n"
            f"{REPLY % (201, '{}')}"
            "  next      done: AWS is done with the event; nothing reads the reply\n"
            "  time      cold T ms, after T ms to load the application\n"
        )
        assert (done.status, done.err) == (0, "")
        # The command line counts, not the environment.
        assert invoke("s3.json", ASGI_APPLICATION="no.application").status == 0

    @pytest.mark.parametrize(("words", "settings", "status", "lines", "err"), INVOKE)
    def test_says_what_became_of_each_event(self, shop, invoke, words, settings, status, lines, err):
        """The output ends in these lines, before the times, and what was logged or raised is on stderr."""
        (shop / "web.py").write_text("def handler(event, context):\n    return {'statusCode': 200, 'body': {1j}}\n")
        run = invoke(*words.split(), **settings)
        assert lines + "  time      cold T ms, after T ms to load the application\n" in run.out
        assert (run.err, run.status) == (err.format(shop=shop), status)

    def test_records(self, shop, invoke):
        """Each record's request is a line; its traceback is logged once, and it is said which records are retried."""
        (shop / "shop.py").write_text(
            APPLICATION.replace("said =", "said = {'raise': 'no such shelf'} if '7002' in str(event) else")
        )
        run = invoke("sqs.json", **RECORD)
        assert re.findall(r"request   POST /aws.sqs, \d+ bytes: (.+)", run.out) == [
            "201, after T ms",
            "nothing, but raised LookupError, after T ms",
            "201, after T ms",
        ]
        assert "  next      retry-some: AWS delivers 1 of 3 messages again and takes the others as done, if " in run.out
        assert run.err.startswith(LOGGED + THEIRS.format(shop=shop) + "WARNING cloud_events: 1 of 3 records failed")
        assert run.err.count("Traceback") == 2
        assert run.status == 1

    def test_rows(self, shop, invoke):
        """A row of one's own is named, and so are the query string, that no row matched, and a tool that is called."""
        out = invoke("--tool", "find", "query.json").out
        assert "  matched   bedrock.agentcore\n  request   POST /aws.bedrock.agentcore/find, 22 bytes\n" in out
        out = invoke("offer.json", "direct.json", "query.json", **OWN).out
        assert "  matched   eventbridge\n  request   POST /offers, by row offers, 50 bytes\n" in out
        assert "  matched   no row\n  request   POST /, 4 bytes\n" in out
        assert "  matched   source\n  request   POST /a/b?c=d, 22 bytes\n" in out

    @pytest.mark.parametrize(("module", "leg", "line", "err", "out"), FAILING)
    def test_shows_where_it_failed(self, shop, run, module, leg, line, err, out):
        """What failed in the application is shown where it failed, by its own frames alone."""
        (shop / "web.py").write_text(module)
        run = run("invoke", f"--{leg}", "web.application", "--timeout", 1, "s3.json")
        assert f'  File "{shop}/web.py", line {line}\n{err.format(shop=shop)}' in run.err
        assert out in run.out
        assert "cloud_events/" not in run.err
        assert run.status == (1 if out else 2)

    def test_several_files(self, shop, invoke):
        """Of several files the progress is shown on stderr, and only the first has to load the application."""
        run = invoke("s3.json", "nowhere", "offer.json")
        assert run.err == (
            "[1/3] s3.json\n[2/3] nowhere\ncloud-events: nowhere: No such file or directory\n[3/3] offer.json\n"
        )
        assert [line for line in run.out.splitlines() if line.startswith("  time")] == [
            "  time      cold T ms, after T ms to load the application",
            "  time      warm T ms",
        ]
        assert run.status == 2

    def test_repeat(self, shop, invoke):
        """Repeated, the first run's report stands for all; cold and warm times are apart, and failures counted."""
        (shop / "shop.py").write_text(
            "seen = []\n"
            "def application(environ, start_response):\n"
            "    seen.append(environ)\n"
            "    start_response('200 OK' if len(seen) < 3 else '500 No', [])\n"
            "    return []\n"
        )
        run = invoke("--repeat", 3, "s3.json", "offer.json")
        assert run.out.splitlines()[10] == "  answered  200, after T ms"
        assert [line for line in run.out.splitlines() if line[2:8] in ("time  ", "failed")] == [
            "  time      cold T ms, after T ms to load the application; warm T ms, the median of 2",
            "  failed    1 of 3",
            "  time      warm T ms, the median of 3",
            "  failed    3 of 3",
        ]
        assert run.status == 1

    def test_timeout(self, shop, invoke):
        """The context has the timeout that was given, or else Lambda's longest; exceeding it is a failure."""
        (shop / "shop.py").write_text(
            "import time\n"
            "def application(environ, start_response):\n"
            "    left = environ['aws.context'].get_remaining_time_in_millis()\n"
            "    time.sleep(1.1 if left <= 1000 else 0)\n"
            "    start_response('200 OK', [('Seconds', str(-(-left // 1000)))])\n"
            "    return []\n"
        )
        assert '"Seconds": "900"' in invoke("s3.json").out
        run = invoke("--timeout", 1, "s3.json")
        assert "  next      retry: the function ran out of time, so Lambda would have killed it; AWS" in run.out
        assert run.status == 1

    def test_json(self, shop, run):
        """With --json stdout has one object a line, and nothing of what the application prints, even at its end."""
        write(shop, bad={"raise": "no such shelf"})
        run = run("invoke", "--asgi", "apps.living:application", "--json", "--repeat", 2, "offer.json", "bad.json")
        offer, bad = run.json
        for report in (offer, bad):
            assert len(report["milliseconds"].pop("runs")) == 2
            assert report["requests"][0].pop("milliseconds") > 0
        assert offer["milliseconds"].pop("load") > 0
        headers = offer["requests"][0].pop("headers")
        assert headers.items() > {"ce-source": "shop", "content-length": "50"}.items()
        body = offer["reply"].pop("body")
        assert json.loads(body)["path"] == "/shop"
        result = {"status": 201, "error": None, "dropped": False}
        assert offer == {
            "file": "offer.json",
            "row": "eventbridge",
            "requests": [
                {"record": None, "method": "POST", "path": "/shop", "query": "", "row": "eventbridge", **result}
            ],
            "reply": {"status_code": "201", "headers": {"content-type": "application/json"}},
            "raised": None,
            "next": "done",
            "then": "AWS is done with the event; nothing reads the reply",
            "milliseconds": {},
            "failed": 0,
        }
        error = {"type": "LookupError", "message": "no such shelf"}
        assert (bad["raised"], bad["requests"][0]["error"], bad["requests"][0]["status"]) == (error, error, None)
        assert (bad["reply"], bad["next"], bad["failed"], bad["milliseconds"]) == (None, "error", 2, {"load": None})
        printed = re.findall(r"^(?:lifespan|startup|http|shutdown)$", run.err, re.MULTILINE)
        assert printed == ["lifespan", "startup", "http", "http", "http", "http", "shutdown"]
        assert run.status == 1


@pytest.mark.parametrize(
    ("leg", "path", "file"),
    [("wsgi", "flask_books", "s3"), ("asgi", "fastapi_books", "s3"), ("wsgi", "django_books.wsgi", "opened")],
)
def test_the_frameworks(tmp_path, leg, path, file):
    """An event is answered by the view of a Flask, FastAPI or Django application in the current directory."""
    write(tmp_path, s3=sample("s3"), opened={"source": "books.opened"})
    words = (f"--{leg}", f"apps.{path}.application", tmp_path / f"{file}.json", "--json")
    run = process(Path(__file__).parent, "invoke", *words)
    statuses = [request["status"] for report in run.json for request in report["requests"]]
    assert (run.status, run.err, statuses) == (0, "", [200 if file == "opened" else 201])


def test_check(tmp_path):
    """A template without functions of ours has nothing wrong."""
    (tmp_path / "template.json").write_text('{"Resources": {}}')
    nothing = "functions checked: 0; errors: 0; warnings: 0\n"
    assert process(tmp_path, "check", "template.json") == (0, nothing, "")
