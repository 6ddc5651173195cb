"""The events that are measured, as the runtime client hands them to a handler: parsed from JSON."""

import json
from pathlib import Path


class Context:
    """What Lambda says about an invocation, as far as any of the handlers asks."""

    function_name = "benchmark"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-2:123456789012:function:benchmark"
    memory_limit_in_mb = "128"
    aws_request_id = "5d2f6c5e-8a1b-4c7d-9e3f-0a1b2c3d4e5f"
    get_remaining_time_in_millis = staticmethod(lambda: 300_000)


def read(name):
    return json.loads(Path(__file__).with_name(name).read_text())


def s3():
    """An object was created: 1 kB."""
    return read("s3.json")


def sqs(records, size):
    """A batch of messages that are JSON themselves; each record is *size* bytes of the event."""
    item = {"sku": "B00-17", "quantity": 2, "price": "12.50"}
    record = read("sqs.json")
    room = (size - len(json.dumps(record))) // len(json.dumps(json.dumps(item)))
    record["body"] = json.dumps([item] * max(1, room))
    batch = [record | {"messageId": f"059f36b4-87a3-44ab-83d2-{number:012d}"} for number in range(records)]
    return json.loads(json.dumps({"Records": batch}))


def http(event):
    """API Gateway's request (REST, payload 1.0: every peer knows it) with *event* as its body."""
    return read("request.json") | {"body": json.dumps(event)}
