"""Typical code of a user's, for the type checkers: each line that is marked must be an error, and no other."""

from collections.abc import Callable
from typing import Any, assert_type

from flask import Flask
from starlette.applications import Starlette

from cloud_events import CloudEvent, EventsOnly, Matcher, cloudevent, events_only, is_event, make_handler
from cloud_events.handler import handler
from cloud_events.testing import EventClient, LambdaContext, s3

app = Flask(__name__)
site = Starlette()
site.add_middleware(EventsOnly, paths=("/events/",))
wsgi = EventsOnly(app.wsgi_app, ("/aws.",))
rows = [Matcher("orders", {"$.source": "shop"}, "/orders"), Matcher("warm", {"$.warm": True}, None, reply="sync")]

deliver = make_handler(app, "wsgi", response="native", delivery="record", matchers=rows, concurrency=4)
make_handler("project.wsgi.application", content_mode="payload", unwrap=("s3", "sns"), http_handler="apig-wsgi")
make_handler(app, response="nativ")  # error
make_handler(app, respons="native")  # error
make_handler(app, "wgsi")  # error
Matcher("orders", {}, "/orders", reply="batch")  # error


@events_only
def uploaded(request: Any, name: str) -> int:
    assert_type(cloudevent(request), CloudEvent)
    assert_type(is_event(request), bool)
    return len(name)


guarded: Callable[[Any, str], int] = uploaded
uploaded(1, 2)  # error


def around(event: Any, context: Any) -> Any:
    return handler(event, context) or deliver(event, context)


client = EventClient(app, environment={}, response="native")
sent = client.send(s3(bucket="books"), LambdaContext(1_000))
succeeded = sent.next == "done"
EventClient(app, respons="native")  # error
