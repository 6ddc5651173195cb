"""Builders of events inside others, and ``cloud-events sample``: an event of each row, with the builders' options."""

import json
import subprocess
import sys
from functools import partial

import pytest

from cloud_events import testing as kit
from cloud_events.adapter.catalog import ROWS
from cloud_events.adapter.router import OURS
from cloud_events.cli.sample import KINDS
from sent import sent
from test_testing import at

INSIDE = [
    # (event, the rows of what it is in, path, the CloudEvent's type)
    (kit.s3_in_sqs(key="a b"), ("sqs",), "/aws.s3", "com.amazonaws.s3.ObjectCreated:Put"),
    (kit.s3_in_sns_in_sqs(key="a b"), ("sqs", "sns"), "/aws.s3", "com.amazonaws.s3.ObjectCreated:Put"),
    (kit.eventbridge_in_sqs(detail={"order": 7}), ("sqs",), "/com.example.shop", "OrderPlaced"),
    (kit.cloudevent_in_kafka({"order": 7}, subject="né"), ("kafka.msk",), "/example", "com.example.happened"),
]


@pytest.mark.parametrize(("event", "via", "path", "event_type"), INSIDE)
def test_events_inside_others(event, via, path, event_type):
    """Each is opened where its row is named."""
    names = "s3,sns,eventbridge,cloudevent"
    [seen] = sent(event, delivery="record", unwrap=names, sources="com.example.*,/example", content_mode="payload")
    assert (seen.delivery.via, seen.path, seen.found.type) == (via, path, event_type)
    shown = json.loads(seen.body)
    assert shown == {"order": 7} or shown["s3"]["object"]["key"] == "a+b"
    assert seen.found.subject in (None, "né", "a+b")


def test_values_of_a_cloudevent_in_kafka():
    """Bytes stay as they are, and a CloudEvent without data is a record without a value."""
    settings = {"delivery": "record", "unwrap": "cloudevent", "sources": "/example", "content_mode": "payload"}
    assert [sent(kit.cloudevent_in_kafka(data), **settings)[0].body for data in (b"7", None)] == [b"7", b""]


@pytest.fixture
def sample(command):
    """What ``cloud-events sample`` says: (exit status, stdout, stderr)."""
    return partial(command, "sample")


def event(sample, *words):
    status, out, err = sample(*words)
    assert (status, err) == (0, "")
    return json.loads(out)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_an_event(sample, kind):
    """A kind with the name of a row is an event that this very row matches; others are builders of events inside
    others, and of a schedule.
    """
    others = {"schedule": "eventbridge", "cloudevent_in_kafka": "kafka.msk"}
    assert OURS.match(event(sample, kind)).name == others.get(kind, "sqs" if "_in_" in kind else kind)


def test_kinds_are_listed(sample):
    """Without a kind, all are listed with their options; there is one for every row."""
    status, out, err = sample()
    lines = out.splitlines()
    assert (status, err, [line.split()[0] for line in lines]) == (0, "", [*KINDS])
    assert lines[0] == "s3                             --bucket --key --event --size"
    assert "alexa.skill" in lines
    assert {row.name for row in ROWS} <= {*KINDS}


OPTIONS = [
    # (words, where in the event, what is there)
    ("s3 --bucket books --size=7", "Records 0 s3 object size", 7),
    ("sqs --body hi --body {\"a\":1}", "Records 1 body", '{"a":1}'),
    ("sqs", "Records 0 body", '{"order":7}'),
    ("sqs --fifo --queue 7", "Records 0 eventSourceARN", "arn:aws:sqs:eu-west-1:123456789012:7.fifo"),
    ("sns --message 7 --attributes {\"a\":\"b\"}", "Records 0 Sns MessageAttributes a Value", "b"),
    ("eventbridge --detail-type Sold --resource a --resource b", "resources 1", "b"),
    ("dynamodb", "Records 0 eventName", "INSERT"),
    ("dynamodb --old {\"a\":1} --key a", "Records 0 eventName", "REMOVE"),
    ("kafka.selfmanaged --topic orders", "records orders-0 0 topic", "orders"),
    ("cloudevent --type sold --attributes {\"subject\":\"7\"}", "subject", "7"),
    ("cloudevent", "data", {"order": 7}),
]  # fmt: skip


@pytest.mark.parametrize(("words", "keys", "value"), OPTIONS)
def test_options(sample, words, keys, value):
    """Options are the builders' parameters, of which lists are given one by one; JSON where a value may be any."""
    assert at(event(sample, *words.split()), keys) == value


FAULTS = [
    ("s33", "cloud-events: sample s33: no such kind; did you mean s3? `cloud-events sample` lists all\n"),
    ("zzz", "cloud-events: sample zzz: no such kind; `cloud-events sample` lists all\n"),
    ("s3 --buckett x", "cloud-events: sample s3 --buckett: no such option; did you mean --bucket? the options are "
     "--bucket, --key, --event, --size\n"),
    ("ses --to=x", "cloud-events: sample ses --to: no such option; events of ses have no options\n"),
    ("s3 --size x", "cloud-events sample s3: error: argument --size: invalid int value: 'x'\n"),
    ("dynamodb --new 7", "cloud-events sample dynamodb: error: argument --new: it must be a JSON object\n"),
    ("dynamodb --new {\"a\":1}", "cloud-events: sample dynamodb: dynamodb(): the item lacks a key attribute; name "
     "those of the table, such as keys=['a']\n"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "fault"), FAULTS)
def test_faults(sample, words, fault):
    """What is wrong is one line that names the nearest, and the exit status is 2."""
    status, out, err = sample(*words.split())
    assert (status, out) == (2, "")
    assert err.endswith(fault)


def test_a_sample_can_be_invoked(tmp_path):
    """``cloud-events sample s3 | cloud-events invoke -``"""
    out = b""
    for words in (["sample", "s3"], ["invoke", "--wsgi", "wsgiref.simple_server.demo_app", "-"]):
        command = [sys.executable, "-m", "cloud_events", *words]
        out = subprocess.run(command, cwd=tmp_path, input=out, capture_output=True, check=True, timeout=60).stdout
    assert b"  request   POST /aws.s3, " in out
