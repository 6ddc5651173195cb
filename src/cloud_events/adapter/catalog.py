"""The events we know, in order; the first row that matches wins. Alternatives are rows of the same name.

What decides the order: an envelope (CloudEvents, EventBridge) is told before what it may contain; authorizers,
websockets and Bedrock carry the keys of HTTP requests and come before these; an exact ``eventSource`` comes before the
row for any; the loose ``source`` is last. Where a row has one telling condition, it stands first: the index uses it.
"""

from .matcher import EACH, HTTP, Matcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _not_null(value: "Any") -> bool:
    return value is not None


def _from_aws(value: "Any") -> bool:
    return isinstance(value, str) and (value.startswith("aws:") or value == "SelfManagedKafka")


def _about_a_thing(value: "Any") -> bool:
    return isinstance(value, str) and value.startswith("THING_")


def _function_url(value: "Any") -> bool:
    return isinstance(value, str) and ".lambda-url." in value


def _stream_of(service: str) -> "Any":
    return lambda value: isinstance(value, str) and f":{service}:" in value


def _lone(value: "Any") -> bool:
    return len(value) == 1


def _dotted_event_source(event: "Any") -> "Any":
    record = event["Records"][0]
    # Alone, with CLOUD_EVENTS_DELIVERY=record, a later record need not look like the first.
    sources = [record.get(name) for name in ("eventSource", "EventSource")] if isinstance(record, dict) else []
    return next((source.replace(":", ".") for source in sources if isinstance(source, str)), None)


_SOURCE = "$.Records[0].eventSource"

ROWS: "tuple[Matcher, ...]" = (
    # Lists. One of CloudEvents or of EventBridge envelopes (a custom bus that sends batches) goes one by one.
    Matcher("cloudevents.batch", {"$[0].specversion": _not_null}, EACH, "sync"),
    Matcher("eventbridge.custombus", {"$[0]['detail-type']": str, "$[0].source": str, "$[0].detail": ...}, EACH, "async"),
    Matcher("eventbridge.custombus", {"$[0].detailType": str, "$[0].source": str, "$[0].detail": ...}, EACH, "async"),
    # EventBridge Pipes always sends lists: the records of its source as they are, Kinesis' without the nesting.
    Matcher("pipes", {"$[0].eventSource": _from_aws}, "/aws.pipes", "sync"),
    Matcher("appsync.batch", {"$[0].info.fieldName": ...}, "/aws.appsync.batch", "sync"),
    Matcher("azure.eventgrid", {"$[0].eventType": ..., "$[0].topic": ..., "$[0].subject": ..., "$[0].eventTime": ..., "$[0].dataVersion": ...}, "/azure.eventgrid", "sync"),
    # Envelopes
    Matcher("cloudevent", {"$.specversion": _not_null}, "$.source", "sync"),
    Matcher("eventbridge", {"$['detail-type']": str, "$.source": str, "$.detail": ...}, "$.source", "async"),
    Matcher("eventbridge", {"$.detailType": str, "$.source": str, "$.detail": ...}, "$.source", "async"),
    Matcher("cloudwatch.alarm", {"$.alarmArn": ..., "$.alarmData": ..., "$.source": str}, "/aws.cloudwatch", "async"),
    Matcher("azure.eventgrid", {"$.eventTime": ..., "$.topic": ..., "$.subject": ..., "$.eventType": ..., "$.dataVersion": ...}, "/azure.eventgrid", "sync"),
    Matcher("google.pubsub", {"$.subscription": ..., "$.message.messageId": ...}, "/google.pubsub", "sync"),
    # Batches of records, each known by its source. SNS alone spells it with a capital E.
    Matcher("sqs", {_SOURCE: "aws:sqs"}, "/aws.sqs", "poll"),
    Matcher("kinesis", {_SOURCE: "aws:kinesis"}, "/aws.kinesis", "poll"),
    Matcher("dynamodb", {_SOURCE: "aws:dynamodb"}, "/aws.dynamodb", "poll"),
    Matcher("s3", {_SOURCE: "aws:s3"}, "/aws.s3", "async"),
    Matcher("ses", {_SOURCE: "aws:ses"}, "/aws.ses", "async"),
    Matcher("codecommit", {_SOURCE: "aws:codecommit"}, "/aws.codecommit", "async"),
    Matcher("sns", {"$.Records[0].EventSource": "aws:sns"}, "/aws.sns", "async"),
    Matcher("cloudfront", {"$.Records[0].cf": ...}, "/aws.cloudfront", "sync"),
    Matcher("records", {_SOURCE: str}, _dotted_event_source, "async"),
    Matcher("records", {"$.Records[0].EventSource": str}, _dotted_event_source, "async"),
    # The last call of a tumbling window may have no records; the stream's ARN stands beside them.
    Matcher("kinesis.window", {"$.isFinalInvokeForWindow": ..., "$.eventSourceARN": _stream_of("kinesis")}, "/aws.kinesis", "poll"),
    Matcher("dynamodb.window", {"$.isFinalInvokeForWindow": ..., "$.eventSourceARN": _stream_of("dynamodb")}, "/aws.dynamodb", "poll"),
    Matcher("kafka.msk", {"$.eventSource": "aws:kafka", "$.records": dict}, "/aws.kafka", "poll"),
    Matcher("kafka.selfmanaged", {"$.eventSource": {"aws:SelfManagedKafka", "SelfManagedKafka"}, "$.records": dict}, "/aws.kafka.selfmanaged", "poll"),
    Matcher("mq.activemq", {"$.eventSource": {"aws:mq", "aws:amq"}, "$.messages": list}, "/aws.mq.activemq", "poll"),
    Matcher("mq.rabbitmq", {"$.eventSource": "aws:rmq", "$.rmqMessagesByQueue": dict}, "/aws.mq.rabbitmq", "poll"),
    Matcher("docdb", {"$.eventSource": "aws:docdb", "$.events": list}, "/aws.docdb", "poll"),
    Matcher("kinesis.analytics", {"$.applicationArn": ..., "$.records": list}, "/aws.kinesis.analytics", "sync"),
    Matcher("kinesis.firehose", {"$.invocationId": ..., "$.records": list}, "/aws.kinesis.firehose", "sync"),
    Matcher("kinesis.firehose", {"$.records[0].kinesisRecordMetadata": ...}, "/aws.kinesis.firehose", "sync"),
    Matcher("s3.batch", {"$.invocationSchemaVersion": ..., "$.tasks": ..., "$.job": ...}, "/aws.s3.batch", "sync"),
    # Requests that ask who may enter, connections and Bedrock's agents: before the HTTP requests that they resemble.
    Matcher("apigateway.authorizer", {"$.methodArn": ..., "$.type": {"TOKEN", "REQUEST"}}, "/aws.apigateway.authorizer", "sync"),
    Matcher("apigateway.authorizer", {"$.routeArn": ..., "$.type": {"TOKEN", "REQUEST"}}, "/aws.apigateway.authorizer", "sync"),
    Matcher("appsync.authorizer", {"$.authorizationToken": ..., "$.requestContext.apiId": ..., "$.requestContext.queryString": ...}, "/aws.appsync.authorizer", "sync"),
    Matcher("appsync.authorizer", {"$.authorizationToken": ..., "$.requestContext.apiId": ..., "$.requestContext.queryDocument": ...}, "/aws.appsync.authorizer", "sync"),
    Matcher("apigateway.websocket", {"$.requestContext.eventType": {"CONNECT", "DISCONNECT", "MESSAGE"}, "$.requestContext.connectionId": ...}, "/aws.apigateway.websocket", "sync"),
    Matcher("bedrock.agent", {"$.actionGroup": ..., "$.agent": ..., "$.messageVersion": ..., "$.apiPath": ...}, "/aws.bedrock.agent", "sync"),
    Matcher("bedrock.agent", {"$.actionGroup": ..., "$.agent": ..., "$.messageVersion": ..., "$.function": ...}, "/aws.bedrock.agent", "sync"),
    Matcher("lambda.destination", {"$.responseContext": ..., "$.requestContext.functionArn": ...}, "/aws.lambda.destination", "async"),
    Matcher("lambda.destination", {"$.KinesisBatchInfo": ..., "$.requestContext.functionArn": ...}, "/aws.lambda.destination", "async"),
    Matcher("lambda.destination", {"$.DDBStreamBatchInfo": ..., "$.requestContext.functionArn": ...}, "/aws.lambda.destination", "async"),
    # HTTP requests: recognised, never routed.
    Matcher("http.alb", {"$.requestContext.elb": ...}, HTTP, "sync"),
    Matcher("http.lattice2", {"$.requestContext.serviceNetworkArn": ...}, HTTP, "sync"),
    Matcher("http.functionurl", {"$.version": "2.0", "$.requestContext.http": ..., "$.requestContext.domainName": _function_url}, HTTP, "sync"),
    Matcher("http.apigw2", {"$.version": "2.0", "$.requestContext.http": ...}, HTTP, "sync"),
    Matcher("http.apigw1", {"$.httpMethod": ..., "$.path": ..., "$.requestContext": ...}, HTTP, "sync"),
    Matcher("http.lattice1", {"$.raw_path": ..., "$.method": ..., "$.headers": ...}, HTTP, "sync"),
    # Single events, each with keys of its own
    Matcher("cloudwatch.logs", {"$.awslogs.data": str}, "/aws.cloudwatch.logs", "async"),
    Matcher("cloudwatch.widget", {"$.widgetContext": ...}, "/aws.cloudwatch.widget", "sync"),
    Matcher("cloudwatch.widget", {"$.describe": True, "$": _lone}, "/aws.cloudwatch.widget", "sync"),
    Matcher("codepipeline.job", {"$['CodePipeline.job']": ...}, "/aws.codepipeline.job", "async"),
    Matcher("codedeploy.hook", {"$.LifecycleEventHookExecutionId": ..., "$.DeploymentId": ...}, "/aws.codedeploy.hook", "async"),
    Matcher("cloudformation", {"$.LogicalResourceId": ...}, "/aws.cloudformation", "async"),
    Matcher("cloudformation.macro", {"$.transformId": ..., "$.fragment": ..., "$.requestId": ...}, "/aws.cloudformation.macro", "sync"),
    Matcher("config", {"$.configRuleId": ...}, "/aws.config", "async"),
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
    # Alexa's audio player sends requests outside any session.
    Matcher("alexa.skill", {"$.request.type": ..., "$.version": ..., "$.context.System.application": ...}, "/aws.alexa.skill", "sync"),
    Matcher("connect", {"$.Details.ContactData": ...}, "/aws.connect.contactflow", "sync"),
    Matcher("connect.campaigns", {"$.InvocationMetadata": ..., "$.Items": ...}, "/aws.connect.campaigns", "sync"),
    Matcher("appsync.events", {"$.info.channelNamespace": ..., "$.info.operation": ...}, "/aws.appsync.events", "sync"),
    Matcher("appsync.resolver", {"$.info.fieldName": ..., "$.arguments": ..., "$.identity": ...}, "/aws.appsync", "sync"),
    Matcher("appsync.resolver", {"$.fieldName": ..., "$.arguments": ..., "$.identity": ...}, "/aws.appsync", "sync"),
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
    # Anything else that says where it comes from. Its invoker is unknown, so the answer is the application's own.
    Matcher("source", {"$.source": lambda value: isinstance(value, str) and value != ""}, "$.source", "sync"),
)  # fmt: skip
