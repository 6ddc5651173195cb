"""The rows we ship: what each is called, where it sends its events, who reads the answer, and which comes first."""

import json
from itertools import combinations

import pytest

from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.path import Targets
from cloud_events.adapter.registry import Registry
from conftest import EVENTS, expectations, sample

EXPECTED = expectations(EVENTS)
OURS = Registry(ROWS)
SAMPLES = {file: sample(file.removesuffix(".json")) for file, _, _ in EXPECTED}


def outcome(registry, event):
    """(row, path) as expected.csv writes them."""
    row = registry.match(event)
    if row is None:
        return "", Targets().find(None, event).path
    return row.name, row.path or "" if row.path in ("http", "per item", None) else Targets().find(row, event).path


def outcomes(rows):
    """The outcome of every sample, with *rows*, and what its sender expects."""
    registry = Registry(rows)
    return {
        file: (outcome(registry, event), getattr(registry.match(event), "reply", None))
        for file, event in SAMPLES.items()
    }


# What a sender expects, where it does not wait for an answer. Amazon SES has two ways to call a function.
POLL = {
    *("sqs", "kinesis", "kinesis.window", "dynamodb", "dynamodb.window", "kafka.msk", "kafka.selfmanaged", "kafka"),
    *("mq.activemq", "mq.rabbitmq", "docdb"),
}
ASYNC = {
    *("eventbridge.custombus", "eventbridge", "cloudwatch.alarm", "s3", "s3.test", "ses", "sns", "codecommit"),
    *("records", "lambda.destination", "cloudwatch.logs", "codepipeline.job", "codedeploy.hook", "cloudformation"),
    *("config", "transfer.workflow", "iot.registry", "iot.button", "iot.oneclick", "iot.events"),
}


def test_replies():
    """Lambda polls queues and streams; who invokes the function asynchronously reads no answer; all others do."""
    names = {reply: {row.name for row in ROWS if row.reply == reply} for reply in ("poll", "async", "sync")}
    assert (names["poll"], names["async"]) == (POLL, ASYNC)
    assert names["sync"] == {row.name for row in ROWS} - POLL - ASYNC | {"ses"}


@pytest.mark.parametrize(("file", "row", "path"), EXPECTED, ids=[file for file, _, _ in EXPECTED])
def test_samples(file, row, path):
    """Each sample goes to the row and the path that expected.csv states."""
    assert outcome(OURS, SAMPLES[file]) == (row, path)


def test_every_sample_is_listed():
    """No sample is forgotten in expected.csv."""
    assert sorted(path.name for path in EVENTS.glob("*.json")) == sorted(SAMPLES)


def test_public_samples(corpus):
    """So does each of the public samples."""
    expected = expectations(corpus)
    assert len(expected) == 190
    assert [
        (file, *outcome(OURS, json.loads((corpus / file).read_text(encoding="utf-8-sig")))) for file, _, _ in expected
    ] == expected


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: ROWS[number].name)
def test_no_row_can_be_left_out(number):
    """Without any one row, some sample goes elsewhere."""
    assert outcomes(ROWS[:number] + ROWS[number + 1 :]) != outcomes(ROWS)


# What may come with more than one mark; the row is that of the envelope, or of the narrower kind.
MIXED = [
    ("cloudevent", ["eventbridge", "cloudevent"]),
    ("cloudevent", ["sqs", "cloudevent"]),
    ("cloudevent", ["azure.eventgrid__object", "cloudevent"]),
    ("cloudevent", ["google.pubsub", "cloudevent"]),
    ("eventbridge", ["s3", "eventbridge__s3"]),
    ("eventbridge", ["cloudwatch.alarm", "eventbridge"]),
    ("eventbridge", ["config", "cloudformation", "eventbridge"]),
    ("cloudwatch.alarm", ["source", "cloudwatch.alarm"]),
    ("dynamodb", ["dynamodb.window", "dynamodb"]),
    ("apigateway.authorizer", ["http.apigw1", "apigateway.authorizer"]),
    ("appsync.authorizer", ["http.apigw1", "appsync.authorizer"]),
    ("appsync.authorizer", ["http.apigw1", "appsync.authorizer__event-subscribe"]),
    ("apigateway.websocket", ["http.apigw1", "apigateway.websocket"]),
    ("bedrock.agent", ["http.apigw1", "bedrock.agent"]),
    ("bedrock.agent", ["http.apigw2", "bedrock.agent__function"]),
    ("lambda.destination", ["http.apigw1", "lambda.destination"]),
    ("http.apigw1", ["lex.v1", "alexa.smarthome.v2", "http.apigw1"]),
    ("http.alb", ["source", "http.alb"]),
    ("cloudfront", ["source", "cloudfront"]),
    ("cognito.userpool", ["source", "cognito.sync", "cognito.userpool"]),
    ("appsync.resolver", ["source", "appsync.resolver"]),
    ("iot.events", ["source", "iot.events"]),
    ("kinesis.firehose", ["source", "kinesis.firehose"]),
    ("kafka", ["source", "kafka"]),
    ("cloudevent", ["warmup", "cloudevent"]),
    ("eventbridge", ["warmup", "eventbridge"]),
    ("sqs", ["s3.test", "warmup__lambda-warmer", "sqs"]),
]


@pytest.mark.parametrize(
    ("row", "names"), MIXED, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_mixed_marks(row, names):
    """What carries the marks of several kinds goes where the order says."""
    event = {key: value for name in names for key, value in sample(name).items()}
    assert OURS.match(event).name == row


LISTS = ["cloudevents.batch", "eventbridge.custombus", "pipes", "appsync.batch", "azure.eventgrid"]


@pytest.mark.parametrize(("first", "second"), list(combinations(LISTS, 2)))
def test_mixed_lists(first, second):
    """A list whose first item carries the marks of two kinds goes where the order says."""
    assert OURS.match([{**sample(second)[0], **sample(first)[0]}]).name == first


SPELLINGS = [
    ("kafka.selfmanaged", {"eventSource": "SelfManagedKafka", "records": {}}),
    ("kafka.selfmanaged", {"eventSource": "aws:SelfManagedKafka", "records": {}}),
    ("mq.activemq", {"eventSource": "aws:mq", "messages": []}),
    ("mq.activemq", {"eventSource": "aws:amq", "messages": []}),
    ("eventbridge", {"detail-type": "", "source": "a", "detail": {}}),
    ("eventbridge", {"detailType": "", "source": "a", "detail": None}),
    ("cognito.userpool", {"triggerSource": "", "userPoolId": ""}),
    ("alexa.smarthome.v2", {"header": {}, "payload": {}}),
    ("alexa.smarthome.v3", {"directive": {"header": {}, "payload": {}}}),
    ("cloudwatch.widget", {"widgetContext": {}}),
    ("cloudwatch.widget", {"describe": True}),
    ("kinesis.firehose", {"invocationId": "", "records": []}),
    ("iot.registry", {"eventType": "THING_EVENT", "eventId": "", "timestamp": 0}),
    ("s3.objectlambda", {"xAmzRequestId": "", "listObjectsV2Context": {}}),
    ("pipes", [{"eventSource": "SelfManagedKafka"}]),
    ("pipes", [{"eventSource": "aws:sqs"}, None]),
    ("records", {"Records": [{"eventSource": "aws:config"}]}),
    ("cloudevent", {"specversion": 0}),
    ("source", {"source": "a"}),
    ("source", {"source": "serverless-plugin-warmup-2"}),
    ("warmup", {"source": "serverless-plugin-warmup", "warmer": False}),
    ("warmup", {"warmer": True}),
    ("ses", {"Records": [{"eventSource": "aws:ses", "ses": None}]}),
    ("lambda.destination", {"requestContext": {"functionArn": "", "condition": ""}, "responseContext": None}),
    *[
        ("appsync.authorizer", {"authorizationToken": "", "requestContext": {"apiId": "", "operation": operation}})
        for operation in ("EVENT_CONNECT", "EVENT_PUBLISH", "EVENT_SUBSCRIBE")
    ],
    # Like one of ours, yet none.
    (None, {"specversion": None}),
    (None, {"source": ""}),
    (None, {"detail-type": 1, "source": {}, "detail": {}}),
    (None, {"describe": 1}),
    (None, {"describe": True, "more": 1}),
    (None, {"eventType": "SyncTrigger", "eventId": "", "timestamp": 0}),
    (None, {"eventSource": "aws:kafka", "records": []}),
    *[
        (None, {"records": records})
        for item in [{"topic": "a", "partition": 0, "offset": 0}]
        for records in ({}, [item], {"a-0": []}, {"a-0": 5}, {"a-0": [5]}, {"a-0": [item, {"topic": "a"}]}, "a-0")
    ],
    (None, {"requestContext": {"functionArn": ""}, "responseContext": {}}),
    (None, {"authorizationToken": "", "requestContext": {"apiId": "", "operation": "PUBLISH"}}),
    (None, {"warmer": "true"}),
    (None, {"warmer": True, "order": 7001}),
    (None, {"Event": "s3:ObjectCreated:Put"}),
    (None, {"eventSource": "aws:mq", "messages": {}}),
    (None, {"eventSource": "aws:rmq", "rmqMessagesByQueue": []}),
    (None, {"eventSource": "aws:docdb", "events": {}}),
    (None, {"invocationId": "", "records": {}}),
    (None, {"applicationArn": "", "records": {}}),
    (None, {"isFinalInvokeForWindow": True, "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders"}),
    (None, {"isFinalInvokeForWindow": True, "eventSourceARN": None}),
    (None, {"version": "2.0", "requestContext": {"domainName": "a.lambda-url.eu-west-1.on.aws"}}),
    (None, {"version": "1.0", "requestContext": {"http": {}}}),
    (None, {"methodArn": "", "type": "OTHER"}),
    (None, {"requestContext": {"eventType": "OTHER", "connectionId": ""}}),
    (None, {"awslogs": {"data": None}}),
    (None, {"event": "bookVanLate"}),
    (None, {"event": {"eventName": 5}}),
    (None, {"Records": [{"eventSource": 5}]}),
    (None, {"Records": {"0": {"eventSource": "aws:s3"}}}),
    (None, [{"specversion": None}]),
    (None, [{"eventSource": "acme"}]),
    (None, [{"eventSource": 5}]),
    (None, [5, {"specversion": "1.0"}]),
]  # fmt: skip


@pytest.mark.parametrize(("row", "event"), SPELLINGS, ids=lambda value: None)
def test_spellings(row, event):
    """What senders spell in several ways is known in each; empty values are there; look-alikes match nothing."""
    found = OURS.match(event)
    assert (found and found.name) == row


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"eventSource": "acme:invoices:v2"}, "/acme.invoices.v2"),
        ({"EventSource": "acme:invoices"}, "/acme.invoices"),
        ({"eventSource": None, "EventSource": "acme"}, "/acme"),
        ({"eventSource": "b", "EventSource": "a"}, "/b"),
        ({"eventSource": "s3.amazonaws.com"}, "/s3.amazonaws.com"),
    ],
)
def test_other_records(record, path):
    """Records of a source that we do not know go to a path named after it, with "." for ":"."""
    assert outcome(OURS, {"Records": [record]}) == ("records", path)
