"""The one door: the handler string, when the application is loaded, and where HTTP requests are handed on."""

import importlib
import sys
import threading
from contextlib import asynccontextmanager

import pytest
import snapshot_restore_py
from starlette.applications import Starlette

import cloud_events
from cloud_events import ConfigurationError, UnsupportedEvent, make_handler
from cloud_events.interface.loop import LOOP
from conftest import EVENTS, Context, sample
from legs import answer, application, both_legs, handler

S3, SQS = sample("s3"), sample("sqs")
REPLY = {"status_code": "200", "body": '"/aws.s3"', "headers": {"Content-Type": "application/json"}}


def path_of(path, event):
    return answer(path)


@pytest.fixture
def door(monkeypatch):
    """Imports ``cloud_events.handler``, or a module that does, as if for the first time in this process."""
    before = sys.modules["cloud_events.handler"]

    def imported(name="cloud_events.handler"):
        sys.modules.pop("cloud_events.handler")
        return importlib.import_module(name)

    yield imported
    sys.modules["cloud_events.handler"] = cloud_events.handler = before


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that can be imported during the test."""
    monkeypatch.syspath_prepend(tmp_path)
    written = []

    def write(name, *lines):
        (tmp_path / f"{name}.py").write_text("\n".join(lines))
        importlib.invalidate_caches()
        written.append(name)

    yield write
    for name in written:
        sys.modules.pop(name, None)


SNAP_START = {"AWS_LAMBDA_FUNCTION_NAME": "books", "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
WSGI = (
    "from legs import answer, application",
    "app = application('wsgi', lambda path, event: answer(path))",
)


class TestLoading:
    def test_elsewhere_the_first_event_loads(self, door, module, monkeypatch):
        """Outside of Lambda, importing the handler loads nothing; the first event does."""
        module("shop", *WSGI)
        monkeypatch.setenv("WSGI_APPLICATION", "shop.app")
        loaded = door()
        assert "shop" not in sys.modules
        assert loaded.handler(S3, None) == loaded.handler(S3, None) == REPLY

    @pytest.mark.parametrize(
        "lambdas", ["cloud_events.handler.handler", "cloud_events/handler.handler", "shop.own", None]
    )
    def test_in_lambda_the_import_loads(self, door, module, monkeypatch, lambdas):
        """In Lambda the application is loaded while the handler is imported, whatever the handler string is."""
        module("shop", *WSGI)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "books")
        monkeypatch.setenv("WSGI_APPLICATION", "shop.app")
        if lambdas:
            monkeypatch.setenv("_HANDLER", lambdas)
        loaded = door()
        assert "shop" in sys.modules
        assert loaded.handler(S3, None) == REPLY

    def test_missing_setting_is_an_init_error(self, door, monkeypatch):
        """Where this is Lambda's handler, a missing setting is told by the import; elsewhere by the first event."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "books")
        loaded = door()
        with pytest.raises(ConfigurationError, match="WSGI_APPLICATION"):
            loaded.handler(S3, None)
        monkeypatch.setenv("_HANDLER", "cloud_events.handler.handler")
        with pytest.raises(ConfigurationError, match="WSGI_APPLICATION"):
            door()

    @pytest.mark.parametrize(
        "settings",
        [
            {"WSGI_APPLICATION": "shop.app"},
            {"WSGI_APPLICATION": "shop:app"},
            {"WSGI_APPLICATION": "other.app", "CLOUD_EVENTS_HTTP_HANDLER": "shop.website"},
            {"WSGI_APPLICATION": "other.app", "CLOUD_EVENTS_MATCHERS": "shop.rows"},
            {"WSGI_APPLICATION": "other.app", "WSGI_ENVIRON": "shop:environ"},
            {"ASGI_APPLICATION": "other.asgi", "ASGI_SCOPE": "shop:environ"},
        ],
    )
    def test_half_imported_module(self, door, module, monkeypatch, settings):
        """What a setting names may stand in the module that imports the handler, further down: an event loads it."""
        module("other", *WSGI, "asgi = application('asgi', lambda path, event: answer(path))")
        module(
            "shop",
            "from cloud_events.handler import handler",
            *WSGI,
            "website, rows, environ = print, [], {}",
            "def own(event, context):",
            "    return handler(event, context)",
        )
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "books")
        monkeypatch.setenv("_HANDLER", "shop.own")
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert door("shop").own(S3, None) == REPLY

    def test_fault_is_tried_again(self, door, module, monkeypatch):
        """A module that failed is loaded anew by the next event."""
        monkeypatch.setenv("WSGI_APPLICATION", "shop.app")
        module("shop", "raise OSError('no database')")
        loaded = door()
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="no database") as caught:
                loaded.handler(S3, None)
            assert isinstance(caught.value.__cause__, OSError)
        module("shop", *WSGI, "# longer than before, so that no cached bytecode is taken for it")
        assert loaded.handler(S3, None) == REPLY

    def test_reload_forgets(self, door, module, monkeypatch):
        """After importlib.reload the settings are read anew."""
        module("shop", *WSGI, "other = application('wsgi', lambda path, event: answer('other'))")
        monkeypatch.setenv("WSGI_APPLICATION", "shop.app")
        loaded = door()
        assert loaded.handler(S3, None) == REPLY
        monkeypatch.setenv("WSGI_APPLICATION", "shop.other")
        assert loaded.handler(S3, None) == REPLY
        assert importlib.reload(loaded).handler(S3, None)["body"] == '"other"'

    def test_once_for_all_threads(self, door, module, monkeypatch):
        """However many threads bring the first events, the application is taken out of its module once."""
        module(
            "shop",
            *WSGI,
            "import time",
            "made, seen = app, []",
            "del app",
            "def __getattr__(name):",
            "    time.sleep(0.1)",
            "    return seen.append(name) or made",
        )
        monkeypatch.setenv("WSGI_APPLICATION", "shop.app")
        loaded, replies = door(), []
        threads = [threading.Thread(target=lambda: replies.append(loaded.handler(S3, None))) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert replies == [REPLY] * 16
        assert sys.modules["shop"].seen == ["app"]

    def test_make_handler_needs_no_settings(self, door, monkeypatch):
        """In Lambda, a module that only calls make_handler is asked for no setting."""
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "books")
        monkeypatch.setenv("_HANDLER", "shop.own")
        assert door().make_handler(application("wsgi", path_of))(S3, None) == REPLY


@pytest.mark.parametrize(
    ("settings", "hooks", "made", "restored"),
    [
        ({}, snapshot_restore_py, [], []),
        ({"AWS_LAMBDA_FUNCTION_NAME": "books"}, snapshot_restore_py, ["startup"], ["startup"]),
        (SNAP_START, snapshot_restore_py, [], ["startup"]),
        (SNAP_START, None, [], []),
    ],
)
def test_startup(settings, hooks, made, restored, monkeypatch):
    """In Lambda, an ASGI application's startup falls in the init phase; with SnapStart, after the restore, by a hook of
    Lambda's runtime. Where there is no such hook, and elsewhere, the first event starts the application."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", hooks)
    monkeypatch.setattr(snapshot_restore_py, "_after_restore_registry", [])
    steps = []

    @asynccontextmanager
    async def lifespan(app):
        steps.append("startup")
        yield

    handle = make_handler(Starlette(lifespan=lifespan))
    assert steps == made
    for start, arguments, keywords in snapshot_restore_py.get_after_restore():
        start(*arguments, **keywords)
    assert steps == restored
    handle(S3, None)
    handle(S3, None)
    assert steps == ["startup"]
    LOOP.close()


@both_legs
class TestHandler:
    def test_path_of_an_application(self, leg, module):
        """make_handler takes the application's dotted path too."""
        module("shop", "from legs import answer, application", f"app = application({leg!r}, lambda *_: answer(7))")
        assert make_handler("shop.app")(S3, None)["body"] == "7"
        with pytest.raises(ConfigurationError, match=r"^make_handler='shop\.none': module 'shop' has no 'none'"):
            make_handler("shop.none")

    def test_several_in_one_process(self, leg):
        """Each handler has its application and settings to itself."""
        one, other = (handler(leg, answer(name), response=mode) for name, mode in (("a", "native"), ("b", None)))
        assert (one({}, None), other({}, None)["body"]) == ("a", '"b"')


HTTP = sorted(path.stem for path in EVENTS.glob("http.*.json"))
PACKAGES = {"wsgi": "apig-wsgi", "asgi": "mangum"}
KINDS = {
    "http.apigw1": "API Gateway, payload 1.0",
    "http.apigw2": "API Gateway, payload 2.0",
    "http.functionurl": "a Lambda function URL",
    "http.alb": "an Application Load Balancer",
    "http.lattice1": "VPC Lattice, payload 1.0",
    "http.lattice2": "VPC Lattice, payload 2.0",
}


@both_legs
class TestHttp:
    @pytest.mark.parametrize("name", HTTP)
    def test_handed_on(self, leg, name):
        """An HTTP request goes unchanged to the handler that was set for it, whose answer is returned unchanged."""
        event, context, told = sample(name), Context(), object()
        seen = []

        def website(*arguments):
            seen.append(arguments)
            return told

        assert handler(leg, path_of, http_handler=website)(event, context) is told
        [(passed, passed_context)] = seen
        assert (passed is event, passed_context is context, passed) == (True, True, sample(name))

    @pytest.mark.parametrize("name", HTTP)
    def test_refused(self, leg, name):
        """Without such a setting it is refused, with the sender and the remedy."""
        with pytest.raises(UnsupportedEvent) as caught:
            handler(leg, path_of)(sample(name), None)
        kind = KINDS[name.partition("__")[0]]
        assert str(caught.value) == (
            f"this is an HTTP request, from {kind}: set CLOUD_EVENTS_HTTP_HANDLER={PACKAGES[leg]} to have the same "
            "application answer it, or to the dotted path of a Lambda handler of your own"
        )

    def test_package_that_is_not_installed(self, leg, monkeypatch):
        """It fails the start, with the command that installs it."""
        package = PACKAGES[leg]
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
        with pytest.raises(ConfigurationError) as caught:
            handler(leg, path_of, http_handler=package)
        label = f"CLOUD_EVENTS_HTTP_HANDLER='{package}'"
        assert str(caught.value) == f"{label}: the package is not installed; pip install 'cloud-events[{package}]'"


@both_legs
def test_log(leg, caplog):
    """The log has matcher, method, path, status and time of a delivery, and nothing that was in it; and extra fields,
    which Lambda's JSON log format prints."""
    caplog.set_level("INFO", "cloud_events")
    handler(leg, answer(7), delivery="record", lifespan="off")({"Records": SQS["Records"][:1]}, None)
    [record] = caplog.records
    head, _, milliseconds = record.getMessage().removesuffix(" ms").rpartition(" in ")
    assert (head, float(milliseconds) >= 0) == ("sqs: POST /aws.sqs answered 200", True)
    identifier = SQS["Records"][0]["messageId"]
    fields = {"matcher": "sqs", "path": "/aws.sqs", "status": 200, "record_id": identifier, "event_id": identifier}
    assert vars(record) | fields == vars(record)


def test_missing_client_address():
    """A note says why a key of environ that every server sets is missing."""

    def application(environ, start_response):
        return environ["REMOTE_ADDR"]

    with pytest.raises(KeyError) as caught:
        make_handler(application)(S3, None)
    assert caught.value.__notes__[0].startswith("Events have no client address")
