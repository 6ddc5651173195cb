"""Where a batch keeps its records, how each is named in a reply, and which must wait for which.

A *lane* holds the records that must be done in order (a FIFO message group, a shard, a partition): after a failure the
rest of its lane is not tried. Records without a lane are independent.
"""

from ..values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Batch(NamedTuple):
    """How one kind of event keeps its records.

    at:       the key of the list (or of the dict of lists, by queue or partition); None: the event is the list
    reports:  whether the sender can be told which records failed
    identify: (record, key of its list) → what names it in ``batchItemFailures``, or None
    lane:     (record, key of its list) → its lane, or None
    rest:     whether a reply names the whole rest of a failed lane; else the first failure says it all
    within:   the key that wraps each record, or ""
    """

    at: "str | None"
    reports: bool
    identify: "Callable[[Any, Any], Any]"
    lane: "Callable[[Any, Any], Any]"
    rest: bool
    within: str


def _at(*keys: str) -> "Callable[..., Any]":
    def look(record: "Any", group: "Any" = None) -> "Any":
        for key in keys:
            record = record.get(key) if isinstance(record, dict) else None
        return record

    return look


def _nothing(record: "Any", group: "Any") -> None:
    return None


def _one_lane(record: "Any", group: "Any") -> str:
    return ""


def _message_group(record: "Any", group: "Any") -> "Any":
    # Standard queues have message groups too (fair queues), but no order.
    arn, group_id = _source_arn(record), _group_id(record)
    if not (isinstance(arn, str) and arn.endswith(".fifo")):
        return None
    return group_id if isinstance(group_id, str) else ""


def _offset(record: "Any", partition: "Any") -> "Any":
    offset = _at("offset")(record)
    return None if offset is None else {"partition": partition, "offset": offset}


def _partition(record: "Any", partition: "Any") -> "Any":
    return partition


def _pipe_id(record: "Any", group: "Any") -> "Any":
    # EventBridge Pipes take messageId for SQS and eventID (not the sequence number) for streams; of other sources'
    # records they take none: user guide, "Amazon EventBridge Pipes batching and concurrency".
    source = _event_source(record)
    identify: Callable[..., Any] = _PIPE_IDS.get(source, _nothing) if isinstance(source, str) else _nothing
    return identify(record, None)


def _pipe_lane(record: "Any", group: "Any") -> "Any":
    return _message_group(record, None) if _event_source(record) == "aws:sqs" else ""


_source_arn = _at("eventSourceARN")
_event_source = _at("eventSource")
_group_id = _at("attributes", "MessageGroupId")
_event_id = _at("eventID")
_message_id = _at("messageId")
_PIPE_IDS: "dict[Any, Callable[..., Any]]" = {
    "aws:sqs": _message_id,
    "aws:kinesis": _event_id,
    "aws:dynamodb": _event_id,
}

_KINESIS = Batch("Records", True, _at("kinesis", "sequenceNumber"), _one_lane, False, "")
_DYNAMODB = Batch("Records", True, _at("dynamodb", "SequenceNumber"), _one_lane, False, "")
_KAFKA = Batch("records", True, _offset, _partition, False, "")
_INDEPENDENT = Batch("Records", False, _nothing, _nothing, False, "")

# A sender that reads one answer (Firehose, S3 Batch …) is not here: its event is never split.
BATCHES: "dict[str | None, Batch]" = {
    # SQS FIFO wants the failed and all that was not tried: "Reporting batch item failures" in Lambda's guide to SQS.
    "sqs": Batch("Records", True, _message_id, _message_group, True, ""),
    # Streams are retried from the lowest number reported.
    "kinesis": _KINESIS,
    "kinesis.window": _KINESIS,
    "dynamodb": _DYNAMODB,
    "dynamodb.window": _DYNAMODB,
    "kafka.msk": _KAFKA,
    "kafka.selfmanaged": _KAFKA,
    "pipes": Batch(None, True, _pipe_id, _pipe_lane, True, ""),
    # These event source mappings know no ReportBatchItemFailures.
    "mq.activemq": Batch("messages", False, _nothing, _one_lane, False, ""),
    "mq.rabbitmq": Batch("rmqMessagesByQueue", False, _nothing, _one_lane, False, ""),
    "docdb": Batch("events", False, _nothing, _one_lane, False, "event"),
    "s3": _INDEPENDENT,
    "sns": _INDEPENDENT,
    "ses": _INDEPENDENT,
    "codecommit": _INDEPENDENT,
    "records": _INDEPENDENT,
}


class Record(NamedTuple):
    """One record of a batch.

    value:      the record, as it stands in the event
    group:      the key of its list (a partition, a queue), or None
    position:   its place in the event, from 0
    lane:       what must be done in order has the same; None: independent
    identifier: what names it in ``batchItemFailures``; None: nothing does
    """

    value: "Any"
    group: "str | None"
    position: int
    lane: "Any"
    identifier: "Any"

    def __repr__(self) -> str:
        return f"<Record {self.position}>"


def each(at: "str | None", event: "Any") -> "tuple[list[Any], list[Any]]":
    """The records of *event*, in order, and beside them the keys of their lists: None where there is but one list."""
    kept = event if at is None else event.get(at) if isinstance(event, dict) else None
    if isinstance(kept, list):
        return kept, [None] * len(kept)
    if isinstance(kept, dict):
        lists = [(some, key) for key, some in kept.items() if isinstance(some, list)]
        return [record for some, _ in lists for record in some], [key for some, key in lists for _ in some]
    return [], []


def records(batch: Batch, event: "Any") -> "list[Record]":
    """The records of *event*, in order."""
    return [
        Record(value, group, index, batch.lane(value, group), batch.identify(value, group))
        for index, (value, group) in enumerate(zip(*each(batch.at, event), strict=True))
    ]


def alone(batch: Batch, event: "Any", record: Record) -> "Any":
    """*event* with *record* as its only one, in the same shape."""
    if batch.at is None:
        return [record.value]
    return {**event, batch.at: [record.value] if record.group is None else {record.group: [record.value]}}


def identifiers(batch: "Any", event: "Any") -> "list[Any]":
    """What names each record of *event* in a reply, in order.

    A record that lacks its name gets "": Lambda takes an empty identifier as the failure of the whole batch, which is
    the one thing that loses nothing.
    """
    return [batch.identify(record, group) or "" for record, group in zip(*each(batch.at, event), strict=True)]
