"""The design of cloud-events 0.3, rebuilt from its README to be measured against.

An if-chain of matchers, an environ merged from defaults, werkzeug's run_wsgi_app for WSGI, Mangum's cycle for ASGI.
"""

import asyncio
import json
import os
from importlib import import_module
from io import BytesIO

from mangum.protocols.http import HTTPCycle
from werkzeug.test import run_wsgi_app

ENVIRON = {
    "CONTENT_TYPE": "application/json",
    "REQUEST_METHOD": "post",
    "PATH_INFO": "/",
    "SCRIPT_NAME": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.input": None,
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    **dict.fromkeys(("wsgi.run_once", "wsgi.multiprocess", "wsgi.multithread"), False),
}
RECORDS = ("aws:s3", "aws:codecommit", "aws:dynamodb", "aws:kinesis", "aws:sns", "aws:sqs", "aws:ses")


def path(event):
    """Return the path of *event*: the start of the if-chain, which is as far as S3 and SQS go."""
    if "specversion" in event:
        return event["source"]
    if "Records" in event:
        record = event["Records"][0]
        source = record.get("eventSource") or record.get("EventSource")
        if source in RECORDS:
            return "/" + source.replace(":", ".")
    return ENVIRON["PATH_INFO"]


def handler(event, context):
    """Deliver *event* to the application of WSGI_APPLICATION or ASGI_APPLICATION."""
    body = json.dumps(event).encode()
    length = str(len(body))
    if INTERFACE == "WSGI":
        made = {"PATH_INFO": path(event), "CONTENT_LENGTH": length, "wsgi.input": BytesIO(body)}
        chunks, status, headers = run_wsgi_app(APPLICATION, ENVIRON | made | {"wsgi.errors": BytesIO()})
        return {"status_code": status.split()[0], "body": b"".join(chunks).decode(), "headers": dict(headers)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path(event),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json"), (b"content-length", length.encode())],
        "server": ("localhost", 80),
        "client": None,
    }
    reply = HTTPCycle(scope, body)(APPLICATION)
    headers = {name.decode(): value.decode() for name, value in reply["headers"]}
    return {"status_code": str(reply["status"]), "body": reply["body"].decode(), "headers": headers}


INTERFACE = "WSGI" if "WSGI_APPLICATION" in os.environ else "ASGI"
MODULE, _, NAME = os.environ[f"{INTERFACE}_APPLICATION"].rpartition(".")
APPLICATION = getattr(import_module(MODULE), NAME)
if INTERFACE == "ASGI":
    asyncio.set_event_loop(asyncio.new_event_loop())
