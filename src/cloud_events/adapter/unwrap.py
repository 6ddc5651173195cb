"""The event inside a record: S3 in SQS, S3 in SNS in SQS, a CloudEvent in Kafka (``CLOUD_EVENTS_UNWRAP``)."""

from __future__ import annotations

import json
from typing import Any

from ..errors import InvalidEvent
from .cloudevent import from_fields
from .kinds import Kind, kafka_headers, octets

DEEPEST = 3  # envelopes


def event_in(kind: Kind, record: Any, cloudevents: bool) -> dict[str, Any] | None:
    """Return the event that the message *record*, of an event of *kind*, carries; None if it is not an event.

    cloudevents: whether CloudEvents are expected

    Raises InvalidEvent if the content type of the message announces a CloudEvent that is not one.
    """
    if kind.payload is None:
        return None
    try:
        payload = kind.payload(record)
    except InvalidEvent:
        return None
    field = kind.field or (lambda record, name: None)
    announced = (field(record, "content-type") or "").strip().lower().startswith("application/cloudevents+")
    if cloudevents and not announced and kind.service == "kafka" and field(record, "ce_specversion") is not None:
        # Kafka protocol binding, sections 3 and 3.2: attributes in headers ce_<name>, UTF-8 without escapes.
        named = {name.lower()[3:]: octets(value) for name, value in kafka_headers(record) if name.lower()[:3] == "ce_"}
        return from_fields(named, field(record, "content-type") or "", payload or b"")
    event = _json(payload)
    if cloudevents and announced and (event is None or event.get("specversion") is None):
        raise InvalidEvent(
            "malformed CloudEvent: the content type of the message is a CloudEvent's, the message is not"
        )
    if event is not None and kind.name == "sqs" and _is_notification(event):
        return {"Records": [{"EventSource": "aws:sns", "Sns": _as_lambda_gets_it(event)}]}
    return event


def _json(payload: Any) -> dict[str, Any] | None:
    try:
        event = json.loads(payload) if isinstance(payload, (str, bytes)) else None
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _is_notification(event: dict[str, Any]) -> bool:
    """Whether *event* is a notification as SNS writes it to a queue: SNS developer guide, "HTTP/HTTPS notification"."""
    return event.get("Type") == "Notification" and all(
        isinstance(event.get(name), str) for name in ("MessageId", "TopicArn", "Message")
    )


def _as_lambda_gets_it(notification: dict[str, Any]) -> dict[str, Any]:
    """Return *notification* with the keys of a Lambda event: two in another spelling, two that are always there."""
    spelled = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    renamed = {spelled.get(key, key): value for key, value in notification.items()}
    return {"Subject": None, "MessageAttributes": {}, **renamed}
