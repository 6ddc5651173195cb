"""Who is measured: our handler, the libraries that people use beside it or instead, and the floors under them all."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent

# tox says where the wheel is that it built of this tree.
PACKAGE = os.environ.get("TOX_PACKAGE", "")

RUNTIME_CLIENT = "awslambdaric"
FRAMEWORKS = ("flask", "django", "fastapi")

# One virtual environment each: what is installed there beside the runtime client.
ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    "floor": (),
    "cloud-events": (PACKAGE,),
    "cloud-events-orjson": (PACKAGE, "orjson"),
    "original": ("werkzeug", "mangum"),
    "aws-wsgi": ("aws-wsgi",),
    "apig-wsgi": ("apig-wsgi",),
    "serverless-wsgi": ("serverless-wsgi",),
    "mangum": ("mangum",),
    "powertools": ("aws-lambda-powertools",),
    "powertools-parser": ("aws-lambda-powertools[parser]",),
    "cloudevents-sdk": ("cloudevents",),
    "jsonpath-ng": ("jsonpath-ng",),
}


@dataclass(frozen=True)
class Peer:
    """One of the measured.

    name: how the tables call it; a peer with both interfaces is two.
    environment: which of ENVIRONMENTS it runs in.
    interface: "wsgi" or "asgi" for those that call an application, otherwise "".
    setup: the lines that a user writes to get a `handler`; `application` is there already.
    takes: what the handler is given: "event", the event itself, or "http", a web request with the event as its body.
    """

    name: str
    environment: str
    interface: str
    setup: str
    takes: str = "event"
    settings: dict[str, str] = field(default_factory=dict)


SETUP = {
    "cloud-events": "from cloud_events.handler import handler",
    "original": "from original_cloud_events import handler",
    "aws-wsgi": "import awsgi\nhandler = lambda event, context: awsgi.response(application, event, context)",
    "apig-wsgi": "from apig_wsgi import make_lambda_handler\nhandler = make_lambda_handler(application)",
    "serverless-wsgi": (
        "import serverless_wsgi\n"
        "handler = lambda event, context: serverless_wsgi.handle_request(application, event, context)"
    ),
    "mangum": "from mangum import Mangum\nhandler = Mangum(application, lifespan='off')",
    "mangum, lifespan": "from mangum import Mangum\nhandler = Mangum(application)",
    "data classes": (
        "from aws_lambda_powertools.utilities.data_classes import S3Event\n"
        "handler = lambda event, context: [record.s3.get_object.key for record in S3Event(event).records]"
    ),
    "batch": (
        "from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response\n"
        "processor = BatchProcessor(event_type=EventType.SQS)\n"
        "handler = lambda event, context: process_partial_response(\n"
        "    event=event, record_handler=lambda record: None, processor=processor, context=context)"
    ),
    "parser": (
        "from aws_lambda_powertools.utilities.parser.models import S3Model\n"
        "handler = lambda event, context: S3Model.model_validate(event)"
    ),
    "sdk": (
        "from cloudevents.core.bindings.http import to_binary_event\n"
        "from cloudevents.core.v1.event import CloudEvent\n"
        "ATTRIBUTES = {'id': '1', 'source': 'aws:s3.us-east-2.library', 'type': 'com.amazonaws.s3.ObjectCreated:Put'}\n"
        "handler = lambda event, context: to_binary_event(CloudEvent(dict(ATTRIBUTES), event))"
    ),
}

OURS = (
    Peer("cloud-events WSGI", "cloud-events", "wsgi", SETUP["cloud-events"]),
    Peer("cloud-events ASGI", "cloud-events", "asgi", SETUP["cloud-events"]),
)
ADAPTERS = (
    *OURS,
    Peer("original WSGI", "original", "wsgi", SETUP["original"]),
    Peer("original ASGI", "original", "asgi", SETUP["original"]),
    Peer("aws-wsgi", "aws-wsgi", "wsgi", SETUP["aws-wsgi"], "http"),
    Peer("apig-wsgi", "apig-wsgi", "wsgi", SETUP["apig-wsgi"], "http"),
    Peer("serverless-wsgi", "serverless-wsgi", "wsgi", SETUP["serverless-wsgi"], "http"),
    Peer("mangum", "mangum", "asgi", SETUP["mangum"], "http"),
    Peer("mangum, lifespan", "mangum", "asgi", SETUP["mangum, lifespan"], "http"),
)
WITH_ORJSON = (
    Peer("cloud-events WSGI, orjson", "cloud-events-orjson", "wsgi", SETUP["cloud-events"]),
    Peer("cloud-events ASGI, orjson", "cloud-events-orjson", "asgi", SETUP["cloud-events"]),
)
TOOLKITS = (
    Peer("cloudevents SDK", "cloudevents-sdk", "", SETUP["sdk"]),
    Peer("Powertools data classes", "powertools", "", SETUP["data classes"]),
    Peer("Powertools parser", "powertools-parser", "", SETUP["parser"]),
)
BATCH = Peer("Powertools batch", "powertools", "", SETUP["batch"])
ASYNCIO = Peer("import asyncio", "floor", "", "import asyncio\nhandler = lambda event, context: None")
NOTHING = Peer("a handler that returns {}", "floor", "", "handler = lambda event, context: {}")

# Who a quick run measures: ours, the lightest, and the one that it replaces.
QUICK = ("cloud-events WSGI", "cloud-events ASGI", "original WSGI", "aws-wsgi", "apig-wsgi", "mangum")


def chosen(peers: tuple[Peer, ...], quick: bool) -> tuple[Peer, ...]:
    """Return those of *peers* that a run measures; floors always."""
    return tuple(peer for peer in peers if not quick or peer.name in QUICK or peer.environment == "floor")
