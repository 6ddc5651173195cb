"""Real flows: boto3 talks to AWS, as far as moto plays it; what AWS would hand to the function reaches a bookshop.

moto would run the function in Docker. Here the function is the handler, in this process; the event is moto's own.
"""

import base64
import json
from urllib.parse import unquote_plus

import pytest
from flask import Flask, request

from cloud_events import make_handler
from cloud_events import testing as kit
from cloud_events.testing import LambdaContext
from shapes import records, shape

boto3 = pytest.importorskip("boto3")
moto = pytest.importorskip("moto")
LambdaFunction = pytest.importorskip("moto.awslambda.models").LambdaFunction

REGION = "eu-west-1"


def bookshop(books, journal):
    """A Flask application that keeps the sizes of *books*, and a *journal* of what it was told."""
    app = Flask(__name__)

    @app.post("/aws.s3")
    def stored():
        for record in request.json["Records"]:
            entry = record["s3"]["object"]
            if record["eventName"].startswith("ObjectRemoved"):
                del books[unquote_plus(entry["key"])]
            else:
                books[unquote_plus(entry["key"])] = entry["size"]
        return "", 204

    @app.post("/aws.sns")
    def told():
        journal.extend((record["Sns"]["Subject"], record["Sns"]["Message"]) for record in request.json["Records"])
        return "", 204

    @app.post("/aws.sqs")
    def ordered():
        for record in request.json["Records"]:
            if record["body"] == "too much":
                return {"error": "sold out"}, 409
            try:
                message = json.loads(record["body"])
            except ValueError:
                message = {"Message": record["body"]}
            journal.append((message.get("Subject"), message["Message"]))
        return "", 204

    @app.post("/aws.dynamodb")
    def changed():
        for record in request.json["Records"]:
            title = record["dynamodb"]["Keys"]["title"]["S"]
            if "NewImage" in record["dynamodb"]:
                books[title] = record["dynamodb"]["NewImage"]["pages"]["N"]
            else:
                del books[title]
            journal.append((record["eventName"], title))
        return "", 204

    @app.post("/aws.kinesis")
    def clicked():
        for record in request.json["Records"]:
            journal.append((record["kinesis"]["partitionKey"], base64.b64decode(record["kinesis"]["data"]).decode()))
        return "", 204

    return app


class Cloud:
    """AWS with one function, the bookshop; ``delivered`` has the events that were handed to it."""

    def __init__(self, settings):
        self.books, self.journal, self.delivered, self.failures = {}, [], [], []
        self._handler = make_handler(bookshop(self.books, self.journal), response="native", **settings)
        trust = boto3.client("iam").create_role(RoleName="books", AssumeRolePolicyDocument="{}")
        self.function = boto3.client("lambda").create_function(
            FunctionName="books",
            Runtime="python3.13",
            Role=trust["Role"]["Arn"],
            Handler="cloud_events.handler.handler",
            Code={"ZipFile": b"none"},
        )["FunctionArn"]

    def invoke(self, event):
        """What moto calls in place of a container: (what the function returned, whether it failed, its log)."""
        event = json.loads(event) if isinstance(event, str) else event
        self.delivered.append(event)
        try:
            return json.dumps(self._handler(event, LambdaContext())), False, ""
        except Exception as error:
            self.failures.append(error)
            return json.dumps({"errorType": type(error).__name__}), True, ""

    def poll(self, source):
        """Map the event source with this ARN to the function."""
        start = {} if ":sqs:" in source else {"StartingPosition": "TRIM_HORIZON"}
        boto3.client("lambda").create_event_source_mapping(EventSourceArn=source, FunctionName="books", **start)

    def queue(self, name, **attributes):
        """(URL, ARN) of a new queue."""
        client = boto3.client("sqs")
        url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url, client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


# What moto adds to, or writes otherwise than, AWS's own samples: AWS sends whole seconds.
DEVIATIONS = {(".dynamodb.ApproximateCreationDateTime", "float")}
BUILT = {
    "aws:s3": kit.s3(),
    "aws:sns": kit.sns("Emma", "stock"),
    "aws:sqs": kit.sqs("Emma", fifo=True),
    "aws:dynamodb": kit.dynamodb(new={"id": 1}, old={"id": 1}),
    "aws:kinesis": kit.kinesis("Emma"),
}


@pytest.fixture(params=["batch", "record"])
def settings(request):
    return {"delivery": request.param}


@pytest.fixture
def cloud(monkeypatch, settings):
    """AWS with the bookshop. Each event of the test kit has all that moto emits, and it has it in the same types."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "none")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with moto.mock_aws():
        cloud = Cloud(settings)
        monkeypatch.setattr(LambdaFunction, "_invoke_lambda", lambda function, event: cloud.invoke(event))
        yield cloud
    assert cloud.failures == []
    for event in cloud.delivered:
        for record in event.get("Records", ()):
            source = record.get("eventSource") or record["EventSource"]
            assert shape(record) - shape(records(BUILT[source])) <= DEVIATIONS


def bucket(**targets):
    """A new bucket that tells *targets* of every object that comes or goes."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": REGION})
    events = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    told = {f"{kind}Configurations": [{f"{kind}Arn": arn, "Events": events}] for kind, arn in targets.items()}
    client.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration=told)
    return client


class TestFlows:
    def test_s3(self, cloud):
        """An object that is put into a bucket is there, and is not when it is deleted."""
        s3 = bucket(LambdaFunction=cloud.function)
        s3.put_object(Bucket="uploads", Key="my novels/Émile (1).epub", Body=b"12345")
        s3.put_object(Bucket="uploads", Key="Emma.epub", Body=b"123")
        assert cloud.books == {"my novels/Émile (1).epub": 5, "Emma.epub": 3}
        s3.delete_object(Bucket="uploads", Key="my novels/Émile (1).epub")
        assert cloud.books == {"Emma.epub": 3}

    @pytest.mark.parametrize("protocol", ["lambda", "sqs"])
    def test_sns(self, cloud, protocol):
        """A message published to a topic reaches the subscribed function, or lies in the subscribed queue as JSON."""
        sns = boto3.client("sns")
        topic = sns.create_topic(Name="stock")["TopicArn"]
        _, queue = cloud.queue("orders")
        cloud.poll(queue)
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=cloud.function if protocol == "lambda" else queue)
        sns.publish(TopicArn=topic, Message="Emma is sold out", Subject="stock")
        assert cloud.journal == [("stock", "Emma is sold out")]
        if protocol == "sqs":
            events = cloud.delivered[0], kit.sns_in_sqs("Emma", subject="stock")
            emitted, built = (shape(json.loads(event["Records"][0]["body"])) for event in events)
            assert emitted == built

    @pytest.mark.parametrize("settings", [{"delivery": "record", "unwrap": "s3,sns"}])
    @pytest.mark.parametrize("by_topic", [False, True])
    def test_s3_inside(self, cloud, by_topic):
        """S3's events in the messages of queues and topics arrive as themselves; the bucket's test event is done."""
        _, target = cloud.queue("uploads")
        cloud.poll(target)
        if by_topic:
            queue, target = target, boto3.client("sns").create_topic(Name="uploads")["TopicArn"]
            boto3.client("sns").subscribe(TopicArn=target, Protocol="sqs", Endpoint=queue)
        s3 = bucket(**{"Topic" if by_topic else "Queue": target})
        s3.put_object(Bucket="uploads", Key="my novels/Émile (1).epub", Body=b"12345")
        assert (cloud.books, cloud.journal) == ({"my novels/Émile (1).epub": 5}, [])
        test, _ = (event["Records"][0]["body"] for event in cloud.delivered)
        assert "s3:TestEvent" in test

    def test_sqs(self, cloud):
        """The messages of a FIFO queue arrive in their order, and are gone from it when they were handled."""
        url, queue = cloud.queue("orders.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        cloud.poll(queue)
        sqs = boto3.client("sqs")
        for text in ("one", "two", "three"):
            sqs.send_message(QueueUrl=url, MessageBody=text, MessageGroupId="ada")
        assert cloud.journal == [(None, "one"), (None, "two"), (None, "three")]
        assert "Messages" not in sqs.receive_message(QueueUrl=url)

    def test_sqs_failure(self, cloud):
        """A message that the application refuses stays in the queue, and goes to the dead-letter queue in the end."""
        dead_url, dead = cloud.queue("dead")
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
        url, queue = cloud.queue("orders", RedrivePolicy=policy, VisibilityTimeout="0")
        cloud.poll(queue)
        sqs = boto3.client("sqs")
        for text in ("too much", "one Emma", "two Emmas"):
            sqs.send_message(QueueUrl=url, MessageBody=text)
        (message,) = sqs.receive_message(QueueUrl=dead_url)["Messages"]
        assert message["Body"] == "too much"
        assert [(error.status, error.path) for error in cloud.failures] == [(409, "/aws.sqs")] * 2
        cloud.failures.clear()
        assert (None, "two Emmas") in cloud.journal

    def test_dynamodb(self, cloud):
        """What is done to a table's items is done to the books."""
        client = boto3.client("dynamodb")
        table = client.create_table(
            TableName="books",
            KeySchema=[{"AttributeName": "title", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "title", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        cloud.poll(table["TableDescription"]["LatestStreamArn"])
        for pages in ("474", "512"):
            client.put_item(TableName="books", Item={"title": {"S": "Emma"}, "pages": {"N": pages}})
            assert cloud.books == {"Emma": pages}
        client.delete_item(TableName="books", Key={"title": {"S": "Emma"}})
        assert cloud.books == {}
        assert cloud.journal == [("INSERT", "Emma"), ("MODIFY", "Emma"), ("REMOVE", "Emma")]

    def test_kinesis(self, cloud):
        """The records of a stream arrive in their order."""
        client = boto3.client("kinesis")
        client.create_stream(StreamName="clicks", ShardCount=1)
        cloud.poll(client.describe_stream(StreamName="clicks")["StreamDescription"]["StreamARN"])
        client.put_record(StreamName="clicks", Data=b"/books/1", PartitionKey="ada")
        more = [{"Data": path, "PartitionKey": "bob"} for path in (b"/books/2", b"/books/3")]
        client.put_records(StreamName="clicks", Records=more)
        assert cloud.journal == [("ada", "/books/1"), ("bob", "/books/2"), ("bob", "/books/3")]
