"""The library's rows, in order; the first that matches wins. Alternatives are rows with the same name.

Envelopes are matched before their contents, so CloudEvents and EventBridge come first. Authorizers, WebSockets and
Bedrock agents have the keys of HTTP requests, and are matched before these. A known ``eventSource`` is matched before
any other. Apart from that, a row goes below the comment that describes it. The least specific row, ``source``, is last.

The first condition of a row is its most specific one, because the registry indexes rows by it.
"""

from __future__ import annotations

from typing import Any

from .matcher import EACH, HTTP, Matcher


def _not_null(value: Any) -> bool:
    return value is not None


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _from_aws(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith("aws:") or value == "SelfManagedKafka")


def _about_a_thing(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("THING_")


def _function_url(value: Any) -> bool:
    return isinstance(value, str) and ".lambda-url." in value


def _kinesis_stream(value: Any) -> bool:
    return isinstance(value, str) and ":kinesis:" in value


def _dynamodb_stream(value: Any) -> bool:
    return isinstance(value, str) and ":dynamodb:" in value


def _only_key(value: Any) -> bool:
    return len(value) == 1


def _kafka_records(value: Any) -> bool:
    """Whether *value* is ``{"<topic>-<partition>": [{"topic": …, "partition": …, "offset": …, …}, …], …}``."""

    def is_record(item: Any) -> bool:
        return isinstance(item, dict) and {"topic", "partition", "offset"} <= item.keys()

    def are_records(items: Any) -> bool:
        return isinstance(items, list) and bool(items) and all(map(is_record, items))

    return isinstance(value, dict) and bool(value) and all(map(are_records, value.values()))


def _zappa_keep_warm(value: Any) -> bool:
    """Whether *value* is the ARN of the rule that Zappa's ``keep_warm`` creates, which always ends like this."""
    return isinstance(value, str) and value.endswith("-handler.keep_warm_callback")


def _lambda_warmer(value: Any) -> bool:
    """Whether *value* has only the keys of lambda-warmer: an event with other data is delivered."""
    return all(key in ("warmer", "concurrency", "target") or key.startswith("__WARMER_") for key in value)


def _dotted_event_source(event: Any) -> Any:
    record = event["Records"][0]
    # If records are delivered one by one, a later record need not look like the first.
    sources = [record.get(name) for name in ("eventSource", "EventSource")] if isinstance(record, dict) else []
    return next((source.replace(":", ".") for source in sources if isinstance(source, str)), None)


_SOURCE = "$.Records[0].eventSource"

ROWS: tuple[Matcher, ...] = (
    # Lists. CloudEvents and EventBridge envelopes (from a custom bus that sends batches) are routed one by one.
    Matcher("cloudevents.batch", {"$[0].specversion": _not_null}, EACH, "sync"),
    Matcher("eventbridge.custombus", {"$[0]['detail-type']": str, "$[0].source": str, "$[0].detail": ...}, EACH, "async"),
    Matcher("eventbridge.custombus", {"$[0].detailType": str, "$[0].source": str, "$[0].detail": ...}, EACH, "async"),
    # EventBridge Pipes always sends lists of the source's records; those of Kinesis are flattened.
    Matcher("pipes", {"$[0].eventSource": _from_aws}, "/aws.pipes", "sync"),
    Matcher("appsync.batch", {"$[0].info.fieldName": ...}, "/aws.appsync.batch", "sync"),
    Matcher("azure.eventgrid", {"$[0].eventType": ..., "$[0].topic": ..., "$[0].subject": ..., "$[0].eventTime": ..., "$[0].dataVersion": ...}, "/azure.eventgrid", "sync"),
    # Envelopes. Zappa's schedule that keeps a function warm is an EventBridge event like any other, and so comes first.
    Matcher("cloudevent", {"$.specversion": _not_null}, "$.source", "sync"),
    Matcher("warmup", {"$['detail-type']": "Scheduled Event", "$.resources[0]": _zappa_keep_warm}, None, "sync"),
    Matcher("eventbridge", {"$['detail-type']": str, "$.source": str, "$.detail": ...}, "$.source", "async"),
    Matcher("eventbridge", {"$.detailType": str, "$.source": str, "$.detail": ...}, "$.source", "async"),
    Matcher("cloudwatch.alarm", {"$.alarmArn": ..., "$.alarmData": ..., "$.source": str}, "/aws.cloudwatch", "async"),
    Matcher("azure.eventgrid", {"$.eventTime": ..., "$.topic": ..., "$.subject": ..., "$.eventType": ..., "$.dataVersion": ...}, "/azure.eventgrid", "sync"),
    Matcher("google.pubsub", {"$.subscription": ..., "$.message.messageId": ...}, "/google.pubsub", "sync"),
    # Batches of records, recognised by the source of the first record. Only SNS spells the key with a capital E.
    Matcher("sqs", {_SOURCE: "aws:sqs"}, "/aws.sqs", "poll"),
    Matcher("kinesis", {_SOURCE: "aws:kinesis"}, "/aws.kinesis", "poll"),
    Matcher("dynamodb", {_SOURCE: "aws:dynamodb"}, "/aws.dynamodb", "poll"),
    Matcher("s3", {_SOURCE: "aws:s3"}, "/aws.s3", "async"),
    # A receipt rule with the invocation type RequestResponse waits for a disposition.
    Matcher("ses", {_SOURCE: "aws:ses", "$.Records[0].ses.receipt.action.invocationType": "RequestResponse"}, "/aws.ses", "sync"),
    Matcher("ses", {_SOURCE: "aws:ses"}, "/aws.ses", "async"),
    Matcher("codecommit", {_SOURCE: "aws:codecommit"}, "/aws.codecommit", "async"),
    Matcher("sns", {"$.Records[0].EventSource": "aws:sns"}, "/aws.sns", "async"),
    Matcher("cloudfront", {"$.Records[0].cf": ...}, "/aws.cloudfront", "sync"),
    Matcher("records", {_SOURCE: str}, _dotted_event_source, "async"),
    Matcher("records", {"$.Records[0].EventSource": str}, _dotted_event_source, "async"),
    # The last invocation of a tumbling window may have no records; then the event itself has the ARN of the stream.
    Matcher("kinesis.window", {"$.isFinalInvokeForWindow": ..., "$.eventSourceARN": _kinesis_stream}, "/aws.kinesis", "poll"),
    Matcher("dynamodb.window", {"$.isFinalInvokeForWindow": ..., "$.eventSourceARN": _dynamodb_stream}, "/aws.dynamodb", "poll"),
    Matcher("kafka.msk", {"$.eventSource": "aws:kafka", "$.records": dict}, "/aws.kafka", "poll"),
    Matcher("kafka.selfmanaged", {"$.eventSource": {"aws:SelfManagedKafka", "SelfManagedKafka"}, "$.records": dict}, "/aws.kafka.selfmanaged", "poll"),
    Matcher("mq.activemq", {"$.eventSource": {"aws:mq", "aws:amq"}, "$.messages": list}, "/aws.mq.activemq", "poll"),
    Matcher("mq.rabbitmq", {"$.eventSource": "aws:rmq", "$.rmqMessagesByQueue": dict}, "/aws.mq.rabbitmq", "poll"),
    Matcher("docdb", {"$.eventSource": "aws:docdb", "$.events": list}, "/aws.docdb", "poll"),
    Matcher("kinesis.analytics", {"$.applicationArn": ..., "$.records": list}, "/aws.kinesis.analytics", "sync"),
    Matcher("kinesis.firehose", {"$.invocationId": ..., "$.records": list}, "/aws.kinesis.firehose", "sync"),
    Matcher("kinesis.firehose", {"$.records[0].kinesisRecordMetadata": ...}, "/aws.kinesis.firehose", "sync"),
    Matcher("s3.batch", {"$.invocationSchemaVersion": ..., "$.tasks": ..., "$.job": ...}, "/aws.s3.batch", "sync"),
    # After a report of failed records, Lambda may send the rest of a Kafka batch again with its records alone.
    Matcher("kafka", {"$.records": _kafka_records}, "/aws.kafka", "poll"),
    # Authorizers, WebSocket connections and Bedrock agents, before the HTTP requests that they resemble
    Matcher("apigateway.authorizer", {"$.methodArn": ..., "$.type": {"TOKEN", "REQUEST"}}, "/aws.apigateway.authorizer", "sync"),
    Matcher("apigateway.authorizer", {"$.routeArn": ..., "$.type": {"TOKEN", "REQUEST"}}, "/aws.apigateway.authorizer", "sync"),
    Matcher("appsync.authorizer", {"$.authorizationToken": ..., "$.requestContext.apiId": ..., "$.requestContext.queryString": ...}, "/aws.appsync.authorizer", "sync"),
    Matcher("appsync.authorizer", {"$.authorizationToken": ..., "$.requestContext.apiId": ..., "$.requestContext.queryDocument": ...}, "/aws.appsync.authorizer", "sync"),
    Matcher("appsync.authorizer", {"$.authorizationToken": ..., "$.requestContext.apiId": ..., "$.requestContext.operation": {"EVENT_CONNECT", "EVENT_PUBLISH", "EVENT_SUBSCRIBE"}}, "/aws.appsync.authorizer", "sync"),
    Matcher("apigateway.websocket", {"$.requestContext.eventType": {"CONNECT", "DISCONNECT", "MESSAGE"}, "$.requestContext.connectionId": ...}, "/aws.apigateway.websocket", "sync"),
    Matcher("bedrock.agent", {"$.actionGroup": ..., "$.agent": ..., "$.messageVersion": ..., "$.apiPath": ...}, "/aws.bedrock.agent", "sync"),
    Matcher("bedrock.agent", {"$.actionGroup": ..., "$.agent": ..., "$.messageVersion": ..., "$.function": ...}, "/aws.bedrock.agent", "sync"),
    # Every record has these two. If Lambda gave up without an invocation, there is no responseContext.
    Matcher("lambda.destination", {"$.requestContext.functionArn": ..., "$.requestContext.condition": ...}, "/aws.lambda.destination", "async"),
    # HTTP requests: recognised, never routed.
    Matcher("http.alb", {"$.requestContext.elb": ...}, HTTP, "sync"),
    Matcher("http.lattice2", {"$.requestContext.serviceNetworkArn": ...}, HTTP, "sync"),
    Matcher("http.functionurl", {"$.version": "2.0", "$.requestContext.http": ..., "$.requestContext.domainName": _function_url}, HTTP, "sync"),
    Matcher("http.apigw2", {"$.version": "2.0", "$.requestContext.http": ...}, HTTP, "sync"),
    Matcher("http.apigw1", {"$.httpMethod": ..., "$.path": ..., "$.requestContext": ...}, HTTP, "sync"),
    Matcher("http.lattice1", {"$.raw_path": ..., "$.method": ..., "$.headers": ...}, HTTP, "sync"),
    # Single events, each with its own keys
    Matcher("cloudwatch.logs", {"$.awslogs.data": str}, "/aws.cloudwatch.logs", "async"),
    Matcher("cloudwatch.widget", {"$.widgetContext": ...}, "/aws.cloudwatch.widget", "sync"),
    Matcher("cloudwatch.widget", {"$.describe": True, "$": _only_key}, "/aws.cloudwatch.widget", "sync"),
    Matcher("codepipeline.job", {"$['CodePipeline.job']": ...}, "/aws.codepipeline.job", "async"),
    Matcher("codedeploy.hook", {"$.LifecycleEventHookExecutionId": ..., "$.DeploymentId": ...}, "/aws.codedeploy.hook", "async"),
    Matcher("ecs.hook", {"$.lifecycleStage": ..., "$.executionDetails": ...}, "/aws.ecs.hook", "sync"),
    Matcher("cloudformation", {"$.LogicalResourceId": ...}, "/aws.cloudformation", "async"),
    Matcher("cloudformation.macro", {"$.transformId": ..., "$.fragment": ..., "$.requestId": ...}, "/aws.cloudformation.macro", "sync"),
    Matcher("cloudformation.hook", {"$.hookTypeName": ..., "$.actionInvocationPoint": ...}, "/aws.cloudformation.hook", "sync"),
    Matcher("config", {"$.configRuleId": ...}, "/aws.config", "async"),
    # S3 sends this event to a topic or queue when a notification is configured.
    Matcher("s3.test", {"$.Event": "s3:TestEvent"}, None, "async"),
    Matcher("s3.objectlambda", {"$.xAmzRequestId": ..., "$.getObjectContext": ...}, "/aws.s3.objectlambda", "sync"),
    Matcher("s3.objectlambda", {"$.xAmzRequestId": ..., "$.headObjectContext": ...}, "/aws.s3.objectlambda", "sync"),
    Matcher("s3.objectlambda", {"$.xAmzRequestId": ..., "$.listObjectsContext": ...}, "/aws.s3.objectlambda", "sync"),
    Matcher("s3.objectlambda", {"$.xAmzRequestId": ..., "$.listObjectsV2Context": ...}, "/aws.s3.objectlambda", "sync"),
    Matcher("cognito.userpool", {"$.triggerSource": ..., "$.userPoolId": ...}, "/aws.cognito.userpool", "sync"),
    Matcher("cognito.sync", {"$.identityPoolId": ..., "$.identityId": ...}, "/aws.cognito", "sync"),
    Matcher("lex.v1", {"$.currentIntent": ..., "$.bot": ..., "$.outputDialogMode": ...}, "/aws.lex", "sync"),
    Matcher("lex.v2", {"$.interpretations": ..., "$.bot": ..., "$.sessionState": ...}, "/aws.lex.v2", "sync"),
    Matcher("alexa.smarthome.v2", {"$.header": ..., "$.payload": ...}, "/aws.alexa", "sync"),
    Matcher("alexa.smarthome.v3", {"$.directive.header": ...}, "/aws.alexa", "sync"),
    Matcher("alexa.skill", {"$.session": ..., "$.context": ..., "$.version": ..., "$.request.type": ...}, "/aws.alexa.skill", "sync"),
    # Alexa's audio player sends requests without a session.
    Matcher("alexa.skill", {"$.request.type": ..., "$.version": ..., "$.context.System.application": ...}, "/aws.alexa.skill", "sync"),
    Matcher("connect", {"$.Details.ContactData": ...}, "/aws.connect.contactflow", "sync"),
    Matcher("connect.campaigns", {"$.InvocationMetadata": ..., "$.Items": ...}, "/aws.connect.campaigns", "sync"),
    Matcher("appsync.events", {"$.info.channelNamespace": ..., "$.info.operation": ...}, "/aws.appsync.events", "sync"),
    Matcher("appsync.resolver", {"$.info.fieldName": ..., "$.arguments": ..., "$.identity": ...}, "/aws.appsync", "sync"),
    Matcher("appsync.resolver", {"$.fieldName": ..., "$.arguments": ..., "$.identity": ...}, "/aws.appsync", "sync"),
    # The gateway's request is under "mcp" or, for HTTP targets, under "http".
    Matcher("bedrock.agentcore.interceptor", {"$.interceptorInputVersion": ...}, "/aws.bedrock.agentcore.interceptor", "sync"),
    Matcher("secretsmanager.rotation", {"$.SecretId": ..., "$.Step": ..., "$.ClientRequestToken": ...}, "/aws.secretsmanager.rotation", "sync"),
    Matcher("clientvpn", {"$['connection-id']": ..., "$['endpoint-id']": ..., "$['schema-version']": ...}, "/aws.clientvpn", "sync"),
    Matcher("transfer.workflow", {"$.serviceMetadata": ..., "$.token": ..., "$.fileLocation": ...}, "/aws.transfer.workflow", "async"),
    Matcher("transfer.authorizer", {"$.serverId": ..., "$.username": ..., "$.protocol": ..., "$.sourceIp": ...}, "/aws.transfer.authorizer", "sync"),
    Matcher("autoscaling.termination", {"$.CapacityToTerminate": ..., "$.AutoScalingGroupARN": ...}, "/aws.autoscaling.termination", "sync"),
    Matcher("sagemaker.prehuman", {"$.dataObject": ..., "$.labelingJobArn": ...}, "/aws.sagemaker.prehuman", "sync"),
    Matcher("sagemaker.consolidation", {"$.labelAttributeName": ..., "$.labelingJobArn": ..., "$.payload.s3Uri": ...}, "/aws.sagemaker.consolidation", "sync"),
    Matcher("workmail", {"$.flowDirection": ..., "$.summaryVersion": ..., "$.envelope": ...}, "/aws.workmail", "sync"),
    Matcher("iot.authorizer", {"$.protocolData": ..., "$.protocols": ..., "$.connectionMetadata": ...}, "/aws.iot.authorizer", "sync"),
    Matcher("iot.provisioning", {"$.claimCertificateId": ..., "$.certificateId": ..., "$.templateArn": ...}, "/aws.iot.provisioning", "sync"),
    Matcher("iot.registry", {"$.eventType": _about_a_thing, "$.eventId": ..., "$.timestamp": ...}, "/aws.iot.registry", "async"),
    Matcher("iot.button", {"$.clickType": ..., "$.serialNumber": ..., "$.batteryVoltage": ...}, "/aws.iot.button", "async"),
    Matcher("iot.oneclick", {"$.deviceEvent": ..., "$.deviceInfo": ..., "$.placementInfo": ...}, "/aws.iot.oneclick", "async"),
    Matcher("iot.events", {"$.event.eventName": str}, "$.event.eventName", "async"),
    # Events that keep a function warm: serverless-plugin-warmup and lambda-warmer
    Matcher("warmup", {"$.source": "serverless-plugin-warmup"}, None, "sync"),
    Matcher("warmup", {"$.warmer": True, "$": _lambda_warmer}, None, "sync"),
    # Any other event with a source. The sender is unknown, so the reply is the application's answer.
    Matcher("source", {"$.source": _text}, "$.source", "sync"),
)  # fmt: skip
