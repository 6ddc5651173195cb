"""``cloud-events check``: each fault alone, in a file that has no other, with the whole line that names it."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "examples"
EXAMPLES = sorted([*ROOT.glob("*/template.yaml"), *ROOT.glob("*/serverless.yml")])
SAM = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Timeout: 20
    Environment:
      Variables: {CLOUD_EVENTS_RESPONSE: native}
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      Handler: cloud_events.handler.handler
      Environment:
        Variables:
          WSGI_APPLICATION: shop.wsgi.application
          CLOUD_EVENTS_DELIVERY: record
      DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Failed.Arn}
      Events:
        Upload: {Type: S3, Properties: {Bucket: !Ref Uploads, Events: "s3:ObjectCreated:*"}}
        Order:
          Type: SQS
          Properties: {Queue: !GetAtt Orders.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}
        Weight:
          Type: Kinesis
          Properties:
            Stream: !GetAtt Weights.Arn
            FunctionResponseTypes: [ReportBatchItemFailures]
            MaximumRetryAttempts: 5
            DestinationConfig: {OnFailure: {Destination: !GetAtt Failed.Arn}}
        Task: {Type: MQ, Properties: {Broker: !GetAtt Broker.Arn, Queues: [tasks]}}
  Orders:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 120, RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 5}}
"""
SERVERLESS = """\
service: shop
provider:
  name: aws
  timeout: 20
  environment: {CLOUD_EVENTS_RESPONSE: native, CLOUD_EVENTS_LIFESPAN: off}
functions:
  shop:
    handler: cloud_events.handler.handler
    environment: {ASGI_APPLICATION: shop.app, CLOUD_EVENTS_DELIVERY: record}
    onError: arn:aws:sns:eu-west-1:123456789012:failed
    events:
      - http: GET /
      - sqs: {arn: !GetAtt Orders.Arn, functionResponseType: ReportBatchItemFailures}
      - stream:
          arn: arn:aws:kinesis:eu-west-1:123456789012:stream/weights
          functionResponseType: ReportBatchItemFailures
          maximumRecordAgeInSeconds: 3600
          destinations: {onFailure: arn:aws:sqs:eu-west-1:123456789012:failed}
      - schedule: rate(1 day)
resources:
  - Resources:
      Orders:
        Type: AWS::SQS::Queue
        Properties: {VisibilityTimeout: 120, RedrivePolicy: {maxReceiveCount: 5}}
      Mapping:
        Type: AWS::Lambda::EventSourceMapping
        Properties:
          FunctionName: !GetAtt ShopLambdaFunction.Arn
          Topics: [orders]
          FunctionResponseTypes: [ReportBatchItemFailures]
          MaximumRetryAttempts: 5
          DestinationConfig: {OnFailure: {Destination: kafka://failed}}
"""
LOST = "reports the records that failed, but Lambda does not read the report here and takes them as done; "
ADD = "add FunctionResponseTypes: [ReportBatchItemFailures] (serverless.yml: functionResponseType: ReportBatchItemFailures)"
NO_REPORTS = "this event source does not read which records failed; remove ReportBatchItemFailures"
NO_SAVING = (
    "an event that fails on every attempt is lost ({}); add a failure destination (SAM: EventInvokeConfig; "
    "serverless.yml: destinations) or a dead-letter queue"
)
NO_DESTINATION = (
    "records that Lambda gives up on are lost; add a failure destination: DestinationConfig with OnFailure "
    "(serverless.yml: destinations)"
)
ENDLESS = (
    "a record that fails on every attempt holds up those behind it until it expires; set MaximumRetryAttempts "
    "(Kafka: with ProvisionedPollerConfig)"
)
NO_REDRIVE = (
    "the queue Orders has no dead-letter queue, so a message that fails on every attempt is lost when it expires; "
    "add a RedrivePolicy"
)
TOO_VISIBLE = (
    "the visibility timeout of the queue Orders, {} s, is less than six times the function's timeout, so a message may "
    "be delivered again while it is being handled; set VisibilityTimeout to {}"
)
ENVELOPE = "with CLOUD_EVENTS_RESPONSE=envelope AWS takes a failure for success ({}); set CLOUD_EVENTS_RESPONSE=native"
NEITHER = "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application"
BOTH = "WSGI_APPLICATION and ASGI_APPLICATION are both set; keep the one that your application speaks"
ANSWERS = ", FunctionResponseTypes: [ReportBatchItemFailures]"
CONCURRENT = "CLOUD_EVENTS_CONCURRENCY: 11\n          WSGI_APPLICATION:"

# the file, what is replaced in it, by what, the lines of the report
FAULTS = [
    (SAM, ANSWERS, "", [f"19: error: Shop, Order: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"]),
    (SAM, "[ReportBatchItemFailures]\n", "[]\n", [f"22: error: Shop, Weight: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"]),
    (SAM, "Queues: [tasks]", f"Queues: [tasks]{ANSWERS}", [f"29: error: Shop, Task: {NO_REPORTS}"]),
    (SAM, "{Type: S3, Properties: {Bucket: !Ref Uploads", "{Type: SNS, Properties: {SqsSubscription: true", [f"18: error: Shop, Upload: CLOUD_EVENTS_DELIVERY=record {LOST}SqsSubscription cannot change that: declare the queue, and an SQS event with FunctionResponseTypes: [ReportBatchItemFailures]"]),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_DELIVERY: records", ["15: error: Shop: CLOUD_EVENTS_DELIVERY='records': choose 'batch' or 'record'"]),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_DELIVERIES: record", ["15: error: Shop: CLOUD_EVENTS_DELIVERIES: no such setting; did you mean CLOUD_EVENTS_DELIVERY?"]),
    (SAM, "{CLOUD_EVENTS_RESPONSE: native}", "{CLOUD_EVENTS_RESPONSE: nativ}", ["6: error: Shop: CLOUD_EVENTS_RESPONSE='nativ': choose 'envelope' or 'native'"]),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_UNWRAP: s3", ["8: error: Shop: CLOUD_EVENTS_UNWRAP: this needs one request per record; set CLOUD_EVENTS_DELIVERY=record"]),
    (SAM, "WSGI_APPLICATION: shop.wsgi.application", "WSGI_APPLICATION: ''", [f"8: error: Shop: {NEITHER}"]),
    (SAM, "WSGI_APPLICATION: ", "ASGI_APPLICATION: shop.app\n          WSGI_APPLICATION: ", [f"8: error: Shop: {BOTH}"]),
    (SAM, "DeadLetterQueue:", "Tags:", [f"8: warning: Shop: {NO_SAVING.format('Upload')}"]),
    (SAM, "{OnFailure: {Destination: !GetAtt Failed.Arn}}", "{OnFailure: {}}", [f"22: warning: Shop, Weight: {NO_DESTINATION}"]),
    (SAM, "MaximumRetryAttempts: 5", "MaximumRetryAttempts: -1", [f"22: warning: Shop, Weight: {ENDLESS}"]),
    (SAM, ", RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 5}", "", [f"19: warning: Shop, Order: {NO_REDRIVE}"]),
    (SAM, "WSGI_APPLICATION:", CONCURRENT, ["20: warning: Shop, Order: CLOUD_EVENTS_CONCURRENCY=11 is above the 10 records of a batch; lower it, or raise BatchSize"]),
    (SAM, "VisibilityTimeout: 120", "VisibilityTimeout: 119", [f"19: warning: Shop, Order: {TOO_VISIBLE.format(119, 120)}"]),
    (SAM, "VisibilityTimeout: 120, ", "", [f"19: warning: Shop, Order: {TOO_VISIBLE.format(30, 120)}"]),
    (SAM.replace(ANSWERS, ""), "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_RESPONSE: envelope", [f"8: warning: Shop: {ENVELOPE.format('Upload, Task')}", f"19: error: Shop, Order: CLOUD_EVENTS_RESPONSE=envelope {LOST}{ADD}"]),
    (SERVERLESS, "sqs: {arn: !GetAtt Orders.Arn, functionResponseType: ReportBatchItemFailures}", "sqs: {arn: !GetAtt Orders.Arn}", [f"13: error: shop, events[1].sqs: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"]),
    (SERVERLESS, "CLOUD_EVENTS_RESPONSE: native", "CLOUD_EVENT_RESPONSE: native", ["5: error: shop: CLOUD_EVENT_RESPONSE: no such setting; did you mean CLOUD_EVENTS_RESPONSE?", f"7: warning: shop: {ENVELOPE.format('events[3].schedule')}"]),
    (SERVERLESS, "onError:", "tags:", [f"7: warning: shop: {NO_SAVING.format('events[3].schedule')}"]),
    (SERVERLESS, "maximumRecordAgeInSeconds", "batchWindow", [f"14: warning: shop, events[2].stream: {ENDLESS}"]),
    (SERVERLESS, "destinations: {onFailure: arn:aws:sqs:eu-west-1:123456789012:failed}", "enabled: true", [f"14: warning: shop, events[2].stream: {NO_DESTINATION}"]),
    (SERVERLESS.replace("  timeout: 20\n", ""), "VisibilityTimeout: 120", "VisibilityTimeout: 36", []),
    (SERVERLESS, "timeout: 20", "timeout: 21", [f"13: warning: shop, events[1].sqs: {TOO_VISIBLE.format(120, 126)}"]),
    (SERVERLESS, "          FunctionResponseTypes: [ReportBatchItemFailures]\n", "", [f"25: error: shop, Mapping: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"]),
]  # fmt: skip
# What counts as given: it is computed, or set where the file does not show it.
GIVEN = [
    (SAM, ANSWERS, ", FunctionResponseTypes: !If [Single, [ReportBatchItemFailures], []]"),
    (SAM, ANSWERS, ", FunctionResponseTypes: [!Ref Types]"),
    (SAM.replace("WSGI_APPLICATION:", CONCURRENT), "!GetAtt Orders.Arn", "!GetAtt Orders.Arn, BatchSize: 11"),
    (SAM, ANSWERS, ", FunctionResponseTypes: !Sub {a: !!python/object/apply:os.abort []}"),
    (SAM, "CLOUD_EVENTS_RESPONSE: native", "CLOUD_EVENTS_RESPONSE: envelope"),
    (SAM.replace(ANSWERS, ""), "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_CONTENT_MODE: binary"),
    (SAM, ANSWERS, ', "Fn::Transform": {Name: Mapping}'),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_DELIVERY: !Ref Delivery\n          CLOUD_EVENTS_UNWRAP: s3"),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_DELIVERY: '{{resolve:ssm:delivery}}'"),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENTS_LIFESPAN: off"),
    (SAM, "CLOUD_EVENTS_DELIVERY: record", "CLOUD_EVENT_BUS_NAME: orders"),
    (SAM, "WSGI_APPLICATION: shop.wsgi.application", "WSGI_APPLICATION: !Ref Application"),
    (SAM, "VisibilityTimeout: 120", "VisibilityTimeout: !Ref Seconds"),
    (SAM, "Timeout: 20", "Timeout: !Ref Seconds"),
    (SAM, "RedrivePolicy: {deadLetterTargetArn: !GetAtt Failed.Arn, maxReceiveCount: 5}", "RedrivePolicy: !Ref Policy"),
    (SAM, "MaximumRetryAttempts: 5", "MaximumRetryAttempts: {Ref: Attempts}"),
    (SAM, "MaximumRetryAttempts: 5", "MaximumRecordAgeInSeconds: 60"),
    (SAM, "DeadLetterQueue:", "EventInvokeConfig: {DestinationConfig: {OnFailure: {Type: SQS}}}\n      Tags:"),
    (SAM, "!GetAtt Orders.Arn", "arn:aws:sqs:eu-west-1:123456789012:Orders"),
    (SERVERLESS, "sqs: {arn: !GetAtt Orders.Arn, functionResponseType: ReportBatchItemFailures}", "sqs: ${file(orders.yml)}"),
    (SERVERLESS, "CLOUD_EVENTS_RESPONSE: native", "CLOUD_EVENTS_RESPONSE: '${param:response}'"),
    (SERVERLESS, "handler: cloud_events.handler.handler", "handler: shop.events.handler"),
]  # fmt: skip


@pytest.fixture
def report(tmp_path, command):
    """Check the *files*, and return (exit status, lines of the report); a file's own name is left out."""

    def run(*files, as_json=False):
        for number, content in enumerate(files):
            (tmp_path / f"{number}").write_text(content, encoding="utf-8")
        status, out, _ = command("check", *range(len(files)), *["--json"] * as_json)
        return status, json.loads(out) if as_json else [line.removeprefix("0:") for line in out.splitlines()]

    return run


def totals(lines, functions=1):
    errors = sum(": error: " in line for line in lines)
    return f"functions checked: {functions}; errors: {errors}; warnings: {len(lines) - errors}"


@pytest.mark.parametrize(("template", "old", "new", "lines"), FAULTS)
def test_faults(template, old, new, lines, report):
    """An error makes the exit status 1, a warning does not."""
    assert old in template
    status = any(": error: " in line for line in lines)
    assert report(template.replace(old, new, 1)) == (status, [*lines, totals(lines)])


@pytest.mark.parametrize(
    ("template", "old", "new"),
    [(SAM, "", ""), (SERVERLESS, "", ""), *GIVEN, *((file.read_text("utf-8"), "", "") for file in EXAMPLES)],
)
def test_nothing_wrong(template, old, new, report):
    """What a template computes counts as given. The templates of the examples have neither errors nor warnings."""
    assert old in template
    assert report(template.replace(old, new, 1)) == (0, [totals([])])


LOOSE = """\
Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      Handler: {handler}
      Environment: {{Variables: {{{variables}}}}}
      Events:
        Order: {{Type: SQS, Properties: {{Queue: !Ref Orders}}}}
"""
# As the CDK writes it: no tags, and each event source a resource of its own.
CLOUDFORMATION = {
    "Shop": {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "ImageConfig": {"Command": ["cloud_events.handler.handler"]},
            "Environment": {"Variables": {"WSGI_APPLICATION": "shop.wsgi", "CLOUD_EVENTS_DELIVERY": "record"}},
        },
    },
    "Orders": {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 18, "RedrivePolicy": {"Ref": "Policy"}}},
    "Mapping": {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"FunctionName": {"Ref": "Shop"}, "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]}},
    },
    "Permission": {
        "Type": "AWS::Lambda::Permission",
        "Properties": {"FunctionName": {"Fn::GetAtt": ["Shop", "Arn"]}, "Principal": "events.amazonaws.com"},
    },
}
DESTINATION = {
    "Type": "AWS::Lambda::EventInvokeConfig",
    "Properties": {"FunctionName": {"Ref": "Shop"}, "DestinationConfig": {"OnFailure": {"Destination": "arn"}}},
}


def test_cloudformation(report):
    """A template in JSON needs no PyYAML, and has no lines. Globals are for functions of SAM."""

    def reported(**resources):
        variables = {"ASGI_APPLICATION": "shop.asgi"}
        template = {"Globals": {"Function": {"Environment": {"Variables": variables}}}}
        status, lines = report(json.dumps(template | {"Resources": CLOUDFORMATION | resources}))
        assert (status, lines[-1]) == (1, totals([f":{line}" for line in lines[:-1]]))
        return lines[:-1]

    lines = [
        f" warning: Shop: {ENVELOPE.format('Permission')}",
        f" warning: Shop: {NO_SAVING.format('Permission')}",
        f" error: Shop, Mapping: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}",
    ]
    assert reported() == lines
    del lines[1]
    assert reported(Config=DESTINATION) == lines
    properties = CLOUDFORMATION["Shop"]["Properties"] | {"DeadLetterConfig": {"TargetArn": "arn"}}
    assert reported(Shop={"Type": "AWS::Lambda::Function", "Properties": properties}) == lines


def test_two_templates(report):
    """What a template names is in the same template."""
    other = LOOSE.format(handler="cloud_events/handler.handler", variables="CLOUD_EVENTS_RESPONSE: native")
    resources = json.dumps({"Resources": {"Orders": {"Type": "AWS::SQS::Queue"}, "Mapping": CLOUDFORMATION["Mapping"]}})
    assert report(other, resources) == (1, [f"2: error: Shop: {NEITHER}", totals([": error: "])])


# As the AWS CLI prints it.
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
CONFIGURATION = {
    "FunctionName": "shop",
    "FunctionArn": ARN,
    "Handler": "cloud_events/handler.handler",
    "Timeout": 30,
    "Environment": {"Variables": {"WSGI_APPLICATION": "shop.wsgi", "CLOUD_EVENTS_DELIVERY": "record", "KEY": "secret"}},
}
QUEUE = {"UUID": "1", "EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:orders", "FunctionArn": f"{ARN}:live"}
STREAM = {
    "UUID": "2",
    "StartingPosition": "LATEST",
    "EventSourceArn": "arn:aws:kinesis:eu-west-1:123456789012:stream/weights",
    "FunctionArn": ARN,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRetryAttempts": -1,
    "MaximumRecordAgeInSeconds": -1,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
KAFKA = {"UUID": "3", "SelfManagedEventSource": {}, "Topics": ["orders"], "FunctionArn": ARN, "MaximumRetryAttempts": 3}
BROKER = {"UUID": "4", "Queues": ["tasks"], "FunctionArn": ARN, "FunctionResponseTypes": ["ReportBatchItemFailures"]}
ANOTHER = {"UUID": "5", "EventSourceArn": "arn:aws:sqs:eu-west-1:123456789012:others", "FunctionArn": f"{ARN}-other"}


def test_deployed(report):
    """Event source mappings belong to the function that another file describes; --json prints each finding whole."""
    mappings = {"EventSourceMappings": [QUEUE, STREAM, KAFKA, BROKER, ANOTHER]}

    def finding(severity, source, message):
        return {"file": "0", "line": None, "resource": f"shop, {source}", "severity": severity, "message": message}

    assert report(json.dumps(CONFIGURATION), json.dumps(mappings), as_json=True) == (
        1,
        [
            finding("error", QUEUE["EventSourceArn"], f"CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"),
            finding("warning", STREAM["EventSourceArn"], NO_DESTINATION),
            finding("warning", STREAM["EventSourceArn"], ENDLESS),
            finding("error", "3", f"CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"),
            finding("warning", "3", NO_DESTINATION),
            finding("error", "4", NO_REPORTS),
        ],
    )
    assert report(json.dumps(mappings)) == (0, [totals([], functions=0)])


@pytest.mark.parametrize(
    ("handler", "variables", "functions", "lines"),
    [
        ("shop.handler", "WSGI_APPLICATION: shop.wsgi, ASGI_APPLICATION: shop.asgi", 0, []),
        ("!Ref Handler", "DELIVERY: record", 0, []),
        # make_handler may have keywords for what is not in the environment; and it takes the application itself.
        ("shop.handler", "CLOUD_EVENTS_LIFESPAN: auto", 1, []),
        ("shop.handler", "CLOUD_EVENTS_UNWRAP: s3", 1, []),
        ("shop.handler", "CLOUD_EVENTS_DELIVERY: record", 1, [f"8: error: Shop, Order: CLOUD_EVENTS_DELIVERY=record {LOST}{ADD}"]),
        # The handler of an extension calls ours.
        ("datadog_lambda.handler.handler", "DD_LAMBDA_HANDLER: cloud_events.handler.handler, CLOUD_EVENTS_RESPONSE: native", 1, [f"2: error: Shop: {NEITHER}"]),
    ],
)  # fmt: skip
def test_whose_function(handler, variables, functions, lines, report):
    """Functions that are not ours are left alone; of those with a handler of their own, what is set is judged."""
    template = LOOSE.format(handler=handler, variables=variables)
    assert report(template) == (bool(lines), [*lines, totals(lines, functions)])


KEYS = (
    "there is nothing to check in it; it needs one of Resources, functions, EventSourceMappings, FunctionArn as a key"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"Resources: !!python/object/apply:os.mkdir [made]", "not YAML, line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.mkdir'"),
        (b"Resources: {Shop: !<tag:yaml.org,2002:python/name:os.system> x}", "not YAML, line 1: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:os.system'"),
        (b"Resources:\n  - a: [b", "not YAML, line 2: expected ',' or ']', but got '<stream end>'"),
        (b"Resources: {[a]: b}", "not YAML, line 1: found unhashable key"),
        (b"a: &a [*a]", "not YAML, line 1: found unconstructable recursive node"),
        (b"Resources: \x07", "not YAML: it has odd characters"),
        (b"Resources: \xff", "'utf-8' codec can't decode byte 0xff in position 11: invalid start byte"),
        (b'{"Resources": ', "Expecting value: line 1 column 15 (char 14)"),
        (b"[" * 100_000, "too deeply nested"),
        (b"", KEYS),
        (b"[]", KEYS),
        (b"Ref: Resources", KEYS),
        (None, "No such file or directory"),
    ],
)  # fmt: skip
def test_unusable(content, reason, tmp_path, command):
    """A file that cannot be used is named with the reason, the others are checked, and a tag runs nothing."""
    (tmp_path / "good").write_text(SAM, encoding="utf-8")
    if content is not None:
        (tmp_path / "bad").write_bytes(content)
    complaint = f"cloud-events: bad: cannot be checked: {reason}\n"
    assert command("check", "bad", "good") == (2, f"{totals([])}\n", complaint)
    assert not (tmp_path / "made").exists()


def test_without_pyyaml(monkeypatch, command):
    """YAML needs PyYAML, JSON does not."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    reason = "YAML needs PyYAML: pip install 'cloud-events[check]'; JSON works without it"
    fault = f"cloud-events: -: cannot be checked: {reason}\n"
    assert command("check", "-", given=SAM.encode())[::2] == (2, fault)
    assert command("check", "-", given=json.dumps(CONFIGURATION).encode())[0] == 0
