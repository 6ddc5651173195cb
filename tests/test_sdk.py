"""The official CloudEvents SDK, whichever major version is installed, reads every request, in a view of each framework.

It is a referee on the receiving side alone: what it writes itself is not always what the specification says.
"""

import csv
import json
from base64 import b64decode, b64encode
from contextlib import suppress
from datetime import datetime
from functools import cache
from importlib.metadata import version
from unittest.mock import ANY
from urllib.parse import unquote

import pytest
from django import setup
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from apps import looking
from cloud_events import Matcher, cloudevent, cloudevents, make_handler
from conftest import EVENTS, Context, expectations, sample
from drawn import CLOUDEVENTS

pytestmark = pytest.mark.sdk
pytest.importorskip("cloudevents")

CONTEXT = Context()
FRAMEWORKS = [looking.flask, looking.django_wsgi, looking.fastapi]
MODES = ("event", "binary", "structured")
every_framework = pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.__name__)
every_mode = pytest.mark.parametrize("mode", MODES)
NATIVE = [file.removesuffix(".json") for file, row, _ in expectations(EVENTS) if row == "cloudevent"]
with (EVENTS / "attributes.csv").open(newline="", encoding="utf-8") as lines:
    DESCRIBED = sorted({line["sample"] for line in csv.DictReader(lines)})

if version("cloudevents").startswith("1."):
    from cloudevents.http import from_http

    def read(headers, body):
        """(attributes, data) of a request. This version leaves what is percent-encoded in headers to its users."""
        event = from_http(headers, body)
        undo = unquote if "ce-id" in headers else str
        found = event.get_attributes().items()
        return {name: undo(value) if isinstance(value, str) else value for name, value in found}, event.data

else:
    from cloudevents.core.bindings.http import HTTPMessage, from_http_event

    def read(headers, body):
        """(attributes, data) of a request. Times are datetimes to this version."""
        event = from_http_event(HTTPMessage(headers, body))
        return event.get_attributes(), event.get_data()


BATCHED = "application/cloudevents-batch+json; charset=utf-8"
READ = []


def look(request, headers, body):
    """Keep what the SDK and what we make of a request, in its view; of a batch, the SDK reads one event at a time."""
    headers = {name.lower(): value for name, value in headers.items()}
    if headers.get("content-type") != BATCHED:
        READ.append((read(headers, body), cloudevent(request), body))
        return
    for one, ours in zip(json.loads(body), cloudevents(request), strict=True):
        READ.append((read({"content-type": "application/cloudevents+json"}, json.dumps(one).encode()), ours, None))


@cache
def handler(framework, mode, delivery="batch"):
    """The Lambda handler for the view in *framework*; every event goes to one path: sources are not what is tried."""
    matchers = [Matcher("all", {}, "/events")]
    return make_handler(
        framework(look), content_mode=mode, delivery=delivery, matchers=matchers, lifespan="off", response="native"
    )


def delivered(event, framework, *settings):
    """What was read in the view, of each request of *event*: the SDK's attributes and data, our object, the body."""
    READ.clear()
    handler(framework, *settings)(event, CONTEXT)
    return READ[:]


@pytest.fixture(autouse=True, scope="module")
def django():
    """Django finds its view where looking has it."""
    setup()
    with override_settings(ROOT_URLCONF="apps.looking"):
        yield


def comparable(attributes):
    """Attributes, whether they came in headers or in JSON."""
    found = {
        name: value if isinstance(value, (str, datetime)) else json.dumps(value) for name, value in attributes.items()
    }
    if isinstance(found.get("time"), str):
        found["time"] = datetime.fromisoformat(found["time"])
    return found


def assert_same(found, attributes, data):
    """Assert that the SDK *found* these attributes, and data that may be taken for *data*."""
    # It gives a time to what has none, takes JSON's type for an attribute, and keeps how 0.3 encodes.
    added = {"time", "datacontenttype", "datacontentencoding"} - {*attributes}
    assert comparable({name: found[0][name] for name in found[0] if name not in added}) == comparable(attributes)
    assert found[1] in readings(data)


def readings(data):
    """What *data* may be to the SDK: itself, or, of what is not JSON, as much as it makes of bytes."""
    taken = [data, None] if data in ("", b"") else [data]
    if isinstance(data, str):
        taken.append(data.encode())
    if isinstance(data, bytes):
        taken.append(b64encode(data).decode())  # so the first major version leaves that of 0.3
        with suppress(ValueError):
            taken.append(data.decode())
    if isinstance(data, (str, bytes)):
        with suppress(ValueError):
            taken.append(json.loads(data))
    return taken


@every_framework
@pytest.mark.parametrize("delivery", ["batch", "record"])
@every_mode
def test_events(mode, delivery, framework):
    """Every sample with attributes is a CloudEvent to the SDK: as a whole, in a batch, or record by record. So is every
    native one; only release candidates are unknown to the SDK.
    """
    for event in map(sample, [*DESCRIBED, *NATIVE]):
        if event.get("specversion", "1.0") in ("1.0", "0.3"):
            requests = delivered(event, framework, mode, delivery)
            assert requests
            for found, ours, body in requests:
                # By default a record keeps the shape of its event around it.
                whole = mode == "event" and "specversion" not in event
                assert_same(found, ours.attributes, json.loads(body) if whole else ours.data)


@settings(deadline=None)
@given(CLOUDEVENTS, st.sampled_from(MODES), st.sampled_from(FRAMEWORKS))
def test_any_valid_event_comes_back(event, mode, framework):
    """Any valid CloudEvent is read as it was written."""
    [(found, ours, _)] = delivered(event, framework, mode)
    attributes = {name: value for name, value in event.items() if name not in ("data", "data_base64")}
    data = b64decode(event["data_base64"]) if "data_base64" in event else event.get("data")
    assert (ours.attributes, ours.data) == (attributes, data)
    # The SDK takes all text for UTF-8.
    assert_same(found, attributes, data if "utf-16" not in event.get("datacontenttype", "") else ANY)
