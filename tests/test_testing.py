"""The test kit: builders against real events, the context against Lambda's, the client on both legs, the fixture."""

import asyncio
import base64
import hashlib
import importlib.metadata
import json
import subprocess
import sys
import threading

import pytest

from cloud_events import ConfigurationError, EventFailed, InvalidEvent, Matcher, UnsupportedEvent, cloudevent
from cloud_events import testing as kit
from cloud_events.adapter import ours
from cloud_events.testing import EventClient, LambdaContext
from conftest import sample

# Objects whose keys are the users' own.
FREE = ("MessageAttributes", "messageAttributes", "Keys", "NewImage", "OldImage", "data", "detail")

# What is the same in all events of a kind.
CONSTANT = {
    *("version", "specversion", "datacontenttype", "eventVersion", "EventVersion", "s3SchemaVersion", "eventSource"),
    *("EventSource", "awsRegion", "kinesisSchemaVersion", "StreamViewType", "SignatureVersion", "Type", "region"),
    *("timestampType", "account"),
}


def shape(value, key=""):
    """The keys and types of *value*, recursively; of a list, the shapes that its items have."""
    if key in FREE:
        return type(value).__name__
    if isinstance(value, dict):
        if key == "records":  # of Kafka, by partition
            return [shape(lists) for lists in value.values()]
        return {name: shape(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return sorted({json.dumps(shape(each), sort_keys=True) for each in value})
    return type(value).__name__


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


class TestBuilders:
    @pytest.mark.parametrize(
        ("built", "name"),
        [
            (kit.s3(), "s3"),
            (kit.s3(event="ObjectRemoved:Delete"), "s3__multi-object-delete"),
            (kit.sqs("one"), "sqs"),
            (kit.sqs("one", fifo=True), "sqs__fifo"),
            (kit.sns("hello", "subject"), "sns"),
            (kit.kinesis("one"), "kinesis"),
            (kit.dynamodb(new={"id": 1}), "dynamodb"),
            (kit.dynamodb(new={"id": 1}, old={"id": 1}), "dynamodb"),
            (kit.dynamodb(old={"id": 1}), "dynamodb"),
            (kit.kafka("one"), "kafka.msk"),
            (kit.kafka("one", key=None, self_managed=True), "kafka.selfmanaged"),
            (kit.eventbridge(), "eventbridge"),
            (kit.schedule(), "eventbridge__scheduled"),
            (kit.cloudevent({"id": 12}, subject="12"), "cloudevent"),
            (kit.sns_in_sqs("hello"), "sqs__sns-envelope"),
            (kit.s3_in_sqs(), "sqs"),
        ],
    )
    def test_have_the_shape_of_our_samples(self, built, name):
        """Every record of a built event has exactly the keys and types of some record of the sample of its kind."""
        real = sample(name)
        for records in ("Records", "records"):
            if records in real:
                got, known = shape(built[records], records), shape(real[records], records)
                assert [each for each in got if each not in known] == []
                built, real = built | {records: None}, real | {records: None}
        assert shape(built) == shape(real)

    @pytest.mark.parametrize(
        ("built", "file", "older"),
        [
            (kit.s3(), "aws-docs/with-s3_0.json", ()),
            (kit.sqs("one"), "aws-docs/with-sqs_0.json", ()),
            (kit.sqs("one", fifo=True), "aws-docs/with-sqs_1.json", ()),
            (kit.sns("hello", "subject"), "aws-docs/with-sns_0.json", ()),
            (kit.kinesis("one"), "aws-docs/with-kinesis_0.json", ()),
            (kit.kinesis("one"), "aws-lambda-go/kinesis-event.json", ()),
            (kit.dynamodb(new={"id": 1}), "aws-docs/with-ddb_0.json", ("ApproximateCreationDateTime",)),
            (kit.kafka("one"), "aws-docs/with-msk_0.json", ("headers",)),
            (kit.kafka("one", self_managed=True), "aws-docs/with-kafka_0.json", ("headers",)),
            (kit.schedule(), "aws-docs/services-cloudwatchevents_1.json", ()),
            (kit.eventbridge(resources=["arn:aws:rds:::db"]), "aws-docs/services-cloudwatchevents_0.json", ()),
            (kit.cloudevent({"a": 1}), "edge-cases/cloudevent_v1.json", ()),
        ],
    )
    def test_have_the_shape_of_public_samples(self, built, file, older, corpus):
        """A built event has exactly the keys and types of AWS's own sample, but for what that sample is too old for."""

        def plain(value):
            if isinstance(value, dict):
                return {name: plain(each) for name, each in value.items() if name not in older}
            return [plain(each) for each in value] if isinstance(value, list) else value

        real = json.loads((corpus / file).read_text())
        if "Records" in real:
            assert shape(plain(built["Records"]))[0] in shape(plain(real["Records"]))
        else:
            assert shape(plain(built)) == shape(plain(real))

    @pytest.mark.parametrize(
        ("built", "row", "path"),
        [
            (kit.s3(), "s3", "/aws.s3"),
            (kit.sqs("one"), "sqs", "/aws.sqs"),
            (kit.sns("hello"), "sns", "/aws.sns"),
            (kit.eventbridge("shop"), "eventbridge", "/shop"),
            (kit.schedule(), "eventbridge", "/aws.events"),
            (kit.kinesis("one"), "kinesis", "/aws.kinesis"),
            (kit.dynamodb(new={"id": 1}), "dynamodb", "/aws.dynamodb"),
            (kit.kafka("one"), "kafka.msk", "/aws.kafka"),
            (kit.kafka("one", self_managed=True), "kafka.selfmanaged", "/aws.kafka.selfmanaged"),
            (kit.cloudevent(), "cloudevent", "/example"),
            (kit.sns_in_sqs("hello"), "sqs", "/aws.sqs"),
            (kit.s3_in_sqs(), "sqs", "/aws.sqs"),
        ],
    )
    def test_go_where_they_should(self, built, row, path):
        """A built event is matched by the row of its kind, is JSON, and reaches that row's path."""
        (exchange,) = EventClient(answering()).send(json.loads(json.dumps(built))).exchanges
        assert (exchange.request.delivery.matcher, exchange.request.path) == (row, path)

    def test_s3(self):
        """The key is encoded as S3 does, and a removed object has neither size nor eTag."""
        (record,) = kit.s3(bucket="books", key="my novels/Émile+(1).epub", size=7)["Records"]
        assert record["s3"]["bucket"]["name"] == "books"
        assert record["s3"]["object"]["key"] == "my+novels/%C3%89mile%2B%281%29.epub"
        assert record["s3"]["object"]["size"] == 7
        (record,) = kit.s3(event="ObjectRemoved:DeleteMarkerCreated")["Records"]
        assert record["s3"]["object"].keys() == {"key", "sequencer"}
        assert record["eventName"] == "ObjectRemoved:DeleteMarkerCreated"

    def test_sqs(self):
        """Bodies are text, or become JSON; each message has an id and the checksum of its body."""
        records = kit.sqs("text", {"a": [1]}, queue="orders")["Records"]
        assert [record["body"] for record in records] == ["text", '{"a":[1]}']
        assert records[1]["md5OfBody"] == hashlib.md5(b'{"a":[1]}').hexdigest()
        assert len({record["messageId"] for record in records}) == 2
        assert {record["eventSourceARN"] for record in records} == {"arn:aws:sqs:eu-west-1:123456789012:orders"}

    def test_sqs_fifo(self):
        """A FIFO queue's name says so, and its messages have their groups and rising sequence numbers."""
        records = kit.sqs("one", "two", queue="orders", fifo=True, group=["ada", "bob"])["Records"]
        assert {record["eventSourceARN"].rpartition(":")[2] for record in records} == {"orders.fifo"}
        assert [record["attributes"]["MessageGroupId"] for record in records] == ["ada", "bob"]
        numbers = [record["attributes"]["SequenceNumber"] for record in records]
        assert numbers == sorted(set(numbers))
        (record,) = kit.sqs("one", queue="orders.fifo", fifo=True)["Records"]
        assert record["eventSourceARN"].endswith(":orders.fifo")
        assert record["attributes"]["MessageGroupId"] == "group"

    def test_a_group_for_each_message(self):
        """Groups that are neither one nor one each are refused."""
        with pytest.raises(ValueError, match="shorter"):
            kit.sqs("one", "two", fifo=True, group=["ada"])

    def test_sns(self):
        """The message is text or JSON, the subject is null where there is none, and attributes are typed."""
        (record,) = kit.sns({"a": 1}, topic="stock", attributes={"shop": "cork"})["Records"]
        assert record["Sns"]["Message"] == '{"a":1}'
        assert record["Sns"]["Subject"] is None
        assert record["Sns"]["MessageAttributes"] == {"shop": {"Type": "String", "Value": "cork"}}
        assert record["Sns"]["TopicArn"] == "arn:aws:sns:eu-west-1:123456789012:stock"

    def test_nested(self):
        """What a queue holds is the whole JSON of SNS, which spells URL otherwise there, or of S3."""
        bodies = [json.loads(each["body"]) for each in kit.sns_in_sqs("a", kit.s3(key="b"), subject="c")["Records"]]
        assert bodies[0]["Message"] == "a"
        assert json.loads(bodies[1]["Message"])["Records"][0]["s3"]["object"]["key"] == "b"
        assert [body["Subject"] for body in bodies] == ["c", "c"]
        assert {"SigningCertURL", "UnsubscribeURL"} < bodies[0].keys()
        assert "Subject" not in json.loads(kit.sns_in_sqs("a")["Records"][0]["body"])
        (record,) = kit.s3_in_sqs("books", "my novel.epub", queue="new")["Records"]
        assert json.loads(record["body"])["Records"][0]["s3"]["object"]["key"] == "my+novel.epub"

    def test_eventbridge(self):
        """Source, type, detail and resources are as given; a schedule names its rule."""
        event = kit.eventbridge("shop", "Sold", {"isbn": 1}, ["arn:1"])
        assert [event[name] for name in ("source", "detail-type", "detail", "resources")] == [
            "shop",
            "Sold",
            {"isbn": 1},
            ["arn:1"],
        ]
        event = kit.schedule("nightly")
        assert (event["source"], event["detail-type"], event["detail"]) == ("aws.events", "Scheduled Event", {})
        assert event["resources"] == ["arn:aws:events:eu-west-1:123456789012:rule/nightly"]

    def test_kinesis(self):
        """Data are bytes, text or JSON in base64, under rising sequence numbers of one length."""
        records = kit.kinesis(b"\xff", "text", {"a": 1}, stream="clicks", partition_key="ada")["Records"]
        data = [base64.b64decode(record["kinesis"]["data"]) for record in records]
        assert data == [b"\xff", b"text", b'{"a":1}']
        numbers = [record["kinesis"]["sequenceNumber"] for record in records]
        assert numbers == sorted(set(numbers))
        assert {len(number) for number in numbers} == {56}
        assert {record["kinesis"]["partitionKey"] for record in records} == {"ada"}

    def test_dynamodb(self):
        """Plain values are written as DynamoDB types them, and the images that are there tell what happened."""
        item = {
            "id": 1,
            "title": "Emma",
            "cover": b"\x89",
            "sold": True,
            "price": None,
            "tags": {"novel", "classic"},
            "sizes": frozenset({2, 10}),
            "lines": [1.5, ("a",)],
            "by": {"name": "Jane"},
        }
        (record,) = kit.dynamodb(new=item, keys=["id", "title"], table="books")["Records"]
        assert record["eventName"] == "INSERT"
        assert record["dynamodb"]["Keys"] == {"id": {"N": "1"}, "title": {"S": "Emma"}}
        assert "OldImage" not in record["dynamodb"]
        assert record["dynamodb"]["NewImage"] == {
            "id": {"N": "1"},
            "title": {"S": "Emma"},
            "cover": {"B": "iQ=="},
            "sold": {"BOOL": True},
            "price": {"NULL": True},
            "tags": {"SS": ["classic", "novel"]},
            "sizes": {"NS": ["10", "2"]},
            "lines": {"L": [{"N": "1.5"}, {"L": [{"S": "a"}]}]},
            "by": {"M": {"name": {"S": "Jane"}}},
        }
        (changed,) = kit.dynamodb(new={"id": 1}, old={"id": 1, "n": 2})["Records"]
        assert changed["eventName"] == "MODIFY"
        assert changed["dynamodb"]["OldImage"] == {"id": {"N": "1"}, "n": {"N": "2"}}
        (removed,) = kit.dynamodb(old={"id": 1})["Records"]
        assert removed["eventName"] == "REMOVE"
        assert "NewImage" not in removed["dynamodb"]

    def test_dynamodb_without_an_item(self):
        """A change of nothing is refused, and so is an item without its key, with a remedy."""
        with pytest.raises(ValueError, match="give the new item, the old one, or both"):
            kit.dynamodb()
        with pytest.raises(ValueError, match=r"lacks a key attribute of its table; name those by keys=\['isbn'\]"):
            kit.dynamodb(new={"isbn": 1})

    def test_kafka(self):
        """Records lie under their partition, with offsets that rise, and without a key or value that is None."""
        event = kit.kafka("one", None, topic="orders", partition=3, key=None)
        assert event["records"].keys() == {"orders-3"}
        one, two = event["records"]["orders-3"]
        assert (one["topic"], one["partition"], base64.b64decode(one["value"])) == ("orders", 3, b"one")
        assert one["offset"] < two["offset"]
        assert "key" not in one
        assert "value" not in two

    def test_cloudevent(self):
        """Attributes are as given, data is left out where there is none, and no fault is found."""
        event = kit.cloudevent({"a": 1}, "com.example.sold", "/shop", subject="12", id="x")
        assert (event["type"], event["source"], event["subject"], event["id"]) == (
            "com.example.sold",
            "/shop",
            "12",
            "x",
        )
        assert "data" not in kit.cloudevent()
        for built in (event, kit.cloudevent()):
            assert EventClient(answering(), content_mode="binary").send(built).next == "answer"

    @pytest.mark.parametrize(
        ("built", "name"),
        [
            (kit.s3(), "s3"),
            (kit.sqs("one"), "sqs"),
            (kit.sns("one"), "sns"),
            (kit.kinesis("one"), "kinesis"),
            (kit.dynamodb(new={"id": 1}), "dynamodb"),
            (kit.kafka("one"), "kafka.msk"),
            (kit.kafka("one", self_managed=True), "kafka.selfmanaged"),
            (kit.eventbridge(), "eventbridge"),
            (kit.schedule(), "eventbridge__scheduled"),
            (kit.cloudevent(), "cloudevent"),
        ],
    )
    def test_constants_are_the_senders_own(self, built, name):
        """Versions, names and the like, which a sender never changes, are those of the samples."""

        def constants(value, found):
            for key, each in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(each, (dict, list)):
                    constants(each, found)
                elif key in CONSTANT:
                    found.setdefault(key, each)
            return found

        assert constants(built, {}) == constants(sample(name), {})

    def test_defaults(self, monkeypatch):
        """What is not given is something likely; times are now, in the form that AWS gives them."""
        (record,) = kit.s3()["Records"]
        assert (record["eventName"], record["s3"]["bucket"]["name"]) == ("ObjectCreated:Put", "uploads")
        assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("book.epub", 1024)
        (record,) = json.loads(kit.s3_in_sqs()["Records"][0]["body"])["Records"]
        assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", "book.epub")
        event = kit.eventbridge()
        assert (event["source"], event["detail-type"], event["detail"]) == ("com.example.shop", "OrderPlaced", {})
        assert (kit.cloudevent()["type"], kit.cloudevent()["source"]) == ("com.example.happened", "/example")
        monkeypatch.setattr("time.time", lambda: 1773480413.0895)
        times = [kit.s3()["Records"][0]["eventTime"], kit.cloudevent()["time"], kit.eventbridge()["time"]]
        assert times == ["2026-03-14T09:26:53.089Z", "2026-03-14T09:26:53.089Z", "2026-03-14T09:26:53Z"]

    def test_batch(self):
        """The records of several events become one event's."""
        event = kit.batch(kit.dynamodb(new={"id": 1}), kit.dynamodb(old={"id": 2}))
        assert [record["eventName"] for record in event["Records"]] == ["INSERT", "REMOVE"]


class TestContext:
    def test_has_what_lambdas_has(self):
        """The context has the public attributes of the runtime client's own, of the same types, and its methods."""
        real_class = pytest.importorskip("awslambdaric.lambda_context").LambdaContext
        real = real_class("id", None, {}, 0, "arn")
        public = {name for name in vars(real) if name[0] != "_"}
        ours_has = LambdaContext()
        assert {name for name in vars(ours_has) if name[0] != "_"} == public
        assert {"get_remaining_time_in_millis", "log"} <= {*dir(ours_has)}
        assert set(real.identity.__slots__) == vars(ours_has.identity).keys()

    def test_values(self):
        """What is not given is what Lambda would tell of a function that is called "function"."""
        told = {name: value for name, value in vars(LambdaContext()).items() if name[0] != "_"}
        assert len(told.pop("aws_request_id")) == 36
        assert vars(told.pop("identity")) == {"cognito_identity_id": None, "cognito_identity_pool_id": None}
        assert told == {
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
        """What remains is at most what was given, never below zero, and a whole number; other attributes are set."""
        assert 59_950 < LambdaContext(60_000).get_remaining_time_in_millis() <= 60_000
        over = LambdaContext(remaining_ms=-5, function_name="books")
        assert (over.get_remaining_time_in_millis(), over.function_name) == (0, "books")
        over.log("said")
        assert capsys.readouterr().out == "said\n"


RECORD = {"delivery": "record"}
NATIVE = {"response": "native"}
GIVEN = "the sender, or whoever invoked the function, is given the"
UNHEARD = "with CLOUD_EVENTS_RESPONSE=native the invocation would have failed"
AGAIN = "if the event source mapping has ReportBatchItemFailures; else it takes all as done"
ASYNC = (
    "AWS retries the event, twice unless configured otherwise; then it goes to the function's dead-letter queue or "
    "failure destination, or is dropped if there is none"
)
STUCK = "AWS delivers the whole batch of records again, and nothing behind it, until it succeeds or expires"
MQ, LOGS = sample("mq.activemq"), sample("cloudwatch.logs")
POLLED_LOGS = Matcher("logs", {"$.awslogs": ...}, "/", "poll")
OWN = Matcher("own", {"$.own": ...}, "$.own")
PIPE = [kit.sqs(body)["Records"][0] for body in ("good", "unwanted")]
FALSE_ID = kit.kinesis("unwanted")
del FALSE_ID["Records"][0]["kinesis"]["sequenceNumber"]


class TestNext:
    @pytest.mark.parametrize(
        ("settings", "event", "word", "sentence"),
        [
            ({}, kit.s3(), "done", "AWS is done with the event; nobody reads the reply"),
            ({}, kit.s3(key="unwanted"), "lost", f"AWS takes this as success, so the event will not be retried; {UNHEARD}"),  # noqa: E501
            (NATIVE, kit.s3(key="unwanted"), "retry", ASYNC),
            ({}, kit.cloudevent("good"), "answer", f"{GIVEN} reply"),
            ({}, kit.cloudevent("unwanted"), "answer", f"{GIVEN} reply, and may take it for an answer; {UNHEARD}"),
            (NATIVE, kit.cloudevent("unwanted"), "error", f"{GIVEN} error"),
            ({}, None, "answer", f"{GIVEN} reply"),
            ({}, kit.sqs("good"), "done", "AWS takes the messages as done and deletes them from the queue"),
            ({}, kit.sqs("good", "unwanted"), "retry", f"AWS delivers 2 of 2 messages again, {AGAIN}"),
            (
                NATIVE,
                kit.sqs("unwanted"),
                "retry",
                "AWS delivers the whole batch of messages again, until the queue gives it to its dead-letter queue",
            ),
            (
                RECORD,
                kit.sqs("good", "unwanted", "good"),
                "retry-some",
                f"AWS delivers 1 of 3 messages again and takes the others as done, {AGAIN}",
            ),
            (
                RECORD,
                kit.sqs("unwanted", "good", "good", fifo=True, group=["ada", "ada", "bob"]),
                "retry-some",
                f"AWS delivers 2 of 3 messages again and takes the others as done, {AGAIN}",
            ),
            ({}, kit.kinesis("good"), "done", "AWS takes the records as done and goes on in the shard"),
            (NATIVE, kit.kinesis("good", ""), "done", "AWS takes the records as done and goes on in the shard"),
            (NATIVE, kit.dynamodb(new={"id": "unwanted"}), "retry", STUCK),
            (
                RECORD | NATIVE,
                kit.dynamodb(new={"id": "unwanted"}),
                "retry",
                STUCK,
            ),
            (
                RECORD,
                kit.batch(*(kit.dynamodb(new={"id": each}) for each in ("good", "unwanted", "good"))),
                "retry-some",
                f"AWS delivers 2 of 3 records again and takes the others as done, {AGAIN}",
            ),
            ({}, kit.kafka("good"), "done", "AWS takes the records as done and commits their offsets"),
            ({}, MQ, "done", "AWS takes the messages as done and takes them off the queue"),
            (
                RECORD | NATIVE,
                PIPE,
                "retry-some",
                "AWS delivers 1 of 2 records again and takes the others as done",
            ),
            ({"matchers": [POLLED_LOGS]}, LOGS, "done", "AWS takes the records as done and goes on"),
            ({}, sample("http.apigw2"), "error", "the HTTP client is answered with an error, 502 or the like"),
            (
                {"http_handler": lambda event, context: {"statusCode": 204}},
                sample("http.apigw2"),
                "answer",
                "the HTTP client is answered with the reply",
            ),
            ({}, kit.eventbridge(".."), "retry", ASYNC),
            ({}, kit.cloudevent(source=".."), "error", f"{GIVEN} error"),
            ({}, ["no event"], "answer", f"{GIVEN} reply"),
            ({"matchers": [OWN]}, {"own": ".."}, "error", f"{GIVEN} error"),
            (
                {},
                kit.dynamodb(new={"id": 1}),
                "done",
                "AWS takes the records as done and goes on in the shard",
            ),
            (
                {},
                sample("docdb"),
                "done",
                "AWS takes the changes as done and goes on in the change stream",
            ),
            (
                NATIVE,
                sample("docdb") | {"unwanted": 1},
                "retry",
                "AWS delivers the whole batch of changes again, and nothing behind it, until it succeeds or expires",
            ),
            (
                NATIVE,
                kit.kafka("unwanted"),
                "retry",
                STUCK,
            ),
            (
                NATIVE,
                MQ | {"unwanted": 1},
                "retry",
                "AWS delivers the whole batch of messages again",
            ),
        ],
    )  # fmt: skip
    def test_says_what_aws_would_do(self, settings, event, word, sentence):
        """One word and one sentence, for each kind of sender, and for what it was told."""
        sent = EventClient(by_body, **settings).send(event)
        assert (sent.next, sent.then) == (word, sentence)

    def test_kafka_kept_per_partition(self):
        """Of Kafka, the rest of each partition that has a failure is delivered again."""
        event = kit.kafka("good", "unwanted", "good")
        event["records"] |= kit.kafka("good", "good", partition=1)["records"]
        sent = EventClient(by_body, **RECORD).send(event)
        assert sent.next == "retry-some"
        assert sent.then.startswith("AWS delivers 2 of 5 records again and takes the others as done")

    def test_a_record_without_a_name(self):
        """An empty identifier stands for the whole batch."""
        event = kit.batch(kit.kinesis("good"), FALSE_ID)
        sent = EventClient(by_body).send(event)
        assert {"itemIdentifier": ""} in sent.reply["batchItemFailures"]
        assert (sent.next, sent.then) == ("retry", f"AWS delivers 2 of 2 records again, {AGAIN}")

    def test_what_cannot_be_reported_is_lost(self):
        """A queue of MQ is never told of a failure that the reply holds."""
        sent = EventClient(answering(500)).send(MQ)
        assert sent.next == "lost"
        assert sent.then.startswith("AWS takes this as success, so the messages will not be retried; ")

    def test_the_applications_own_report(self):
        """Failures that the application names count, though it answered 200."""
        event = kit.sqs("one", "two")
        failed = [{"itemIdentifier": event["Records"][0]["messageId"]}]
        sent = EventClient(answering(200, json.dumps({"batchItemFailures": failed}).encode())).send(event)
        assert (sent.next, sent.failed, sent.status) == ("retry-some", True, 200)

    def test_an_http_handler_that_fails(self):
        """What the handler of HTTP requests raises is told, too."""

        def handler(event, context):
            raise LookupError("no page")

        sent = EventClient(by_body, http_handler=handler).send(sample("http.apigw2"))
        assert (sent.next, str(sent.raised), sent.exchanges) == ("error", "no page", [])


async def asgi(scope, receive, send):
    """An ASGI application with a lifespan, whose answer tells what it saw."""
    if scope["type"] == "lifespan":
        await receive()
        LIVES.append("up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        LIVES.append("down")
        await send({"type": "lifespan.shutdown.complete"})
        return
    event = json.loads((await receive())["body"])
    await send({"type": "http.response.start", "status": 201, "headers": [(b"content-type", b"application/json")]})
    answer = {"path": scope["path"], "keys": sorted(event), "thread": threading.current_thread() is THREAD}
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


LIVES = []
THREAD = threading.main_thread()


class TestClient:
    def test_an_answer(self):
        """Status, text, JSON and reply are there to be asserted on, and so are the requests."""
        application = answering(201, b'{"n": 1}')
        sent = EventClient(application, wsgi_environ={"HTTP_ACCEPT": "text/html"}).send(kit.cloudevent())
        assert (sent.status, sent.text, sent.json, sent.raised, sent.next) == (
            201,
            '{"n": 1}',
            {"n": 1},
            None,
            "answer",
        )
        assert sent.reply == {"status_code": "201", "body": '{"n": 1}', "headers": {"Content-Type": "application/json"}}
        (exchange,) = sent.exchanges
        assert (exchange.method, exchange.request.path, exchange.error) == ("POST", "/example", None)
        assert exchange.headers == {
            "accept": "text/html",
            "content-type": "application/json",
            "content-length": str(len(exchange.request.body)),
        }
        assert 0 < exchange.milliseconds < sent.milliseconds
        assert not sent.failed

    def test_several_answers(self):
        """Of several requests there are the worst status, and all texts and documents."""
        client = EventClient(by_body, delivery="record")
        sent = client.send(kit.sqs("good", "unwanted"))
        assert (sent.status, sent.text, sent.json) == (500, "\n", [None, None])
        assert [exchange.response.status for exchange in sent.exchanges] == [200, 500]
        assert [type(exchange.error) for exchange in sent.exchanges] == [type(None), EventFailed]
        assert sent.failed

    def test_an_exception(self):
        """What the handler raises is kept, not raised; there is no status then."""
        error = LookupError("no such shelf")
        sent = EventClient(answering(error=error)).send(kit.s3())
        assert sent.raised is error
        assert (sent.status, sent.text, sent.json, sent.reply, sent.next) == (None, "", None, None, "retry")
        assert sent.exchanges[0].error is error

    def test_a_refused_event(self):
        """Where nothing was sent there is no status either, and the error says why."""
        sent = EventClient(answering()).send(kit.cloudevent(source=".."))
        assert (sent.status, sent.exchanges, type(sent.raised)) == (None, [], InvalidEvent)
        sent = EventClient(answering()).send(sample("http.alb"))
        assert (sent.name, type(sent.raised)) == ("http.alb", UnsupportedEvent)

    def test_an_answer_that_is_no_json(self):
        """Asking for the JSON of a text fails as the json module does; asking for the text does not."""
        sent = EventClient(answering(200, "d\u00e9j\u00e0".encode() + b"\xff")).send(kit.s3())
        assert sent.text == "d\u00e9j\u00e0\ufffd"
        with pytest.raises(ValueError, match="utf-8"):
            sent.json  # noqa: B018

    def test_repr_helps_in_a_failed_assertion(self):
        """What pytest prints of it says where the event went, what became of it and why, but nothing of its content."""
        sent = EventClient(answering(404, b"secret")).send(kit.s3(key="secret"))
        assert repr(sent) == (
            "<Invocation s3: /aws.s3 404; lost: AWS takes this as success, so the event will not be retried; "
            f"{UNHEARD}. The application has no route for this path: add one for POST /aws.s3.>"
        )
        sent = EventClient(answering(error=LookupError("secret"))).send("secret")
        assert repr(sent) == f"<Invocation None: / raised; error: {GIVEN} error>"
        sent = EventClient(answering()).send(kit.cloudevent(source=".."))
        assert repr(sent) == f"<Invocation cloudevent: not sent; error: {GIVEN} error>"

        (exchange,) = EventClient(answering(200, b"secret")).send("secret").exchanges
        assert repr(exchange) == "<Exchange <Request '/', 8 bytes>, <Response 200, 6 bytes>>"

    def test_a_late_failure(self):
        """A failure after a complete answer counts as one."""

        class Body(list):
            def close(self):
                raise LookupError("too late")

        def application(environ, start_response):
            start_response("200 OK", [])
            return Body()

        sent = EventClient(application).send(kit.s3())
        assert (sent.status, sent.next, str(sent.exchanges[0].error)) == (200, "lost", "too late")

    def test_takes_what_make_handler_takes(self):
        """Dotted paths and settings are those of make_handler, faults included."""
        assert (
            EventClient("test_testing.by_body", path_prefix="/in").send(kit.s3()).exchanges[0].request.path
            == "/in/aws.s3"
        )
        with pytest.raises(
            ConfigurationError, match=r"make_handler\(respons=…\): no such setting; did you mean response\?"
        ):
            EventClient(by_body, respons="native")
        with pytest.raises(
            ConfigurationError, match=r"EventClient='test_testing.missing': module 'test_testing' has no"
        ):
            EventClient("test_testing.missing")

    def test_a_context_of_ones_own(self):
        """The application is given the context that was sent along, else a new one with half a minute."""
        application = answering()
        context = LambdaContext(1000, function_name="books")
        client = EventClient(application)
        client.send(kit.s3(), context)
        client.send(kit.s3())
        first, second = (environ["aws.context"] for environ in application.seen)
        assert first is context
        assert 29_000 < second.get_remaining_time_in_millis() <= 30_000

    def test_an_event_for_the_application_is_one(self):
        """The application sees events as it will on Lambda: marked, and as a CloudEvent."""
        application = answering()
        EventClient(application).send(kit.s3("books", "emma.epub"))
        assert cloudevent(application.seen[0]).subject == "emma.epub"

    def test_no_body_for_get(self):
        """The request of an application that is asked by GET has no body, on either leg."""
        sent = EventClient(by_body, wsgi_environ={"REQUEST_METHOD": "get"}).send(kit.s3(key="unwanted"))
        assert (sent.status, sent.exchanges[0].method, sent.exchanges[0].headers["content-length"]) == (200, "GET", "0")

        async def application(scope, receive, send):
            await send({"type": "http.response.start", "status": 200})
            await send({"type": "http.response.body"})

        (exchange,) = EventClient(application, asgi_scope={"method": "get"}).send(kit.s3()).exchanges
        assert (exchange.method, exchange.headers["content-length"]) == ("GET", "0")

    def test_asgi(self):
        """An ASGI application's lifespan begins with the first event, and ends with the client."""
        LIVES.clear()
        with EventClient(asgi) as client:
            for _ in range(2):
                sent = client.send(kit.s3())
                assert sent.json == {"path": "/aws.s3", "keys": ["Records"], "thread": True}
                assert sent.exchanges[0].headers["content-type"] == "application/json"
            assert LIVES == ["up"]
        assert LIVES == ["up", "down"]
        client.send(kit.s3())
        client.close()
        assert LIVES == ["up", "down", "up", "down"]

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


PLUGIN_TEST = """
import sys

import pytest

LIVES = []

async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        LIVES.append("up")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        LIVES.append("down")
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})

def test_nothing_was_loaded():
    ours = sorted(name for name in sys.modules if name.startswith("cloud_events"))
    assert ours == ["cloud_events", "cloud_events.pytest_plugin"]

@pytest.fixture
def s3():
    from cloud_events.testing import s3

    return s3

def test_client(event_client, s3):
    sent = event_client(application, path_prefix="/in").send(s3())
    assert (sent.status, sent.exchanges[0].request.path, LIVES) == (204, "/in/aws.s3", ["up"])

def test_other_interface(event_client, s3):
    assert LIVES == ["up", "down"]
    assert event_client(lambda *a: (a[1]("204 No", []), [])[1], "wsgi").send(s3()).status == 204
"""


class TestPlugin:
    @pytest.fixture(autouse=True)
    def registered(self):
        if "cloud_events" not in importlib.metadata.entry_points(group="pytest11").names:
            pytest.skip("the library is not installed, so pytest does not find its plugin")

    def test_fixture(self, tmp_path):
        """pytest finds the fixture by itself; it makes clients, and ends their lifespans after the test.

        Until then a test run has imported the plugin and nothing else of the library.
        """
        (tmp_path / "test_it.py").write_text(PLUGIN_TEST)
        run = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert run.stdout.splitlines()[0].startswith("..."), run.stdout
        assert run.returncode == 0


def test_needs_no_test_framework():
    """The kit, the client included, imports nothing but the library and the standard library."""
    script = (
        "import sys; before = set(sys.modules); import cloud_events.testing; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(name for name in new if name not in sys.stdlib_module_names))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout == "['cloud_events']\n"


def test_every_builder_has_its_row():
    """The rows that the builders make events for exist; a renamed row is noticed here."""
    names = {row.name for row in ours().rows}
    assert {
        "s3",
        "sqs",
        "sns",
        "eventbridge",
        "kinesis",
        "dynamodb",
        "kafka.msk",
        "kafka.selfmanaged",
        "cloudevent",
    } <= names
