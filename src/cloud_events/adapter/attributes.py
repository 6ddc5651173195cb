"""The CloudEvent attributes of AWS's events: a table of where each kind of event has its id, source, type, subject, time.

S3 and SNS follow the CloudEvents project (adapters/aws-s3.md, aws-sns.md); EventBridge, AWS's own mapping. Never an
attribute: receipt handles, tokens, e-mail subjects, user names, the values of keys.
"""

from ..values import NamedTuple
from .template import dig, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Row(NamedTuple):
    """How one kind of event becomes a CloudEvent.

    Fields are templates, as in template.py. A ``source`` of several parts is joined with "."; a part that the event lacks is left out. A ``time``
    is "unit path", the unit one of iso, s, ms. A callable is given (record, event, key of the record's list).

    at, within: where the records are, as in records.py; without ``at``, the event is its own record
    opened:     what unpacks an event whose facts are packed in a string, or None
    """

    id: "Any"
    source: "Any"
    type: "Any"
    subject: "Any" = ""
    time: str = ""
    extensions: "dict[str, str]" = {}
    at: "str | None" = None
    within: str = ""
    opened: "Callable[[Any], Any] | None" = None


def _region(record: "Any", event: "Any", group: "Any") -> "Any":
    from os import environ

    return text(dig(event, "region")) or environ.get("AWS_REGION")


def _region_of_receipt(record: "Any", event: "Any", group: "Any") -> "Any":
    arn = dig(record, "ses", "receipt", "action", "functionArn")
    return arn.split(":")[3] if isinstance(arn, str) and arn.count(":") > 3 else _region(record, event, group)


def _log_group(record: "Any", event: "Any", group: "Any") -> "Any":
    owner, name = text(dig(event, "owner")), text(dig(event, "logGroup"))
    region = _region(record, event, group) or ""
    return f"arn:aws:logs:{region}:{owner}:log-group:{name}" if owner and name else None


def _bootstrap_server(record: "Any", event: "Any", group: "Any") -> "Any":
    servers, topic = text(dig(event, "bootstrapServers")), text(dig(record, "topic"))
    return f"//{servers.partition(',')[0]}#{topic}" if servers and topic else None


def _queue(record: "Any", event: "Any", group: "Any") -> "Any":
    return group.partition("::")[0] if isinstance(group, str) else None


def _part(record: "Any", event: "Any", group: "Any") -> "Any":
    key, part = text(dig(record, "eventId")), text(dig(record, "eventPartNumber"))
    return f"{key}.{part}" if key and part and dig(record, "eventTotalParts") != 1 else key


def _single_reference(record: "Any", event: "Any", group: "Any") -> "Any":
    references = dig(record, "codecommit", "references")
    return dig(references[0], "ref") if isinstance(references, list) and len(references) == 1 else None


def _open_config(event: "Any") -> "Any":
    # What happened is JSON in a string.
    import json

    try:
        return {**event, "invokingEvent": json.loads(event["invokingEvent"])}
    except (KeyError, TypeError, ValueError, RecursionError):
        return event


_MOST_LOGS = 2**25  # bytes; CloudWatch sends a twentieth of this, and a bomb may not fill the memory


def _open_logs(event: "Any") -> "Any":
    # gzip (or zlib) in base64: CloudWatch Logs, "Using subscription filters".
    import binascii
    import json
    import zlib

    try:
        data = binascii.a2b_base64(event["awslogs"]["data"])
        return json.loads(zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(data, _MOST_LOGS))
    except (KeyError, TypeError, ValueError, zlib.error, RecursionError):
        return event


def _alexa_type(event: "Any", *_: "Any") -> str:
    header = dig(event, "header") or dig(event, "directive", "header")
    names = (dig(header, "namespace"), dig(header, "name")) if header else (dig(event, "request", "type"),)
    return ".".join(["com.amazonaws.alexa", *filter(None, map(text, names))])


_ALEXA = Row(
    "{header.messageId|directive.header.messageId|request.requestId}",
    (
        "aws:alexa",
        "{header.namespace|directive.header.namespace|context.System.application.applicationId|session.application.applicationId}",
    ),
    _alexa_type,
    time="iso request.timestamp",
)


_LEX = Row(
    "",
    ("aws:lex", _region, "{bot.id|bot.name}"),
    "com.amazonaws.lex.{invocationSource}",
    "{currentIntent.name|sessionState.intent.name}",
)

_KAFKA: "dict[str, Any]" = {
    "id": "partition:{partition}/offset:{offset}",
    "type": "com.amazonaws.kafka.record",
    "time": "ms timestamp",
    "at": "records",
}

TABLE: "dict[str | None, Row]" = {
    "s3": Row("{responseElements.x-amz-request-id}.{responseElements.x-amz-id-2}", ("{eventSource}", "{awsRegion}", "{s3.bucket.name}"), "com.amazonaws.s3.{eventName}", "{s3.object.key}", "iso eventTime", at="Records"),
    "sns": Row("{Sns.MessageId}", "{EventSubscriptionArn}", "com.amazonaws.sns.{Sns.Type}", "{Sns.Subject}", "iso Sns.Timestamp", at="Records"),
    "eventbridge": Row("{id}", "{source}", "{detail-type|detailType}", "", "iso time", {"region": "{region}", "account": "{account}"}),
    "sqs": Row("{messageId}", "{eventSourceARN}", "com.amazonaws.sqs.message", "", "ms attributes.SentTimestamp", {"partitionkey": "{attributes.MessageGroupId}"}, "Records"),
    "dynamodb": Row("{eventID}", "{eventSourceARN}", "com.amazonaws.dynamodb.{eventName}", "", "s dynamodb.ApproximateCreationDateTime", at="Records"),
    "kinesis": Row("{eventID}", "{eventSourceARN}", "com.amazonaws.kinesis.record", "{kinesis.partitionKey}", "s kinesis.approximateArrivalTimestamp", {"partitionkey": "{kinesis.partitionKey}"}, "Records"),
    "kinesis.firehose": Row("{$.invocationId}.{recordId}", "{$.deliveryStreamArn|$.sourceKinesisStreamArn|$.sourceMSKArn}", "com.amazonaws.firehose.record", "{kinesisRecordMetadata.partitionKey}", "ms approximateArrivalTimestamp", at="records"),
    "kafka.msk": Row(source="{$.eventSourceArn}#{topic}", **_KAFKA),
    "kafka.selfmanaged": Row(source=_bootstrap_server, **_KAFKA),
    "mq.activemq": Row("{messageID}", "{$.eventSourceArn}", "com.amazonaws.mq.message", "{destination.physicalName|destination.physicalname}", "ms timestamp", at="messages"),
    # RabbitMQ's times have no zone.
    "mq.rabbitmq": Row("{basicProperties.messageId}", "{$.eventSourceArn}", "com.amazonaws.mq.message", _queue, at="rmqMessagesByQueue"),
    "docdb": Row("{_id._data}", "{$.eventSourceArn}", "com.amazonaws.docdb.{operationType}", "{ns.db}.{ns.coll}", "s clusterTime.$timestamp.t", at="events", within="event"),
    "cloudwatch.alarm": Row("", "{alarmArn}", "com.amazonaws.cloudwatch.{alarmData.state.value}", "{alarmData.alarmName}", "iso time"),
    "cloudwatch.logs": Row("{id}", _log_group, "com.amazonaws.logs.{$.messageType}", "{$.logStream}", "ms timestamp", at="logEvents", opened=_open_logs),
    "ses": Row("{ses.mail.messageId}", ("aws:ses", _region_of_receipt), "com.amazonaws.ses.Received", "", "iso ses.mail.timestamp", at="Records"),
    "codecommit": Row(_part, "{eventSourceARN}", "com.amazonaws.codecommit.{eventName}", _single_reference, "iso eventTime", at="Records"),
    "iot.events": Row("{event.payload.actionExecutionId}", ("aws:iotevents", _region, "{event.payload.detector.detectorModelName}"), "com.amazonaws.iotevents.{event.eventName}", "{event.payload.detector.keyValue}", "ms event.eventTime"),
    "cognito.sync": Row("", ("aws:cognito-sync", _region, "{identityPoolId}"), "com.amazonaws.cognito-sync.{eventType}", "{datasetName}"),
    "cognito.userpool": Row("", ("aws:cognito-idp", _region, "{userPoolId}"), "com.amazonaws.cognito-idp.{triggerSource}"),
    # The result token, the only thing like an id, is a credential.
    "config": Row("", "{configRuleArn}", "com.amazonaws.config.{invokingEvent.messageType}", "{invokingEvent.configurationItem.resourceId|invokingEvent.configurationItemSummary.resourceId}", "iso invokingEvent.notificationCreationTime", opened=_open_config),
    "cloudformation": Row("{RequestId}", "{StackId}", "com.amazonaws.cloudformation.{RequestType}", "{LogicalResourceId}"),
    "cloudfront": Row("{cf.config.requestId}.{cf.config.eventType}", ("aws:cloudfront", "{cf.config.distributionId}"), "com.amazonaws.cloudfront.{cf.config.eventType}", "{cf.request.uri}", at="Records"),
    "lex.v1": _LEX,
    "lex.v2": _LEX,
    "alexa.smarthome.v2": _ALEXA,
    "alexa.smarthome.v3": _ALEXA,
    "alexa.skill": _ALEXA,
}  # fmt: skip
