"""Finds the event inside a record: S3 in SQS, S3 in SNS in SQS, a CloudEvent in Kafka (``CLOUD_EVENTS_UNWRAP``)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from ..errors import ConfigurationError, InvalidEvent
from ..messages import Part, request_id
from .cloudevent import from_fields
from .kinds import Describer, Kind, alone, kafka_headers, kind_of, octets, parts_of
from .matcher import EACH, HTTP, Matcher
from .path import Targets
from .router import OURS, Router
from .writing import Envelope, Unit

DEEPEST = 3  # envelopes


class Unwrapper:
    """Opens records that contain events of the rows *names*, no others: the author of a message chooses its content.

    Raises ConfigurationError for a name that is not allowed.
    """

    def __init__(self, router: Router, names: Sequence[str]) -> None:
        self._router = router
        for name in names:
            _refuse(name, (*router.users.rows, *OURS.rows), router.targets)
        # S3 sends a test event to the queue or topic before it sends notifications.
        self._names = {*names, "s3.test"} if "s3" in names else {*names}

    def units(self, envelopes: tuple[Envelope, ...], context: Any) -> list[Unit]:
        """Return the units for the event inside the last of *envelopes*; [] if it is not opened.

        Raises InvalidEvent for a malformed CloudEvent and for a path that the event may not have.
        """
        if len(envelopes) > DEEPEST:
            return []
        event = event_in(envelopes[-1].kind, envelopes[-1].record.value, "cloudevent" in self._names)
        ours = None if event is None else OURS.match(event)
        if event is None or (ours is not None and ours.path in (HTTP, EACH)):
            return []
        kind = kind_of(ours.name if ours else None)
        records = kind.records
        parts = parts_of(records, event) if records else [Part(event)]
        singles = [alone(records, event, part) if records else event for part in parts]
        # Every record is checked: otherwise the second one could reach a row of the user that is not named.
        rows = [self._router.users.match(single) or ours for single in singles]
        if any(row is None or row.name not in self._names for row in rows):
            return []
        # The positions of the envelopes make the ids of the records inside them unique.
        positions = [str(envelope.record.position) for envelope in envelopes]
        identifier = request_id(context)
        describer = Describer(kind, event, identifier and ".".join([identifier, *positions]))
        units = []
        for part, single, row in zip(parts, singles, rows, strict=True):
            deeper = self.units((*envelopes, Envelope(kind, part)), context) if records and row is ours else []
            if deeper:
                units += deeper
                continue
            record, attributes = (part, describer.record(part)) if records else (None, describer.whole())
            target = self._router.target(ours, single)
            units.append(Unit(target, kind, single, record, attributes, context, envelopes))
        return units


def _refuse(name: str, rows: Sequence[Matcher], targets: Targets) -> None:
    """Raise ConfigurationError unless events of the rows *name* may arrive inside a record."""
    label = f"CLOUD_EVENTS_UNWRAP: {name!r}"
    named = [row for row in rows if row.name == name]
    if not named:
        close = get_close_matches(name, sorted({row.name for row in rows}), 1, 0.5)
        remedy = f"did you mean {close[0]!r}?" if close else "`cloud-events routes` lists the rows"
        raise ConfigurationError(f"{label}: no row has this name; {remedy}")
    if name != "cloudevent" and all(row.path in (HTTP, EACH) or row.reply == "sync" for row in named):
        raise ConfigurationError(
            f"{label}: events of this row are not sent through queues and streams: their sender waits for the answer"
        )
    for row in named:
        if (callable(row.path) or row.find_path is not None) and not targets.sources:
            raise ConfigurationError(
                f"{label}: the author of a message would choose the path; set the sources that are accepted, such as "
                "CLOUD_EVENTS_SOURCES='com.example.*'"
            )


def event_in(kind: Kind, record: Any, cloudevents: bool) -> dict[str, Any] | None:
    """Return the event inside *record*, which belongs to an event of *kind*; None if there is none.

    cloudevents: whether CloudEvents are opened

    Raises InvalidEvent if the content type of the message is that of a CloudEvent, but the message is not one.
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
            "malformed CloudEvent: the content type of the message is that of a CloudEvent, but the message is not one"
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
    """Return *notification* with the keys of a Lambda event: two are spelled differently, two are always present."""
    spelled = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}
    renamed = {spelled.get(key, key): value for key, value in notification.items()}
    return {"Subject": None, "MessageAttributes": {}, **renamed}
