"""The test kit: builders against real events, the context against Lambda's, the client on both legs, the fixture."""

import asyncio
import base64
import hashlib
import importlib.metadata
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from apps.living import LIVES
from apps.living import application as asgi
from cloud_events import ConfigurationError, EventFailed, InvalidEvent, Matcher, UnsupportedEvent
from cloud_events import testing as kit
from cloud_events.testing import EventClient, LambdaContext
from conftest import sample
from legs import Answer, answer, application, both_legs
from shapes import records, shape

# What is the same in all events of a kind.
CONSTANT = {
    *("version", "specversion", "datacontenttype", "eventVersion", "EventVersion", "s3SchemaVersion", "eventSource"),
    *("EventSource", "awsRegion", "kinesisSchemaVersion", "StreamViewType", "SignatureVersion", "Type", "region"),
    *("timestampType", "account"),
}


def answering(status=200, body=b"", error=None):
    """A WSGI application that always does the same, and keeps what it was given."""

    def application(environ, start_response):
        application.seen.append(environ)
        if error is not None:
            raise error
        start_response(f"{status} Said", [("Content-Type", "application/json")])
        return [body]

    application.seen = []
    return application


def by_body(environ, start_response):
    """A WSGI application that fails where "unwanted" is in the event, in base64 or not."""
    body = environ["wsgi.input"].read()
    bad = b"unwanted" in body or base64.b64encode(b"unwanted") in body
    start_response("500 Bad" if bad else "200 Good", [])
    return []


# What is built, the sample that it is like, and the same in the public corpus
BUILT = [
    (kit.s3(), "s3", "aws-docs/with-s3_0"),
    (kit.s3(event="ObjectRemoved:Delete"), "s3__multi-object-delete", None),
    (kit.sqs("one"), "sqs", "aws-docs/with-sqs_0"),
    (kit.sqs("one", fifo=True), "sqs__fifo", "aws-docs/with-sqs_1"),
    (kit.sns("hello", "subject"), "sns", "aws-docs/with-sns_0"),
    (kit.kinesis("one"), "kinesis", "aws-docs/with-kinesis_0"),
    (kit.dynamodb(new={"id": 1}), "dynamodb", "aws-docs/with-ddb_0"),
    (kit.dynamodb(new={"id": 1}, old={"id": 1}), "dynamodb", None),
    (kit.dynamodb(old={"id": 1}), "dynamodb", None),
    (kit.kafka("one"), "kafka.msk", "aws-docs/with-msk_0"),
    (kit.kafka("one", key=None, self_managed=True), "kafka.selfmanaged", None),
    (kit.eventbridge("shop"), "eventbridge", None),
    (kit.eventbridge(resources=["arn:aws:rds:::db"]), "eventbridge__scheduled", "aws-docs/services-cloudwatchevents_0"),
    (kit.schedule(), "eventbridge__scheduled", "aws-docs/services-cloudwatchevents_1"),
    (kit.cloudevent({"id": 12}, subject="12"), "cloudevent", None),
    (kit.sns_in_sqs("hello"), "sqs__sns-envelope", None),
    (kit.s3_in_sqs(), "sqs", None),
]
OLDER = {"ApproximateCreationDateTime", "headers"}  # what some public samples are too old for

SQS = "arn:aws:sqs:eu-west-1:123456789012:"
UTC = "2026-03-14T09:26:53.089Z"
ITEM = {
    "id": (1, {"N": "1"}),
    "title": ("Emma", {"S": "Emma"}),
    "cover": (b"\x89", {"B": "iQ=="}),
    "sold": (True, {"BOOL": True}),
    "price": (None, {"NULL": True}),
    "tags": ({"novel"}, {"SS": ["novel"]}),
    "sizes": (frozenset({2, 10}), {"NS": ["10", "2"]}),
    "lines": ([1.5, ("a",)], {"L": [{"N": "1.5"}, {"L": [{"S": "a"}]}]}),
    "by": ({"name": "Jane"}, {"M": {"name": {"S": "Jane"}}}),
}
STORED = {name: value for name, (value, _) in ITEM.items()}
TYPED = {name: typed for name, (_, typed) in ITEM.items()}
SOLD = {"type": "com.example.sold", "source": "/shop", "subject": "12", "id": "x", "data": {"a": 1}}

# A call, and what is at which keys of the event; None: nothing. A number is that of a record, "json" opens a string.
SAYS = [
    (lambda: kit.s3("books", "my novels/Émile+(1).epub", size=7), {"0 s3 bucket name": "books", "0 s3 object size": 7,
     "0 s3 object key": "my+novels/%C3%89mile%2B%281%29.epub"}),
    (lambda: kit.s3(event="ObjectRemoved:Delete"), {"0 eventName": "ObjectRemoved:Delete", "0 s3 object size": None}),
    (lambda: kit.s3(), {"0 eventName": "ObjectCreated:Put", "0 s3 bucket name": "uploads",
     "0 s3 object key": "book.epub", "0 s3 object size": 1024, "0 eventTime": UTC}),
    (lambda: kit.s3_in_sqs("books", "my novel.epub", queue="new"), {"0 body json 0 s3 object key": "my+novel.epub",
     "0 eventSourceARN": SQS + "new"}),
    # Bodies are text, or become JSON, and have a checksum.
    (lambda: kit.sqs("text", {"a": [1]}, queue="orders"), {"0 body": "text",
     "1 body": '{"a":[1]}', "1 md5OfBody": hashlib.md5(b'{"a":[1]}').hexdigest(), "0 eventSourceARN": SQS + "orders"}),
    (lambda: kit.sqs("one", "two", queue="orders", fifo=True, group=["ada", "bob"]),
     {"0 eventSourceARN": SQS + "orders.fifo", "0 attributes MessageGroupId": "ada",
     "1 attributes MessageGroupId": "bob"}),
    (lambda: kit.sqs("one", queue="orders.fifo", fifo=True), {"0 eventSourceARN": SQS + "orders.fifo",
     "0 attributes MessageGroupId": "group"}),
    (lambda: kit.sns({"a": 1}, topic="stock", attributes={"shop": "cork"}),
     {"0 Sns Message": '{"a":1}', "0 Sns Subject": None, "0 Sns MessageAttributes": {"shop": {"Type": "String",
     "Value": "cork"}}, "0 Sns TopicArn": "arn:aws:sns:eu-west-1:123456789012:stock"}),
    # In a queue, SNS spells URL otherwise.
    (lambda: kit.sns_in_sqs("a", kit.s3(key="b"), subject="c"), {"0 body json Message": "a",
     "1 body json Message json 0 s3 object key": "b", "0 body json Subject": "c", "1 body json Subject": "c",
     "0 body json SigningCertUrl": None}),
    (lambda: kit.sns_in_sqs("a"), {"0 body json Subject": None}),
    (lambda: kit.eventbridge("shop", "Sold", {"isbn": 1}, ["arn:1"]), {"source": "shop", "detail-type": "Sold",
     "detail": {"isbn": 1}, "resources": ["arn:1"]}),
    (lambda: kit.eventbridge(), {"source": "com.example.shop", "detail-type": "OrderPlaced", "detail": {},
     "time": "2026-03-14T09:26:53Z"}),
    (lambda: kit.schedule("nightly"), {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {},
     "resources": ["arn:aws:events:eu-west-1:123456789012:rule/nightly"]}),
    (lambda: kit.kinesis(b"\xff", "text", {"a": 1}, stream="clicks", partition_key="ada"), {"0 kinesis data": "/w==",
     "1 kinesis data": "dGV4dA==", "2 kinesis data": "eyJhIjoxfQ==", "2 kinesis partitionKey": "ada"}),
    (lambda: kit.dynamodb(new=STORED, keys=["id", "title"], table="books"), {"0 eventName": "INSERT",
     "0 dynamodb Keys": {"id": {"N": "1"}, "title": {"S": "Emma"}},
     "0 dynamodb NewImage": TYPED, "0 dynamodb OldImage": None}),
    (lambda: kit.dynamodb(new={"id": 1}, old={"id": 1, "n": 2}), {"0 eventName": "MODIFY",
     "0 dynamodb OldImage": {"id": {"N": "1"}, "n": {"N": "2"}}}),
    (lambda: kit.dynamodb(old={"id": 1}), {"0 eventName": "REMOVE", "0 dynamodb NewImage": None}),
    (lambda: kit.kafka("one", None, topic="orders", partition=3, key=None), {"records orders-3 0 topic": "orders",
     "records orders-3 0 partition": 3, "records orders-3 0 value": "b25l", "records orders-3 0 key": None,
     "records orders-3 1 value": None}),
    (lambda: kit.cloudevent({"a": 1}, "com.example.sold", "/shop", subject="12", id="x"), SOLD),
    (lambda: kit.cloudevent(), {"type": "com.example.happened", "source": "/example", "time": UTC, "data": None}),
    (lambda: kit.cloudevent_in_kafka(subject="é"), {"records topic-0 0 headers 6 ce_subject": [-61, -87]}),
    (lambda: kit.batch(kit.dynamodb(new={"id": 1}), kit.dynamodb(old={"id": 2})), {"0 eventName": "INSERT",
     "1 eventName": "REMOVE"}),
]  # fmt: skip


def at(event, keys):
    for key in keys.split():
        if key == "json":
            event = json.loads(event)
        elif key.isdecimal():
            event = (event["Records"] if isinstance(event, dict) else event)[int(key)]
        else:
            event = event.get(key)
    return event


class TestBuilders:
    @pytest.mark.parametrize(("built", "name"), [each[:2] for each in BUILT])
    def test_are_like_our_samples(self, built, name):
        """A built event is JSON. It has the constants of the sample of its kind, and every record has exactly the keys
        and types of some record of the sample.
        """
        built = json.loads(json.dumps(built))
        real, constant = sample(name), () if "__" in name else CONSTANT
        known = [shape(record, constant) for record in records(real)]
        assert all(shape(record, constant) in known for record in records(built))
        assert shape(built | {"Records": []}, constant) == shape(real | {"Records": []}, constant)

    @pytest.mark.parametrize(("built", "public"), [(each[0], each[-1]) for each in BUILT if each[-1]])
    def test_have_the_shape_of_public_samples(self, built, public, corpus):
        """A built event has exactly the keys and types of AWS's own sample, but for what that sample is too old for."""
        real = json.loads((corpus / f"{public}.json").read_text())

        def parts(record):
            return {(where, kind) for where, kind in shape(record) if OLDER.isdisjoint(where.split("."))}

        assert parts(records(built)[0]) in [parts(record) for record in records(real)]

    @pytest.mark.parametrize(("build", "says"), SAYS)
    def test_say_what_is_given(self, monkeypatch, build, says):
        """What is given is in the event as AWS writes it; what is not given is something likely, and times are now."""
        monkeypatch.setattr("time.time", lambda: 1773480413.0895)
        event = build()
        assert {keys: at(event, keys) for keys in says} == says

    @pytest.mark.parametrize(
        ("records", "keys", "digits"),
        [
            (kit.sqs("a", "b", fifo=True)["Records"], "attributes SequenceNumber", 20),
            (kit.kinesis("a", "b")["Records"], "kinesis sequenceNumber", 56),
            (kit.kafka("a", "b", topic="t", partition=1)["records"]["t-1"], "offset", None),
            (kit.batch(*(kit.dynamodb(new={"id": 1}) for _ in range(2)))["Records"], "dynamodb SequenceNumber", 28),
        ],
    )
    def test_numbers_rise(self, records, keys, digits):
        """Records have numbers in their order, which are as long as the sender's."""
        first, second = (at(record, keys) for record in records)
        assert first < second
        assert digits in (None, len(str(first)))

    @pytest.mark.parametrize(
        ("build", "complaint"),
        [
            (lambda: kit.dynamodb(), "pass the new item, the old one, or both"),
            (
                lambda: kit.dynamodb(new={"isbn": 1}),
                r"a key attribute; name those of the table, such as keys=\['isbn'\]",
            ),
            (lambda: kit.sqs("one", "two", fifo=True, group=["ada"]), "shorter"),
        ],
    )
    def test_refuse_what_cannot_be(self, build, complaint):
        """A change of nothing, an item without a key, and groups that are neither one nor one each are refused."""
        with pytest.raises(ValueError, match=complaint):
            build()

    def test_tool(self):
        """A tool's arguments are the event, and its name is in the context: no argument can choose another path."""
        arguments = {"name": "Emma", "source": "admin/delete"}
        sent = EventClient(by_body).send(*kit.tool("find", **arguments))
        assert (sent.name, sent.next) == ("bedrock.agentcore", "answer")
        request = sent.exchanges[0].request
        assert (request.path, request.event) == ("/aws.bedrock.agentcore/find", arguments)
        assert kit.tool("shop___find")[1].client_context.custom == {"bedrockAgentCoreToolName": "shop___find"}


class TestContext:
    def test_has_what_lambdas_has(self):
        """The context has the public attributes of the runtime client's own, of the same types, and its methods."""
        real_class = pytest.importorskip("awslambdaric.lambda_context").LambdaContext
        real = real_class("id", None, {}, 0, "arn")
        ours = LambdaContext()
        assert {name for name in vars(ours) if name[0] != "_"} == {name for name in vars(real) if name[0] != "_"}
        assert {"get_remaining_time_in_millis", "log"} <= {*dir(ours)}
        assert set(real.identity.__slots__) == vars(ours.identity).keys()
        real_client = sys.modules["awslambdaric.lambda_context"].ClientContext
        assert set(real_client.__slots__) == vars(LambdaContext(tool="find").client_context).keys()

    def test_values(self):
        """What is not given is what Lambda would say of a function that is called "function"."""
        values = {name: value for name, value in vars(LambdaContext()).items() if name[0] != "_"}
        assert len(values.pop("aws_request_id")) == 36
        assert vars(values.pop("identity")) == {"cognito_identity_id": None, "cognito_identity_pool_id": None}
        assert values == {
            "function_name": "function",
            "function_version": "$LATEST",
            "invoked_function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:function",
            "memory_limit_in_mb": "128",
            "log_group_name": "/aws/lambda/function",
            "log_stream_name": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "client_context": None,
            "tenant_id": None,
        }

    def test_time_runs(self, capsys):
        """What remains is at most what was given, or half a minute, and never below zero; other attributes are set."""
        assert 59_950 < LambdaContext(60_000).get_remaining_time_in_millis() <= 60_000
        assert 29_950 < LambdaContext().get_remaining_time_in_millis() <= 30_000
        over = LambdaContext(remaining_ms=-5, function_name="books")
        assert (over.get_remaining_time_in_millis(), over.function_name) == (0, "books")
        over.log("said")
        assert capsys.readouterr().out == "said\n"


RECORD = {"delivery": "record"}
NATIVE = {"response": "native"}
GIVEN = "the sender, or the caller of the function, gets the"
UNHEARD = "with CLOUD_EVENTS_RESPONSE=native the invocation would have failed"
LOST = f"AWS takes this as success, so %s will not be retried; {UNHEARD}"
MAPPED = ", if the event source mapping has ReportBatchItemFailures; otherwise it takes all as done"
SOME = "AWS delivers %s again and takes the others as done"
ALL = f"AWS delivers %s again{MAPPED}"
ASYNC = (
    "AWS retries the event, twice unless configured otherwise; then it goes to the function's dead-letter queue or "
    "failure destination, or is dropped if there is none"
)
WHOLE = "AWS delivers the whole batch of %s again"
STUCK = ", and nothing behind it, until it succeeds or expires"
DLQ = ", until the queue gives it to its dead-letter queue"
KILLED = "the function ran out of time, so Lambda would have killed it; "
CLIENT_ERROR = "the HTTP client gets an error, such as 502"
ACKNOWLEDGED = "the event is acknowledged without a request"

MQ, DOCDB, PAGE, WARM = (sample(name) for name in ("mq.activemq", "docdb", "http.apigw2", "warmup"))
OWN = Matcher("own", {"$.own": ...}, "$.own")
POLLED = Matcher("polled", {"$.own": ...}, "/polled", "poll")
NOT_TESTS = Matcher("tests", {"$.detail.test": True}, None)
PIPED = Matcher("piped", {"$[0].eventSource": "aws:sqs"}, "/piped", "poll")
PAGES = {"http_handler": lambda event, context: {"statusCode": 204}}
PIPE = [kit.sqs(body)["Records"][0] for body in ("good", "unwanted")]
NAMELESS = kit.kinesis("unwanted")
del NAMELESS["Records"][0]["kinesis"]["sequenceNumber"]
CHANGES = kit.batch(*(kit.dynamodb(new={"id": each}) for each in ("good", "unwanted", "good")))
PARTITIONS = kit.kafka("good", "unwanted", "good")
PARTITIONS["records"] |= kit.kafka("good", "good", partition=1)["records"]
GROUPS = kit.sqs("unwanted", "good", "good", fifo=True, group=["ada", "ada", "bob"])

NEXT = [  # settings, event, word, sentence
    ({}, kit.s3(), "done", "AWS is done with the event; nothing reads the reply"),
    ({}, kit.s3(key="unwanted"), "lost", LOST % "the event"),
    (NATIVE, kit.s3(key="unwanted"), "retry", ASYNC),
    ({}, kit.cloudevent("good"), "answer", f"{GIVEN} reply"),
    ({}, kit.cloudevent("unwanted"), "answer", f"{GIVEN} reply, and may take it for an answer; {UNHEARD}"),
    (NATIVE, kit.cloudevent("unwanted"), "error", f"{GIVEN} error"),
    ({}, None, "answer", f"{GIVEN} reply"),
    # Batches
    ({}, kit.sqs("good"), "done", "AWS takes the messages as done and deletes them from the queue"),
    ({}, kit.sqs("good", "unwanted"), "retry", ALL % "2 of 2 messages"),
    (NATIVE, kit.sqs("unwanted"), "retry", WHOLE % "messages" + DLQ),
    (RECORD, kit.sqs("good", "unwanted", "good"), "retry-some", SOME % "1 of 3 messages" + MAPPED),
    (RECORD, GROUPS, "retry-some", SOME % "2 of 3 messages" + MAPPED),
    ({}, kit.kinesis("good"), "done", "AWS takes the records as done and goes on in the shard"),
    ({}, kit.batch(kit.kinesis("good"), NAMELESS), "retry", ALL % "2 of 2 records"),
    ({}, kit.dynamodb(new={"id": 1}), "done", "AWS takes the records as done and goes on in the shard"),
    (NATIVE, kit.dynamodb(new={"id": "unwanted"}), "retry", WHOLE % "records" + STUCK),
    (RECORD, CHANGES, "retry-some", SOME % "2 of 3 records" + MAPPED),
    ({}, kit.kafka("good"), "done", "AWS takes the records as done and commits their offsets"),
    (NATIVE, kit.kafka("unwanted"), "retry", WHOLE % "records" + STUCK),
    (RECORD, PARTITIONS, "retry-some", SOME % "2 of 5 records" + MAPPED),
    ({}, MQ, "done", "AWS takes the messages as done and takes them off the queue"),
    ({}, MQ | {"unwanted": 1}, "lost", LOST % "the messages"),
    (NATIVE, MQ | {"unwanted": 1}, "retry", WHOLE % "messages"),
    ({}, DOCDB, "done", "AWS takes the changes as done and goes on in the change stream"),
    (NATIVE, DOCDB | {"unwanted": 1}, "retry", WHOLE % "changes" + STUCK),
    ({}, PIPE, "answer", f"{GIVEN} reply, and may take it for an answer; {UNHEARD}"),
    (RECORD | NATIVE | {"matchers": [PIPED]}, PIPE, "retry-some", SOME % "1 of 2 records"),
    ({"matchers": [POLLED]}, {"own": 1}, "done", "AWS takes the records as done and goes on"),
    # HTTP requests
    ({}, PAGE, "error", CLIENT_ERROR),
    (PAGES, PAGE, "answer", "the HTTP client gets the reply"),
    # Refused
    ({}, kit.eventbridge(".."), "retry", ASYNC),
    ({}, kit.cloudevent(source=".."), "error", f"{GIVEN} error"),
    ({"matchers": [OWN]}, {"own": ".."}, "error", f"{GIVEN} error"),
    # Acknowledged
    ({}, WARM, "done", ACKNOWLEDGED),
    ({"matchers": [NOT_TESTS]}, kit.eventbridge(detail={"test": True}), "done", ACKNOWLEDGED),
]  # fmt: skip


class TestNext:
    @pytest.mark.parametrize(("settings", "event", "word", "sentence"), NEXT)
    def test_says_what_aws_would_do(self, settings, event, word, sentence):
        """One word and one sentence, for each kind of sender, and for what it was told."""
        sent = EventClient(by_body, **settings).send(event)
        assert (sent.next, sent.then) == (word, sentence)

    @pytest.mark.parametrize(
        ("settings", "event", "word", "sentence"),
        [
            (NATIVE, kit.s3(), "retry", ASYNC),
            # A function that was killed would not have raised either.
            (NATIVE, kit.sqs("good", "unwanted"), "retry", WHOLE % "messages" + DLQ),
            (PAGES, PAGE, "error", CLIENT_ERROR),
            ({}, WARM, "error", f"{GIVEN} error"),
        ],
    )
    def test_out_of_time(self, settings, event, word, sentence):
        """What the handler returned after the function's deadline, Lambda never sees."""
        sent = EventClient(by_body, **settings).send(event, LambdaContext(remaining_ms=0))
        assert (sent.next, sent.then, sent.failed) == (word, KILLED + sentence, True)

    @pytest.mark.parametrize(
        ("status", "dropped", "next_word"), [(200, 0, "done"), (299, 0, "done"), (300, 1, "done"), (500, 0, "lost")]
    )
    def test_dropped(self, status, dropped, next_word):
        """What is no success and, by CLOUD_EVENTS_FAILURE_STATUSES, no failure is dropped: AWS is done with it."""
        sent = EventClient(answering(status), failure_statuses="500-599").send(kit.s3())
        assert (sent.next, sent.failed, len(sent.dropped)) == (next_word, status == 500, dropped)


class TestClient:
    def test_an_answer(self):
        """Status, text, JSON and reply are there to be asserted on, and so are the requests."""
        client = EventClient(answering(201, b'{"n": 1}'), wsgi_environ={"HTTP_ACCEPT": "text/html"})
        sent = client.send(kit.cloudevent())
        assert (sent.status, sent.text, sent.json, sent.raised) == (201, '{"n": 1}', {"n": 1}, None)
        assert (sent.next, sent.failed) == ("answer", False)
        assert sent.reply == {"status_code": "201", "body": '{"n": 1}', "headers": {"Content-Type": "application/json"}}
        (exchange,) = sent.exchanges
        assert (exchange.method, exchange.request.path, exchange.error) == ("POST", "/example", None)
        length = str(len(exchange.request.body))
        fields = {"accept": "text/html", "content-type": "application/json", "content-length": length}
        assert exchange.headers == fields
        assert 0 < exchange.milliseconds < sent.milliseconds

    def test_several_answers(self):
        """Of several requests there are the worst status, and all texts and documents."""
        sent = EventClient(by_body, delivery="record").send(kit.sqs("good", "unwanted"))
        assert (sent.status, sent.text, sent.json, sent.failed) == (500, "\n", [None, None], True)
        assert [exchange.response.status for exchange in sent.exchanges] == [200, 500]
        assert [type(exchange.error) for exchange in sent.exchanges] == [type(None), EventFailed]

    def test_records_at_once(self):
        """Whichever ends first, exchanges are in the order of the records, and those of two events do not mix."""

        def slow_first(environ, start_response):
            body = json.load(environ["wsgi.input"])["Records"][0]["body"]
            time.sleep(float(body))
            start_response("200 OK", [])
            return [body.encode()]

        client = EventClient(slow_first, delivery="record", concurrency=3)
        assert client.send(kit.sqs("0.1", "0", "0.05")).json == [0.1, 0, 0.05]

        async def both():
            return await asyncio.gather(client.asend(kit.sqs("0.1", "0")), client.asend(kit.sqs("0.05")))

        assert [sent.json for sent in asyncio.run(both())] == [[0.1, 0], 0.05]

    def test_an_exception(self):
        """What the handler raises is kept, not raised; there is no status then."""
        error = LookupError("no such shelf")
        sent = EventClient(answering(error=error)).send(kit.s3())
        assert (sent.raised, sent.exchanges[0].error) == (error, error)
        assert (sent.status, sent.text, sent.json, sent.reply, sent.next) == (None, "", None, None, "retry")

    def test_a_refused_event(self):
        """Where nothing was sent there is no status either, and the error says why."""
        sent = EventClient(answering()).send(kit.cloudevent(source=".."))
        assert (sent.status, sent.exchanges, type(sent.raised)) == (None, [], InvalidEvent)
        sent = EventClient(answering()).send(sample("http.alb"))
        assert (sent.name, type(sent.raised)) == ("http.alb", UnsupportedEvent)

        def fails(event):
            raise LookupError

        sent = EventClient(answering(), matchers=[Matcher("own", {"$": fails}, "/")]).send(kit.sqs("one"))
        assert (sent.name, type(sent.raised), sent.then) == ("sqs", LookupError, WHOLE % "messages" + DLQ)

    def test_an_answer_that_is_not_json(self):
        """Asking for the JSON of a text fails as the json module does; asking for the text does not."""
        sent = EventClient(answering(200, "déjà".encode() + b"\xff")).send(kit.s3())
        assert sent.text == "déjà\ufffd"
        with pytest.raises(ValueError, match="utf-8"):
            sent.json  # noqa: B018

    def test_repr_helps_in_a_failed_assertion(self):
        """What pytest prints of it says where the event went, what became of it and why, but nothing of its content."""
        sent = EventClient(answering(405, b"secret")).send(kit.s3(key="secret"))
        assert repr(sent) == (
            f"<Invocation s3: /aws.s3 405; lost: {LOST % 'the event'}. The application has a route for this path, but "
            "not for this method: allow POST at /aws.s3.>"
        )
        sent = EventClient(answering(error=LookupError("secret"))).send("secret")
        assert repr(sent) == f"<Invocation None: / raised; error: {GIVEN} error>"
        sent = EventClient(answering()).send(kit.cloudevent(source=".."))
        assert repr(sent) == f"<Invocation cloudevent: not sent; error: {GIVEN} error>"
        (exchange,) = EventClient(answering(200, b"secret")).send("secret").exchanges
        assert repr(exchange) == "<Exchange <Request '/', 8 bytes>, <Response 200, 6 bytes>>"

    @both_legs
    def test_a_late_failure(self, leg):
        """A failure after a complete answer counts as one."""
        late = Answer(200, late=LookupError("too late"))
        sent = EventClient(application(leg, lambda *_: late)).send(kit.s3())
        assert (sent.status, sent.next, str(sent.exchanges[0].error)) == (200, "lost", "too late")

    def test_takes_what_make_handler_takes(self):
        """Dotted paths and settings are those of make_handler, faults included."""
        sent = EventClient("test_testing.by_body", path_prefix="/in").send(kit.s3())
        assert sent.exchanges[0].request.path == "/in/aws.s3"
        unknown = r"make_handler\(respons=…\): no such setting; did you mean response\?"
        with pytest.raises(ConfigurationError, match=unknown):
            EventClient(by_body, respons="native")
        missing = "EventClient='test_testing.missing': module 'test_testing' has no"
        with pytest.raises(ConfigurationError, match=missing):
            EventClient("test_testing.missing")

    def test_settings_of_the_shell(self, monkeypatch):
        """An environment that is passed stands for that of the process, misspelled names in it included."""
        monkeypatch.setenv("CLOUD_EVENTS_PATH_PREFIX", "/shell")
        clients = [EventClient(by_body)]
        monkeypatch.setenv("CLOUD_EVENTS_RESPONS", "native")
        given = {"CLOUD_EVENTS_PATH_PREFIX": "/given"}
        clients += [EventClient(by_body, environment=environment) for environment in ({}, given)]
        paths = [client.send(kit.s3()).exchanges[0].request.path for client in clients]
        assert paths == ["/shell/aws.s3", "/aws.s3", "/given/aws.s3"]
        with pytest.raises(ConfigurationError, match="CLOUD_EVENTS_LIFE: no such setting"):
            EventClient(by_body, environment={"CLOUD_EVENTS_LIFE": "on"})

    @both_legs
    def test_no_body_for_get(self, leg):
        """The request of an application that is asked by GET has no body, on either leg."""
        base = {"wsgi": {"wsgi_environ": {"REQUEST_METHOD": "get"}}, "asgi": {"asgi_scope": {"method": "get"}}}[leg]
        sent = EventClient(application(leg, lambda path, body: answer(body)), **base).send(kit.s3())
        (exchange,) = sent.exchanges
        assert (sent.json, exchange.method, exchange.headers["content-length"]) == (None, "GET", "0")

    def test_asgi(self):
        """An ASGI application's lifespan begins with the first event, and ends with the client."""
        LIVES.clear()
        with EventClient(asgi) as client:
            for event in (kit.s3("a"), kit.s3("b")):
                assert client.send(event).json == {"path": "/aws.s3", "event": event}
            assert LIVES == ["startup"]
        assert LIVES == ["startup", "shutdown"]
        client.send(kit.s3())
        client.close()
        assert LIVES == ["startup", "shutdown"] * 2

    @pytest.mark.parametrize("application", [asgi, by_body])
    def test_in_an_async_test(self, application):
        """Both ways of sending work where a loop runs; asend lets that loop go on meanwhile."""

        async def test():
            with EventClient(application) as client:
                ticking = asyncio.create_task(asyncio.sleep(0))
                assert client.send(kit.s3()).status in (200, 201)
                assert not ticking.done()
                assert (await client.asend(kit.s3(), LambdaContext())).status in (200, 201)
                assert ticking.done()

        asyncio.run(test())


class TestKnock:
    def test_wsgi(self):
        """A stranger's request has all that the settings give events, but neither mark nor event nor context. What the
        application raises is raised.
        """
        application = answering(404)
        client = EventClient(application, wsgi_environ={"SERVER_NAME": "shop.example", "SCRIPT_NAME": "/in"})
        assert (client.knock("/aws.sqs?a=b"), client.knock("/aws.sqs", "GET")) == (404, 404)
        posted, asked = application.seen
        assert not [key for key in posted if key.startswith(("aws.", "cloud_events."))]
        names = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SCRIPT_NAME", "CONTENT_LENGTH")
        assert [posted[name] for name in names] == ["POST", "/aws.sqs", "a=b", "shop.example", "/in", "2"]
        assert [asked[name] for name in names] == ["GET", "/aws.sqs", "", "shop.example", "/in", "0"]
        assert posted["wsgi.input"].read() == b"{}"
        with pytest.raises(LookupError, match="no such shelf"):
            EventClient(answering(error=LookupError("no such shelf"))).knock("/")

    def test_asgi(self):
        """An ASGI application has its lifespan's state, once, whoever comes first."""
        LIVES.clear()
        seen = []

        async def application(scope, receive, send):
            seen.append(scope)
            await asgi(scope, receive, send)

        with EventClient(application) as client:
            asked = (client.knock("/aws.sqs"), client.send(kit.s3()).status, client.knock("/", "PUT"))
            assert asked == (201, 201, 201)
            assert LIVES == ["startup"]
        scopes = [scope for scope in seen if scope["type"] == "http"]
        marked = [[key for key in scope if key.startswith(("aws.", "cloud_events."))] for scope in scopes]
        assert marked == [[], ["aws.event", "aws.context", "cloud_events.delivery"], []]
        assert [(scope["method"], scope["state"]) for scope in scopes] == [("POST", {}), ("POST", {}), ("PUT", {})]


PLUGIN_TEST = """
import sys

from apps.living import LIVES, application

def test_nothing_was_loaded():
    ours = sorted(name for name in sys.modules if name.startswith("cloud_events"))
    assert ours == ["cloud_events", "cloud_events.pytest_plugin"]

def test_client(event_client):
    from cloud_events.testing import s3

    sent = event_client(application, path_prefix="/in").send(s3())
    assert (sent.status, sent.exchanges[0].request.path, LIVES) == (201, "/in/aws.s3", ["startup"])

def test_other_interface(event_client):
    assert LIVES == ["startup", "shutdown"]
    assert event_client(lambda *a: (a[1]("204 No", []), [])[1], "wsgi", environment={}).send({}).status == 204
"""


def test_fixture(tmp_path):
    """pytest finds the fixture by itself; it makes clients, and ends their lifespans after the test.

    Until then a test run has imported the plugin and nothing else of the library.
    """
    if "cloud_events" not in importlib.metadata.entry_points(group="pytest11").names:
        pytest.skip("the library is not installed, so pytest does not find its plugin")
    (tmp_path / "test_it.py").write_text(PLUGIN_TEST)
    options = ["-q", "-p", "no:cacheprovider", "-W", "error", "-o", f"pythonpath={Path(__file__).parent}"]
    pytest_run = [sys.executable, "-m", "pytest", *options]
    run = subprocess.run(pytest_run, cwd=tmp_path, capture_output=True, text=True)
    assert run.stdout.splitlines()[0].startswith("..."), run.stdout
    assert run.returncode == 0


def test_http():
    """An application may take an upload by event, and show it by HTTP. It has one lifespan."""

    @asynccontextmanager
    async def lifespan(app):
        yield {"books": []}

    async def shelf(request):
        request.state.books.append(request.url.path)
        body = (await request.body()).decode()
        answer = {"books": request.state.books, "query": {**request.query_params}, "body": body}
        return JSONResponse(answer, 201, headers={"set-cookie": "seen=1"})

    routes = [Route(path, shelf, methods=["POST"]) for path in ("/aws.s3", "/books")]
    with EventClient(Starlette(routes=routes, lifespan=lifespan), response="native") as client:
        assert client.send(kit.s3()).status == 201
        response = client.http("POST", "/books?page=2", "Ä", {"Content-Type": "text/plain"})
        assert client.http("GET", "/nowhere").status == 404
    assert (response.status, response.header("set-cookie")) == (201, "seen=1")
    assert response.json() == {"books": ["/aws.s3", "/books"], "query": {"page": "2"}, "body": "Ä"}
    response = EventClient(answering(201, b"[]")).http("GET", "/books")
    assert (response.status, response.header("content-type"), response.json()) == (201, "application/json", [])
