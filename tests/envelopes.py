"""Messages of queues, topics, streams and brokers around any payload, and what an application is sent of them."""

import json
from base64 import b64encode
from typing import Any, NamedTuple

from cloud_events import InvalidEvent, cloudevent, make_handler
from cloud_events.messages import Delivery
from conftest import Context, sample


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


class Seen(NamedTuple):
    """One request as the application saw it. *headers* are those that the event made; *found* is the CloudEvent."""

    path: str
    content_type: str | None
    body: bytes
    headers: dict[str, str]
    event: Any
    delivery: Delivery
    found: Any


def deliver(leg, event, fails=lambda body: False, context=Context(), **settings):  # noqa: B008  # nobody changes it
    """(what Lambda is told of *event*, a value or an exception; every request) by way of *leg*, record by record."""
    requests = []

    def see(path, headers, body, carrier):
        try:
            found = cloudevent(carrier)
        except InvalidEvent as error:
            found = error
        kind = headers.pop("content-type", None)
        requests.append(Seen(path, kind, body, headers, carrier["aws.event"], carrier["cloud_events.delivery"], found))
        return 500 if fails(body) else 200

    def wsgi(environ, start_response):
        headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
        headers |= {"content-type": environ["CONTENT_TYPE"]} if "CONTENT_TYPE" in environ else {}
        path = environ["PATH_INFO"].encode("latin-1").decode()
        start_response(f"{see(path, headers, environ['wsgi.input'].read(), environ)} Answered", [])
        return []

    async def asgi(scope, receive, send):
        headers = {name.decode(): value.decode() for name, value in scope["headers"] if name != b"content-length"}
        status = see(scope["path"], headers, (await receive())["body"], scope)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    handler = make_handler(
        {"wsgi": wsgi, "asgi": asgi}[leg], leg, **{"delivery": "record", "lifespan": "off", **settings}
    )
    try:
        return handler(event, context), requests
    except Exception as error:  # what Lambda is told, too
        return error, requests
