"""The command line, run as a person runs it: a process in a directory of its own, its whole output compared."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloud_events import __version__
from cloud_events.adapter.router import OURS
from conftest import EVENTS, sample

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
OFFERED = {"source": "shop", "detail-type": "Sold", "detail": {}}


@pytest.fixture
def shop(tmp_path):
    """A directory with an application and a few events."""
    (tmp_path / "shop.py").write_text(APPLICATION)
    shutil.copy(EVENTS / "s3.json", tmp_path)
    for name, event in (("offer", OFFERED), ("none", {"hello": 1}), ("direct", None)):
        (tmp_path / f"{name}.json").write_text(json.dumps(event))
    return tmp_path


class Run:
    """What a command printed, without its times, and its exit status."""

    def __init__(self, directory, *words, given=b"", **settings):
        self.run = subprocess.run(
            [sys.executable, "-m", "cloud_events", *map(str, words)],
            cwd=directory,
            env={**os.environ, "PYTHONDEVMODE": "", "COLUMNS": "120", **settings},
            input=given,
            capture_output=True,
            timeout=60,
        )
        self.status = self.run.returncode
        self.out = re.sub(r"\d+\.\d+ ms", "T ms", self.run.stdout.decode())
        # What a traceback underlines depends on the version of Python.
        self.err = re.sub(r"^ +[~^]+\n", "", self.run.stderr.decode(), flags=re.MULTILINE)

    def from_line(self, start):
        """The lines of the output from the first that begins so."""
        lines = self.out.splitlines()
        return lines[next(number for number, line in enumerate(lines) if line.startswith(start)) :]

    @property
    def json(self):
        return [json.loads(line) for line in self.run.stdout.splitlines()]


def write(directory, **events):
    for name, event in events.items():
        (directory / f"{name}.json").write_text(json.dumps(event))


class TestCommand:
    def test_help(self, tmp_path):
        """Help names the commands and says what an exit status means."""
        run = Run(tmp_path, "--help")
        assert run.out == (
            "usage: cloud-events [-h] [--version] COMMAND ...\n"
            "\n"
            "See where events go, and send them to your application as AWS Lambda would.\n"
            "\n"
            "positional arguments:\n"
            "  COMMAND\n"
            "    routes    print every row: its path, and what the sender of such events reads\n"
            "    match     say which row matches each event, where it goes and why\n"
            "    invoke    send each event to your application, and say what AWS would do next\n"
            "\n"
            "options:\n"
            "  -h, --help  show this help message and exit\n"
            "  --version   show program's version number and exit\n"
            "\n"
            "Settings are read from the environment, as in Lambda. Exit status: 0 if all went well; 1 if an event "
            "matched no row,\n"
            "was refused or failed; 2 if the command line, a setting or a file cannot be used.\n"
        )

    def test_version(self, tmp_path):
        """The version is the package's."""
        assert Run(tmp_path, "--version").out == f"cloud-events {__version__}\n"

    def test_no_command(self, tmp_path):
        """Without a command there is a usage line and exit status 2."""
        run = Run(tmp_path)
        assert run.status == 2
        assert run.err.endswith("cloud-events: error: the following arguments are required: COMMAND\n")

    def test_script(self, shop):
        """The script that pip installs is this command."""
        script = Path(sys.executable).with_name("cloud-events")
        if not script.exists():
            pytest.skip("the library is not installed")
        run = subprocess.run([script, "match", "s3.json"], cwd=shop, capture_output=True, text=True)
        assert run.stdout.startswith("s3.json: POST /aws.s3, by row s3\n")

    def test_a_setting_that_does_not_exist(self, shop):
        """A fault in the settings is one line on stderr and exit status 2, whatever the command."""
        for words in (["routes"], ["match", "s3.json"], ["invoke", "--wsgi", "shop.application", "s3.json"]):
            run = Run(shop, *words, CLOUD_EVENTS_RESPONS="native")
            assert (run.status, run.out) == (2, "")
            assert run.err == (
                "cloud-events: CLOUD_EVENTS_RESPONS: no such setting; did you mean CLOUD_EVENTS_RESPONSE?\n"
            )

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
        run = Run(shop, "invoke", "--wsgi", "shop.application", "s3.json", "s3.json")
        assert (run.status, run.out, run.err) == (130, "", "[1/2] s3.json\n")

    def test_a_terminal_without_the_letters(self, shop):
        """What cannot be written in the terminal's encoding is escaped."""
        write(shop, far=OFFERED | {"source": "/本"})
        run = Run(shop, "match", "far.json", PYTHONIOENCODING="ascii")
        assert run.out.splitlines()[0] == r"far.json: POST /\u672c, by row eventbridge"


ROWS = """
from cloud_events import Matcher

def by_shop(event):
    return "/shops/" + event["detail"]["shop"]

rows = [
    Matcher("offers", {"$['detail-type']": {"Sold", "Offered"}, "$.detail": dict}, "/offers"),
    Matcher("shops", {"$.detail.shop": lambda shop: shop in ("cork", "..")}, by_shop),
    Matcher("hello", {"$.hello": bool}, lambda event: "/hello"),
    Matcher("early", {"$.early": by_shop, "$.n": float, "$.at": bytes}, "$.early", "async"),
]
"""


class TestRoutes:
    def test_table(self, tmp_path):
        """Every row of the registry is a line, alternatives once, in the registry's order."""
        run = Run(tmp_path, "routes")
        lines = run.out.splitlines()
        assert lines[0] == "ROW                      PATH                          ITS SENDER READS"
        assert [line.split()[0] for line in lines[1:]] == [*dict.fromkeys(row.name for row in OURS.rows)]
        for line in (
            "cloudevents.batch        per item                      the answer",
            "eventbridge              $.source                      nothing",
            "sqs                      /aws.sqs                      which records failed",
            "records                  dotted_event_source(event)    nothing",
            "mq.rabbitmq              /aws.mq.rabbitmq              whether the batch failed",
            "http.alb                 http                          the HTTP response",
        ):
            assert line in lines
        assert (run.status, run.err) == (0, "")

    def test_own_rows_come_first(self, tmp_path):
        """The rows of CLOUD_EVENTS_MATCHERS stand before ours; every path has the prefix, but where there is none."""
        (tmp_path / "rules.py").write_text(ROWS)
        run = Run(tmp_path, "routes", CLOUD_EVENTS_MATCHERS="rules.rows", CLOUD_EVENTS_PATH_PREFIX="/in")
        assert run.out.splitlines()[:8] == [
            "ROW                      PATH                             ITS SENDER READS",
            "offers                   /in/offers                       what it reads by our row",
            "shops                    /in/by_shop(event)               what it reads by our row",
            "hello                    /in/lambda(event)                what it reads by our row",
            "early                    /in/$.early                      nothing",
            "cloudevents.batch        per item                         the answer",
            "eventbridge.custombus    per item                         nothing",
            "pipes                    /in/aws.pipes                    the answer",
        ]
        assert "http.alb                 http                             the HTTP response" in run.out

    def test_json(self, tmp_path):
        """With --json there is an array with every row's conditions in words."""
        (tmp_path / "rules.py").write_text(ROWS)
        listed = json.loads(Run(tmp_path, "routes", "--json", CLOUD_EVENTS_MATCHERS="rules.rows").run.stdout)
        assert [each["where"] for each in listed[:4]] == [
            ["$['detail-type'] is one of 'Offered', 'Sold'", "$.detail is an object"],
            ["$.detail.shop passes its test"],
            ["$.hello is a boolean"],
            ["$.early passes by_shop", "$.n is a number", "$.at is bytes"],
        ]
        assert {
            "row": "s3",
            "path": "/aws.s3",
            "reads": "nothing",
            "where": ["$.Records[0].eventSource is 'aws:s3'"],
        } in listed
        assert len(listed) == 4 + len(OURS.rows)


class TestMatch:
    def test_a_row(self, shop):
        """An event that a row matches is told with its request, the conditions that hold and what its sender reads."""
        run = Run(shop, "match", "s3.json", "offer.json")
        assert run.out == (
            "s3.json: POST /aws.s3, by row s3\n"
            "    $.Records[0].eventSource is 'aws:s3'\n"
            "    its sender reads nothing\n"
            "offer.json: POST /shop, by row eventbridge\n"
            "    $['detail-type'] is a string\n"
            "    $.source is a string\n"
            "    $.detail is there\n"
            "    its sender reads nothing\n"
        )
        assert (run.status, run.err) == (0, "")

    def test_standard_input(self, shop):
        """``-`` is standard input, as in ``sam local generate-event s3 put | cloud-events match -``."""
        generated = (EVENTS / "s3.json").read_bytes()
        run = Run(shop, "match", "-", given=generated)
        assert run.out.splitlines()[0] == "standard input: POST /aws.s3, by row s3"
        assert run.status == 0

    def test_the_settings_of_the_handler_count(self, shop):
        """Prefix, own rows, and the query string of a dynamic path are those that the handler would send."""
        (shop / "rules.py").write_text(ROWS)
        write(shop, query={"source": "a/b?c=d#e"})
        settings = {"CLOUD_EVENTS_PATH_PREFIX": "/in", "CLOUD_EVENTS_MATCHERS": "rules.rows"}
        run = Run(shop, "match", "offer.json", "query.json", **settings)
        assert run.out == (
            "offer.json: POST /in/offers, by row offers\n"
            "    $['detail-type'] is one of 'Offered', 'Sold'\n"
            "    $.detail is an object\n"
            "    its sender reads nothing\n"
            "query.json: POST /in/a/b?c=d, by row source\n"
            "    $.source passes its test\n"
            "    its sender reads the answer\n"
        )

    def test_refused(self, shop):
        """An event that may not go where it wants to is refused, in the words of the handler's error."""
        run = Run(shop, "match", "offer.json", CLOUD_EVENTS_SOURCES="com.example.*")
        assert run.out == (
            "offer.json: refused: matcher 'eventbridge', $.source: the value is not among the patterns of "
            "CLOUD_EVENTS_SOURCES\n"
        )
        assert run.status == 1

    def test_no_row(self, shop):
        """Where no row matches, the default path is told, and which rows came closest."""
        write(shop, half={"detail-type": 3, "source": 4, "detail": {}, "version": "2.0", "path": "/"})
        run = Run(shop, "match", "half.json", "none.json", "direct.json")
        remedy = "    a row of your own, in CLOUD_EVENTS_MATCHERS, may send it elsewhere\n"
        assert run.out == (
            "half.json: POST /: no row matches, these came closest\n"
            "    http.apigw2\n"
            "      + $.version is '2.0'\n"
            "      - $.requestContext.http is not there\n"
            "    eventbridge\n"
            "      + $.detail is there\n"
            "      - $['detail-type'] is not a string\n"
            "      - $.source is not a string\n"
            "    http.functionurl\n"
            "      + $.version is '2.0'\n"
            "      - $.requestContext.http is not there\n"
            "      - $.requestContext.domainName does not pass function_url\n"
            f"{remedy}"
            "    its sender reads the answer\n"
            "none.json: POST /: no row matches\n"
            f"{remedy}"
            "    its sender reads the answer\n"
            "direct.json: POST /: no row matches\n"
            f"{remedy}"
            "    its sender reads the answer\n"
        )
        assert run.status == 1

    def test_the_default_request(self, shop):
        """Method and path of an event without a row are those of WSGI_ENVIRON, or of ASGI_SCOPE."""
        (shop / "base.py").write_text(
            "environ = {'PATH_INFO': '/direct', 'REQUEST_METHOD': 'put'}\nscope = {'path': '/calls', 'method': 'get'}\n"
        )
        run = Run(shop, "match", "none.json", WSGI_ENVIRON="base.environ", ASGI_SCOPE="base.scope")
        assert run.out.startswith("none.json: PUT /direct: no row matches\n")
        run = Run(shop, "match", "none.json", ASGI_APPLICATION="not.loaded", ASGI_SCOPE="base.scope")
        assert run.out.startswith("none.json: GET /calls: no row matches\n")

    def test_one_by_one(self, shop):
        """A list whose items go one by one is told item by item; the exit status is that of the worst."""
        (shop / "rules.py").write_text(ROWS)
        events = [
            OFFERED,
            OFFERED,
            OFFERED | {"detail-type": "Other", "detail": {"shop": "cork"}},
            OFFERED | {"detail-type": "Other", "detail": {"shop": ".."}},
            {"detail": 1},
        ]
        write(shop, five=events, three=events[:3], last=[events[0], events[-1]])
        run = Run(shop, "match", "five.json", CLOUD_EVENTS_MATCHERS="rules.rows")
        assert run.out == (
            "five.json: row eventbridge.custombus, a request for each item\n"
            "    its sender reads nothing\n"
            "  items 0 to 1: POST /offers, by row offers\n"
            "      $['detail-type'] is one of 'Offered', 'Sold'\n"
            "      $.detail is an object\n"
            "  item 2: POST /shops/cork, by row shops\n"
            "      $.detail.shop passes its test\n"
            "  item 3: refused: matcher 'shops', its callable path: the path must not have '.' or '..' segments\n"
            "  item 4: POST /: no row matches, these came closest\n"
            "      eventbridge\n"
            "        + $.detail is there\n"
            "        - $['detail-type'] is not a string\n"
            "        - $.source is not a string\n"
            "      a row of your own, in CLOUD_EVENTS_MATCHERS, may send it elsewhere\n"
        )
        assert run.status == 1
        assert Run(shop, "match", "three.json", CLOUD_EVENTS_MATCHERS="rules.rows").status == 0
        assert Run(shop, "match", "last.json").status == 1

    def test_records_delivered_singly(self, shop):
        """With record delivery the records are told, those that go the same way together."""
        run = Run(shop, "match", EVENTS / "sqs.json", CLOUD_EVENTS_DELIVERY="record")
        assert run.out == (
            f"{EVENTS / 'sqs.json'}: row sqs, a request for each record\n"
            "    its sender reads which records failed\n"
            "  records 0 to 2: POST /aws.sqs, by row sqs\n"
            "      $.Records[0].eventSource is 'aws:sqs'\n"
        )

    def test_http_requests(self, shop):
        """An HTTP request is told as such: refused with the remedy, or handed on if there is a handler for it."""
        write(shop, http=sample("http.alb"))
        run = Run(shop, "match", "http.json")
        assert run.out == (
            "http.json: refused: this is an HTTP request, from an Application Load Balancer: set "
            "CLOUD_EVENTS_HTTP_HANDLER to a Lambda handler for it, made by Mangum (ASGI) or apig-wsgi (WSGI)\n"
        )
        assert run.status == 1
        run = Run(shop, "match", "http.json", CLOUD_EVENTS_HTTP_HANDLER="shop.refuse")
        assert run.out == (
            "http.json: an HTTP request, from an Application Load Balancer; CLOUD_EVENTS_HTTP_HANDLER takes it\n"
            "    $.requestContext.elb is there\n"
        )
        assert run.status == 0

    def test_a_row_whose_function_fails(self, shop):
        """What a function in a row of one's own raises is told as such, of a whole event and of an item."""
        (shop / "rules.py").write_text(ROWS + "rows = [Matcher('all', {}, lambda event: event['shop'])]")
        write(shop, two=[OFFERED, OFFERED | {"shop": "/cork"}])
        run = Run(shop, "match", "offer.json", "two.json", CLOUD_EVENTS_MATCHERS="rules.rows")
        assert run.out == (
            "offer.json: refused: a function of one of your rows raised KeyError: 'shop'\n"
            "two.json: refused: a function of one of your rows raised TypeError: list indices must be integers or "
            "slices, not str\n"
        )
        (shop / "rules.py").write_text(ROWS + "rows = [Matcher('all', {'$.source': ...}, lambda event: event['shop'])]")
        run = Run(shop, "match", "two.json", CLOUD_EVENTS_MATCHERS="rules.rows")
        assert run.out == (
            "two.json: row eventbridge.custombus, a request for each item\n"
            "    its sender reads nothing\n"
            "  item 0: refused: a function of one of your rows raised KeyError: 'shop'\n"
            "  item 1: POST /cork, by row all\n"
            "      $.source is there\n"
        )
        assert (run.status, run.err) == (1, "")

    def test_json(self, shop):
        """With --json there is one object a line for each event, with the same keys whatever became of it."""
        write(shop, http=sample("http.alb"), two=[OFFERED, {"source": 1}])
        run = Run(shop, "match", "--json", "s3.json", "none.json", "http.json", "two.json")
        s3, none, http, two = run.json
        assert s3 == {
            "file": "s3.json",
            "status": "matched",
            "row": "s3",
            "reads": "nothing",
            "each": None,
            "requests": [
                {
                    "status": "matched",
                    "row": "s3",
                    "method": "POST",
                    "path": "/aws.s3",
                    "why": ["$.Records[0].eventSource is 'aws:s3'"],
                }
            ],
            "fault": None,
        }
        assert none["requests"] == [{"status": "unmatched", "row": None, "method": "POST", "path": "/", "closest": []}]
        assert (http["status"], http["row"], http["fault"][:27]) == (
            "refused",
            "http.alb",
            "this is an HTTP request, fr",
        )
        assert (two["status"], two["each"]) == ("unmatched", "item")
        closest = two["requests"][1]["closest"]
        assert closest == []
        run_http = Run(shop, "match", "--json", "http.json", CLOUD_EVENTS_HTTP_HANDLER="shop.refuse")
        (handed,) = run_http.json
        assert handed["requests"] == [
            {
                "status": "http",
                "row": "http.alb",
                "from": "an Application Load Balancer",
                "why": ["$.requestContext.elb is there"],
            }
        ]
        assert s3.keys() == none.keys() == http.keys() == two.keys() == handed.keys()
        assert (run.status, run_http.status) == (1, 0)


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "complaint"),
        [
            (b"", "there is nothing in it; was it ever saved?"),
            (b" \n", "there is nothing in it; was it ever saved?"),
            (b'{"a": 1\n "b": 2}', "not JSON, line 2, column 2: Expecting ',' delimiter"),
            (b"{'a': 1}", "not JSON, line 1, column 2: Expecting property name enclosed in double quotes"),
            (b"{}\n{}\n", "not JSON, line 2, column 1: the event ends before this; one file holds one event"),
            (b'{"a": "\xff"}', "not JSON, byte 7: this is no text in UTF-8"),
            (b"[" * 100_000, "nested too deeply to be read, by Lambda too"),
        ],
    )
    def test_no_event_in_it(self, shop, content, complaint):
        """A file without an event is told with the place and the reason; exit status 2."""
        (shop / "event.json").write_bytes(content)
        run = Run(shop, "match", "event.json")
        assert (run.status, run.out, run.err) == (2, "", f"cloud-events: event.json: {complaint}\n")

    def test_nothing_on_standard_input(self, shop):
        """A pipe from a command that failed is told as such."""
        run = Run(shop, "match", "-")
        assert run.err == "cloud-events: standard input: there is nothing in it; did the command before '|' fail?\n"

    @pytest.mark.parametrize(
        ("name", "complaint"),
        [
            ("s4.json", "no such file; did you mean s3.json?"),
            ("nowhere/s3.json", "No such file or directory"),
            ("zzzzzzzz", "No such file or directory"),
            ("s3.json/s3.json", "Not a directory"),
            (".", "this is a directory; name the files in it, such as *.json"),
        ],
    )
    def test_no_file(self, shop, name, complaint):
        """A file that cannot be read is told with the reason, and with the name that was perhaps meant."""
        run = Run(shop, "match", name)
        assert (run.status, run.out, run.err) == (2, "", f"cloud-events: {name}: {complaint}\n")

    def test_the_others_are_still_read(self, shop):
        """One unusable file does not keep the others from being told; the exit status is the worst."""
        run = Run(shop, "match", "nowhere.txt", "s3.json", "none.json")
        assert run.status == 2
        assert run.out.startswith("s3.json: POST /aws.s3, by row s3\n")
        assert run.err == "cloud-events: nowhere.txt: No such file or directory\n"

    def test_utf_16(self, shop):
        """A file that PowerShell wrote, in UTF-16, is read."""
        (shop / "wide.json").write_text((shop / "s3.json").read_text(), encoding="utf-16")
        assert Run(shop, "match", "wide.json").status == 0


S3_HEADERS = (
    "            content-type: application/json\n"
    "            ce-specversion: 1.0\n"
    "            ce-id: D8B4F7F1315379BE.LnAiiXxHrJDzAW3GnxAiOv+IKjTxqUuWfJOIm2gw4sbT6Wj1JJXkUIzfYKgYlFLx\n"
    "            ce-source: aws:s3.eu-west-1.books-uploads\n"
    "            ce-type: com.amazonaws.s3.ObjectCreated:Put\n"
    "            ce-subject: novels/Caf%25C3%25A9+Noir+%25281%2529.epub\n"
    "            ce-time: 2026-03-14T09:26:53.589Z\n"
)
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


def said(**what):
    """An event that tells the application what to do."""
    return OFFERED | {"say": what}


class TestInvoke:
    def test_no_application(self, shop):
        """Without an application the command says how to name one."""
        run = Run(shop, "invoke", "s3.json")
        assert run.err == (
            "cloud-events: which application is to be invoked? Say --wsgi project.wsgi.application, or --asgi; or set "
            "WSGI_APPLICATION or ASGI_APPLICATION\n"
        )
        assert run.status == 2

    def test_two_applications(self, shop):
        """Only one application can be invoked; the command line counts, not the environment."""
        run = Run(shop, "invoke", "--wsgi", "a.b", "--asgi", "a.b", "s3.json")
        assert run.err.endswith("error: argument --asgi: not allowed with argument --wsgi\n")
        assert run.status == 2
        run = Run(shop, "invoke", "--wsgi", "shop.application", "s3.json", ASGI_APPLICATION="no.application")
        assert run.status == 0

    def test_success(self, shop):
        """The report has the row, the request, the answer, the reply, what AWS would do next, and the times."""
        run = Run(shop, "invoke", "s3.json", WSGI_APPLICATION="shop.application")
        assert run.out == (
            "the application was here\n"
            "s3.json\n"
            "  matched   s3\n"
            "  request   POST /aws.s3, 730 bytes\n"
            f"{S3_HEADERS}"
            "  answered  201, after T ms\n"
            "  reply     {\n"
            '              "status_code": "201",\n'
            '              "body": "{}",\n'
            '              "headers": {\n'
            '                "Content-Type": "application/json"\n'
            "              }\n"
            "            }\n"
            "  next      done: AWS is done with the event; nobody reads the reply\n"
            "  time      cold T ms, after T ms to load the application\n"
        )
        assert (run.status, run.err) == (0, "")

    def test_lost(self, shop):
        """A failure that AWS would never hear of is told with the likely cause, and is exit status 1."""
        write(shop, lost=said(status=404, body="x" * 501))
        run = Run(shop, "invoke", "--wsgi", "shop.application", "lost.json")
        assert run.from_line("  answered") == [
            "  answered  404, after T ms",
            "  reply     {",
            '              "status_code": "404",',
            f'              "body": "{"x" * 500}... (501 characters; --json shows them all)",',
            '              "headers": {',
            '                "Content-Type": "application/json"',
            "              }",
            "            }",
            "  hint      The application has no route for this path: add one for POST /shop.",
            "  next      lost: AWS takes this as success, so the event will not be retried; with "
            "CLOUD_EVENTS_RESPONSE=native the invocation would have failed",
            "  time      cold T ms, after T ms to load the application",
        ]
        assert run.status == 1
        assert run.err.startswith("WARNING cloud_events: the application answered 404 at /shop (eventbridge); ")

    def test_raised_by_us(self, shop):
        """An error of ours is told in full, without a traceback."""
        write(shop, lost=said(status=409, body="taken"))
        run = Run(shop, "invoke", "--wsgi", "shop.application", "lost.json", CLOUD_EVENTS_RESPONSE="native")
        assert run.from_line("  raised")[:-1] == [
            "  raised    EventFailed: the application answered 409 at /shop (eventbridge)",
            "            taken",
            "  next      retry: AWS retries the event, twice unless configured otherwise; then it goes to the "
            "function's dead-letter queue or failure destination, or is dropped if there is none",
        ]
        assert (run.status, run.err) == (1, "")

    def test_raised_by_the_application(self, shop):
        """The application's own exception is told with its traceback and that of its cause, without frames of ours."""
        write(shop, bad=said(**{"raise": "no such shelf"}))
        run = Run(shop, "invoke", "--wsgi", "shop.application", "bad.json")
        assert run.from_line("  answered")[:2] == [
            "  answered  nothing, but raised LookupError, after T ms",
            "  raised    LookupError: no such shelf",
        ]
        assert run.err == THEIRS.format(shop=shop)
        assert run.status == 1

    def test_records(self, shop):
        """Each record's request is a line; its traceback is logged once, and it is told which records are retried."""
        records = sample("sqs")["Records"]
        write(shop, sqs={"Records": records, "say": {}})
        (shop / "shop.py").write_text(
            APPLICATION.replace("said =", "said = {'raise': 'no such shelf'} if '7002' in str(event) else")
        )
        run = Run(shop, "invoke", "--wsgi", "shop.application", "sqs.json", CLOUD_EVENTS_DELIVERY="record")
        sizes = re.findall(r"request   POST /aws.sqs, (\d+) bytes: (.+)", run.out)
        assert [answer for _, answer in sizes] == [
            "201, after T ms",
            "nothing, but raised LookupError, after T ms",
            "201, after T ms",
        ]
        assert "  next      retry-some: AWS delivers 1 of 3 messages again and takes the others as done, if " in run.out
        logged = "ERROR cloud_events: a record or item of the event failed: LookupError\n"
        assert run.err.startswith(logged + THEIRS.format(shop=shop) + "WARNING cloud_events: 1 of 3 requests failed")
        assert run.err.count("Traceback") == 2
        assert run.status == 1

    def test_a_record_that_raised_is_told_once(self, shop):
        """An exception that was logged with its traceback is not shown a second time."""
        write(shop, one=sample("sqs__one-record") | {"say": {"raise": "no such shelf"}})
        settings = {"CLOUD_EVENTS_DELIVERY": "record", "CLOUD_EVENTS_RESPONSE": "native"}
        run = Run(shop, "invoke", "--wsgi", "shop.application", "one.json", **settings)
        assert "  raised    LookupError: no such shelf\n" in run.out
        assert run.err == (
            "ERROR cloud_events: a record or item of the event failed: LookupError\n" + THEIRS.format(shop=shop)
        )

    def test_rows_of_ones_own(self, shop):
        """Where a row of one's own decides, it is named; no row at all is told as well, and so is the query string."""
        (shop / "rules.py").write_text(ROWS)
        write(shop, query={"source": "a?b=c"})
        run = Run(
            shop,
            *("invoke", "--wsgi", "shop.application", "offer.json", "direct.json", "query.json"),
            CLOUD_EVENTS_MATCHERS="rules.rows",
        )
        assert "  matched   eventbridge\n  request   POST /offers, by row offers, 50 bytes\n" in run.out
        assert "  matched   no row\n  request   POST /, 4 bytes\n" in run.out
        assert "  matched   source\n  request   POST /a?b=c, 18 bytes\n" in run.out

    def test_http_requests(self, shop):
        """An HTTP request is given to its handler, whose answer is told, whatever it holds."""
        (shop / "web.py").write_text("def handler(event, context):\n    return {'statusCode': 200, 'body': {1j}}\n")
        write(shop, http=sample("http.alb"))
        run = Run(shop, "invoke", "--wsgi", "shop.application", "http.json", CLOUD_EVENTS_HTTP_HANDLER="web.handler")
        assert run.out.splitlines()[:-1] == [
            "http.json",
            "  matched   http.alb",
            "  reply     {",
            '              "statusCode": 200,',
            '              "body": "{1j}"',
            "            }",
            "  next      answer: the HTTP client is answered with the reply",
        ]
        assert run.status == 0

    def test_an_application_that_is_not_there(self, shop):
        """A wrong path is one line, without a traceback."""
        run = Run(shop, "invoke", "--wsgi", "shoop.application", "s3.json")
        assert run.err == (
            "cloud-events: WSGI_APPLICATION='shoop.application': module 'shoop' not found; is it in the deployment "
            "package, and spelled like this?\n"
        )
        assert run.status == 2
        run = Run(shop, "invoke", "--asgi", "shop.application", "s3.json")
        assert run.err == (
            "cloud-events: ASGI_APPLICATION='shop.application': this application speaks WSGI; set "
            "WSGI_APPLICATION='shop.application' instead\n"
        )

    def test_an_application_that_cannot_be_imported(self, shop):
        """What is wrong in the application's own module is shown where it is wrong, by its own frames alone."""
        (shop / "broken.py").write_text("import shop\n\nshop.refuse('no such shelf')\n")
        run = Run(shop, "invoke", "--wsgi", "broken.application", "s3.json")
        assert run.err.splitlines()[7:] == [
            "Traceback (most recent call last):",
            f'  File "{shop}/broken.py", line 3, in <module>',
            "    shop.refuse('no such shelf')",
            f'  File "{shop}/shop.py", line 17, in refuse',
            "    raise LookupError(reason) from error",
            "LookupError: no such shelf",
            "cloud-events: WSGI_APPLICATION='broken.application': module 'broken' failed while it was imported: "
            "LookupError: no such shelf",
        ]
        assert "cloud_events/" not in run.err
        assert run.status == 2

    def test_several_files(self, shop):
        """Of several files the progress is told on stderr, and only the first has to load the application."""
        run = Run(shop, "invoke", "--wsgi", "shop.application", "s3.json", "nowhere", "offer.json")
        assert run.err == (
            "[1/3] s3.json\n[2/3] nowhere\ncloud-events: nowhere: No such file or directory\n[3/3] offer.json\n"
        )
        assert [line for line in run.out.splitlines() if line.startswith("  time")] == [
            "  time      cold T ms, after T ms to load the application",
            "  time      warm T ms",
        ]
        assert run.status == 2

    def test_repeat(self, shop):
        """Repeated, the first run's report stands for all; cold and warm times are told apart, and failures counted."""
        (shop / "shop.py").write_text(
            "seen = []\n"
            "def application(environ, start_response):\n"
            "    seen.append(environ)\n"
            "    start_response('200 OK' if len(seen) < 3 else '500 No', [])\n"
            "    return []\n"
        )
        run = Run(shop, "invoke", "--wsgi", "shop.application", "--repeat", 4, "s3.json", "offer.json")
        assert run.out.splitlines()[10] == "  answered  200, after T ms"
        assert [line for line in run.out.splitlines() if line[2:8] in ("time  ", "failed")] == [
            "  time      cold T ms, after T ms to load the application; warm T ms, the median of 3",
            "  failed    2 of 4",
            "  time      warm T ms, the median of 4",
            "  failed    4 of 4",
        ]
        assert run.status == 1
        for wrong in ("0", "-1", "many"):
            run = Run(shop, "invoke", "--repeat", wrong, "s3.json")
            assert run.err.endswith(f"error: argument --repeat: '{wrong}' is no whole number from 1 on\n")
            assert run.status == 2

    def test_timeout(self, shop):
        """The application's context has the time that was given, else Lambda's longest."""
        (shop / "shop.py").write_text(
            "def application(environ, start_response):\n"
            "    left = environ['aws.context'].get_remaining_time_in_millis()\n"
            "    start_response('200 OK', [('Seconds', str(-(-left // 1000)))])\n"
            "    return []\n"
        )
        run = Run(shop, "invoke", "--wsgi", "shop.application", "s3.json")
        assert '"Seconds": "900"' in run.out
        run = Run(shop, "invoke", "--wsgi", "shop.application", "--timeout", 3, "s3.json")
        assert '"Seconds": "3"' in run.out

    def test_json(self, shop):
        """With --json stdout has one object a line, and nothing of what the application prints, even at its end."""
        (shop / "web.py").write_text(
            "async def application(scope, receive, send):\n"
            "    print(scope['type'])\n"
            "    if scope['type'] == 'lifespan':\n"
            "        for step in ('startup', 'shutdown'):\n"
            "            await receive()\n"
            "            print(step)\n"
            "            await send({'type': f'lifespan.{step}.complete'})\n"
            "        return\n"
            "    if scope['path'] == '/':\n"
            "        raise LookupError('no such shelf')\n"
            "    await send({'type': 'http.response.start', 'status': 201, 'headers': []})\n"
            "    await send({'type': 'http.response.body', 'body': b'stored'})\n"
        )
        run = Run(shop, "invoke", "--asgi", "web:application", "--json", "--repeat", 2, "offer.json", "none.json")
        offer, none = run.json
        for report, runs in ((offer, 2), (none, 2)):
            assert len(report["milliseconds"].pop("runs")) == runs
            assert report["requests"][0].pop("milliseconds") > 0
        assert offer["milliseconds"].pop("load") > 0
        (headers,) = (request.pop("headers") for request in offer["requests"])
        assert (
            headers.items() > {"ce-source": "shop", "content-type": "application/json", "content-length": "50"}.items()
        )
        assert offer == {
            "file": "offer.json",
            "row": "eventbridge",
            "requests": [
                {
                    "row": "eventbridge",
                    "record": None,
                    "method": "POST",
                    "path": "/shop",
                    "query": "",
                    "status": 201,
                    "error": None,
                }
            ],
            "reply": {"status_code": "201", "body": "stored", "headers": {}},
            "raised": None,
            "next": "done",
            "then": "AWS is done with the event; nobody reads the reply",
            "milliseconds": {},
            "failed": 0,
        }
        error = {"type": "LookupError", "message": "no such shelf"}
        assert (none["raised"], none["requests"][0]["error"], none["requests"][0]["status"]) == (error, error, None)
        assert (none["reply"], none["next"], none["failed"], none["milliseconds"]) == (None, "error", 2, {"load": None})
        assert re.findall(r"^(?:lifespan|startup|http|shutdown)$", run.err, re.MULTILINE) == [
            *("lifespan", "startup", "http", "http", "http", "http", "shutdown")
        ]
        assert run.status == 1

    def test_a_startup_that_fails(self, shop):
        """Of an error of ours the traceback is shown of what in the application led to it, if anything did."""
        (shop / "web.py").write_text(
            "import shop\n"
            "async def application(scope, receive, send):\n"
            "    await receive()\n"
            "    if 'state' in scope:\n"
            "        await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n"
            "        shop.refuse('no such shelf')\n"
        )
        run = Run(shop, "invoke", "--asgi", "web:application", "s3.json")
        assert "  raised    StartupFailed: the application's startup failed: no database\n" in run.out
        assert run.err.splitlines()[-6:] == [
            "Traceback (most recent call last):",
            f'  File "{shop}/web.py", line 6, in application',
            "    shop.refuse('no such shelf')",
            f'  File "{shop}/shop.py", line 17, in refuse',
            "    raise LookupError(reason) from error",
            "LookupError: no such shelf",
        ]
        assert run.status == 1

    def test_out_of_time(self, shop):
        """An application that is cancelled is shown where it waited."""
        (shop / "web.py").write_text(
            "import asyncio\n"
            "async def application(scope, receive, send):\n"
            "    if scope['type'] == 'http':\n"
            "        await asyncio.Event().wait()\n"
        )
        run = Run(shop, "invoke", "--asgi", "web:application", "--timeout", 1, "s3.json")
        assert "  raised    OutOfTime: the application was cancelled shortly before the function's deadline" in run.out
        assert f'  File "{shop}/web.py", line 4, in application\n    await asyncio.Event().wait()\n' in run.err

    def test_a_view_that_exits(self, shop):
        """An application that ends the process fails the invocation, as on Lambda, and is shown where."""
        (shop / "shop.py").write_text("import sys\ndef application(environ, start_response):\n    sys.exit(3)\n")
        run = Run(shop, "invoke", "--wsgi", "shop.application", "s3.json")
        assert run.from_line("  raised")[0] == "  raised    SystemExit: 3"
        assert run.err == (
            "Traceback (most recent call last):\n"
            f'  File "{shop}/shop.py", line 3, in application\n'
            "    sys.exit(3)\n"
            "SystemExit: 3\n"
        )
        assert run.status == 1

    def test_a_group_of_exceptions(self, shop):
        """The exceptions in a group, as task groups raise them, are without frames of ours, too."""
        (shop / "web.py").write_text(
            "from cloud_events import make_handler\n"
            "import shop\n"
            "inner = make_handler(shop.application)\n"
            "async def application(scope, receive, send):\n"
            "    try:\n"
            "        inner({'say': {'raise': 'no such shelf'}}, None)\n"
            "    except LookupError as error:\n"
            "        raise ExceptionGroup('two', [error, ValueError('other')])\n"
        )
        run = Run(shop, "invoke", "--asgi", "web:application", "s3.json")
        assert "ExceptionGroup: two (2 sub-exceptions)" in run.err
        assert f'File "{shop}/shop.py", line 17, in refuse' in run.err
        assert "cloud_events" not in run.err


FLASK = """
from flask import Flask, request

app = Flask(__name__)

@app.post("/aws.s3")
def uploaded():
    return {"books": [record["s3"]["object"]["key"] for record in request.json["Records"]]}, 201
"""
FASTAPI = """
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    yield {"shelf": "new"}

app = FastAPI(lifespan=lifespan)

@app.post("/aws.s3", status_code=201)
async def uploaded(event: dict):
    return {"books": [record["s3"]["object"]["key"] for record in event["Records"]]}
"""
DJANGO = """
import json
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

from cloud_events import events_only

@events_only
def uploaded(request):
    books = [record["s3"]["object"]["key"] for record in json.loads(request.body)["Records"]]
    return JsonResponse({"books": books}, status=201)

urlpatterns = [path("aws.s3", uploaded)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["localhost"], SECRET_KEY="not one", USE_TZ=True)
app = get_wsgi_application()
"""


class TestNewcomer:
    @pytest.mark.parametrize(
        ("framework", "application", "leg"),
        [("flask", FLASK, "wsgi"), ("fastapi", FASTAPI, "asgi"), ("django", DJANGO, "wsgi")],
    )
    def test_the_first_minute(self, tmp_path, framework, application, leg):
        """In a new directory, with an application of one file, an S3 event is answered by the view."""
        pytest.importorskip(framework)
        (tmp_path / "books.py").write_text(application)
        shutil.copy(EVENTS / "s3.json", tmp_path)
        run = Run(tmp_path, "invoke", f"--{leg}", "books.app", "s3.json", "--json")
        (report,) = run.json
        assert json.loads(report["reply"]["body"]) == {"books": ["novels/Caf%C3%A9+Noir+%281%29.epub"]}
        assert (report["requests"][0]["status"], report["next"], report["failed"]) == (201, "done", 0)
        assert (run.status, run.err) == (0, "")
