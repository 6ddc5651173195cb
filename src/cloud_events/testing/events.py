"""Builders of events as AWS sends them: plain dicts, which you may change. The ids are new, and the time is now."""

from __future__ import annotations

import json
import os
import time
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import md5, sha256
from itertools import count
from typing import Any
from urllib.parse import quote_plus
from uuid import uuid4

from .invocation import LambdaContext

Event = dict[str, Any]

REGION = "eu-west-1"
ACCOUNT = "123456789012"

_numbers = count(1)  # no two records have the same sequence number


def batch(*events: Event) -> Event:
    """Return one event with the records of several: ``batch(dynamodb(…), dynamodb(…))``."""
    return {"Records": [record for event in events for record in event["Records"]]}


def s3(bucket: str = "uploads", key: str = "book.epub", event: str = "ObjectCreated:Put", size: int = 1024) -> Event:
    """Return an S3 notification. *key* is plain text; in the event it is URL-encoded, as in S3."""
    removed = event.startswith("ObjectRemoved")
    record = {
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": REGION, "eventTime": _now(), "eventName": event,
        "userIdentity": {"principalId": "AWS:AIDAEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "203.0.113.1"},
        "responseElements": {"x-amz-request-id": uuid4().hex[:16].upper(), "x-amz-id-2": _base64(os.urandom(56))},
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": {"name": bucket, "ownerIdentity": {"principalId": "AEXAMPLE"}, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": quote_plus(key, safe="/"), "sequencer": uuid4().hex[:18].upper(),
                **({} if removed else {"size": size, "eTag": uuid4().hex}),
            },
        },
    }  # fmt: skip
    return {"Records": [record]}


def sqs(*bodies: Any, queue: str = "queue", fifo: bool = False, group: str | Sequence[str] = "group") -> Event:
    """Return messages of a queue. Bodies that are not str become JSON. *group*: one for all, or one for each."""
    arn = _arn("sqs", queue.removesuffix(".fifo") + ".fifo" if fifo else queue)
    groups = [group] * len(bodies) if isinstance(group, str) else group

    def record(body: str, group_id: str) -> Event:
        now = time.time_ns() // 1_000_000
        ordered = {
            "SequenceNumber": f"{18870000000000000000 + next(_numbers) * 256}", "MessageGroupId": group_id,
            "MessageDeduplicationId": sha256(body.encode()).hexdigest(),
        }  # fmt: skip
        return {
            "messageId": str(uuid4()), "receiptHandle": _base64(os.urandom(96)), "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": str(now), "SenderId": "AIDAEXAMPLE",
                "ApproximateFirstReceiveTimestamp": str(now + 1), **(ordered if fifo else {}),
            },
            "messageAttributes": {}, "md5OfBody": md5(body.encode(), usedforsecurity=False).hexdigest(),
            "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": REGION,
        }  # fmt: skip

    return {"Records": [record(_text(body), group_id) for body, group_id in zip(bodies, groups, strict=True)]}


def sns(
    message: Any, subject: str | None = None, topic: str = "topic", attributes: dict[str, str] | None = None
) -> Event:
    """Return a notification of a topic. A message that is not a str becomes JSON."""
    typed = {name: {"Type": "String", "Value": text} for name, text in (attributes or {}).items()}
    record = {
        "EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": f"{_arn('sns', topic)}:{uuid4()}",
        "Sns": {**_notification(message, topic, "Url"), "Subject": subject, "MessageAttributes": typed},
    }  # fmt: skip
    return {"Records": [record]}


def sns_in_sqs(*messages: Any, subject: str | None = None, topic: str = "topic", queue: str = "queue") -> Event:
    """Return messages of a queue that is subscribed to a topic. With an S3 event as a message: S3 → SNS → SQS."""
    # In SQS, SNS spells URL in capitals, and omits a missing subject.
    optional = {} if subject is None else {"Subject": subject}
    return sqs(*({**_notification(message, topic, "URL"), **optional} for message in messages), queue=queue)


def s3_in_sqs(
    bucket: str = "uploads", key: str = "book.epub", event: str = "ObjectCreated:Put", queue: str = "queue"
) -> Event:
    """Return a message of a queue that a bucket notifies."""
    return sqs(s3(bucket, key, event), queue=queue)


def s3_in_sns_in_sqs(
    bucket: str = "uploads",
    key: str = "book.epub",
    event: str = "ObjectCreated:Put",
    topic: str = "topic",
    queue: str = "queue",
) -> Event:
    """Return a message of a queue that is subscribed to a topic that a bucket notifies."""
    return sns_in_sqs(s3(bucket, key, event), subject="Amazon S3 Notification", topic=topic, queue=queue)


def eventbridge(
    source: str = "com.example.shop",
    detail_type: str = "OrderPlaced",
    detail: Any = None,
    resources: Iterable[str] = (),
) -> Event:
    """Return an event of an EventBridge bus."""
    return {
        "version": "0", "id": str(uuid4()), "detail-type": detail_type, "source": source, "account": ACCOUNT,
        "time": f"{_now()[:19]}Z", "region": REGION, "resources": [*resources],
        "detail": {} if detail is None else detail,
    }  # fmt: skip


def eventbridge_in_sqs(
    source: str = "com.example.shop", detail_type: str = "OrderPlaced", detail: Any = None, queue: str = "queue"
) -> Event:
    """Return a message of a queue that is the target of a rule of an EventBridge bus."""
    return sqs(eventbridge(source, detail_type, detail), queue=queue)


def schedule(rule: str = "schedule") -> Event:
    """Return the event of a scheduled rule of EventBridge."""
    return eventbridge("aws.events", "Scheduled Event", resources=[_arn("events", f"rule/{rule}")])


def function_url(method: str = "GET", path: str = "/", body: str | bytes = b"", headers: Any = None) -> Event:
    """Return an HTTP request to a function URL. *path* may have a query string; *headers* is a dict."""
    path, _, query = path.partition("?")
    host, now = f"url.lambda-url.{REGION}.on.aws", time.time()
    content = body.encode() if isinstance(body, str) else body
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"host": host, **{name.lower(): value for name, value in (headers or {}).items()}},
        "requestContext": {
            "accountId": "anonymous", "apiId": "url", "domainName": host, "domainPrefix": "url",
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.1",
                "userAgent": "cloud-events",
            },
            "requestId": str(uuid4()), "routeKey": "$default", "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)), "timeEpoch": int(now * 1000),
        },
        "body": b64encode(content).decode("ascii"), "isBase64Encoded": True,
    }  # fmt: skip


def kinesis(*data: Any, stream: str = "stream", partition_key: str = "key") -> Event:
    """Return records of a stream. *data* that are not bytes or str become JSON."""

    def record(value: Any, number: str) -> Event:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0", "partitionKey": partition_key, "sequenceNumber": number,
                "data": _base64(value), "approximateArrivalTimestamp": time.time_ns() // 1_000_000 / 1000,
            },
            "eventSource": "aws:kinesis", "eventVersion": "1.0", "eventID": f"shardId-000000000000:{number}",
            "eventName": "aws:kinesis:record", "invokeIdentityArn": f"arn:aws:iam::{ACCOUNT}:role/function",
            "awsRegion": REGION, "eventSourceARN": _arn("kinesis", f"stream/{stream}"),
        }  # fmt: skip

    return {"Records": [record(value, f"4959033827149025660855969253836157109{next(_numbers):019}") for value in data]}


def dynamodb(
    new: Event | None = None, old: Event | None = None, keys: Sequence[str] = ("id",), table: str = "table"
) -> Event:
    """Return the change of an item, given in plain Python values: created (*new*), removed (*old*) or changed (both).

    Raises ValueError if there is no item, or if the item lacks one of the *keys*.
    """
    item = old if new is None else new
    if item is None:
        raise ValueError("dynamodb(): pass the new item, the old one, or both")
    if not item.keys() >= {*keys}:
        raise ValueError(
            f"dynamodb(): the item lacks a key attribute; name those of the table, such as keys={[*item][:1]}"
        )
    images = {name: _typed(each)["M"] for name, each in (("NewImage", new), ("OldImage", old)) if each is not None}
    record = {
        "eventID": uuid4().hex, "eventName": "REMOVE" if new is None else "INSERT" if old is None else "MODIFY",
        "eventVersion": "1.1", "eventSource": "aws:dynamodb", "awsRegion": REGION,
        "dynamodb": {
            "ApproximateCreationDateTime": int(time.time()), "Keys": {key: _typed(item[key]) for key in keys}, **images,
            "SequenceNumber": f"{4421584500000000017450439091 + next(_numbers)}", "SizeBytes": len(json.dumps(images)),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": _arn("dynamodb", f"table/{table}/stream/2026-01-01T00:00:00.000"),
    }  # fmt: skip
    return {"Records": [record]}


def kafka(
    *values: Any, topic: str = "topic", partition: int = 0, key: Any = "key", self_managed: bool = False
) -> Event:
    """Return records of one partition of a topic, in Amazon MSK or self-managed. *values* are as in ``kinesis``."""

    def record(value: Any) -> Event:
        return {
            "topic": topic, "partition": partition, "offset": next(_numbers),
            "timestamp": time.time_ns() // 1_000_000, "timestampType": "CREATE_TIME",
            **{name: _base64(text) for name, text in (("key", key), ("value", value)) if text is not None},
            "headers": [],
        }  # fmt: skip

    kept = {
        "bootstrapServers": "b-1.example.com:9092,b-2.example.com:9092",
        "records": {f"{topic}-{partition}": [record(value) for value in values]},
    }
    if self_managed:
        return {"eventSource": "SelfManagedKafka", **kept}
    return {"eventSource": "aws:kafka", "eventSourceArn": _arn("kafka", f"cluster/cluster/{uuid4()}-1"), **kept}


def cloudevent(
    data: Any = None, type: str = "com.example.happened", source: str = "/example", **attributes: Any  # noqa: A002
) -> Event:  # fmt: skip
    """Return a native CloudEvent 1.0. *attributes*: other attributes and extensions, such as subject="12"."""
    required = {"specversion": "1.0", "id": str(uuid4()), "source": source, "type": type}
    event = {**required, "time": _now(), "datacontenttype": "application/json", **attributes}
    return event if data is None else {**event, "data": data}


def cloudevent_in_kafka(
    data: Any = None,
    type: str = "com.example.happened",  # noqa: A002
    source: str = "/example",
    topic: str = "topic",
    **attributes: Any,
) -> Event:
    """Return a Kafka record that is a native CloudEvent in binary mode (Kafka protocol binding, section 3.2).

    data:       bytes, or a value that becomes JSON; with None, the record has no value
    attributes: as in ``cloudevent``
    """
    named = cloudevent(None, type, source, **attributes)
    headers = {"content-type": named.pop("datacontenttype"), **{f"ce_{name}": named[name] for name in named}}
    event = kafka(data if data is None or isinstance(data, bytes) else json.dumps(data), topic=topic)
    [record] = event["records"][f"{topic}-0"]
    # Lambda writes each byte of a header as a signed number.
    record["headers"] = [
        {name: [byte - 256 if byte > 127 else byte for byte in _text(value).encode()]}
        for name, value in headers.items()
    ]
    return event


def tool(name: str, /, **arguments: Any) -> tuple[Event, LambdaContext]:
    """Return the event and the context of a tool call from Bedrock AgentCore Gateway: ``client.send(*tool("find"))``.

    The event has only the arguments; the gateway puts the name of the tool into the client context.
    """
    return arguments, LambdaContext(tool=name)


def _notification(message: Any, topic: str, url: str) -> Event:
    host = f"https://sns.{REGION}.amazonaws.com"
    return {
        "Type": "Notification", "MessageId": str(uuid4()), "TopicArn": _arn("sns", topic), "Message": _text(message),
        "Timestamp": _now(), "SignatureVersion": "1", "Signature": _base64(os.urandom(256)),
        f"SigningCert{url}": f"{host}/SimpleNotificationService-{uuid4().hex}.pem",
        f"Unsubscribe{url}": f"{host}/?Action=Unsubscribe&SubscriptionArn={_arn('sns', topic)}:{uuid4()}",
    }  # fmt: skip


def _typed(value: Any) -> dict[str, Any]:
    """Return *value* as DynamoDB writes it: developer guide, "DynamoDB low-level API", "Data type descriptors"."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (str, bytes)):
        return {"S": value} if isinstance(value, str) else {"B": _base64(value)}
    if isinstance(value, dict):
        return {"M": {name: _typed(each) for name, each in value.items()}}
    if isinstance(value, (set, frozenset)):
        typed = [_typed(each) for each in value]
        (kind,) = typed[0]  # DynamoDB has no empty sets
        return {f"{kind}S": sorted(each[kind] for each in typed)}
    if isinstance(value, (list, tuple)):
        return {"L": [_typed(each) for each in value]}
    return {"N": str(value)}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _base64(value: Any) -> str:
    return b64encode(value if isinstance(value, bytes) else _text(value).encode()).decode("ascii")


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def _now() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"
