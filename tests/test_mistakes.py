"""The likeliest mistakes of a newcomer, and what each is told, word for word: what is wrong, and what to do."""

import importlib
import sys
from textwrap import dedent

import pytest

import cloud_events.handler
from cloud_events import ConfigurationError, EventFailed, InvalidEvent, ProtocolError, StartupFailed, UnsupportedEvent
from cloud_events.interface.loop import LOOP
from conftest import sample

# The newcomer's project.
PROJECT = {
    "shop/__init__.py": "",
    # A Flask application, loadable, with views that events fail at.
    "shop/wsgi.py": """
        from flask import Flask

        settings = {"DEBUG": True}

        def create_app():
            app = Flask(__name__)
            app.get("/aws.sns", endpoint="get")(lambda: "")
            app.post("/aws.s3/", endpoint="slash")(lambda: "")
            app.post("/aws.sqs", endpoint="misspelt")(lambda: {"batchItemFailure": []})
            return app

        def create_app_of(config):
            return create_app()

        app = create_app()
        """,
    # A FastAPI application.
    "shop/main.py": """
        from fastapi import FastAPI

        def create_app(settings=None):
            return FastAPI()

        async def connect_and_create_app():
            return create_app()

        app = create_app()
        """,
    "shop/incomplete.py": "import no_such_library",
    "shop/broken.py": "raise KeyError('DATABASE_URL')",
    "shop/config.py": """
        environ = [("HTTP_ACCEPT", "application/json")]
        scope = {"server": "localhost"}
        handler = "shop.http.handler"
        """,
    "shop/no_slash.py": """
        from cloud_events import Matcher

        matchers = [Matcher("orders", {"$.source": "shop"}, "orders")]
        """,
    "shop/no_bracket.py": """
        from cloud_events import Matcher

        matchers = [Matcher("large", {"$.detail.items[?(@.price > )]": str}, "/large")]
        """,
    "shop/no_rows.py": "matchers = {'orders': '/orders'}",
    # Applications without a framework.
    "shop/plain.py": """
        def text(environ, start_response):
            start_response("200 OK", [])
            return "done"

        def answer(environ, start_response):
            start_response("200 OK", [])
            return {"done": True}

        def texts(environ, start_response):
            start_response("200 OK", [])
            return ["done"]

        def view(environ, start_response):
            return [b"done"]

        async def returning(scope, receive, send):
            return {"done": True}

        async def unready(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no database at db.internal"})
        """,
}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """The project, importable."""
    (tmp_path / "shop").mkdir()
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(dedent(text), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    LOOP.close()
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


@pytest.fixture
def run(monkeypatch):
    """Sends an event by the handler, with these environment variables, as in a new process."""

    def run(environment, event):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        return importlib.reload(cloud_events.handler).handler(event, None)

    yield run
    importlib.reload(cloud_events.handler)


FLASK = {"WSGI_APPLICATION": "shop.wsgi.app"}
FASTAPI = {"ASGI_APPLICATION": "shop.main.app"}
DJANGO = {"WSGI_APPLICATION": "apps.django_books.wsgi.application"}

S3 = sample("s3")
ORDER = {
    "version": "0",
    "id": "1",
    "source": "com.example.shop",
    "detail-type": "Order Placed",
    "detail": {"number": 42},
}
NO_PATH = (
    "this is not a path to an object in a module; write the dotted name of the module and the object, for example "
    "'project.wsgi.application' or 'project.wsgi:application'"
)

# Mistake → environment variables, the message.
SETTINGS = {
    "no application is named": (
        {},
        "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application, such as "
        "WSGI_APPLICATION='project.wsgi.application' (Django, Flask) or ASGI_APPLICATION='project.main.app' (FastAPI)",
    ),
    "two applications are": (
        FLASK | FASTAPI,
        "WSGI_APPLICATION='shop.wsgi.app' and ASGI_APPLICATION='shop.main.app' are both set; keep the one that your "
        "application is: WSGI with Flask, ASGI with FastAPI, either with Django",
    ),
    "the path has no dot": (
        {"WSGI_APPLICATION": "application"},
        f"WSGI_APPLICATION='application': {NO_PATH}",
    ),
    "the path is a file's": (
        {"WSGI_APPLICATION": "shop/wsgi.py"},
        f"WSGI_APPLICATION='shop/wsgi.py': {NO_PATH}",
    ),
    "the path is half a file's": (
        {"WSGI_APPLICATION": "shop.wsgi.py"},
        f"WSGI_APPLICATION='shop.wsgi.py': {NO_PATH}",
    ),
    "the path is a call": (
        {"WSGI_APPLICATION": "shop.wsgi:create_app()"},
        f"WSGI_APPLICATION='shop.wsgi:create_app()': {NO_PATH}",
    ),
    "the package is not there": (
        {"WSGI_APPLICATION": "shopp.wsgi.app"},
        "WSGI_APPLICATION='shopp.wsgi.app': module 'shopp' not found; is it in the deployment package, and spelled "
        "like this?",
    ),
    "the module is not there": (
        {"WSGI_APPLICATION": "shop.wsgy.app"},
        "WSGI_APPLICATION='shop.wsgy.app': module 'shop.wsgy' not found; is it in the deployment package, and spelled"
        " like this?",
    ),
    "what the module imports is not there": (
        {"WSGI_APPLICATION": "shop.incomplete.app"},
        "WSGI_APPLICATION='shop.incomplete.app': module 'shop.incomplete' was found, but it imports "
        "'no_such_library', which was not; is that in your requirements, and in the deployment package?",
    ),
    "the module fails": (
        {"WSGI_APPLICATION": "shop.broken.app"},
        "WSGI_APPLICATION='shop.broken.app': module 'shop.broken' failed while it was imported: KeyError: "
        "'DATABASE_URL'",
    ),
    "the module calls it otherwise": (
        {"WSGI_APPLICATION": "shop.wsgi.application"},
        "WSGI_APPLICATION='shop.wsgi.application': module 'shop.wsgi' has no 'application'; what is it called there?",
    ),
    "the path ends at the module": (
        {"WSGI_APPLICATION": "shop.wsgi"},
        "WSGI_APPLICATION='shop.wsgi': 'shop.wsgi' is a module; name the object in it, for example "
        "'shop.wsgi.application'",
    ),
    "the path is that of something else": (
        {"WSGI_APPLICATION": "shop.wsgi.settings"},
        "WSGI_APPLICATION='shop.wsgi.settings': an application can be called, and a value of type 'dict' cannot; give "
        "the object that a server would run, such as project.wsgi.application",
    ),
    "the path is that of a factory": (
        {"WSGI_APPLICATION": "shop.wsgi.create_app"},
        "WSGI_APPLICATION='shop.wsgi.create_app': it takes no arguments, so it is no application; if it makes one, "
        "write app = create_app() in a module, and give that app",
    ),
    "the path is that of a factory with a parameter": (
        {"WSGI_APPLICATION": "shop.wsgi.create_app_of"},
        "WSGI_APPLICATION='shop.wsgi.create_app_of': it takes one argument, and a WSGI application two (PEP 3333); if"
        " it makes the application, write app = … in a module, and give that app",
    ),
    "the path is that of a factory of FastAPI": (
        {"ASGI_APPLICATION": "shop.main.create_app"},
        "ASGI_APPLICATION='shop.main.create_app': it takes no arguments, so it is no application; if it makes one, "
        "write app = create_app() in a module, and give that app",
    ),
    "the path is that of an async factory": (
        {"ASGI_APPLICATION": "shop.main.connect_and_create_app"},
        "ASGI_APPLICATION='shop.main.connect_and_create_app': it takes no arguments, so it is no application; if it "
        "makes one, write app = connect_and_create_app() in a module, and give that app",
    ),
    "FastAPI is taken for WSGI": (
        {"WSGI_APPLICATION": "shop.main.app"},
        "WSGI_APPLICATION='shop.main.app': this application speaks ASGI; set ASGI_APPLICATION='shop.main.app' instead",
    ),
    "Flask is taken for ASGI": (
        {"ASGI_APPLICATION": "shop.wsgi.app"},
        "ASGI_APPLICATION='shop.wsgi.app': this application speaks WSGI; set WSGI_APPLICATION='shop.wsgi.app' instead",
    ),
    "a setting's name is misspelt": (
        FLASK | {"CLOUD_EVENTS_DELIVRY": "record"},
        "CLOUD_EVENTS_DELIVRY: no such setting; did you mean CLOUD_EVENTS_DELIVERY?",
    ),
    "a setting is one of another library": (
        FLASK | {"CLOUD_EVENTS_BUCKET": "uploads"},
        "CLOUD_EVENTS_BUCKET: no such setting; there are CLOUD_EVENTS_CONTENT_MODE, CLOUD_EVENTS_DELIVERY, "
        "CLOUD_EVENTS_FAILURE_STATUSES, CLOUD_EVENTS_HTTP_HANDLER, CLOUD_EVENTS_LIFESPAN, CLOUD_EVENTS_MATCHERS, "
        "CLOUD_EVENTS_PATH_PREFIX, CLOUD_EVENTS_RESPONSE, CLOUD_EVENTS_SOURCES",
    ),
    "a setting has a value that it cannot have": (
        FLASK | {"CLOUD_EVENTS_RESPONSE": "Native"},
        "CLOUD_EVENTS_RESPONSE='Native': choose 'envelope' or 'native'",
    ),
    "statuses are written as people do": (
        FLASK | {"CLOUD_EVENTS_FAILURE_STATUSES": "4xx,5xx"},
        "CLOUD_EVENTS_FAILURE_STATUSES='4xx,5xx': '4xx' is no status; write codes and ranges, such as '404,500-599'",
    ),
    "a row's path has no slash": (
        FLASK | {"CLOUD_EVENTS_MATCHERS": "shop.no_slash.matchers"},
        "CLOUD_EVENTS_MATCHERS='shop.no_slash.matchers': module 'shop.no_slash' failed while it was imported: "
        "ConfigurationError: Matcher('orders', {'$.source': 'shop'}, 'orders'): the path must begin with '/' (static)"
        " or '$' (a JSONPath), or be a callable of the event",
    ),
    "a row's JSONPath is broken": (
        FLASK | {"CLOUD_EVENTS_MATCHERS": "shop.no_bracket.matchers"},
        "CLOUD_EVENTS_MATCHERS='shop.no_bracket.matchers': module 'shop.no_bracket' failed while it was imported: "
        "ConfigurationError: Matcher('large', {'$.detail.items[?(@.price > )]': <class 'str'>}, '/large'): "
        "'$.detail.items[?(@.price > )]' is not a JSONPath: Parse error at 1:27 near token ) ())",
    ),
    "rows are no rows": (
        FLASK | {"CLOUD_EVENTS_MATCHERS": "shop.no_rows.matchers"},
        "CLOUD_EVENTS_MATCHERS='shop.no_rows.matchers': it must be a list of Matcher rows, not dict",
    ),
    "the environ is no dict": (
        FLASK | {"WSGI_ENVIRON": "shop.config.environ"},
        "WSGI_ENVIRON='shop.config.environ': it must be a dict, not list",
    ),
    "the server is a str": (
        FASTAPI | {"ASGI_SCOPE": "shop.config.scope"},
        "ASGI_SCOPE: 'server' must be a pair such as ('localhost', 80), not 'localhost'",
    ),
    "the HTTP handler is a path of a path": (
        FLASK | {"CLOUD_EVENTS_HTTP_HANDLER": "shop.config.handler"},
        "CLOUD_EVENTS_HTTP_HANDLER='shop.config.handler': it must be a Lambda handler, of event and context, not str",
    ),
    "the prefix has no slash": (
        FLASK | {"CLOUD_EVENTS_PATH_PREFIX": "events"},
        "CLOUD_EVENTS_PATH_PREFIX='events': it must begin with '/', such as '/events'",
    ),
}

# Mistake → environment variables, event, what is raised, its message.
EVENTS = {
    "API Gateway calls": (
        FLASK,
        sample("http.apigw2"),
        UnsupportedEvent,
        "this is an HTTP request, from API Gateway, payload 2.0: set CLOUD_EVENTS_HTTP_HANDLER to a Lambda handler "
        "for it, made by Mangum (ASGI) or apig-wsgi (WSGI)",
    ),
    "a CloudEvent is written by hand": (
        FLASK,
        {"specversion": 1.0, "type": "com.example.ordered", "source": "/shop", "data": {"number": 42}},
        InvalidEvent,
        "malformed CloudEvent: 'id' must be a non-empty string; 'specversion' must be a non-empty string",
    ),
    "a source climbs": (
        FLASK,
        ORDER | {"source": "shop/../admin"},
        InvalidEvent,
        "matcher 'eventbridge', $.source: the path must not have '.' or '..' segments",
    ),
    "a view returns text": (
        {"WSGI_APPLICATION": "shop.plain.text"},
        S3,
        ProtocolError,
        "the application must return an iterable of bytes, such as [b'done'] (PEP 3333), not str",
    ),
    "a view returns a dict": (
        {"WSGI_APPLICATION": "shop.plain.answer"},
        S3,
        ProtocolError,
        "the application must return an iterable of bytes, such as [b'done'] (PEP 3333), not dict",
    ),
    "a view returns lines of text": (
        {"WSGI_APPLICATION": "shop.plain.texts"},
        S3,
        ProtocolError,
        "the application's body must be bytes, such as 'done'.encode() (PEP 3333), not str",
    ),
    "a view forgets to start": (
        {"WSGI_APPLICATION": "shop.plain.view"},
        S3,
        ProtocolError,
        "the application sent its body before it had called start_response() (PEP 3333)",
    ),
    "an async view returns": (
        {"ASGI_APPLICATION": "shop.plain.returning"},
        S3,
        ProtocolError,
        "the application returned without having completed its response (ASGI)",
    ),
    "the startup fails": (
        {"ASGI_APPLICATION": "shop.plain.unready"},
        S3,
        StartupFailed,
        "the application's startup failed: no database at db.internal",
    ),
}

# Mistake → environment variables, event, what the application answered, what AWS makes of that, the likely cause.
ANSWERED = {
    "there is no route": (
        FLASK,
        ORDER,
        "the application answered 404 at /com.example.shop (eventbridge)",
        "AWS takes this as success and will not retry the event",
        "The application has no route for this path: add one for POST /com.example.shop.",
    ),
    "the route is for GET": (
        FLASK,
        sample("sns"),
        "the application answered 405 at /aws.sns (sns)",
        "AWS takes this as success and will not retry the event",
        "The application has a route for this path, but not for this method: allow POST at /aws.sns.",
    ),
    "the route ends in a slash": (
        FLASK,
        S3,
        "the application answered 308 at /aws.s3 (s3)",
        "AWS takes this as success and will not retry the event",
        "The application redirects to the same path with a slash at the end; nobody follows: declare the route without "
        "that slash.",
    ),
    "the view asks for a CSRF token": (
        DJANGO,
        ORDER | {"source": "books.protected"},
        "the application answered 403 at /books.protected (eventbridge)",
        "AWS takes this as success and will not retry the event",
        "Django's CSRF check refused the event: decorate the view with @events_only or @csrf_exempt.",
    ),
    "batchItemFailures is misspelt": (
        FLASK,
        sample("sqs"),
        "the application answered 200 at /aws.sqs (sqs)",
        "AWS retries the records named in batchItemFailures, but an event source mapping without "
        "ReportBatchItemFailures takes them as done",
        "Spell it 'batchItemFailures': the answer spells it otherwise, and Lambda would overlook it.",
    ),
}
HOST = (
    DJANGO,
    ORDER,
    "the application answered 400 at /com.example.shop (eventbridge)",
    "AWS takes this as success and will not retry the event",
    "Django answers so when 'localhost', the SERVER_NAME of events, is not in ALLOWED_HOSTS: add it.",
)


@pytest.mark.parametrize("mistake", SETTINGS)
def test_a_setting_that_cannot_be(run, mistake):
    """It fails the function, whatever the event, with the setting, its value and the remedy."""
    environment, message = SETTINGS[mistake]
    with pytest.raises(ConfigurationError) as caught:
        run(environment, ORDER)
    assert str(caught.value) == message


@pytest.mark.parametrize("mistake", EVENTS)
def test_an_event_that_cannot_be_delivered(run, mistake):
    """It fails the invocation, with the kind of event or the rule of the interface, and what is wrong."""
    environment, event, error, message = EVENTS[mistake]
    with pytest.raises(error) as caught:
        run(environment, event)
    assert str(caught.value) == message


def native(run, environment, event, answered, consequence, cause):
    with pytest.raises(EventFailed) as caught:
        run(environment | {"CLOUD_EVENTS_RESPONSE": "native"}, event)
    # The body is the framework's own page.
    assert str(caught.value) == "\n".join(filter(None, (answered, cause, caught.value.body)))


def envelope(run, caplog, environment, event, answered, consequence, cause):
    run(environment, event)
    assert [record.getMessage() for record in caplog.records if record.name == "cloud_events"] == [
        f"{answered}; {consequence}. {cause} Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail."
    ]


@pytest.mark.parametrize("mistake", ANSWERED)
def test_an_answer_that_is_a_failure(run, mistake):
    """With `native` it fails the invocation, with the likely cause and its remedy."""
    native(run, *ANSWERED[mistake])


@pytest.mark.parametrize("mistake", ANSWERED)
def test_an_answer_that_is_lost(run, caplog, mistake):
    """With `envelope` it is a success to AWS, and one warning says so, why, and what to do."""
    envelope(run, caplog, *ANSWERED[mistake])


def test_a_host_that_django_does_not_know(run, caplog):
    """ALLOWED_HOSTS, which any project of Django needs and no other: told in both modes, too."""
    importlib.import_module("apps.django_books.wsgi")
    from django.test.utils import override_settings

    with override_settings(ALLOWED_HOSTS=["shop.example"]):
        envelope(run, caplog, *HOST)
        native(run, *HOST)
