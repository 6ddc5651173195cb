"""The original cloud-events design, rebuilt from its README to be measured against.

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
    "wsgi.run_once": False,
    "wsgi.multiprocess": False,
    "wsgi.multithread": False,
    "wsgi.url_scheme": "http",
}
RECORD_SOURCES = (
    "aws:s3",
    "aws:codecommit",
    "aws:dynamodb",
    "aws:kinesis",
    "aws:sns",
    "aws:sqs",
    "aws:ses",
)


def load(dotted):
    """Return what the dotted path of a setting names."""
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


def path(event):
    """Return the path of *event*: the README's tables, one condition after the other."""
    if "specversion" in event:
        return event["source"]
    if "Records" in event:
        record = event["Records"][0]
        source = record.get("eventSource") or record.get("EventSource")
        if source in RECORD_SOURCES:
            return "/" + source.replace(":", ".")
        if "cf" in record:
            return "/aws.cloudfront"
    if "records" in event and "kinesisRecordMetadata" in event["records"][0]:
        return "/aws.kinesis.firehose"
    if event.get("source") == "aws.ec2":
        return "/aws.ec2"
    if "bot" in event and "outputDialogMode" in event and "currentIntent" in event:
        return "/aws.lex"
    if "identityId" in event and "identityPoolId" in event:
        return "/aws.cognito"
    if "configRuleId" in event:
        return "/aws.config"
    if "LogicalResourceId" in event:
        return "/aws.cloudformation"
    if "header" in event and "payload" in event:
        return "/aws.alexa"
    if "event" in event and "eventName" in event["event"]:
        return "/" + event["event"]["eventName"]
    if "detail-type" in event and "source" in event:
        return "/" + event["source"]
    return ENVIRON["PATH_INFO"]


def make_environ(event):
    """Return the environ that carries *event*."""
    body = json.dumps(event).encode()
    return {
        **ENVIRON,
        **EXTRA,
        "PATH_INFO": path(event),
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": BytesIO(body),
        "wsgi.errors": BytesIO(),
    }


def make_scope(environ):
    """Return the ASGI scope of the same request."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"].upper(),
        "scheme": environ["wsgi.url_scheme"],
        "path": environ["PATH_INFO"],
        "raw_path": environ["PATH_INFO"].encode(),
        "query_string": b"",
        "root_path": environ["SCRIPT_NAME"],
        "headers": [
            (b"content-type", environ["CONTENT_TYPE"].encode()),
            (b"content-length", environ["CONTENT_LENGTH"].encode()),
        ],
        "server": (environ["SERVER_NAME"], int(environ["SERVER_PORT"])),
        "client": None,
    }


def handler(event, context):
    """Deliver *event* to the application of WSGI_APPLICATION or ASGI_APPLICATION."""
    environ = make_environ(event)
    if INTERFACE == "WSGI":
        chunks, status, headers = run_wsgi_app(APPLICATION, environ)
        body = b"".join(chunks).decode()
        return {"status_code": status.split()[0], "body": body, "headers": dict(headers)}
    answer = HTTPCycle(make_scope(environ), environ["wsgi.input"].read())(APPLICATION)
    headers = {name.decode(): value.decode() for name, value in answer["headers"]}
    return {"status_code": str(answer["status"]), "body": answer["body"].decode(), "headers": headers}


INTERFACE = "WSGI" if "WSGI_APPLICATION" in os.environ else "ASGI"
APPLICATION = load(os.environ[f"{INTERFACE}_APPLICATION"])
EXTRA = load(os.environ["WSGI_ENVIRON"]) if "WSGI_ENVIRON" in os.environ else {}
if INTERFACE == "ASGI":
    asyncio.set_event_loop(asyncio.new_event_loop())
