"""What Lambda is told of one request: the README's dictionary, what each sender understands, or an exception."""

import base64
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_events import EventFailed, Matcher, ReplyTooLarge, make_handler
from conftest import sample
from legs import JSON, Answer, answer, both_legs, handler

pytestmark = both_legs
MODES = pytest.mark.parametrize("response", ["envelope", "native"])

LEX, S3, SQS, KAFKA, MQ, KINESIS = map(sample, ("lex.v1", "s3", "sqs", "kafka.msk", "mq.activemq", "kinesis"))
WINDOW, LAST_OF_WINDOW = sample("kinesis__window"), sample("kinesis.window")
PIPE = sample("pipes")
MESSAGE_IDS = [record["messageId"] for record in SQS["Records"]]
OFFSETS = [{"partition": p, "offset": n} for p, n in [("orders-0", 7), ("orders-0", 8), ("orders-1", 31)]]


def named(*identifiers):
    return [{"itemIdentifier": identifier} for identifier in identifiers]


ALL, PIPED = named(*MESSAGE_IDS), named(*(record["messageId"] for record in PIPE))


def envelope(body, status="200", headers=None):
    """The README's dictionary."""
    return {"status_code": status, "body": body, "headers": {"Content-Type": "application/json"} | (headers or {})}


def warnings(caplog):
    """What the library warned of."""
    return [line.getMessage() for line in caplog.records if (line.name, line.levelname) == ("cloud_events", "WARNING")]


PACKED = {"is_base64_encoded": True}
# The response's headers and body; the body and headers of the dictionary, and what else is in it.
DICTIONARIES = {
    "JSON": ([JSON, ("X-A", "3")], b'{"a": 1}', '{"a": 1}', {"Content-Type": "application/json", "X-A": "3"}, {}),
    "nothing": ([], b"", "", {}, {}),
    "text without a type": ([], "à".encode(), "à", {}, {}),
    "text in a charset": ([("a", "text/plain; charset=ISO-8859-1")], b"\xe0", "à", {}, {}),
    "text in a quoted charset": ([("a", 'text/csv; header=x; Charset = "utf-16-le" ; b')], b"\xe0\x00", "à", {}, {}),
    "text in an empty charset": ([("a", "text/plain; charset=")], "à".encode(), "à", {}, {}),
    "text in an unknown charset": ([("a", "text/plain; charset=klingon")], b"a", "YQ==", {}, PACKED),
    "text in a codec that is no charset": ([("a", "text/plain; charset=rot13")], b"a", "YQ==", {}, PACKED),
    "bytes": ([("a", "image/png")], b"\x89PNG", "iVBORw==", {}, PACKED),
    "compressed": ([("Content-Encoding", "br")], b"text", "dGV4dA==", {"Content-Encoding": "br"}, PACKED),
    "not compressed": ([("Content-Encoding", " Identity")], b"text", "text", {"Content-Encoding": " Identity"}, {}),
    "a header twice": ([("Vary", "A"), ("X-A", "1"), ("vary", "B")], b"", "", {"Vary": "A, B", "X-A": "1"}, {}),
    "one cookie": ([("Set-Cookie", "a=1")], b"", "", {"Set-Cookie": "a=1"}, {}),
    "cookies": ([("Set-Cookie", "a"), ("set-cookie", "b")], b"", "", {}, {"cookies": ["a", "b"]}),
}


@MODES
@pytest.mark.parametrize("name", DICTIONARIES)
def test_dictionary(leg, response, name):
    """The default reply is the README's dictionary; in native mode too if the sender does not read the answer."""
    headers, body, shown, shown_headers, more = DICTIONARIES[name]
    headers = [("Content-Type", value) if name == "a" else (name, value) for name, value in headers]
    expected = {"status_code": "201", "body": shown, "headers": shown_headers or dict(headers), **more}
    if "cookies" in more:
        expected["headers"] = {}
    assert handler(leg, Answer(201, body, headers), response=response)(S3, None) == expected


@given(
    body=st.binary(),
    charset=st.sampled_from(["", "; charset=utf-8", "; charset=utf-7", "; charset=utf-16", "; charset=idna"]),
    values=st.lists(st.text(st.characters(max_codepoint=255))),
)
def test_any_answer_is_json(leg, body, charset, values):
    """Whatever the application answers, the reply can be written as JSON, and nothing of it is lost."""
    headers = [("Content-Type", f"text/plain{charset}"), *(("X-A", value) for value in values)]
    reply = json.loads(json.dumps(handler(leg, Answer(200, body, headers))(S3, None)))
    if "is_base64_encoded" in reply:
        assert base64.b64decode(reply["body"]) == body
    else:
        assert reply["body"] == body.decode(charset.partition("=")[2] or "utf-8")
    assert reply["headers"].get("X-A", "") == ", ".join(values)


CE = [("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/shop"), ("ce-type", "sold"), JSON]
CLOUD_EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "sold"}
STRUCTURED = ("Content-Type", "application/cloudevents+json")
DEEP = "[" * 100_000
BODIES = {
    "an object": ([JSON], b'{"sessionState": {}}', {"sessionState": {}}),
    "a string": ([JSON], b'"yes"', "yes"),
    "null": ([JSON], b"null", None),
    "another JSON type": ([("content-type", "Application/vnd.api+JSON; charset=utf-8")], b"[1]", [1]),
    "JSON in UTF-16": ([JSON], '"à"'.encode("utf-16"), "à"),
    "empty": ([JSON], b"", None),
    "not JSON, whatever it says": ([JSON], b'{"a":', '{"a":'),
    "JSON that is nested too deeply": ([JSON], DEEP.encode(), DEEP),
    "text that could be JSON": ([], b"7", "7"),
    "text in a charset": ([("Content-Type", "text/plain; charset=ISO-8859-1")], b"\xe0", "à"),
    "bytes": ([JSON], b"\xe0", "4A=="),
    "a CloudEvent in structured mode": ([STRUCTURED], json.dumps(CLOUD_EVENT).encode(), CLOUD_EVENT),
    "a CloudEvent in binary mode": (CE, b"7", {**CLOUD_EVENT, "datacontenttype": "application/json", "data": 7}),
    "a CloudEvent without data": (CE[:4], b"", CLOUD_EVENT),
}


@pytest.mark.parametrize("name", BODIES)
def test_who_reads_the_answer_gets_the_body_itself(leg, name):
    """JSON as what it says, text as it is, null for nothing, a CloudEvent in structured form."""
    headers, body, expected = BODIES[name]
    assert handler(leg, Answer(200, body, headers), response="native")(LEX, None) == expected


FAILED = "the application answered {} at {} ({}); {}."
IGNORED = "AWS takes this as success and will not retry the event"
READ = "the sender gets this dictionary, which it may take for an answer"
DONE = "AWS takes this as success, and the records as done"
RETRIED = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done"
)
NATIVE = " Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
EMPTY = {"batchItemFailures": []}
# sender: event, row, path, what native mode returns of {"copies": 7}, what envelope mode adds of a failure, and says
SENDERS = {
    "sync": (LEX, "lex.v1", "/aws.lex", {"copies": 7}, {}, READ),
    "nobody known": ({}, None, "/", {"copies": 7}, {}, READ),
    "async": (S3, "s3", "/aws.s3", envelope('{"copies": 7}'), {}, IGNORED),
    "poll": (SQS, "sqs", "/aws.sqs", EMPTY, {"batchItemFailures": ALL}, RETRIED),
    "Kafka": (KAFKA, "kafka.msk", "/aws.kafka", EMPTY, {"batchItemFailures": named(*OFFSETS)}, RETRIED),
    "all or none": (MQ, "mq.activemq", "/aws.mq.activemq", EMPTY, {}, DONE),
    "a pipe": (PIPE, "pipes", "/aws.pipes", {"copies": 7}, {"batchItemFailures": PIPED}, RETRIED),
}


@pytest.mark.parametrize("sender", SENDERS)
class TestTable:
    def test_success(self, leg, sender, caplog):
        """2xx: the dictionary in envelope mode, what the sender understands in native mode, and no warning."""
        event, _, _, native, _, _ = SENDERS[sender]
        assert handler(leg, answer({"copies": 7}))(event, None) == envelope('{"copies": 7}')
        assert handler(leg, answer({"copies": 7}), response="native")(event, None) == native
        assert warnings(caplog) == []

    def test_failure(self, leg, sender, caplog):
        """A failure fails the invocation in native mode; else it is a success to Lambda, and one warning says so."""
        event, row, path, _, more, consequence = SENDERS[sender]
        with pytest.raises(EventFailed) as caught:
            handler(leg, answer("sold out", 503), response="native")(event, None)
        failed = caught.value
        found = (failed.status, failed.path, failed.matcher, failed.body, failed.hint)
        assert (found, warnings(caplog)) == ((503, path, row, '"sold out"', ""), [])
        assert handler(leg, answer("sold out", 503))(event, None) == envelope('"sold out"', "503") | more
        assert warnings(caplog) == [FAILED.format(503, path, row or "no matcher", consequence) + NATIVE]

    @MODES
    def test_exception(self, leg, sender, response):
        """What the application raises before its response is complete is raised unchanged, in either mode."""
        own = LookupError("no such book")

        def view(path, event):
            raise own

        with pytest.raises(LookupError) as caught:
            handler(leg, view, response=response)(SENDERS[sender][0], None)
        assert caught.value is own


def test_hint(leg, caplog):
    """The likely cause is in the error, and in the warning."""
    with pytest.raises(EventFailed) as caught:
        handler(leg, answer("", 404), response="native")(S3, None)
    assert caught.value.hint.startswith("The application has no route for this path")
    handler(leg, answer("", 404))(S3, None)
    assert warnings(caplog) == [f"{FAILED.format(404, '/aws.s3', 's3', IGNORED)} {caught.value.hint}{NATIVE}"]


DROPPED = "{}: {} answered {}{}; CLOUD_EVENTS_FAILURE_STATUSES does not count this as a failure, so it is not retried"


@pytest.mark.parametrize(
    ("setting", "statuses", "failures"),
    [
        (None, (100, 200, 299, 300, 404, 599), {300, 404, 599}),
        ("500-599,429", (300, 399, 404, 429, 499, 500), {429, 500}),
        (" 418 , 400-401", (400, 401, 402, 418, 500), {400, 401, 418}),
        ("100-599", (100, 200), {100, 200}),
        ("404", (404, 500, 600, 999), {404, 600, 999}),
    ],
)
def test_failure_statuses(leg, setting, statuses, failures, caplog):
    """The setting says which statuses fail, in both modes; a number that is not a status always does. A status over 299
    that is not a failure is acknowledged with a warning, so that no event is dropped quietly."""
    for status in statuses:
        caplog.clear()
        settings = {"failure_statuses": setting, "response": "native"}
        if status in failures:
            with pytest.raises(EventFailed):
                handler(leg, answer(1, status), **settings)(S3, None)
        else:
            assert handler(leg, answer(1, status), **settings)(S3, None) == envelope("1", str(status))
        dropped = [DROPPED.format("s3", "/aws.s3", status, "")] if status not in failures and status > 299 else []
        assert warnings(caplog) == dropped
        handler(leg, answer(1, status), failure_statuses=setting)(S3, None)
        warned = dropped * 2
        if status in failures:
            warned = [FAILED.format(status, "/aws.s3", "s3", IGNORED)]
        assert [line[: len(warned[0])] for line in warnings(caplog)] == warned


@MODES
@pytest.mark.parametrize(
    ("event", "settings", "row", "path", "record"),
    [
        ({}, {}, "no matcher", "/", ""),
        (LEX, {}, "lex.v1", "/aws.lex", ""),
        (
            MQ,
            {"delivery": "record"},
            "mq.activemq",
            "/aws.mq.activemq",
            f" for record {MQ['messages'][0]['messageID']!r}",
        ),
        (SQS, {"delivery": "record"}, "sqs", "/aws.sqs", f" for record {MESSAGE_IDS[0]!r}"),
        (KAFKA, {"delivery": "record"}, "kafka.msk", "/aws.kafka", f" for record {OFFSETS[0]!r}"),
    ],
)
def test_dropped(leg, response, event, settings, row, path, record, caplog):
    """The warning of what is acknowledged without success names the row, the path, the status and the record."""
    handler(leg, answer(1, 409), response=response, failure_statuses="300-408,410-599", **settings)(event, None)
    assert warnings(caplog)[0] == DROPPED.format(row, path, 409, record)


class TestOwnReport:
    """The records that the application itself says have failed."""

    @pytest.mark.parametrize(
        ("event", "given", "lifted"),
        [
            (SQS, answer({"batchItemFailures": ALL[1:2]}), ALL[1:2]),
            (SQS, answer({"batchItemFailures": []}), []),
            (SQS, answer({"batchItemFailures": ALL[:1], "seen": 2}, 207), ALL[:1]),
            (
                SQS,
                Answer(200, b'{"batchItemFa\\u0069lures": [{"itemIdentifier": "%s"}]}' % MESSAGE_IDS[0].encode()),
                ALL[:1],
            ),
            (SQS, Answer(200, b"\xef\xbb\xbf" + json.dumps({"batchItemFailures": ALL}).encode()), ALL),
            (KAFKA, answer({"batchItemFailures": named({"offset": 7, "partition": "orders-0"})}), named(OFFSETS[0])),
            (MQ, answer({"batchItemFailures": []}), []),
            (PIPE, answer({"batchItemFailures": PIPED[1:]}), PIPED[1:]),
            (SQS, answer({"batchItemFailures": None}), None),
            (SQS, answer({"failures": 0}), None),
            (SQS, Answer(200, b"", [("Content-Encoding", "gzip")]), None),
            (SQS, Answer(200, DEEP.encode()), None),
        ],
    )
    def test_lifted(self, leg, event, given, lifted, caplog):
        """It is the reply of native mode, and in envelope mode it is put at the top level."""
        reply = handler(leg, given)(event, None)
        assert (reply["body"], reply.get("batchItemFailures")) == (given.body.decode("utf-8"), lifted)
        assert handler(leg, given, response="native")(event, None)["batchItemFailures"] == (lifted or [])
        assert warnings(caplog) == []

    @pytest.mark.parametrize("value", [ALL[1:2], 1, "a"])
    def test_nobody_reads_it(self, leg, value):
        """An asynchronous sender does not read it."""
        given = answer({"batchItemFailures": value})
        for response in ("envelope", "native"):
            assert handler(leg, given, response=response)(S3, None) == envelope(given.body.decode())

    LIST = "'batchItemFailures' must be a list of {'itemIdentifier': …}."
    ENTRY = (
        "Entry {} of 'batchItemFailures' must be {{'itemIdentifier': …}}, with the identifier of a record "
        "of this batch."
    )
    CANNOT = "This sender does not read which records failed: answer with a failure status instead."
    FAULTS = [
        (SQS, {"batchItemFailures": named("unknown")}, ENTRY.format(0)),
        (SQS, {"batchItemFailures": [ALL[0], {"itemIdentifier": ""}]}, ENTRY.format(1)),
        (SQS, {"batchItemFailures": [{"itemIdentifier": None}]}, ENTRY.format(0)),
        (SQS, {"batchItemFailures": [{"item_identifier": MESSAGE_IDS[0]}]}, ENTRY.format(0)),
        (SQS, {"batchItemFailures": MESSAGE_IDS}, ENTRY.format(0)),
        (SQS, {"batchItemFailures": [{"itemIdentifier": MESSAGE_IDS}]}, ENTRY.format(0)),
        (KAFKA, {"batchItemFailures": named({"partition": "orders-0", "offset": 31})}, ENTRY.format(0)),
        (KAFKA, {"batchItemFailures": named({"partition": "orders-0", "offset": "7"})}, ENTRY.format(0)),
        (SQS, {"batchItemFailures": ALL[0]}, LIST),
        (SQS, {"batchItemFailures": "none"}, LIST),
        (MQ, {"batchItemFailures": named(MQ["messages"][0]["messageID"])}, CANNOT),
    ]
    SPELLING = "Spell the key 'batchItemFailures': Lambda ignores any other spelling."
    KEYS = ("batch_item_failures", "BatchItemFailures", "batchItemFailure", "BATCH-ITEM-FAILURES", "batchItemsFailures")
    FAULTS += [
        (PIPE, {"batch item failures": []}, SPELLING),
        *zip([SQS] * 5, [{key: [1]} for key in KEYS], [SPELLING] * 5, strict=True),
    ]

    @pytest.mark.parametrize(("event", "given", "fault"), FAULTS)
    def test_fault(self, leg, event, given, fault, caplog):
        """A report that Lambda would misunderstand is a fault of the application: the whole batch fails."""
        self.fails(leg, event, answer(given), fault, caplog)

    def fails(self, leg, event, given, fault, caplog):
        _, row, path, _, more, consequence = next(sender for sender in SENDERS.values() if sender[0] is event)
        reply = handler(leg, given)(event, None)
        assert reply.get("batchItemFailures") == more.get("batchItemFailures")
        assert warnings(caplog) == [f"{FAILED.format(200, path, row, consequence)} {fault}{NATIVE}"]
        with pytest.raises(EventFailed) as caught:
            handler(leg, given, response="native")(event, None)
        assert (caught.value.status, caught.value.hint) == (200, fault)

    ONE = {"batchItemFailures": ALL[:1]}
    TEXT = json.dumps(ONE)
    WHERE = "'batchItemFailures' must be a top-level key of the JSON object in the response; here it is {}."
    TWICE = WHERE.format("in a JSON string, as if json.dumps() had been called twice")
    NOT_JSON = WHERE.format("in a response that is not JSON in UTF-8")
    COMPRESSED = "The response is compressed, so Lambda could not read it: send it uncompressed."
    # What kept Lambda from reading what the application meant to report.
    UNREAD = {
        "JSON in JSON": (json.dumps(TEXT).encode(), TWICE),
        "str() in JSON": (json.dumps(str(ONE)).encode(), TWICE),
        "str()": (str(ONE).encode(), NOT_JSON),
        "a list": (json.dumps([ONE]).encode(), WHERE.format("in a list")),
        "a list of its parts": (json.dumps(["batchItemFailures", ALL]).encode(), WHERE.format("in a list")),
        "another key": (json.dumps({"body": ONE}).encode(), WHERE.format("under another key")),
        "API Gateway's dictionary": (json.dumps({"body": TEXT}).encode(), WHERE.format("under another key")),
        "another spelling, under a key": (
            TEXT.replace("I", "_i").join(['{"a": ', "}"]).encode(),
            WHERE.format("under another key"),
        ),
        "truncated": (TEXT[:-9].encode(), NOT_JSON),
        "two documents": (f"{TEXT}\n{TEXT}".encode(), NOT_JSON),
        "UTF-16": (TEXT.encode("utf-16"), NOT_JSON),
        "UTF-32": (TEXT.encode("utf-32-be"), NOT_JSON),
        "a form": (f"batchItemFailures={MESSAGE_IDS[0]}".encode(), NOT_JSON),
        "XML": (b"<batch-item-failures><item/></batch-item-failures>", NOT_JSON),
        "gzip": (gzip.compress(TEXT.encode()), COMPRESSED),
    }

    @pytest.mark.parametrize("shape", UNREAD)
    def test_unread(self, leg, shape, caplog):
        """A report anywhere but at the top level of one JSON object would be overlooked: the whole batch fails."""
        body, fault = self.UNREAD[shape]
        self.fails(leg, SQS, Answer(200, body, [JSON]), fault, caplog)

    @pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, identity"])
    def test_compressed(self, leg, encoding, caplog):
        """An answer that is compressed may be a report that nobody can read."""
        self.fails(leg, SQS, Answer(200, b"{}", [("Content-Encoding", encoding)]), self.COMPRESSED, caplog)

    def test_failure_status(self, leg):
        """A failure status says more than a report: it fails every record, and has a hint of its own."""
        given = Answer(404, self.TEXT.encode(), [("Content-Encoding", "gzip")])
        assert handler(leg, answer(self.ONE, 500))(SQS, None)["batchItemFailures"] == ALL
        with pytest.raises(EventFailed) as caught:
            handler(leg, given, response="native")(SQS, None)
        assert "no route" in caught.value.hint

    def test_status_that_is_not_a_failure(self, leg):
        """A report counts whatever the status is, if that is not a failure."""
        settings = {"failure_statuses": "500-599", "response": "native"}
        assert handler(leg, answer(self.ONE, 409), **settings)(SQS, None) == self.ONE

    def test_record_without_a_name(self, leg):
        """A record that has no identifier can be reported by the empty one only, which is the failure of the batch."""
        event = {"Records": [{**SQS["Records"][0], "messageId": None}, SQS["Records"][1]]}
        assert handler(leg, answer(1, 500))(event, None)["batchItemFailures"] == [{"itemIdentifier": ""}, ALL[1]]
        with pytest.raises(EventFailed):
            handler(leg, answer({"batchItemFailures": named("")}), response="native")(event, None)

    def test_of_an_unknown_poller(self, leg):
        """If a row of the user's says "poll" of an unknown event, the report is the application's affair."""
        rows, event = [Matcher("queue", {"$.jobs": list}, "/queue", "poll")], {"jobs": []}
        given = {"batchItemFailures": named("any")}
        assert handler(leg, answer(given), matchers=rows)(event, None)["batchItemFailures"] == named("any")
        assert handler(leg, answer(given), matchers=rows, response="native")(event, None) == given
        assert "batchItemFailures" not in handler(leg, answer(1, 500), matchers=rows)(event, None)


class TestEcho:
    """A view that answers what it was sent must not fail for good, though the record tells of failed records."""

    OLD = {"version": "1.0", "responsePayload": {"batchItemFailures": named("b5b6e2c4-0b5d-4f6e-9d1a-7c0e2f4a6b8c")}}
    TEXT = json.dumps(OLD)
    PACKED = base64.b64encode(TEXT.encode()).decode()
    EVENTS = {
        "SQS": {"Records": [{**SQS["Records"][0], "body": TEXT}]},
        "Kinesis": {
            "Records": [{**KINESIS["Records"][0], "kinesis": {**KINESIS["Records"][0]["kinesis"], "data": PACKED}}]
        },
        "Kafka": {**KAFKA, "records": {"orders-0": [{**KAFKA["records"]["orders-0"][0], "value": PACKED}]}},
    }
    ECHOES = {
        "the data": TEXT,
        "the data as it was parsed": json.dumps({"seen": OLD, "ok": True}),
        "the data in a string": json.dumps({"seen": TEXT}),
        "str()": str(OLD),
        "a part": TEXT[: TEXT.index("[") + 1],
        "the word": "no batchItemFailures",
        "UTF-16": TEXT,
    }

    @MODES
    @pytest.mark.parametrize("delivery", ["batch", "record"])
    @pytest.mark.parametrize("echo", ECHOES)
    @pytest.mark.parametrize("event", EVENTS)
    def test_echo(self, leg, response, delivery, event, echo, caplog):
        """The record is done; also if its data came in base64 and was decoded."""
        given = Answer(200, self.ECHOES[echo].encode("utf-16" if echo == "UTF-16" else "utf-8"), [JSON])
        reply = handler(leg, given, response=response, delivery=delivery)(self.EVENTS[event], None)
        assert reply.get("batchItemFailures", []) == []
        assert warnings(caplog) == []

    @pytest.mark.parametrize("shape", TestOwnReport.UNREAD)
    def test_report_beside_it(self, leg, shape):
        """A report that the request did not contain is still not overlooked, unless it names no record at all."""
        if shape in ("a list of its parts", "a form", "XML"):
            pytest.skip("names no record in the way of a report")
        body, fault = TestOwnReport.UNREAD[shape]
        with pytest.raises(EventFailed) as caught:
            handler(leg, Answer(200, body, [JSON]), response="native")(self.EVENTS["SQS"], None)
        assert caught.value.hint == fault

    @pytest.mark.parametrize("key", TestOwnReport.KEYS)
    def test_misspelled_key(self, leg, key):
        """Nor is a key of the answer."""
        with pytest.raises(EventFailed, match="Spell the key"):
            handler(leg, answer({key: [], "seen": self.OLD}), response="native")(self.EVENTS["SQS"], None)


def empty(value):
    """Take everything out of *value*, however deep."""
    for inner in [*value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ():
        empty(inner)
    if isinstance(value, (dict, list)):
        value.clear()


@MODES
@pytest.mark.parametrize("delivery", ["batch", "record"])
@pytest.mark.parametrize(
    ("event", "identifier", "status"),
    [(SQS, MESSAGE_IDS[1], 200), (SQS, "", 500), (KAFKA, OFFSETS[1], 200), (KAFKA, "", 500), (WINDOW, "", 200)],
)
def test_what_becomes_of_aws_event_changes_no_reply(leg, event, delivery, response, identifier, status):
    """An application may empty ``aws.event``: the reply is the same."""

    def reply(spoil):
        def respond(carrier):
            given = carrier["aws.event"]
            body = json.dumps(
                {"batchItemFailures": named(identifier)} if json.dumps(identifier) in json.dumps(given) else {}
            )
            spoil(given)
            return body.encode()

        def wsgi(environ, start_response):
            start_response(f"{status} Answered", [JSON])
            return [respond(environ)]

        async def asgi(scope, receive, send):
            await send({"type": "http.response.start", "status": status})
            await send({"type": "http.response.body", "body": respond(scope)})

        handle = make_handler({"wsgi": wsgi, "asgi": asgi}[leg], response=response, delivery=delivery, lifespan="off")
        try:
            return handle(json.loads(json.dumps(event)), None)
        except EventFailed as error:
            return str(error)

    assert reply(empty) == reply(lambda event: None)


class TestWindow:
    @pytest.mark.parametrize("delivery", ["batch", "record"])
    @pytest.mark.parametrize(
        ("answered", "state"),
        [
            ({"state": {"/books/12": 43}}, {"state": {"/books/12": 43}}),
            ({"state": {}}, {"state": {}}),
            ({"seen": 1}, {"state": {"/books/12": 42, "/books/14": 1}}),
            ([], {"state": {"/books/12": 42, "/books/14": 1}}),
            ({"state": None}, {}),
        ],
    )
    def test_state(self, leg, delivery, answered, state):
        """The state of a tumbling window goes back to Lambda: the application's, else what it was; a batch without
        records is one request, whatever the delivery."""
        seen = []

        def view(path, event):
            seen.append((path, event))
            return answer(answered)

        native = handler(leg, view, response="native", delivery=delivery)(LAST_OF_WINDOW, None)
        assert native == {"batchItemFailures": [], **state}
        reply = handler(leg, view, delivery=delivery)(LAST_OF_WINDOW, None)
        assert reply == envelope(json.dumps(answered)) | state
        assert seen == [("/aws.kinesis", LAST_OF_WINDOW)] * 2

    def test_failure(self, leg):
        """Records that failed are reported beside the state that there was; a window without records by the empty
        identifier, which has Lambda invoke the function again."""
        reply = handler(leg, answer({"state": {"x": 1}}, 500))(WINDOW, None)
        numbers = [record["kinesis"]["sequenceNumber"] for record in WINDOW["Records"]]
        assert (reply["batchItemFailures"], reply["state"]) == (named(*numbers), WINDOW["state"])
        assert handler(leg, answer(1, 500))(LAST_OF_WINDOW, None)["batchItemFailures"] == named("")

    @pytest.mark.parametrize("event", [{**WINDOW, "isFinalInvokeForWindow": True}, {"isFinalInvokeForWindow": True}])
    def test_none(self, leg, event):
        """Without a state, or without a window, none is made up."""
        event = {key: value for key, value in event.items() if key != "state"}
        given = answer({}) if "Records" in event else answer({"state": 1})
        assert "state" not in handler(leg, given)(event, None)

    def test_too_large(self, leg):
        """A state that Lambda cannot hand on is an error of ours."""
        with pytest.raises(ReplyTooLarge):
            handler(leg, answer({"state": "a" * LIMIT}), response="native")(WINDOW, None)
        with pytest.raises(ReplyTooLarge):
            handler(leg, answer({"state": "a" * LIMIT}))(WINDOW, None)


class TestLateException:
    """An exception after a complete response: a failing background task, Starlette's after its 500."""

    LATE = LookupError("no such book")

    @pytest.fixture(autouse=True)
    def logged_once(self, caplog):
        """It is logged with its traceback, whatever becomes of it."""
        yield
        [record] = [record for record in caplog.get_records("call") if record.exc_info]
        assert record.getMessage().startswith("the application failed after its response at /aws.")
        assert (record.getMessage()[-13:], record.exc_info[1]) == (" was complete", self.LATE)

    def test_in_envelope(self, leg, caplog):
        """The response is the reply."""
        assert handler(leg, answer(1, late=self.LATE))(S3, None) == envelope("1")
        assert warnings(caplog) == []

    @pytest.mark.parametrize("event", [LEX, S3, SQS])
    def test_in_native(self, leg, event):
        """It fails the invocation."""
        with pytest.raises(LookupError) as caught:
            handler(leg, answer(1, late=self.LATE), response="native")(event, None)
        assert caught.value is self.LATE

    def test_after_a_failure(self, leg):
        """The response says more than the exception, which is the cause."""
        with pytest.raises(EventFailed, match=r"^the application answered 500 at /aws\.s3 \(s3\)") as caught:
            handler(leg, answer(1, 500, self.LATE), response="native")(S3, None)
        assert caught.value.__cause__ is self.LATE


LIMIT = 6_291_556
TOO_LARGE = "the reply is {:,} bytes of JSON, and Lambda accepts at most 6,291,556; return less, such as an S3 key"
CUT = "the reply is {:,} bytes of JSON, more than Lambda accepts; the sender does not read the body, so it was cut"


class TestSize:
    @pytest.mark.parametrize("event", [S3, SQS, MQ])
    @pytest.mark.parametrize("more", [0, 1])
    def test_nobody_reads_it(self, leg, event, more, caplog):
        """An answer over Lambda's limit is cut, with a mark and a warning, if nobody reads it."""
        frame = len(json.dumps(envelope("")))
        given = Answer(200, b"a" * (LIMIT - frame + more), [JSON])
        reply = handler(leg, given)(event, None)
        if more:
            assert reply == envelope("a" * 100_000 + f"… [cut: {len(given.body):,} characters in all]")
            assert warnings(caplog) == [CUT.format(LIMIT + 1)]
        else:
            assert reply == envelope(given.body.decode())
            assert warnings(caplog) == []

    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            (b"a", [("X-A", "\xe0" * 1_100_000)]),
            (b"a" * 7_000_000, [("X-A", "a" * LIMIT)]),
            (b"", [("Set-Cookie", "a" * LIMIT), ("Set-Cookie", "b")]),
            (("\U0001f600" * 2_000_000).encode(), [JSON]),
            (b"\xff" * LIMIT, [JSON]),
        ],
    )
    def test_fits_when_it_was_cut(self, leg, body, headers):
        """Headers count, and go if they must; so does how JSON writes what is not ASCII."""
        reply = handler(leg, Answer(500, body, headers))(SQS, None)
        assert (reply["status_code"], reply["batchItemFailures"]) == ("500", ALL)
        assert len(json.dumps(reply)) <= LIMIT

    @MODES
    def test_somebody_reads_it(self, leg, response):
        """An answer over Lambda's limit is a clear error if somebody reads it."""
        given = Answer(200, json.dumps("a" * LIMIT).encode(), [JSON])
        with pytest.raises(ReplyTooLarge) as caught:
            handler(leg, given, response=response)(LEX, None)
        written = LIMIT + 2 if response == "native" else len(json.dumps(envelope(given.body.decode())))
        assert str(caught.value) == TOO_LARGE.format(written)

    def test_native_poller(self, leg, caplog):
        """How long an answer is does not matter if only the failed records in it are returned."""
        assert handler(leg, Answer(200, b"a" * LIMIT), response="native")(SQS, None) == {"batchItemFailures": []}
        assert warnings(caplog) == []

    @pytest.mark.parametrize(("runtime", "fits"), [(None, False), ("3.11", False), ("3.12", True), ("3.14", True)])
    def test_counted_as_the_runtime_writes_it(self, leg, runtime, fits, monkeypatch):
        """From Python 3.12 on, Lambda's runtime writes text as UTF-8, before that as escapes in ASCII."""
        if runtime:
            monkeypatch.setenv("AWS_EXECUTION_ENV", f"AWS_Lambda_python{runtime}")
        else:
            monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
        given = Answer(200, "à".encode() * 2_000_000, [("Content-Type", "text/plain")])
        native = handler(leg, given, response="native")
        if fits:
            assert native(LEX, None) == "à" * 2_000_000
        else:
            with pytest.raises(ReplyTooLarge, match="the reply is 12,000,002 bytes of JSON"):
                native(LEX, None)
