"""Trace context: a request carries the producer's, else the invocation's; and what a log in JSON says of a delivery."""

import json

import pytest
from awslambdaric.lambda_context import LambdaContext
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as AsgiMiddleware
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as WsgiMiddleware
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from cloud_events import make_handler
from conftest import sample
from envelopes import activemq, kafka, kinesis, notification, rabbitmq, s3, sns, sqs
from legs import answer, application, both_legs
from runtime_api import Runtime
from sent import sent


def parent(digit, end=""):
    return f"00-{digit * 32}-{digit * 16}-01{end}"


OURS, THEIRS, OTHERS = parent("a"), parent("b"), parent("c")
STATE = "congo=t61rcWkgMzE,1-2@b=:1"
FIELDS = {"traceparent": THEIRS, "tracestate": STATE}
NATIVE = sample("cloudevent")
BARE = {name: value for name, value in NATIVE.items() if name != "data"}
OPENING = {"delivery": "record", "unwrap": "s3,sns,cloudevent", "sources": "*"}


def invoked(**fields):
    """Lambda's own context object; *fields* came with the invocation."""
    return LambdaContext("1", {"w3c": fields}, None, 4_102_444_800_000)


def traced(leg, event, context, **settings):
    seen = sent(event, context=context, leg=leg, **{**OPENING, **settings})
    return [{name: value for name, value in each.headers.items() if name[:5] == "trace"} for each in seen]


CARRIERS = {
    "sqs": sqs("a", **FIELDS),
    "sqs, in capitals": sqs("a", Traceparent=THEIRS, TraceState=STATE),
    "sns": sns("a", **FIELDS),
    "kafka": kafka("a", **FIELDS),
    "activemq": activemq("a", **FIELDS),
    "rabbitmq": rabbitmq("a", **FIELDS),
    "cloudevent": NATIVE | FIELDS,
    "cloudevent → sqs": sqs(NATIVE | FIELDS, traceparent=OTHERS),
    "cloudevent → kafka": kafka("{}", **{f"ce_{name}": value for name, value in (BARE | FIELDS).items()}),
    "s3 → sqs": sqs(s3("a"), **FIELDS),
    "s3 → sns → sqs": sqs(notification(s3("a"), **FIELDS), traceparent=OTHERS),
    "s3 → sns, malformed → sqs": sqs(notification(s3("a"), traceparent="00"), **FIELDS),
}


@both_legs
@pytest.mark.parametrize("mode", ["event", "binary", "structured", "payload"])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_messages_own(leg, carrier, mode):
    """The innermost message with a valid one decides; what the invocation has comes after it."""
    assert traced(leg, CARRIERS[carrier], invoked(traceparent=OURS, tracestate="a=b"), content_mode=mode) == [FIELDS]


BATCH = sqs("a", **FIELDS)


@both_legs
@pytest.mark.parametrize(
    ("event", "settings"),
    [(kinesis("a"), {}), (s3("a"), {}), (sqs("a"), {}), (BATCH, {"delivery": "batch", "unwrap": ()})],
)
def test_the_invocations(leg, event, settings):
    """It is that of a message without one, and of a batch in one request; it is often empty."""
    assert traced(leg, event, invoked(traceparent=OURS, tracestate="a=b"), **settings) == [
        {"traceparent": OURS, "tracestate": "a=b"}
    ]
    assert traced(leg, event, invoked(), **settings) == traced(leg, event, None, **settings) == [{}]


@pytest.mark.parametrize("state", ["", "a", "A=b", "a=b=c", "a=é", ",".join(f"a{n}=1" for n in range(33)), "a=b\n"])
def test_a_malformed_state(state):
    """It is left out."""
    assert traced("wsgi", sqs("a", traceparent=THEIRS, tracestate=state), None) == [{"traceparent": THEIRS}]


MALFORMED = ["", "00", THEIRS.upper(), "ff" + THEIRS[2:], parent("b", "-more"), parent("b", "\r\nA: b")]
MALFORMED += [f" {THEIRS}", THEIRS.replace("b", "g"), f"01{parent('b', '-a b')[2:]}"]
MALFORMED += [f"00-{'0' * 32}-{'b' * 16}-01", f"00-{'b' * 32}-{'0' * 16}-01"]


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_parent(malformed):
    """It is ignored, and its state with it; the invocation's is no exception."""
    event = sqs("a", traceparent=malformed, tracestate=STATE)
    assert traced("wsgi", event, invoked(traceparent=OURS)) == [{"traceparent": OURS}]
    assert traced("wsgi", event, invoked(traceparent=malformed, tracestate=STATE)) == [{}]


def test_a_later_version():
    """It may go on behind the flags (section 3.2.4)."""
    later = f"01{parent('b', '-more')[2:]}"
    assert traced("wsgi", sqs("a", traceparent=later), None) == [{"traceparent": later}]


@both_legs
@pytest.mark.parametrize(("event", "digit"), [(sqs(s3("a"), **FIELDS), "b"), (sqs(s3("a")), "a")])
def test_opentelemetry(leg, event, digit):
    """With OpenTelemetry's own instrumentation, a span of the view belongs to the producer's trace."""
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))

    def view(path, body):
        with provider.get_tracer("shop").start_as_current_span("view"):
            return answer(path)

    middleware = {"wsgi": WsgiMiddleware, "asgi": AsgiMiddleware}[leg]
    instrumented = middleware(application(leg, view), tracer_provider=provider)
    settings = {"delivery": "record", "unwrap": "s3", "lifespan": "off"}
    make_handler(instrumented, leg, **settings)(event, invoked(traceparent=OURS))
    [view] = [span for span in spans.get_finished_spans() if span.name == "view"]
    [server] = [span for span in spans.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert f"{view.context.trace_id:x}" == digit * 32
    assert (view.parent.span_id, f"{server.parent.span_id:x}") == (server.context.span_id, digit * 16)


def test_log_in_json():
    """Lambda's JSON log has a member for each fact of a delivery."""
    settings = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": "INFO", "CLOUD_EVENTS_DELIVERY": "record"}
    settings |= {"WSGI_APPLICATION": "apps.obedient.wsgi", "CLOUD_EVENTS_UNWRAP": "s3"}
    inner = s3("a")
    with Runtime("cloud_events.handler.handler", **settings) as runtime:
        runtime.invoke(sqs(inner))
    lines = [json.loads(line) for line in runtime.stdout.splitlines()]
    [line] = [line for line in lines if line["message"].startswith("s3: ")]
    milliseconds = line.pop("milliseconds")
    response = inner["Records"][0]["responseElements"]
    fields = {"matcher": "s3", "path": "/aws.s3", "status": 200, "record_id": "m0"}
    fields["event_id"] = f"{response['x-amz-request-id']}.{response['x-amz-id-2']}"
    assert {name: line[name] for name in fields} == fields
    assert line["message"] == f"s3: POST /aws.s3 answered 200 in {milliseconds:.1f} ms"
