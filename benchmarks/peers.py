"""Who is measured, by the lines that a user writes: our handler, the libraries that people use instead, and none."""

from typing import NamedTuple


class Peer(NamedTuple):
    """One of the measured.

    name:      what the tables call it
    interface: of the application that it calls, "wsgi" or "asgi"
    setup:     the lines that make a `handler`; `application` is there already
    given:     the source of what the handler is given for an `event`: itself, or a web request with it as the body
    """

    name: str
    interface: str
    setup: str
    given: str = "event"

    def settings(self, application: str) -> dict[str, str]:
        """Return the environment variable that names the *application*, a dotted path."""
        return {f"{self.interface.upper()}_APPLICATION": application}


OURS = "from cloud_events.handler import handler"
ORIGINAL = "from original_cloud_events import handler"
HTTP = "events.http(event)"
BARE_WSGI = """
import io
from wsgiref.util import setup_testing_defaults
environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/aws.s3"}
setup_testing_defaults(environ)
def handler(event, context):
    environ["wsgi.input"] = io.BytesIO(b"{}")
    return b"".join(application(environ, lambda status, headers, exc_info=None: None))
"""
BARE_ASGI = """
import asyncio
loop = asyncio.new_event_loop()
scope = {"type": "http", "http_version": "1.1", "method": "POST", "path": "/aws.s3", "query_string": b"", "headers": []}
async def receive():
    return {"type": "http.request", "body": b"{}", "more_body": False}
async def send(message):
    pass
def handler(event, context):
    loop.run_until_complete(application(dict(scope), receive, send))
"""

OUR_WSGI = Peer("cloud-events WSGI", "wsgi", OURS)
OUR_ASGI = Peer("cloud-events ASGI", "asgi", OURS)
NONE = {"wsgi": Peer("no adapter", "wsgi", BARE_WSGI), "asgi": Peer("no adapter (on a loop)", "asgi", BARE_ASGI)}
PEERS = {
    "wsgi": (
        OUR_WSGI,
        Peer("aws-wsgi", "wsgi", "import awsgi\nhandler = lambda *given: awsgi.response(application, *given)", HTTP),
        Peer("apig-wsgi", "wsgi", "import apig_wsgi\nhandler = apig_wsgi.make_lambda_handler(application)", HTTP),
        Peer("original WSGI", "wsgi", ORIGINAL),
    ),
    "asgi": (
        OUR_ASGI,
        Peer("Mangum", "asgi", "from mangum import Mangum\nhandler = Mangum(application)", HTTP),
        Peer("Mangum (lifespan off)", "asgi", "from mangum import Mangum\nhandler = Mangum(application, 'off')", HTTP),
        Peer("original ASGI", "asgi", ORIGINAL),
    ),
}
