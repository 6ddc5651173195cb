"""Messages of queues, topics, streams and brokers around any payload."""

import json
from base64 import b64encode

from conftest import sample


def text(value):
    return value if isinstance(value, (str, bytes)) else json.dumps(value)


def packed(value):
    value = text(value)
    return b64encode(value if isinstance(value, bytes) else value.encode()).decode()


def signed(value):
    """The bytes of a header as Lambda writes them, -128 to 127."""
    return [byte - 256 if byte > 127 else byte for byte in value.encode()]


def s3(*keys):
    """One S3 event with a record for each key."""
    [record] = sample("s3")["Records"]
    return {"Records": [record | {"s3": record["s3"] | {"object": {"key": key}}} for key in keys]}


def notification(message, **fields):
    """What SNS writes into a queue. *fields*, here and below: the text attributes or headers of the message."""
    written = json.loads(sample("sqs__sns-envelope")["Records"][0]["body"]) | {"Message": text(message)}
    attributes = {name: {"Type": "String", "Value": value} for name, value in fields.items()}
    return written | ({"MessageAttributes": attributes} if fields else {})


def sns(message, **fields):
    [record] = sample("sns")["Records"]
    attributes = {name: {"Type": "String", "Value": value} for name, value in fields.items()}
    return {"Records": [record | {"Sns": record["Sns"] | {"Message": text(message), "MessageAttributes": attributes}}]}


def sqs(*bodies, groups=(), **fields):
    """Messages m0, m1 …; of a FIFO queue where *groups* has a group for each."""
    record = sample("sqs")["Records"][0]
    record["messageAttributes"] = {name: {"stringValue": value} for name, value in fields.items()}
    record["eventSourceARN"] += ".fifo" if groups else ""
    records = [record | {"messageId": f"m{number}", "body": text(body)} for number, body in enumerate(bodies)]
    for one, group in zip(records, groups, strict=False):
        one["attributes"] = {"MessageGroupId": group}
    return {"Records": records}


def kinesis(*data):
    record = sample("kinesis")["Records"][0]
    numbered = [{"sequenceNumber": f"{number}", "data": packed(value)} for number, value in enumerate(data)]
    return {"Records": [record | {"kinesis": one} for one in numbered]}


def kafka(*values, **fields):
    """Records of one partition; None for a tombstone."""
    event = sample("kafka.msk")
    record = event["records"]["orders-0"][0] | {"headers": [{name: signed(value)} for name, value in fields.items()]}
    packs = [None if value is None else packed(value) for value in values]
    return event | {"records": {"orders-0": [record | {"offset": n, "value": pack} for n, pack in enumerate(packs)]}}


def activemq(data, **fields):
    event = sample("mq.activemq")
    return event | {"messages": [event["messages"][0] | {"data": packed(data), "properties": fields}]}


def rabbitmq(data, content_type=None, **fields):
    event = sample("mq.rabbitmq")
    [message] = event["rmqMessagesByQueue"]["returns::europe"]
    headers = {name: {"bytes": signed(value)} for name, value in fields.items()}
    message["basicProperties"] |= {"contentType": content_type, "headers": headers}
    return event | {"rmqMessagesByQueue": {"shop": [message | {"data": packed(data)}]}}
