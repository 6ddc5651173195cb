"""What we know of each kind of event: where its records are, its CloudEvent attributes, and words for messages.

A kind has the name of its rows in catalog.py, and an entry in KINDS near the end of this module. Its functions come
before that, kind by kind. Their parameters are the record, the event, and the *group*: the key of the list that the
record is in (a partition, a queue), None if the event has only one list.

The attributes follow the CloudEvents project (adapters/aws-s3.md, aws-sns.md) and, for EventBridge, AWS's own mapping.
Receipt handles, tokens, e-mail subjects, user names and the values of keys are never attributes.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from os import environ
from threading import Lock
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from ..errors import InvalidEvent
from ..messages import Part
from .cloudevent import attributes_of, forbidden, from_epoch, rfc3339

# RFC 3986, section 2: every character that a URI may hold besides letters and digits; "%" begins an escape.
URI = ":/?#[]@!$&'()*+,;=%"

Attributes = dict[str, Any]


def independent(record: Any, group: Any) -> None:
    """Return None: the record has no identifier, or waits for no other. So it is in most batches."""


class Records:
    """Where a batch keeps its records, and what its sender does with a reply.

    key:          the key of the list (or of the dict of lists, by queue or partition); None if the event is the list
    within:       the key of the record proper in each item of the list; "" if the item is the record
    reports:      whether the sender reads which records failed
    identifier:   (record, group) → the identifier of the record in ``batchItemFailures``, or None
    ordering_key: (record, group) → a key; after a failure the records with the same key are not tried. None if the
                  record waits for no other
    checkpoint:   whether the sender retries from the lowest record reported; otherwise it retries only what is reported
    nouns:        for messages, what the records are called
    success:      for messages, what the sender does with records that succeeded
    stuck:        for messages, what completes "AWS delivers the whole batch again"
    """

    def __init__(
        self,
        key: str | None,
        within: str = "",
        reports: bool = False,
        identifier: Callable[[Any, Any], Any] = independent,
        ordering_key: Callable[[Any, Any], Any] = independent,
        checkpoint: bool = False,
        nouns: str = "records",
        success: str = "goes on",
        stuck: str = "",
    ) -> None:
        self.key = key
        self.within = within
        self.reports = reports
        self.identifier = identifier
        self.ordering_key = ordering_key
        self.checkpoint = checkpoint
        self.nouns = nouns
        self.success = success
        self.stuck = stuck


class Kind:
    """One kind of event.

    name:       the name of its rows; None for an event that no row of ours matches
    service:    the name of the service in CloudEvent attributes
    attributes: (record, event, group) → CloudEvent attributes, with None for one that is missing; or None, if the kind,
                or this event, has no attributes
    records:    where the records are; None if the event has none
    payload:    record → what the producer wrote, str, bytes or JSON; None if that is the record itself
    field:      (record, lower-case name) → the value of a message attribute or header, or None
    sender:     for messages, who sent an HTTP request
    """

    def __init__(
        self,
        name: str | None,
        service: str = "",
        attributes: Callable[[Any, Any, Any], Attributes | None] | None = None,
        records: Records | None = None,
        payload: Callable[[Any], Any] | None = None,
        field: Callable[[Any, str], str | None] | None = None,
        sender: str = "",
    ) -> None:
        self.name = name
        self.service = service
        self.attributes = attributes
        self.records = records
        self.payload = payload
        self.field = field
        self.sender = sender


def look_up(value: Any, *keys: str) -> Any:
    """Return the value at *keys* in *value*, a dict of dicts; None if a key is missing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def text(value: Any, *keys: str) -> str | None:
    """Return the value at *keys* as a non-empty string that is valid in an attribute, or None. Never raises."""
    found = look_up(value, *keys)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found and not forbidden(found) else None


def joined(separator: str, *parts: str | None) -> str | None:
    """Join *parts*; None if one is missing."""
    return None if None in parts else separator.join(map(str, parts))


def dotted(*parts: str | None) -> str:
    """Join *parts* with dots; those that are missing are left out."""
    return ".".join(filter(None, parts))


def member(mapping: Any, name: str) -> Any:
    """Return the value of *name* (lower-case) in a dict, ignoring the case of the keys; None if there is none."""
    found = [value for key, value in mapping.items() if key.lower() == name] if isinstance(mapping, dict) else []
    return found[0] if found else None


def unpacked(value: Any) -> bytes | None:
    """Return the bytes of *value*, base64, or None for None. Raises InvalidEvent if it is not base64."""
    try:
        return None if value is None else a2b_base64(value, strict_mode=True)
    except (TypeError, ValueError):
        raise InvalidEvent("the data of the record is not base64") from None


def octets(value: Any) -> str | None:
    """Return the text of UTF-8 bytes, which Lambda writes as a list of signed numbers; None if *value* is not that."""
    try:
        return bytes(number & 0xFF for number in value).decode()
    except (TypeError, ValueError):
        return None


def region(event: Any) -> str | None:
    return text(event, "region") or environ.get("AWS_REGION")


def s3(record: Any, event: Any, group: Any) -> Attributes:
    response, bucket = look_up(record, "responseElements"), look_up(record, "s3", "bucket")
    return {
        "id": joined(".", text(response, "x-amz-request-id"), text(response, "x-amz-id-2")),
        "source": dotted(text(record, "eventSource"), text(record, "awsRegion"), text(bucket, "name")),
        "type": joined("", "com.amazonaws.s3.", text(record, "eventName")),
        "subject": text(record, "s3", "object", "key"),
        "time": rfc3339(look_up(record, "eventTime")),
    }


def s3_compatible(record: Any, event: Any, group: Any) -> Attributes | None:
    """MinIO, Ceph and others send S3's records with another source, such as "minio:s3". The first record decides."""
    source = text(event["Records"][0], "eventSource")
    return s3(record, event, group) if source and source.endswith(":s3") else None


def sns(record: Any, event: Any, group: Any) -> Attributes:
    message = look_up(record, "Sns")
    return {
        "id": text(message, "MessageId"),
        "source": text(record, "EventSubscriptionArn") or text(message, "TopicArn"),
        "type": joined("", "com.amazonaws.sns.", text(message, "Type")),
        "subject": text(message, "Subject"),
        "time": rfc3339(look_up(message, "Timestamp")),
    }


def sns_message(record: Any) -> Any:
    return look_up(record, "Sns", "Message")


def sns_field(record: Any, name: str) -> str | None:
    return text(member(look_up(record, "Sns", "MessageAttributes"), name), "Value")


def eventbridge(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "id": text(event, "id"),
        "source": text(event, "source"),
        "type": text(event, "detail-type") or text(event, "detailType"),
        "time": rfc3339(look_up(event, "time")),
        "region": text(event, "region"),
        "account": text(event, "account"),
    }


def eventbridge_detail(event: Any) -> Any:
    return look_up(event, "detail")


def sqs(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "id": text(record, "messageId"),
        "source": text(record, "eventSourceARN"),
        "type": "com.amazonaws.sqs.message",
        "time": from_epoch(look_up(record, "attributes", "SentTimestamp"), 1000),
        "partitionkey": text(record, "attributes", "MessageGroupId"),
    }


def sqs_body(record: Any) -> Any:
    return look_up(record, "body")


def sqs_field(record: Any, name: str) -> str | None:
    return text(member(look_up(record, "messageAttributes"), name), "stringValue")


def sqs_message_id(record: Any, group: Any) -> Any:
    return look_up(record, "messageId")


def sqs_message_group(record: Any, group: Any) -> Any:
    # Standard queues may have message groups, too (fair queues), but they have no order.
    arn, group_id = look_up(record, "eventSourceARN"), look_up(record, "attributes", "MessageGroupId")
    if not (isinstance(arn, str) and arn.endswith(".fifo")):
        return None
    return group_id if isinstance(group_id, str) else ""


def dynamodb(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "id": text(record, "eventID"),
        "source": text(record, "eventSourceARN"),
        "type": joined("", "com.amazonaws.dynamodb.", text(record, "eventName")),
        "time": from_epoch(look_up(record, "dynamodb", "ApproximateCreationDateTime"), 1),
    }


def dynamodb_sequence_number(record: Any, group: Any) -> Any:
    return look_up(record, "dynamodb", "SequenceNumber")


def kinesis(record: Any, event: Any, group: Any) -> Attributes:
    data = look_up(record, "kinesis")
    return {
        "id": text(record, "eventID"),
        "source": text(record, "eventSourceARN"),
        "type": "com.amazonaws.kinesis.record",
        "subject": text(data, "partitionKey"),
        "time": from_epoch(look_up(data, "approximateArrivalTimestamp"), 1),
        "partitionkey": text(data, "partitionKey"),
    }


def kinesis_data(record: Any) -> bytes | None:
    return unpacked(look_up(record, "kinesis", "data"))


def kinesis_sequence_number(record: Any, group: Any) -> Any:
    return look_up(record, "kinesis", "sequenceNumber")


def in_order(record: Any, group: Any) -> str:
    """Return one key for all records: a batch comes from one shard or queue, and is handled in order."""
    return ""


def firehose(record: Any, event: Any, group: Any) -> Attributes:
    stream = text(event, "deliveryStreamArn") or text(event, "sourceKinesisStreamArn") or text(event, "sourceMSKArn")
    return {
        "id": joined(".", text(event, "invocationId"), text(record, "recordId")),
        "source": stream,
        "type": "com.amazonaws.firehose.record",
        "subject": text(record, "kinesisRecordMetadata", "partitionKey"),
        "time": from_epoch(look_up(record, "approximateArrivalTimestamp"), 1000),
    }


def kafka(record: Any, event: Any, group: Any) -> Attributes:
    cluster, topic = text(event, "eventSourceArn"), text(record, "topic")
    servers = text(event, "bootstrapServers")
    if cluster is None and servers is not None:
        cluster = f"//{servers.partition(',')[0]}"
    partition, offset = text(record, "partition"), text(record, "offset")
    return {
        "id": joined("", "partition:", partition, "/offset:", offset),
        "source": joined("#", cluster, topic),
        "type": "com.amazonaws.kafka.record",
        "time": from_epoch(look_up(record, "timestamp"), 1000),
    }


def kafka_value(record: Any) -> bytes | None:
    return unpacked(look_up(record, "value"))


def kafka_field(record: Any, name: str) -> str | None:
    return next((octets(value) for key, value in kafka_headers(record) if key.lower() == name), None)


def kafka_headers(record: Any) -> list[tuple[str, Any]]:
    """Return the headers of *record* as (name, bytes) pairs; Lambda gives a list of objects with one member each."""
    headers = look_up(record, "headers")
    objects = [header for header in headers if isinstance(header, dict)] if isinstance(headers, list) else []
    return [pair for header in objects for pair in header.items()]


def kafka_offset(record: Any, partition: Any) -> Any:
    offset = look_up(record, "offset")
    return None if offset is None else {"partition": partition, "offset": offset}


def kafka_partition(record: Any, partition: Any) -> Any:
    return partition


def activemq(record: Any, event: Any, group: Any) -> Attributes:
    destination = look_up(record, "destination")
    return {
        "id": text(record, "messageID"),
        "source": text(event, "eventSourceArn"),
        "type": "com.amazonaws.mq.message",
        "subject": text(destination, "physicalName") or text(destination, "physicalname"),
        "time": from_epoch(look_up(record, "timestamp"), 1000),
    }


def mq_data(record: Any) -> bytes | None:
    return unpacked(look_up(record, "data"))


def activemq_field(record: Any, name: str) -> str | None:
    return text(member(look_up(record, "properties"), name))


def rabbitmq_field(record: Any, name: str) -> str | None:
    if name == "content-type":
        return text(record, "basicProperties", "contentType")
    header = member(look_up(record, "basicProperties", "headers"), name)
    return octets(look_up(header, "bytes")) or text(header)


def rabbitmq(record: Any, event: Any, queue: Any) -> Attributes:
    # There is no "time", because the times of RabbitMQ have no zone.
    return {
        "id": text(record, "basicProperties", "messageId"),
        "source": text(event, "eventSourceArn"),
        "type": "com.amazonaws.mq.message",
        "subject": text(queue.partition("::")[0]) if isinstance(queue, str) else None,
    }


def docdb(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "id": text(record, "_id", "_data"),
        "source": text(event, "eventSourceArn"),
        "type": joined("", "com.amazonaws.docdb.", text(record, "operationType")),
        "subject": joined(".", text(record, "ns", "db"), text(record, "ns", "coll")),
        "time": from_epoch(look_up(record, "clusterTime", "$timestamp", "t"), 1),
    }


def pipes_identifier(record: Any, group: Any) -> Any:
    """EventBridge Pipes expects messageId for SQS, eventID (not the sequence number) for streams, nothing for others.

    User guide, "Amazon EventBridge Pipes batching and concurrency".
    """
    source = look_up(record, "eventSource")
    if source == "aws:sqs":
        return look_up(record, "messageId")
    return look_up(record, "eventID") if source in ("aws:kinesis", "aws:dynamodb") else None


def pipes_ordering_key(record: Any, group: Any) -> Any:
    return sqs_message_group(record, group) if look_up(record, "eventSource") == "aws:sqs" else ""


def cloudwatch_alarm(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "source": text(event, "alarmArn"),
        "type": joined("", "com.amazonaws.cloudwatch.", text(event, "alarmData", "state", "value")),
        "subject": text(event, "alarmData", "alarmName"),
        "time": rfc3339(look_up(event, "time")),
    }


def cloudwatch_logs(record: Any, event: Any, group: Any) -> Attributes:
    # awslogs.data is not decompressed: that would be done twice, and 43 kB can contain 850 MB.
    return {"source": dotted("aws:logs", environ.get("AWS_REGION")), "type": "com.amazonaws.logs.batch"}


def ses(record: Any, event: Any, group: Any) -> Attributes:
    function = text(record, "ses", "receipt", "action", "functionArn") or ""
    zone = function.split(":")[3] if function.count(":") > 3 else region(event)
    return {
        "id": text(record, "ses", "mail", "messageId"),
        "source": dotted("aws:ses", zone),
        "type": "com.amazonaws.ses.Received",
        "time": rfc3339(look_up(record, "ses", "mail", "timestamp")),
    }


def codecommit(record: Any, event: Any, group: Any) -> Attributes:
    identifier, part = text(record, "eventId"), text(record, "eventPartNumber")
    several = part is not None and look_up(record, "eventTotalParts") != 1
    references = look_up(record, "codecommit", "references")
    single = isinstance(references, list) and len(references) == 1
    return {
        "id": joined(".", identifier, part) if several else identifier,
        "source": text(record, "eventSourceARN"),
        "type": joined("", "com.amazonaws.codecommit.", text(record, "eventName")),
        "subject": text(references[0], "ref") if single else None,
        "time": rfc3339(look_up(record, "eventTime")),
    }


def iot_events(record: Any, event: Any, group: Any) -> Attributes:
    payload = look_up(event, "event", "payload")
    return {
        "id": text(payload, "actionExecutionId"),
        "source": dotted("aws:iotevents", region(event), text(payload, "detector", "detectorModelName")),
        "type": joined("", "com.amazonaws.iotevents.", text(event, "event", "eventName")),
        "subject": text(payload, "detector", "keyValue"),
        "time": from_epoch(look_up(event, "event", "eventTime"), 1000),
    }


def cognito_sync(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "source": dotted("aws:cognito-sync", region(event), text(event, "identityPoolId")),
        "type": joined("", "com.amazonaws.cognito-sync.", text(event, "eventType")),
        "subject": text(event, "datasetName"),
    }


def cognito_userpool(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "source": dotted("aws:cognito-idp", region(event), text(event, "userPoolId")),
        "type": joined("", "com.amazonaws.cognito-idp.", text(event, "triggerSource")),
    }


def config(record: Any, event: Any, group: Any) -> Attributes:
    # There is no id: the result token, which would be unique, is a credential. invokingEvent is JSON in a string.
    try:
        invoking: Any = json.loads(look_up(event, "invokingEvent"))
    except (TypeError, ValueError, RecursionError):
        invoking = look_up(event, "invokingEvent")
    item, summary = look_up(invoking, "configurationItem"), look_up(invoking, "configurationItemSummary")
    return {
        "source": text(event, "configRuleArn"),
        "type": joined("", "com.amazonaws.config.", text(invoking, "messageType")),
        "subject": text(item, "resourceId") or text(summary, "resourceId"),
        "time": rfc3339(look_up(invoking, "notificationCreationTime")),
    }


def cloudformation(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "id": text(event, "RequestId"),
        "source": text(event, "StackId"),
        "type": joined("", "com.amazonaws.cloudformation.", text(event, "RequestType")),
        "subject": text(event, "LogicalResourceId"),
    }


def cloudfront(record: Any, event: Any, group: Any) -> Attributes:
    distribution = look_up(record, "cf", "config")
    event_type = text(distribution, "eventType")
    return {
        "id": joined(".", text(distribution, "requestId"), event_type),
        "source": dotted("aws:cloudfront", text(distribution, "distributionId")),
        "type": joined("", "com.amazonaws.cloudfront.", event_type),
        "subject": text(record, "cf", "request", "uri"),
    }


def lex(record: Any, event: Any, group: Any) -> Attributes:
    return {
        "source": dotted("aws:lex", region(event), text(event, "bot", "id") or text(event, "bot", "name")),
        "type": joined("", "com.amazonaws.lex.", text(event, "invocationSource")),
        "subject": text(event, "currentIntent", "name") or text(event, "sessionState", "intent", "name"),
    }


def alexa(record: Any, event: Any, group: Any) -> Attributes:
    header = look_up(event, "header") or look_up(event, "directive", "header")
    application = text(event, "context", "System", "application", "applicationId")
    application = application or text(event, "session", "application", "applicationId")
    namespace = text(header, "namespace")
    event_type = dotted(namespace, text(header, "name")) if header else text(event, "request", "type")
    return {
        "id": text(header, "messageId") or text(event, "request", "requestId"),
        "source": dotted("aws:alexa", namespace or application),
        "type": dotted("com.amazonaws.alexa", event_type),
        "time": rfc3339(look_up(event, "request", "timestamp")),
    }


def cloudevent_field(event: Any, name: str) -> str | None:
    return text(event, name)


STUCK = ", and nothing behind it, until it succeeds or expires"
SQS = Records(
    "Records",
    reports=True,
    identifier=sqs_message_id,
    ordering_key=sqs_message_group,
    nouns="messages",
    success="deletes them from the queue",
    stuck=", until the queue gives it to its dead-letter queue",
)
# Lambda retries a shard from the lowest sequence number reported, but only the named records of Kafka and SQS:
# developer guide, "Reporting batch item failures" for each, and "Configuring error handling controls for Kafka".
KINESIS = Records(
    "Records",
    reports=True,
    identifier=kinesis_sequence_number,
    ordering_key=in_order,
    checkpoint=True,
    success="goes on in the shard",
    stuck=STUCK,
)
DYNAMODB = Records(
    "Records",
    reports=True,
    identifier=dynamodb_sequence_number,
    ordering_key=in_order,
    checkpoint=True,
    success="goes on in the shard",
    stuck=STUCK,
)
KAFKA = Records(
    "records",
    reports=True,
    identifier=kafka_offset,
    ordering_key=kafka_partition,
    success="commits their offsets",
    stuck=STUCK,
)
PIPES = Records(None, reports=True, identifier=pipes_identifier, ordering_key=pipes_ordering_key)
# The event source mappings of MQ and DocumentDB do not support ReportBatchItemFailures.
ACTIVEMQ = Records("messages", ordering_key=in_order, nouns="messages", success="takes them off the queue")
RABBITMQ = Records("rmqMessagesByQueue", ordering_key=in_order, nouns="messages", success="takes them off the queue")
DOCDB = Records(
    "events", "event", ordering_key=in_order, nouns="changes", success="goes on in the change stream", stuck=STUCK
)

KINDS: dict[str | None, Kind] = {
    kind.name: kind
    for kind in (
        Kind("s3", "s3", s3, Records("Records")),
        Kind("sns", "sns", sns, Records("Records"), sns_message, sns_field),
        Kind("eventbridge", "eventbridge", eventbridge, payload=eventbridge_detail),
        Kind("cloudevent", field=cloudevent_field),
        Kind("sqs", "sqs", sqs, SQS, sqs_body, sqs_field),
        Kind("dynamodb", "dynamodb", dynamodb, DYNAMODB),
        Kind("dynamodb.window", "dynamodb", dynamodb, DYNAMODB),
        Kind("kinesis", "kinesis", kinesis, KINESIS, kinesis_data),
        Kind("kinesis.window", "kinesis", kinesis, KINESIS, kinesis_data),
        Kind("kinesis.firehose", "firehose", firehose, Records("records")),
        Kind("kafka", "kafka", kafka, KAFKA, kafka_value, kafka_field),
        Kind("kafka.msk", "kafka", kafka, KAFKA, kafka_value, kafka_field),
        Kind("kafka.selfmanaged", "kafka", kafka, KAFKA, kafka_value, kafka_field),
        Kind("mq.activemq", "mq", activemq, ACTIVEMQ, mq_data, activemq_field),
        Kind("mq.rabbitmq", "mq", rabbitmq, RABBITMQ, mq_data, rabbitmq_field),
        Kind("docdb", "docdb", docdb, DOCDB),
        Kind("pipes", records=PIPES),
        Kind("records", "s3", s3_compatible, Records("Records")),
        Kind("cloudwatch.alarm", "cloudwatch", cloudwatch_alarm),
        Kind("cloudwatch.logs", "logs", cloudwatch_logs),
        Kind("ses", "ses", ses, Records("Records")),
        Kind("codecommit", "codecommit", codecommit, Records("Records")),
        Kind("iot.events", "iotevents", iot_events),
        Kind("cognito.sync", "cognito-sync", cognito_sync),
        Kind("cognito.userpool", "cognito-idp", cognito_userpool),
        Kind("config", "config", config),
        Kind("cloudformation", "cloudformation", cloudformation),
        Kind("cloudfront", "cloudfront", cloudfront, Records("Records")),
        Kind("lex.v1", "lex", lex),
        Kind("lex.v2", "lex", lex),
        Kind("alexa.smarthome.v2", "alexa", alexa),
        Kind("alexa.smarthome.v3", "alexa", alexa),
        Kind("alexa.skill", "alexa", alexa),
        Kind("http.apigw1", sender="API Gateway, payload 1.0"),
        Kind("http.apigw2", sender="API Gateway, payload 2.0"),
        Kind("http.functionurl", sender="a Lambda function URL"),
        Kind("http.alb", sender="an Application Load Balancer"),
        Kind("http.lattice1", sender="VPC Lattice, payload 1.0"),
        Kind("http.lattice2", sender="VPC Lattice, payload 2.0"),
    )
}


def kind_of(name: str | None) -> Kind:
    """Return the kind of the events of our row *name*; with None, that of events that no row of ours matches."""
    return KINDS.get(name) or Kind(name)


def records_of(records: Records, event: Any) -> list[tuple[Any, Any]]:
    """Return the records of *event*, in order, each with its group (None if the event has only one list)."""
    kept = event if records.key is None else look_up(event, records.key)
    if isinstance(kept, list):
        kept = {None: kept}
    if not isinstance(kept, dict):
        return []
    return [(record, group) for group, each in kept.items() if isinstance(each, list) for record in each]


def parts_of(records: Records, event: Any) -> list[Part]:
    """Return the records of *event*, in order, with their groups, identifiers and ordering keys."""
    return [
        Part(record, group, position, records.identifier(record, group), records.ordering_key(record, group))
        for position, (record, group) in enumerate(records_of(records, event))
    ]


def alone(records: Records | None, event: Any, part: Part) -> Any:
    """Return *event* with *part* as its only record, in the same shape."""
    if records is None or records.key is None:
        return [part.value]
    return {**event, records.key: [part.value] if part.group is None else {part.group: [part.value]}}


def data_of(kind: Kind, record: Any) -> Any:
    """Return the record proper, without the object that wraps it."""
    within = kind.records.within if kind.records else ""
    return record.get(within) if within and isinstance(record, dict) else record


class Describer:
    """Describes *event*, or each of its records, by CloudEvent attributes. No two records get the same id.

    request_id: the ids of events without an id of their own are made from it; if it is None, they are random
    """

    def __init__(self, kind: Kind, event: Any, request_id: str | None) -> None:
        self._kind = kind
        self._event = event
        self._request_id = request_id
        self._described: set[tuple[str, str]] = set()
        self._lock = Lock()  # records may be sent by several threads

    def whole(self, position: int = 0) -> Attributes:
        """Describe the event as one CloudEvent; {} if it has no attributes, or should have records but has none.

        A native CloudEvent has its own attributes. For several records, the source is that of the first: they have the
        same sender.

        position: the position of the event in a list of events, from 0
        """
        if self._kind.name == "cloudevent":
            return attributes_of(self._event)
        if self._kind.attributes is None:
            return {}
        if self._kind.records is None:
            return self.record(Part(self._event, position=position))
        records = records_of(self._kind.records, self._event)
        first = self.record(Part(*records[0])) if records else {}
        if not first or len(records) == 1:
            return first
        return {
            "specversion": "1.0",
            "id": str(self._request_id or uuid4()),
            "source": first["source"],
            "type": f"com.amazonaws.{self._kind.service}.batch",
            "datacontenttype": "application/json",
        }

    def record(self, part: Part) -> Attributes:
        """Describe one record, *part*; {} if it has no attributes."""
        kind = self._kind
        if kind.attributes is None:
            return {}
        found = kind.attributes(data_of(kind, part.value), self._event, part.group)
        if found is None:
            return {}
        source = found["source"]
        attributes = {
            "specversion": "1.0",
            "id": found.get("id") or self._fresh_id(part.position),
            "source": quote(source, URI) if source else f"aws:{kind.service}",
            "type": found["type"] or f"com.amazonaws.{kind.service}.event",
        }
        attributes |= {name: value for name, value in found.items() if value is not None and name not in attributes}
        attributes["datacontenttype"] = "application/json"
        # S3 repeats its ids within one deletion of several objects; source + id must be unique (spec.md, "id").
        with self._lock:
            while (attributes["source"], attributes["id"]) in self._described:
                attributes["id"] += f".{part.position}"
            self._described.add((attributes["source"], attributes["id"]))
        return attributes

    def each(self) -> Iterator[tuple[Attributes, Any]]:
        """Yield (attributes, record) of every record."""
        for position, (record, group) in enumerate(records_of(self._kind.records or Records(""), self._event)):
            yield self.record(Part(record, group, position)), data_of(self._kind, record)

    def _fresh_id(self, position: int) -> str:
        # The id must not be used twice: an event that is wrongly taken for a duplicate is lost.
        return str(uuid4()) if self._request_id is None else f"{self._request_id}.{position}"
