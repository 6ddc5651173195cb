"""The rows we ship: what each is called, where it sends its events, who reads the answer, and which comes first."""

import json
from itertools import combinations

import pytest

from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.path import Targets
from cloud_events.adapter.registry import Registry
from conftest import EVENTS, expectations, sample

# name, path (None: acknowledged without a request), what the sender expects; in the order of the rows.
CATALOGUE = [
    ("cloudevents.batch", "per item", "sync"),
    ("eventbridge.custombus", "per item", "async"),
    ("pipes", "/aws.pipes", "sync"),
    ("appsync.batch", "/aws.appsync.batch", "sync"),
    ("azure.eventgrid", "/azure.eventgrid", "sync"),
    ("cloudevent", "$.source", "sync"),
    ("warmup", None, "sync"),
    ("eventbridge", "$.source", "async"),
    ("cloudwatch.alarm", "/aws.cloudwatch", "async"),
    ("google.pubsub", "/google.pubsub", "sync"),
    ("sqs", "/aws.sqs", "poll"),
    ("kinesis", "/aws.kinesis", "poll"),
    ("dynamodb", "/aws.dynamodb", "poll"),
    ("s3", "/aws.s3", "async"),
    ("ses", "/aws.ses", "sync"),
    ("ses", "/aws.ses", "async"),
    ("codecommit", "/aws.codecommit", "async"),
    ("sns", "/aws.sns", "async"),
    ("cloudfront", "/aws.cloudfront", "sync"),
    ("records", "$.Records[0].eventSource", "async"),
    ("kinesis.window", "/aws.kinesis", "poll"),
    ("dynamodb.window", "/aws.dynamodb", "poll"),
    ("kafka.msk", "/aws.kafka", "poll"),
    ("kafka.selfmanaged", "/aws.kafka.selfmanaged", "poll"),
    ("mq.activemq", "/aws.mq.activemq", "poll"),
    ("mq.rabbitmq", "/aws.mq.rabbitmq", "poll"),
    ("docdb", "/aws.docdb", "poll"),
    ("kinesis.analytics", "/aws.kinesis.analytics", "sync"),
    ("kinesis.firehose", "/aws.kinesis.firehose", "sync"),
    ("s3.batch", "/aws.s3.batch", "sync"),
    ("kafka", "/aws.kafka", "poll"),
    ("apigateway.authorizer", "/aws.apigateway.authorizer", "sync"),
    ("appsync.authorizer", "/aws.appsync.authorizer", "sync"),
    ("apigateway.websocket", "/aws.apigateway.websocket", "sync"),
    ("bedrock.agent", "/aws.bedrock.agent", "sync"),
    ("lambda.destination", "/aws.lambda.destination", "async"),
    ("http.alb", "http", "sync"),
    ("http.lattice2", "http", "sync"),
    ("http.functionurl", "http", "sync"),
    ("http.apigw2", "http", "sync"),
    ("http.apigw1", "http", "sync"),
    ("http.lattice1", "http", "sync"),
    ("cloudwatch.logs", "/aws.cloudwatch.logs", "async"),
    ("cloudwatch.widget", "/aws.cloudwatch.widget", "sync"),
    ("codepipeline.job", "/aws.codepipeline.job", "async"),
    ("codedeploy.hook", "/aws.codedeploy.hook", "async"),
    ("ecs.hook", "/aws.ecs.hook", "sync"),
    ("cloudformation", "/aws.cloudformation", "async"),
    ("cloudformation.macro", "/aws.cloudformation.macro", "sync"),
    ("cloudformation.hook", "/aws.cloudformation.hook", "sync"),
    ("config", "/aws.config", "async"),
    ("s3.test", None, "async"),
    ("s3.objectlambda", "/aws.s3.objectlambda", "sync"),
    ("cognito.userpool", "/aws.cognito.userpool", "sync"),
    ("cognito.sync", "/aws.cognito", "sync"),
    ("lex.v1", "/aws.lex", "sync"),
    ("lex.v2", "/aws.lex.v2", "sync"),
    ("alexa.smarthome.v2", "/aws.alexa", "sync"),
    ("alexa.smarthome.v3", "/aws.alexa", "sync"),
    ("alexa.skill", "/aws.alexa.skill", "sync"),
    ("connect", "/aws.connect.contactflow", "sync"),
    ("connect.campaigns", "/aws.connect.campaigns", "sync"),
    ("appsync.events", "/aws.appsync.events", "sync"),
    ("appsync.resolver", "/aws.appsync", "sync"),
    ("bedrock.agentcore.interceptor", "/aws.bedrock.agentcore.interceptor", "sync"),
    ("secretsmanager.rotation", "/aws.secretsmanager.rotation", "sync"),
    ("clientvpn", "/aws.clientvpn", "sync"),
    ("transfer.workflow", "/aws.transfer.workflow", "async"),
    ("transfer.authorizer", "/aws.transfer.authorizer", "sync"),
    ("autoscaling.termination", "/aws.autoscaling.termination", "sync"),
    ("sagemaker.prehuman", "/aws.sagemaker.prehuman", "sync"),
    ("sagemaker.consolidation", "/aws.sagemaker.consolidation", "sync"),
    ("workmail", "/aws.workmail", "sync"),
    ("iot.authorizer", "/aws.iot.authorizer", "sync"),
    ("iot.provisioning", "/aws.iot.provisioning", "sync"),
    ("iot.registry", "/aws.iot.registry", "async"),
    ("iot.button", "/aws.iot.button", "async"),
    ("iot.oneclick", "/aws.iot.oneclick", "async"),
    ("iot.events", "$.event.eventName", "async"),
    ("source", "$.source", "sync"),
]
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


def shown(row):
    """A row as CATALOGUE has it: its callable path looks at eventSource, however it is spelled."""
    return row.name, "$.Records[0].eventSource" if callable(row.path) else row.path, row.reply


def test_names_paths_and_replies():
    """Alternatives are rows of one name, path and reply; the first of each stands where the catalogue says."""
    assert list(dict.fromkeys(map(shown, ROWS))) == CATALOGUE


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


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name} {','.join(row.where)}")
def test_every_row_has_a_sample(row):
    """Each row is the one that some sample goes to."""
    assert any(OURS.match(event) is row for event in SAMPLES.values())


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: ROWS[number].name)
def test_no_row_can_be_left_out(number):
    """Without any one row, some sample goes elsewhere."""
    assert outcomes(ROWS[:number] + ROWS[number + 1 :]) != outcomes(ROWS)


# Rows that take the same events: the first, a narrower one, must come before the second.
BEFORE = {
    ("apigateway.authorizer", "apigateway.websocket"),
    ("apigateway.authorizer", "http.apigw1"),
    ("apigateway.authorizer", "http.apigw2"),
    ("apigateway.websocket", "http.apigw1"),
    ("cloudevent", "source"),
    ("cloudwatch.alarm", "source"),
    ("codecommit", "records"),
    ("dynamodb", "dynamodb.window"),
    ("dynamodb", "records"),
    ("eventbridge", "source"),
    ("kafka.msk", "kafka"),
    ("kafka.selfmanaged", "kafka"),
    ("http.alb", "http.apigw1"),
    ("http.functionurl", "http.apigw2"),
    ("kinesis", "kinesis.window"),
    ("kinesis", "records"),
    ("kinesis.analytics", "kinesis.firehose"),
    ("s3", "records"),
    ("ses", "records"),
    ("sns", "records"),
    ("sqs", "records"),
    ("warmup", "eventbridge"),
    ("warmup", "source"),
}
COLLISIONS = {
    (first, second)
    for event in SAMPLES.values()
    for first, *others in [[number for number, row in enumerate(ROWS) if row.matches(event)] or [None]]
    for second in others
    if ROWS[first].name != ROWS[second].name
}


def test_rows_that_take_the_same_events():
    """Every collision between rows that the samples show is one that we know."""
    assert {(ROWS[first].name, ROWS[second].name) for first, second in COLLISIONS} == BEFORE


@pytest.mark.parametrize(("first", "second"), sorted(COLLISIONS), ids=lambda number: ROWS[number].name)
def test_their_order_matters(first, second):
    """With two such rows swapped, some sample goes elsewhere."""
    rows = list(ROWS)
    rows[first], rows[second] = rows[second], rows[first]
    assert outcomes(rows) != outcomes(ROWS)


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
