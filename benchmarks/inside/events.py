"""The events that are measured, as the runtime client hands them to a handler: parsed from JSON."""

import json

MESSAGE = {"order": 1729, "customer": "c-40185", "items": [{"sku": "B00-17", "quantity": 2, "price": "12.50"}]}


class Context:
    """What Lambda says about an invocation, as far as any of the adapters asks."""

    function_name = "benchmark"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-2:123456789012:function:benchmark"
    memory_limit_in_mb = "128"
    aws_request_id = "5d2f6c5e-8a1b-4c7d-9e3f-0a1b2c3d4e5f"
    log_group_name = "/aws/lambda/benchmark"
    log_stream_name = "2026/01/01/[$LATEST]0123456789abcdef"

    def get_remaining_time_in_millis(self):
        """Time enough."""
        return 300_000


def parsed(event):
    """Return *event* as the runtime client makes it: nothing in it is shared with this module."""
    return json.loads(json.dumps(event))


def s3(source="aws:s3"):
    """An object was created: 1 kB. From another *source*, it is of a kind that is not known to be a CloudEvent."""
    return parsed(
        {
            "Records": [
                {
                    "eventVersion": "2.1",
                    "eventSource": source,
                    "awsRegion": "us-east-2",
                    "eventTime": "2026-01-01T12:00:00.000Z",
                    "eventName": "ObjectCreated:Put",
                    "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
                    "requestParameters": {"sourceIPAddress": "192.0.2.17"},
                    "responseElements": {
                        "x-amz-request-id": "D82B88E5F771F645",
                        "x-amz-id-2": "vlR7PnpV2Ce81l0PRw6jlUpck7Jo5ZsQjryTjKlc5aLWGVHPZLj5NeC6qMa0emYBDXOo6QBU0Wo=",
                    },
                    "s3": {
                        "s3SchemaVersion": "1.0",
                        "configurationId": "828aa6fc-f7b5-4305-8584-487c791949c1",
                        "bucket": {
                            "name": "library-uploads",
                            "ownerIdentity": {"principalId": "A3I5XTEXAMAI3E"},
                            "arn": "arn:aws:s3:::library-uploads",
                        },
                        "object": {
                            "key": "books/the+left+hand+of+darkness.epub",
                            "size": 1305107,
                            "eTag": "b21b84d653bb07b05b1e6b33684dc11b",
                            "sequencer": "0C0F6F405D6ED209E1",
                        },
                    },
                }
            ]
        }
    )


def sqs(records, size):
    """A batch of messages that are JSON themselves, *size* bytes of event to each of the *records*."""
    message = json.dumps(MESSAGE)

    def record(number):
        found = {
            "messageId": f"059f36b4-87a3-44ab-83d2-{number:012d}",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a" + 4 * "kBdMwqpWdDVwlZ",
            "body": "",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": f"{1767268800000 + number}",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": f"{1767268800123 + number}",
            },
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-2:123456789012:orders",
            "awsRegion": "us-east-2",
        }
        room = size - len(json.dumps(found))
        found["body"] = "[" + ", ".join([message] * max(1, room // len(json.dumps(message)))) + "]"
        return found

    return parsed({"Records": [record(number) for number in range(records)]})


def cloudevent(source_length):
    """A CloudEvent with a source so long."""
    source = "/" + "library/" * (source_length // 8)
    return parsed({"specversion": "1.0", "id": "1", "source": source, "type": "org.example.lent", "data": MESSAGE})


def http(event):
    """API Gateway's request (REST, payload 1.0: every peer knows it) whose body is *event*."""
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "Host": "abcdef1234.execute-api.us-east-2.amazonaws.com",
        "User-Agent": "Amazon CloudFront",
        "X-Amzn-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "X-Forwarded-For": "192.0.2.17",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return {
        "resource": "/{proxy+}",
        "path": "/aws.s3",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": "aws.s3"},
        "stageVariables": None,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abcdef1234",
            "httpMethod": "POST",
            "identity": {"sourceIp": "192.0.2.17", "userAgent": "Amazon CloudFront"},
            "path": "/live/aws.s3",
            "protocol": "HTTP/1.1",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "resourcePath": "/{proxy+}",
            "stage": "live",
        },
        "body": json.dumps(event),
        "isBase64Encoded": False,
    }
