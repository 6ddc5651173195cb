"""What Lambda is told of one request: the README's dictionary, what each sender understands, or an exception."""

import base64
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_events import EventFailed, Matcher, ReplyTooLarge
from conftest import sample
from legs import JSON, Answer, answer, both_legs, handler

pytestmark = both_legs

LEX, S3, SQS, KAFKA, MQ = map(sample, ("lex.v1", "s3", "sqs", "kafka.msk", "mq.activemq"))
WINDOW, LAST_OF_WINDOW = sample("kinesis__window"), sample("kinesis.window")
MESSAGE_IDS = [record["messageId"] for record in SQS["Records"]]
ALL = [{"itemIdentifier": message_id} for message_id in MESSAGE_IDS]
OFFSETS = [
    {"itemIdentifier": {"partition": partition, "offset": offset}}
    for partition, offset in [("orders-0", 7), ("orders-0", 8), ("orders-1", 31)]
]


def envelope(body, status="200", headers=None):
    """The README's dictionary."""
    return {"status_code": status, "body": body, "headers": {"Content-Type": "application/json"} | (headers or {})}


def lines(caplog):
    """What the library logged; asyncio has a word of its own for a machine that is slow."""
    return [record for record in caplog.records if record.name == "cloud_events"]


def warnings(caplog):
    return [record.getMessage() for record in lines(caplog) if record.levelname == "WARNING"]


PLAIN, LATIN, GZIP = "text/plain", "text/plain; charset=ISO-8859-1", b"\x1f\x8b\x08\x00"
DICTIONARIES = {
    "JSON": (
        Answer(201, b'{"added": 1}', [JSON, ("X-Copies", "3")]),
        {
            "status_code": "201",
            "body": '{"added": 1}',
            "headers": {"Content-Type": "application/json", "X-Copies": "3"},
        },
    ),
    "nothing": (Answer(204), {"status_code": "204", "body": "", "headers": {}}),
    "text without a type": (Answer(200, "à".encode()), {"status_code": "200", "body": "à", "headers": {}}),
    "text in another charset": (
        Answer(200, "à".encode("latin-1"), [("Content-Type", LATIN)]),
        {"status_code": "200", "body": "à", "headers": {"Content-Type": LATIN}},
    ),
    "text in a quoted charset": (
        Answer(200, "à".encode("utf-16-le"), [("content-type", 'text/csv; header=present; CHARSET="utf-16-le"')]),
        {
            "status_code": "200",
            "body": "à",
            "headers": {"content-type": 'text/csv; header=present; CHARSET="utf-16-le"'},
        },
    ),
    "text in an unknown charset": (
        Answer(200, b"a", [("Content-Type", "text/plain; charset=klingon")]),
        {
            "status_code": "200",
            "body": "YQ==",
            "headers": {"Content-Type": "text/plain; charset=klingon"},
            "is_base64_encoded": True,
        },
    ),
    "text in no charset": (
        Answer(200, b"a", [("Content-Type", "text/plain; charset=rot13")]),
        {
            "status_code": "200",
            "body": "YQ==",
            "headers": {"Content-Type": "text/plain; charset=rot13"},
            "is_base64_encoded": True,
        },
    ),
    "not the text that it is said to be": (
        Answer(200, b"\xe0", [("Content-Type", PLAIN)]),
        {"status_code": "200", "body": "4A==", "headers": {"Content-Type": PLAIN}, "is_base64_encoded": True},
    ),
    "bytes": (
        Answer(200, b"\x89PNG", [("Content-Type", "image/png")]),
        {"status_code": "200", "body": "iVBORw==", "headers": {"Content-Type": "image/png"}, "is_base64_encoded": True},
    ),
    "compressed": (
        Answer(200, b"text", [("Content-Encoding", "br")]),
        {"status_code": "200", "body": "dGV4dA==", "headers": {"Content-Encoding": "br"}, "is_base64_encoded": True},
    ),
    "not compressed": (
        Answer(200, b"text", [("Content-Encoding", "identity")]),
        {"status_code": "200", "body": "text", "headers": {"Content-Encoding": "identity"}},
    ),
    "a header twice": (
        Answer(200, b"", [("Vary", "Accept"), ("X-A", "1"), ("vary", "Cookie"), ("VARY", "")]),
        {"status_code": "200", "body": "", "headers": {"Vary": "Accept, Cookie, ", "X-A": "1"}},
    ),
    "one cookie": (
        Answer(200, b"", [("Set-Cookie", "a=1")]),
        {"status_code": "200", "body": "", "headers": {"Set-Cookie": "a=1"}},
    ),
    "two cookies": (
        Answer(200, b"", [("Set-Cookie", "a=1"), ("X-A", "1"), ("set-cookie", "b=2")]),
        {"status_code": "200", "body": "", "headers": {"X-A": "1"}, "cookies": ["a=1", "b=2"]},
    ),
}


class TestEnvelope:
    @pytest.mark.parametrize("name", DICTIONARIES)
    def test_dictionary(self, leg, name):
        """The default reply is the README's dictionary, and no more than it must have beyond."""
        given, expected = DICTIONARIES[name]
        assert handler(leg, given)(S3, None) == expected

    @pytest.mark.parametrize("name", DICTIONARIES)
    def test_nobody_reads_it_in_native(self, leg, name):
        """To a sender that does not read the answer, native mode returns the same dictionary."""
        given, expected = DICTIONARIES[name]
        assert handler(leg, given, response="native")(S3, None) == expected

    @given(
        body=st.binary(),
        charset=st.sampled_from(
            ["", "; charset=utf-8", "; charset=utf-7", "; charset=utf-16", "; charset=idna", "; charset="]
        ),
        values=st.lists(st.text(st.characters(max_codepoint=255))),
    )
    def test_any_answer_is_json(self, leg, body, charset, values):
        """Whatever the application answers, the reply can be written as JSON, and nothing of it is lost."""
        headers = [("Content-Type", f"text/plain{charset}"), *(("X-A", value) for value in values)]
        reply = json.loads(json.dumps(handler(leg, Answer(200, body, headers))(S3, None)))
        if "is_base64_encoded" in reply:
            assert base64.b64decode(reply["body"]) == body
        else:
            assert reply["body"] == body.decode(charset.partition("=")[2] or "utf-8")
        assert reply["headers"].get("X-A", "") == ", ".join(values)


FAILED = "the application answered {} at {} ({}); {}"
IGNORED = "AWS takes this as success and will not retry the event."
READ = "its sender is given this dictionary, which it may take for an answer."
DONE = "AWS takes this as success, and the records as done."
RETRIED = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done."
)
NATIVE = " Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
NO_ROUTE = " The application has no route for this path: add one for POST {}."

# sender: event, row, path, what native mode returns of {"copies": 7}, what envelope mode adds of a failure, and says
SENDERS = {
    "sync": (LEX, "lex.v1", "/aws.lex", {"copies": 7}, {}, READ),
    "nobody known": ({}, None, "/", {"copies": 7}, {}, READ),
    "async": (S3, "s3", "/aws.s3", envelope('{"copies": 7}'), {}, IGNORED),
    "poll": (SQS, "sqs", "/aws.sqs", {"batchItemFailures": []}, {"batchItemFailures": ALL}, RETRIED),
    "poll, by partition": (
        KAFKA,
        "kafka.msk",
        "/aws.kafka",
        {"batchItemFailures": []},
        {"batchItemFailures": OFFSETS},
        RETRIED,
    ),
    "poll, all or none": (MQ, "mq.activemq", "/aws.mq.activemq", {"batchItemFailures": []}, {}, DONE),
}


@pytest.mark.parametrize("sender", SENDERS)
class TestTable:
    def test_success(self, leg, sender, caplog):
        """2xx: the dictionary in envelope mode, what the sender understands in native mode, and no warning."""
        event, _, _, native, _, _ = SENDERS[sender]
        assert handler(leg, answer({"copies": 7}))(event, None) == envelope('{"copies": 7}')
        assert handler(leg, answer({"copies": 7}), response="native")(event, None) == native
        assert warnings(caplog) == []

    @pytest.mark.parametrize(("status", "hint"), [(503, ""), (404, NO_ROUTE)])
    def test_failure_in_native(self, leg, sender, status, hint, caplog):
        """A failure fails the invocation, whoever sent the event."""
        event, row, path, *_ = SENDERS[sender]
        with pytest.raises(EventFailed) as caught:
            handler(leg, answer("sold out", status), response="native")(event, None)
        failed = caught.value
        told = (failed.status, failed.path, failed.matcher, failed.body, failed.hint)
        assert told == (status, path, row, '"sold out"', hint.strip().format(path))
        assert warnings(caplog) == []

    @pytest.mark.parametrize(("status", "hint"), [(503, ""), (404, NO_ROUTE)])
    def test_failure_in_envelope(self, leg, sender, status, hint, caplog):
        """A failure is a value that Lambda takes for success; one warning says so, and what would have helped."""
        event, row, path, _, more, consequence = SENDERS[sender]
        assert handler(leg, answer("sold out", status))(event, None) == envelope('"sold out"', str(status)) | more
        first = FAILED.format(status, path, row or "no matcher", consequence)
        assert warnings(caplog) == [first + hint.format(path) + NATIVE]

    @pytest.mark.parametrize("response", ["envelope", "native"])
    def test_exception(self, leg, sender, response):
        """What the application raises before its answer is complete is raised unchanged, in either mode."""
        own = LookupError("no such book")

        def view(path, event):
            raise own

        with pytest.raises(LookupError) as caught:
            handler(leg, view, response=response)(SENDERS[sender][0], None)
        assert caught.value is own


CE = [("ce-specversion", "1.0"), ("ce-id", "7"), ("ce-source", "/shop"), ("ce-type", "sold"), JSON]
CLOUD_EVENT = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "sold"}
DEEP = "[" * 100_000
BODIES = {
    "an object": (answer({"sessionState": {}}), {"sessionState": {}}),
    "an array": (answer([1, None]), [1, None]),
    "a string": (answer("yes"), "yes"),
    "null": (answer(None), None),
    "a number": (answer(7), 7),
    "some other JSON": (Answer(200, b"[1]", [("content-type", "Application/vnd.api+JSON; charset=utf-8")]), [1]),
    "JSON in UTF-16": (Answer(200, '"à"'.encode("utf-16"), [JSON]), "à"),
    "empty": (Answer(200, b"", [JSON]), None),
    "no JSON, whatever it says": (Answer(200, b'{"a":', [JSON]), '{"a":'),
    "JSON that is too deep": (Answer(200, DEEP.encode(), [JSON]), DEEP),
    "text": (Answer(200, "7 à".encode(), [("Content-Type", PLAIN)]), "7 à"),
    "text that could be JSON": (Answer(200, b"7"), "7"),
    "text in another charset": (Answer(200, b"\xe0", [("Content-Type", LATIN)]), "à"),
    "bytes": (Answer(200, b"\xe0", [JSON]), "4A=="),
    "a CloudEvent in structured mode": (
        Answer(200, json.dumps(CLOUD_EVENT).encode(), [("Content-Type", "application/cloudevents+json")]),
        CLOUD_EVENT,
    ),
    "a CloudEvent in binary mode": (
        Answer(200, b'{"copies": 7}', CE),
        {**CLOUD_EVENT, "datacontenttype": "application/json", "data": {"copies": 7}},
    ),
    "a CloudEvent without data": (Answer(200, b"", CE[:4]), CLOUD_EVENT),
}


@pytest.mark.parametrize("name", BODIES)
def test_who_reads_the_answer_gets_the_body_itself(leg, name):
    """JSON as what it says, text as it is, null for nothing, a CloudEvent in structured form."""
    given, expected = BODIES[name]
    assert handler(leg, given, response="native")(LEX, None) == expected


@pytest.mark.parametrize(
    ("setting", "statuses", "failures"),
    [
        (None, (100, 200, 299, 300, 404, 599), {300, 404, 599}),
        ("500-599,429", (404, 429, 499, 500), {429, 500}),
        (" 418 , 400-401", (400, 401, 402, 418, 500), {400, 401, 418}),
        ("100-599", (100, 200), {100, 200}),
        ("404", (404, 500, 600, 999), {404, 600, 999}),
    ],
)
def test_failure_statuses(leg, setting, statuses, failures, caplog):
    """The setting says which statuses fail, in native mode and in what envelope mode warns of; a number that is no
    status always does."""
    failed, warned = set(), set()
    for status in statuses:
        caplog.clear()
        handler(leg, answer(1, status), failure_statuses=setting)(S3, None)
        warned |= {status} if warnings(caplog) else set()
        try:
            handler(leg, answer(1, status), failure_statuses=setting, response="native")(S3, None)
        except EventFailed:
            failed.add(status)
    assert failed == warned == failures


SPELLING = "Spell it 'batchItemFailures': the answer spells it otherwise, and Lambda would overlook it."
LIST = "The application's 'batchItemFailures' must be a list of {'itemIdentifier': …}."
ENTRY = (
    "Entry {} of the application's 'batchItemFailures' must be {{'itemIdentifier': …}} and name a record of this batch."
)
CANNOT = "This sender cannot be told of single records: answer with a failure status instead."


def failures(*entries, key="batchItemFailures"):
    return answer({key: list(entries)})


class TestOwnReport:
    @pytest.mark.parametrize(
        ("event", "given", "lifted"),
        [
            (SQS, failures(ALL[1]), [ALL[1]]),
            (SQS, failures(*ALL), ALL),
            (SQS, failures(), []),
            (SQS, Answer(207, json.dumps({"batchItemFailures": ALL[:1], "seen": 2}).encode()), ALL[:1]),
            (KAFKA, failures(OFFSETS[2]), [OFFSETS[2]]),
            (KAFKA, failures({"itemIdentifier": {"offset": 7, "partition": "orders-0"}}), [OFFSETS[0]]),
            (MQ, failures(), []),
            (SQS, answer({"batchItemFailures": None}), None),
            (SQS, answer({"failures": 0}), None),
            (SQS, answer(["batchItemFailures"]), None),
            (SQS, Answer(200, b"no batchItemFailures"), None),
            (S3, failures(ALL[1]), None),
            (S3, answer({"batchItemFailures": 1}), None),
        ],
    )
    def test_lifted(self, leg, event, given, lifted, caplog):
        """A list of failed records that the application answered is the reply of native mode, and in envelope mode at
        the top level; no list, and none where nobody reads it."""
        reply = handler(leg, given)(event, None)
        assert (reply["body"], reply.get("batchItemFailures")) == (given.body.decode(), lifted)
        native = handler(leg, given, response="native")(event, None)
        assert native == (reply if event is S3 else {"batchItemFailures": lifted or []})
        assert warnings(caplog) == []

    @pytest.mark.parametrize(
        ("event", "given", "fault"),
        [
            (SQS, failures({"itemIdentifier": "unknown"}), ENTRY.format(0)),
            (SQS, failures(ALL[0], {"itemIdentifier": ""}), ENTRY.format(1)),
            (SQS, failures({"itemIdentifier": None}), ENTRY.format(0)),
            (SQS, failures({"item_identifier": MESSAGE_IDS[0]}), ENTRY.format(0)),
            (SQS, failures(MESSAGE_IDS[0]), ENTRY.format(0)),
            (SQS, failures({"itemIdentifier": [MESSAGE_IDS[0]]}), ENTRY.format(0)),
            (KAFKA, failures({"itemIdentifier": {"partition": "orders-0", "offset": 31}}), ENTRY.format(0)),
            (KAFKA, failures({"itemIdentifier": "orders-0"}), ENTRY.format(0)),
            (SQS, answer({"batchItemFailures": ALL[0]}), LIST),
            (SQS, answer({"batchItemFailures": "none"}), LIST),
            (SQS, failures(ALL[0], key="batch_item_failures"), SPELLING),
            (SQS, failures(ALL[0], key="BatchItemFailures"), SPELLING),
            (SQS, failures(ALL[0], key="batchItemFailure"), SPELLING),
            (SQS, failures(ALL[0], key="BATCH-ITEM-FAILURES"), SPELLING),
            (MQ, failures({"itemIdentifier": MQ["messages"][0]["messageID"]}), CANNOT),
        ],
    )
    def test_fault(self, leg, event, given, fault, caplog):
        """A list that Lambda would misunderstand is a fault of the application: the whole batch fails, loudly."""
        _, row, path, _, more, consequence = next(sender for sender in SENDERS.values() if sender[0] is event)
        reply = handler(leg, given)(event, None)
        assert reply == envelope(given.body.decode()) | more
        assert warnings(caplog) == [f"{FAILED.format(200, path, row, consequence)} {fault}{NATIVE}"]
        with pytest.raises(EventFailed) as caught:
            handler(leg, given, response="native")(event, None)
        assert (caught.value.status, caught.value.hint) == (200, fault)

    def test_failure_beside_it(self, leg):
        """A failed response fails every record, whichever the application names."""
        given = Answer(500, *failures(ALL[0])[1:])
        assert handler(leg, given)(SQS, None)["batchItemFailures"] == ALL
        with pytest.raises(EventFailed):
            handler(leg, given, response="native")(SQS, None)

    def test_record_without_a_name(self, leg):
        """A record that has no identifier can be reported by the empty one only, which is the failure of the batch."""
        event = {"Records": [{**SQS["Records"][0], "messageId": None}, SQS["Records"][1]]}
        reply = handler(leg, answer(1, 500))(event, None)
        assert reply["batchItemFailures"] == [{"itemIdentifier": ""}, ALL[1]]
        with pytest.raises(EventFailed):
            handler(leg, failures({"itemIdentifier": ""}), response="native")(event, None)

    def test_of_an_unknown_poller(self, leg):
        """Where a row of the user's own says "poll", the report is the application's affair."""
        rows = [Matcher("queue", {"$.jobs": list}, "/queue", "poll")]
        given, event = failures({"itemIdentifier": "any"}), {"jobs": []}
        assert handler(leg, given, matchers=rows)(event, None)["batchItemFailures"] == [{"itemIdentifier": "any"}]
        native = handler(leg, given, matchers=rows, response="native")(event, None)
        assert native == {"batchItemFailures": [{"itemIdentifier": "any"}]}
        assert "batchItemFailures" not in handler(leg, answer(1, 500), matchers=rows)(event, None)


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
        """Records that failed are reported beside the state."""
        reply = handler(leg, answer({"state": {"x": 1}}, 500))(WINDOW, None)
        numbers = [record["kinesis"]["sequenceNumber"] for record in WINDOW["Records"]]
        assert reply["batchItemFailures"] == [{"itemIdentifier": number} for number in numbers]
        assert reply["state"] == {"x": 1}

    @pytest.mark.parametrize("event", [{**WINDOW, "isFinalInvokeForWindow": True}, {"isFinalInvokeForWindow": True}])
    def test_none(self, leg, event):
        """Where there never was a state, or no window, none is made up."""
        event = {key: value for key, value in event.items() if key != "state"}
        given = answer({}) if "Records" in event else answer({"state": 1})
        assert "state" not in handler(leg, given)(event, None)


class TestLateException:
    """An exception after a complete answer: a failing background task, Starlette's after its 500."""

    LATE = "the application failed after its answer at {} was complete"

    def logged(self, caplog):
        return [(record.getMessage(), record.exc_info[1]) for record in lines(caplog) if record.exc_info]

    def test_in_envelope(self, leg, caplog):
        """It is logged with its traceback, and the answer is the reply."""
        late = LookupError("no such book")
        assert handler(leg, answer(1, late=late))(S3, None) == envelope("1")
        assert self.logged(caplog) == [(self.LATE.format("/aws.s3"), late)]
        assert warnings(caplog) == []

    @pytest.mark.parametrize("event", [LEX, S3, SQS])
    def test_in_native(self, leg, event, caplog):
        """It is logged with its traceback, and fails the invocation."""
        late = LookupError("no such book")
        with pytest.raises(LookupError) as caught:
            handler(leg, answer(1, late=late), response="native")(event, None)
        assert caught.value is late
        assert [error for _, error in self.logged(caplog)] == [late]

    def test_after_a_failure(self, leg, caplog):
        """The answer says more than the exception, which is its cause."""
        late = LookupError("no such book")
        with pytest.raises(EventFailed, match=r"^the application answered 500 at /aws\.s3 \(s3\)") as caught:
            handler(leg, answer(1, 500, late), response="native")(S3, None)
        assert caught.value.__cause__ is late
        assert [error for _, error in self.logged(caplog)] == [late]


LIMIT = 6_291_556
TOO_LARGE = (
    "the answer is {:,} bytes of JSON, and Lambda hands on 6,291,556 at most; answer with less, such as the S3 key of "
    "the whole"
)
CUT = "the answer, {:,} bytes of JSON, is too long for Lambda; nobody reads it, so it was cut"


class TestSize:
    @pytest.mark.parametrize("event", [S3, SQS, MQ])
    @pytest.mark.parametrize("more", [0, 1])
    def test_nobody_reads_it(self, leg, event, more, caplog):
        """An answer over Lambda's limit is cut, with a mark and a warning, where nobody reads it."""
        frame = len(json.dumps(envelope("")))
        given = Answer(200, b"a" * (LIMIT - frame + more), [JSON])
        reply = handler(leg, given)(event, None)
        if more:
            assert reply == envelope("a" * 100_000 + f"… [cut: {len(given.body):,} bytes in all]")
            assert warnings(caplog) == [CUT.format(LIMIT + 1)]
        else:
            assert reply == envelope(given.body.decode())
            assert warnings(caplog) == []

    @pytest.mark.parametrize("response", ["envelope", "native"])
    def test_somebody_reads_it(self, leg, response):
        """An answer over Lambda's limit is a clear error where somebody reads it."""
        given = Answer(200, json.dumps("a" * LIMIT).encode(), [JSON])
        with pytest.raises(ReplyTooLarge) as caught:
            handler(leg, given, response=response)(LEX, None)
        written = LIMIT + 2 if response == "native" else len(json.dumps(envelope(given.body.decode())))
        assert str(caught.value) == TOO_LARGE.format(written)

    def test_of_a_failure(self, leg):
        """A long answer that failed is cut, and its records are reported nevertheless."""
        reply = handler(leg, Answer(500, b"a" * LIMIT))(SQS, None)
        assert len(reply["body"]) < 100_050
        assert reply["batchItemFailures"] == ALL

    def test_native_poller(self, leg):
        """How long an answer is does not matter where only the failed records of it are returned."""
        assert handler(leg, Answer(200, b"a" * LIMIT), response="native")(SQS, None) == {"batchItemFailures": []}

    @pytest.mark.parametrize(("runtime", "fits"), [(None, False), ("3.11", False), ("3.12", True), ("3.14", True)])
    def test_counted_as_the_runtime_writes_it(self, leg, runtime, fits, monkeypatch):
        """From Python 3.12 on, Lambda's runtime writes text as UTF-8, before that as escapes in ASCII."""
        if runtime:
            monkeypatch.setenv("AWS_EXECUTION_ENV", f"AWS_Lambda_python{runtime}")
        else:
            monkeypatch.delenv("AWS_EXECUTION_ENV", raising=False)
        given = Answer(200, "à".encode() * 2_000_000, [("Content-Type", PLAIN)])
        native = handler(leg, given, response="native")
        if fits:
            assert native(LEX, None) == "à" * 2_000_000
        else:
            with pytest.raises(ReplyTooLarge, match="the answer is 12,000,002 bytes of JSON"):
                native(LEX, None)


def test_one_line_for_each_delivery(leg, caplog):
    """The log has matcher, method, path, status and time of a delivery, and nothing that was in it."""
    with caplog.at_level(logging.INFO, "cloud_events"):
        handler(leg, answer({"title": "Emma"}), lifespan="off")(S3, None)
    [line] = [record.getMessage() for record in lines(caplog)]
    head, _, milliseconds = line.removesuffix(" ms").rpartition(" in ")
    assert head == "s3: POST /aws.s3 answered 200"
    assert float(milliseconds) >= 0
