"""The handler under AWS's own runtime client: what AWS would receive, and when things happen."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

import pytest

from conftest import sample
from runtime_api import Runtime

HANDLER = "cloud_events.handler.handler"
LEGS = {"WSGI_APPLICATION": "apps.obedient.wsgi", "ASGI_APPLICATION": "apps.obedient:asgi"}
S3, SQS, LEX = sample("s3"), sample("sqs"), sample("lex.v1")


def told(event: dict[str, Any], status: int, body: str = "", kind: str = "application/json") -> dict[str, Any]:
    """The same event with the answer that the application is to give to it."""
    return event | {"answer": {"status": status, "body": body, "type": kind}}


def reply(event_path: str, leg: dict[str, str]) -> dict[str, Any]:
    """The README's dictionary around the answer that the application gives to an event that says nothing else."""
    return enveloped(json.dumps({"path": event_path}), leg)


def enveloped(body: str, leg: dict[str, str], status: str = "200", kind: str = "application/json") -> dict[str, Any]:
    """The README's dictionary; the names of headers are as the application spelled them."""
    name = "Content-Type" if "WSGI_APPLICATION" in leg else "content-type"
    return {"status_code": status, "body": body, "headers": {name: kind}}


@pytest.fixture(params=LEGS)
def leg(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting that names the application of one of the two legs."""
    return {request.param: LEGS[request.param]}


class TestInvocations:
    def test_one_event_after_another(self, leg: dict[str, str]) -> None:
        """The handler string gives each event of a sequence its own reply, as the README's dictionary."""
        events = [S3, LEX, told(S3, 201, "ajouté", "text/plain"), None, "null", "7"]
        with Runtime(HANDLER, **leg) as runtime:
            replies = [runtime.invoke(event).value for event in events]
        assert replies == [
            reply("/aws.s3", leg),
            reply("/aws.lex", leg),
            enveloped("ajouté", leg, "201", "text/plain"),
            reply("/", leg),
            reply("/", leg),
            reply("/", leg),
        ]

    def test_an_exception_is_an_invocation_error(self, leg: dict[str, str]) -> None:
        """AWS receives the application's own exception and where it was raised; the next event works."""
        with Runtime(HANDLER, **leg) as runtime:
            failed = runtime.invoke(S3 | {"raise": "the printer is out of paper"})
            after = runtime.invoke(S3)
        assert failed.failure == ("OutOfPaperError", "the printer is out of paper")
        assert failed.error is not None
        assert 'raise OutOfPaperError(order["raise"])' in failed.error["stackTrace"][-1]
        assert after.value == reply("/aws.s3", leg)
        assert runtime.stderr == ""

    def test_time_that_runs_out_is_an_invocation_error(self) -> None:
        """An ASGI application is stopped before Lambda's deadline, cleans up, and AWS learns why."""
        with Runtime(HANDLER, ASGI_APPLICATION="apps.unhurried.application") as runtime:
            error, message = runtime.invoke(S3, remaining_ms=400).failure
        assert error == "OutOfTime"
        assert message == (
            "the application was cancelled shortly before the function's deadline; "
            "give the function a longer timeout, or the application less to do"
        )
        assert runtime.journal == ["next", "cleaned", "error 1", "next"]
        assert runtime.stderr == ""

    def test_the_log_has_one_line_for_each_event(self, leg: dict[str, str]) -> None:
        """Lambda's own log settings show what became of an event, and nothing that was in it."""
        with Runtime(HANDLER, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO", **leg) as runtime:
            runtime.invoke(S3)
        lines = [json.loads(line) for line in runtime.stdout.splitlines()]
        [line] = [line for line in lines if line["logger"] == "cloud_events" and line["message"].startswith("s3: ")]
        assert (line["level"], line["requestId"]) == ("INFO", "1")
        assert re.fullmatch(r"s3: POST /aws\.s3 answered 200 in \d+\.\d ms", line["message"])
        for secret in (S3["Records"][0]["s3"]["object"]["key"], S3["Records"][0]["s3"]["bucket"]["name"]):
            assert secret not in runtime.stdout

    def test_a_custom_handler_around_it(self, leg: dict[str, str]) -> None:
        """A handler of one's own does as it likes with the reply; the application is loaded in the init phase too."""
        with Runtime("apps.wrapping.my_handler", **leg) as runtime:
            assert runtime.journal == ["loaded", *startup(leg), "next"]
            assert runtime.invoke(S3).value == {"request": "1", "reply": reply("/aws.s3", leg)}

    def test_a_handler_made_in_code(self) -> None:
        """A module that only calls `make_handler` needs no settings; startup comes in the init phase."""
        with Runtime("apps.made.handler") as runtime:
            assert runtime.journal == ["loaded", "startup", "next"]
            assert runtime.invoke(told(LEX, 200, '["yes"]')).value == ["yes"]


def bridged(source: str) -> dict[str, Any]:
    """An event of EventBridge, whose source is the path that it goes to."""
    return {"source": source, "detail-type": "Stocked", "detail": {}}


FRAMEWORKS = {
    "apps.flask_books.application": ("WSGI_APPLICATION", S3, "201"),
    "apps.django_books.wsgi.application": ("WSGI_APPLICATION", bridged("books.opened"), "200"),
    "apps.django_books.asgi.application": ("ASGI_APPLICATION", bridged("books.opened"), "200"),
    "apps.fastapi_books.application": ("ASGI_APPLICATION", S3, "201"),
    "apps.starlette_books.application": ("ASGI_APPLICATION", S3, "201"),
    "apps.litestar_books.application": ("ASGI_APPLICATION", S3, "201"),
    "apps.quart_books.application": ("ASGI_APPLICATION", S3, "201"),
}


@pytest.mark.parametrize("application", FRAMEWORKS)
def test_frameworks(application: str) -> None:
    """A real framework answers event after event, fails one of them to AWS, and leaves nothing open at its end."""
    setting, event, status = FRAMEWORKS[application]
    with Runtime(HANDLER, CLOUD_EVENTS_RESPONSE="native", **{setting: application}) as runtime:
        statuses = [runtime.invoke(event).value["status_code"] for _ in range(3)]
        error, message = runtime.invoke(bridged("books.nowhere")).failure
        assert runtime.terminate() == -signal.SIGTERM
    assert statuses == [status] * 3
    assert error == "EventFailed"
    assert message.splitlines()[:2] == [
        "the application answered 404 at /books.nowhere (eventbridge)",
        "The application has no route for this path, or the view itself answered 404: check that there is a route for "
        "POST /books.nowhere.",
    ]
    assert runtime.stderr == ""


class TestInit:
    def test_in_lambda_the_application_is_loaded_before_the_first_event(self, leg: dict[str, str]) -> None:
        """Loading, and an ASGI application's startup, fall in the init phase, and happen once."""
        with Runtime(HANDLER, **leg) as runtime:
            init = runtime.journal[:]
            runtime.invoke(S3)
            runtime.invoke(S3)
            rest = runtime.journal[len(init) :]
        assert init == ["loaded", *startup(leg), "next"]
        assert rest == ["response 1", "next", "response 2", "next"]

    def test_a_snapshot_is_taken_before_the_startup(self, leg: dict[str, str]) -> None:
        """With SnapStart the application is loaded into the snapshot and started up after the restore."""
        with Runtime(HANDLER, **leg, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as runtime:
            assert runtime.journal == ["loaded", "restore", *startup(leg), "next"]
            assert runtime.invoke(S3).value == reply("/aws.s3", leg)


def startup(leg: dict[str, str]) -> list[str]:
    """What the journal says of an application's startup: WSGI has none."""
    return ["startup"] if "ASGI_APPLICATION" in leg else []


def test_native(leg: dict[str, str]) -> None:
    """AWS receives what each sender understands: the JSON itself, the README's dictionary, or which records failed."""
    some = {"batchItemFailures": [{"itemIdentifier": SQS["Records"][-1]["messageId"]}]}
    received = {
        "JSON": (told(LEX, 200, '{"sessionState": {}}'), {"sessionState": {}}),
        "text": (told(LEX, 200, "See you — à bientôt", "text/plain"), "See you — à bientôt"),
        "nothing": (told(LEX, 204), None),
        "direct": (told({}, 200, '{"copies": 7}'), {"copies": 7}),
        "asynchronous": (told(S3, 201, '{"added": 1}'), enveloped('{"added": 1}', leg, "201")),
        "poller": (told(SQS, 200, json.dumps(some)), some),
    }
    with Runtime(HANDLER, CLOUD_EVENTS_RESPONSE="native", **leg) as runtime:
        values = [runtime.invoke(event).value for event, _ in received.values()]
        failed = runtime.invoke(told(LEX, 503, "out of paper", "text/plain"))
    assert values == [value for _, value in received.values()]
    assert failed.failure == ("EventFailed", "the application answered 503 at /aws.lex (lex.v1)\nout of paper")
    assert runtime.stderr == ""


def test_envelope(leg: dict[str, str]) -> None:
    """Without the setting a failed answer is a returned value, and the log says what that means."""
    with Runtime(HANDLER, **leg) as runtime:
        answer = runtime.invoke(told(S3, 503, "out of paper", "text/plain"))
    assert answer.value == enveloped("out of paper", leg, "503", "text/plain")
    assert "CLOUD_EVENTS_RESPONSE=native" in runtime.stdout


class TestConfigurationFault:
    @pytest.mark.parametrize(
        ("name", "value", "fault"),
        [
            (
                "WSGI_APPLICATION",
                "shop.wsgi.application",
                "module 'shop' not found; is it in the deployment package, and is the name spelled correctly?",
            ),
            ("CLOUD_EVENTS_RESPONSE", "navite", "choose 'envelope' or 'native'"),
        ],
    )
    def test_is_an_init_error(self, name: str, value: str, fault: str) -> None:
        """AWS receives a fault of the configuration before any event, by a message that names the setting."""
        with Runtime(HANDLER, **{"WSGI_APPLICATION": LEGS["WSGI_APPLICATION"], name: value}) as runtime:
            assert runtime.init_error is not None
        error = (runtime.init_error["errorType"], runtime.init_error["errorMessage"])
        assert error == ("ConfigurationError", f"{name}={value!r}: {fault}")
        assert "next" not in runtime.journal
        assert runtime.process.returncode == 1
        assert runtime.stderr == ""

    def test_startup_that_fails(self) -> None:
        """A failed lifespan startup is an init error with the application's own message."""
        with Runtime(HANDLER, ASGI_APPLICATION="apps.stillborn.application") as runtime:
            assert runtime.journal == ["startup", "init error"]
        assert runtime.init_error is not None
        assert runtime.init_error["errorType"] == "StartupFailed"
        assert runtime.init_error["errorMessage"] == "the application's startup failed: no database at books.internal"
        assert runtime.stderr == ""


class TestEnd:
    def test_sigterm_ends_the_lifespan(self) -> None:
        """Lambda's SIGTERM runs the application's shutdown once, and ends the process as it would have anyway."""
        with Runtime(HANDLER, ASGI_APPLICATION=LEGS["ASGI_APPLICATION"]) as runtime:
            runtime.invoke(S3)
            assert runtime.terminate() == -signal.SIGTERM
        assert runtime.journal == ["loaded", "startup", "next", "response 1", "next", "shutdown"]
        assert runtime.stderr == ""

    def test_sigterm_before_any_event(self) -> None:
        """An environment that never saw an event is shut down all the same."""
        with Runtime(HANDLER, ASGI_APPLICATION=LEGS["ASGI_APPLICATION"]) as runtime:
            assert runtime.terminate() == -signal.SIGTERM
        assert runtime.journal == ["loaded", "startup", "next", "shutdown"]
