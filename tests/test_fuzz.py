"""Any event at all: the handler sends each promised request once, and a valid one, or raises what tells nothing.

HYPOTHESIS_PROFILE=thorough tries 200,000 events and more.
"""

import gzip
import json
import os
import re
from base64 import b64encode
from functools import cache
from itertools import product
from wsgiref.validate import validator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import legs
from cloud_events import (
    CloudEventsError,
    EventFailed,
    InvalidEvent,
    Matcher,
    UnsupportedEvent,
    cloudevent,
    cloudevents,
    is_event,
    make_handler,
)
from cloud_events.adapter.router import OURS
from conftest import EVENTS, Context
from planted import SECRET, plant, said_by, tells

# Now and then the secret is the path of an event, which is logged; deliver() knows.
pytestmark = pytest.mark.listens

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
fuzzed = settings(
    max_examples=110_000 if THOROUGH else 400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

SAMPLES = {file.stem: file.read_text() for file in sorted(EVENTS.glob("*.json"))}

# Rows of a user: a filter and a descent (jsonpath-ng), a callable path, and a dynamic one.
ROWS = [
    Matcher("filtered", {"$.Records[?(@.eventVersion=='9')].s3": ...}, "/filtered"),
    Matcher("deep", {"$..deep": ...}, "/deep"),
    Matcher("called", {"$.call": str}, lambda event: event["call"]),
    Matcher("dynamic", {"$.to": ...}, "$.to"),
]
SETTINGS = [
    {"wsgi_environ": {"HTTP_ACCEPT": "application/json", "PATH_INFO": "/root"}, "asgi_scope": {"path": "/root"}},
    {"matchers": ROWS, "path_prefix": "/in"},
    {"matchers": [Matcher("all", {}, "/all")]},
    {"sources": "aws.*,com.example.*"},
]
LEGS, REPLIES = ("wsgi", "asgi"), ("envelope", "native")
MODES = [*product(LEGS, ("event", "binary", "structured"), ("batch", "record"), REPLIES)]
MODES += [*product(LEGS, ("payload",), ("record",), REPLIES)]


class OurFault(Exception):
    """What the application raises, of its own accord."""


class Watched:
    """An application, WSGI or ASGI, that checks each request by the rules and answers as it is told to."""

    def __init__(self):
        self.answer = "ok"
        self.mode = "event"
        self.paths = []
        self.refusals = []
        self.legs = {"wsgi": validator(legs.bare("wsgi", self.wsgi)), "asgi": legs.bare("asgi", self.asgi)}

    def _seen(self, carrier, path, headers, body):
        assert is_event(carrier)
        assert path[0] == "/"
        assert "\r" not in path
        assert "\n" not in path
        assert {".", ".."}.isdisjoint(path.split("/"))
        self.paths.append(path)
        for name, value in headers.items():
            assert re.fullmatch("ce-[a-z0-9]+|accept|content-type|content-length", name), name
            assert re.fullmatch("[!-~]*" if name[:3] == "ce-" else "[ -~]*", value), value
        assert headers["content-length"] == str(len(body))
        # In these modes the body is the event's own data, which need not be what its type says.
        if self.mode not in ("binary", "payload"):
            json.loads(body)
        try:
            found = [cloudevent(carrier), *cloudevents(carrier)]
        except InvalidEvent as error:
            self.refusals.append(error)
        else:
            assert all(event.id and event.source and event.type for event in found)
        if self.answer == "raise":
            raise OurFault
        if self.answer == "odd":
            return legs.Answer(204, b"\xff")
        answers = {"ok": (200, b""), "echo": (200, body), "fail": (500, b"no"), "report": (200, REPORT)}
        return legs.Answer(*answers[self.answer], [legs.JSON])

    def wsgi(self, environ, body):
        headers = {key.removeprefix("HTTP_"): value for key, value in environ.items() if key[:5] == "HTTP_"}
        headers |= {key: environ[key] for key in ("CONTENT_TYPE", "CONTENT_LENGTH") if key in environ}
        assert not {"REMOTE_USER", "REMOTE_ADDR", "AUTH_TYPE", "HTTP_HOST", "HTTPS"} & environ.keys()
        assert environ["SERVER_NAME"] == "localhost"
        headers = {key.replace("_", "-").lower(): value for key, value in headers.items()}
        return self._seen(environ, environ["PATH_INFO"].encode("latin-1").decode(), headers, body)

    def asgi(self, scope, body):
        kinds = {"path": str, "raw_path": bytes, "query_string": bytes, "root_path": str, "method": str, "scheme": str}
        assert {name: type(scope[name]) for name in kinds} == kinds
        assert (scope["type"], scope["server"], scope["client"]) == ("http", ("localhost", 80), None)
        assert scope["raw_path"].isascii()
        headers = {name.decode("ascii"): value.decode("ascii") for name, value in scope["headers"]}
        assert len(headers) == len(scope["headers"])
        return self._seen(scope, scope["path"], headers, body)


REPORT = json.dumps({"batchItemFailures": [{"itemIdentifier": "1"}, {"itemIdentifier": SECRET}, SECRET, 1]}).encode()
WATCHED = Watched()


@cache
def handler(leg, content_mode, delivery, response, extra):
    modes = {"content_mode": content_mode, "delivery": delivery, "response": response}
    return make_handler(WATCHED.legs[leg], leg, lifespan="off", **modes, **SETTINGS[extra])


# Where each kind of event keeps its records, written down again for the sake of the test.
KEPT = {
    **dict.fromkeys(("sqs", "kinesis", "kinesis.window", "dynamodb", "dynamodb.window"), "Records"),
    **dict.fromkeys(("s3", "sns", "ses", "codecommit", "records"), "Records"),
    **dict.fromkeys(("kafka", "kafka.msk", "kafka.selfmanaged"), "records"),
    "mq.activemq": "messages",
    "mq.rabbitmq": "rmqMessagesByQueue",
    "docdb": "events",
}


def promised(event, delivery, rows):
    """How many requests carry *event*, at most; *rows* are the user's, and one that takes a list takes it whole."""
    row = OURS.match(event)
    name = row and row.name
    if name in ("cloudevents.batch", "eventbridge.custombus"):
        return 1 if any(row.matches(event) for row in rows) else len(event)
    if delivery == "batch" or (row and row.reply == "sync"):  # one answer for all
        return 1
    kept = event.get(KEPT[name]) if name in KEPT else None
    if isinstance(kept, dict):
        kept = [record for records in kept.values() if isinstance(records, list) for record in records]
    return len(kept) if isinstance(kept, list) and kept else 1


def deliver(event, mode, extra, answer, caplog):
    """Hand *event* to a handler; check what became of it."""
    _, content_mode, delivery, _ = mode
    WATCHED.answer, WATCHED.mode = answer, content_mode
    WATCHED.paths.clear()
    WATCHED.refusals.clear()
    caplog.clear()
    count = promised(event, delivery, SETTINGS[extra].get("matchers", ()))
    raised = reply = None
    try:
        with caplog.at_level("INFO", "cloud_events"):
            reply = handler(*mode, extra)(event, Context())
    except CloudEventsError as error:
        raised = error
        said = said_by(error)
        for path in WATCHED.paths:
            said = said.replace(path, "").replace(json.dumps(path)[1:-1], "").replace(repr(path)[1:-1], "")
        echoed = isinstance(error, EventFailed) and answer in ("echo", "report")
        assert echoed or not tells(said), said
    except OurFault as error:
        raised = error
        assert answer == "raise"
    made = len(WATCHED.paths)
    acknowledged = sum(record.msg.endswith("acknowledged without a request") for record in caplog.records)
    one_batch = content_mode == "structured" and delivery == "batch" and made == 1
    assert made <= count
    assert made <= len(set(WATCHED.paths)) or count > 1
    if raised is None:
        json.dumps(reply)
        reported = isinstance(reply, dict) and reply.get("batchItemFailures")
        assert made + acknowledged == count or one_batch or reported
        assert made or acknowledged or reported
    elif not isinstance(raised, (InvalidEvent, UnsupportedEvent)) and delivery == "batch" and answer == "ok":
        raise raised
    # What fails one record of several is logged and not raised.
    failures = {record.args[0] for record in caplog.records if record.msg.startswith("a record or item")}
    assert failures <= {"InvalidEvent", "OurFault"}
    assert all(str(error).startswith(("events of ", "malformed CloudEvent: ")) for error in WATCHED.refusals)
    said = "".join([caplog.text, *map(said_by, WATCHED.refusals)])
    for path in WATCHED.paths:
        said = said.replace(path, "")
    assert not tells(said), said


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(), max_size=12),
    st.sampled_from(
        [
            SECRET,
            f"/{SECRET}/",
            f"aws:s3\r\n{SECRET}: x",
            f"x?{SECRET}#",
            *("\ud800", "\udfff\ud800", "\x00", "", "//", "../..", "%2e%2e/%2f", "%ff", "arn:aws:sqs:::q.fifo"),
            *("2026-01-01T00:00:00Z", "1e999", "١٢٣", "1" * 400, "application/json", f"text/plain; charset={SECRET}"),
            *('text/plain; charset="utf-16"', "text/plain; charset=idna", "base64", "1.0", "0.3", "aws:sqs"),
            json.dumps({"batchItemFailures": [{"itemIdentifier": SECRET}]}),
            b64encode(gzip.compress(b'{"logEvents": [{"id": "1"}, 7], "owner": "x"}')).decode(),
            b64encode(SECRET.encode()).decode(),
        ]
    ),
)
# The keys that rows, records and attributes look for, and a few that nobody knows.
KNOWN = {key for text in SAMPLES.values() for key in re.findall(r'"([^"\\]{1,40})":', text)}
KEYS = st.sampled_from([*sorted(KNOWN), SECRET, "to", "call", "deep", "", "a.b", "$", "\ud800", "é", "data_base64"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
CHANGES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), min_size=1, max_size=8),
        st.sampled_from(["drop", "set", "set", "set", "list", "text", "rename", "twice", "swap", "plant"]),
        JSON,
    ),
    min_size=1,
    max_size=5,
)


def changed(event, changes):
    """*event* after *changes*: each walks some steps down, and does what it says to what it finds there."""
    root = [event]
    for steps, what, value in changes:
        place, key = root, 0
        for step in steps:
            inner = place[key]
            if not (isinstance(inner, (dict, list)) and inner):
                break
            place, key = inner, [*inner][step % len(inner)] if isinstance(inner, dict) else step % len(inner)
        found = place[key]
        if what == "drop" and place is not root:
            del place[key]
        elif what == "list":
            place[key] = [found, found]
        elif what == "text":
            place[key] = json.dumps(found)
        elif what == "rename" and isinstance(place, dict):
            place[value if isinstance(value, str) else key.swapcase()] = place.pop(key)
        elif what == "twice" and isinstance(place, list) and place is not root:
            place.append(found)
        elif what == "swap" and isinstance(found, dict):
            place[key] = dict(zip(found, reversed(found.values()), strict=True))
        elif what == "plant":
            place[key] = {**found, SECRET: SECRET} if isinstance(found, dict) else SECRET
        else:
            place[key] = value
    return root[0]


ANSWERS = st.sampled_from(["ok", "ok", "ok", "echo", "fail", "raise", "report", "odd"])
EXTRAS = st.integers(0, len(SETTINGS) - 1)


@fuzzed
@example("cloudevents.batch", [([0, 0], "set", {"deep": None})], ("wsgi", "event", "batch", "envelope"), 1, "ok")
@example("ses__waits", [([0, 0], "twice", None)], ("wsgi", "event", "record", "envelope"), 0, "ok")
@example("cloudevents.batch", [([0], "plant", None)], ("wsgi", "binary", "batch", "envelope"), 0, "ok")
@given(st.sampled_from(sorted(SAMPLES)), CHANGES, st.sampled_from(MODES), EXTRAS, ANSWERS)
def test_mutated_sample(caplog, name, changes, mode, extra, answer):
    """A real event in which keys are missing, types swapped and values replaced."""
    deliver(changed(json.loads(SAMPLES[name]), changes), mode, extra, answer, caplog)


@fuzzed
@given(JSON, st.sampled_from(MODES), EXTRAS, ANSWERS)
def test_arbitrary_json(caplog, event, mode, extra, answer):
    """Any JSON value."""
    deliver(event, mode, extra, answer, caplog)


@pytest.mark.parametrize("mode", MODES[::3], ids="-".join)
def test_every_sample(caplog, mode):
    """The samples as they are, and with a secret in each of their objects and texts."""
    for number, text in enumerate(SAMPLES.values()):
        for event in (json.loads(text), plant(json.loads(text))):
            deliver(event, mode, (number + MODES.index(mode)) % len(SETTINGS), "ok", caplog)
