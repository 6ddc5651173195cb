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
ELSEWHERE: dict[str, str | None] = {"AWS_LAMBDA_FUNCTION_NAME": None, "_HANDLER": None}
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

    def test_an_http_event_is_an_invocation_error(self, leg: dict[str, str]) -> None:
        """An HTTP request that nothing was set to take is refused by a name that AWS shows."""
        with Runtime(HANDLER, **leg) as runtime:
            error, message = runtime.invoke(sample("http.apigw2")).failure
        assert error == "UnsupportedEvent"
        assert "CLOUD_EVENTS_HTTP_HANDLER" in message

    def test_a_custom_handler_around_it(self, leg: dict[str, str]) -> None:
        """A handler of one's own passes event and context on and does as it likes with the reply."""
        with Runtime("apps.wrapping.my_handler", **leg) as runtime:
            assert runtime.invoke(S3).value == {"request": "1", "reply": reply("/aws.s3", leg)}

    def test_a_handler_in_the_applications_own_module(self) -> None:
        """A module may hold both: the application that the setting names is loaded by the first event."""
        with Runtime("apps.whole.handler", WSGI_APPLICATION="apps.whole.application") as runtime:
            assert runtime.journal == ["loaded", "next"]
            assert runtime.invoke(S3).value == reply("/aws.s3", {"WSGI_APPLICATION": "whole"})

    def test_a_handler_made_in_code(self) -> None:
        """A module that only calls `make_handler` needs no settings."""
        with Runtime("apps.made.wsgi_handler") as runtime:
            assert runtime.invoke(S3).value == reply("/aws.s3", {"WSGI_APPLICATION": "made"})
        assert runtime.init_error is None

    def test_a_handler_made_in_code_with_a_keyword(self) -> None:
        """The keywords of `make_handler` do what the settings do."""
        with Runtime("apps.made.asgi_handler") as runtime:
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

    def test_elsewhere_the_first_event_loads_it(self, leg: dict[str, str]) -> None:
        """Where no Lambda function has a name, importing the handler does nothing; the first event loads the rest."""
        with Runtime(HANDLER, **leg, **ELSEWHERE) as runtime:
            init = runtime.journal[:]
            runtime.invoke(S3)
            runtime.invoke(S3)
            rest = runtime.journal[len(init) :]
        assert init == ["next"]
        assert rest == ["loaded", *startup(leg), "response 1", "next", "response 2", "next"]

    def test_a_custom_handler_loads_what_the_setting_names(self, leg: dict[str, str]) -> None:
        """Importing the library's handler into one's own loads the application in the init phase too."""
        with Runtime("apps.wrapping.my_handler", **leg) as runtime:
            assert runtime.journal == ["loaded", *startup(leg), "next"]

    def test_a_handler_made_in_code_starts_up_in_the_init_phase(self) -> None:
        """An application given in code has its lifespan startup before the first event."""
        with Runtime("apps.made.asgi_handler") as runtime:
            assert runtime.journal == ["loaded", "startup", "next"]

    def test_a_snapshot_is_taken_before_the_startup(self, leg: dict[str, str]) -> None:
        """With SnapStart the application is loaded into the snapshot and started up after the restore."""
        with Runtime(HANDLER, **leg, AWS_LAMBDA_INITIALIZATION_TYPE="snap-start") as runtime:
            assert runtime.journal == ["loaded", "restore", *startup(leg), "next"]
            assert runtime.invoke(S3).value == reply("/aws.s3", leg)


def startup(leg: dict[str, str]) -> list[str]:
    """What the journal says of an application's startup: WSGI has none."""
    return ["startup"] if "ASGI_APPLICATION" in leg else []


def native(setting: dict[str, str], *events: Any, **settings: str) -> list[Any]:
    """What AWS receives for each of *events* in native mode: the response's value, or the error's type and message."""
    received = []
    with Runtime(HANDLER, CLOUD_EVENTS_RESPONSE="native", **setting, **settings) as runtime:
        for event in events:
            answer = runtime.invoke(event)
            received.append(answer.value if answer.error is None else answer.failure)
    assert runtime.stderr == ""
    return received


class TestNative:
    def test_sender_that_reads_the_answer(self, leg: dict[str, str]) -> None:
        """AWS receives the JSON body itself, whatever its type; text where it is not JSON; null if empty."""
        bodies = ['{"sessionState": {}}', "[1, 2]", '"yes"', "null", "7", "true"]
        events = [told(LEX, 200, body) for body in bodies]
        events += [told(LEX, 200, "See you — à bientôt", "text/plain"), told(LEX, 204)]
        expected = [*(json.loads(body) for body in bodies), "See you — à bientôt", None]
        assert native(leg, *events) == expected

    def test_what_nothing_matches_is_answered_too(self, leg: dict[str, str]) -> None:
        """A direct invocation, by Step Functions say, gets the body itself as well."""
        assert native(leg, {}, told({}, 200, '{"copies": 7}')) == [{"path": "/"}, {"copies": 7}]

    def test_asynchronous_sender(self, leg: dict[str, str]) -> None:
        """Nobody reads the answer: AWS receives the README's dictionary."""
        assert native(leg, told(S3, 201, '{"added": 1}')) == [enveloped('{"added": 1}', leg, "201")]

    def test_poller(self, leg: dict[str, str]) -> None:
        """AWS receives which records failed: none, or those that the application names."""
        some = {"batchItemFailures": [{"itemIdentifier": SQS["Records"][-1]["messageId"]}]}
        assert native(leg, told(SQS, 200), told(SQS, 200, json.dumps(some))) == [{"batchItemFailures": []}, some]

    def test_window_state(self, leg: dict[str, str]) -> None:
        """What the application hands on from one tumbling window's batch to the next reaches AWS."""
        event = told(sample("kinesis__window"), 200, '{"state": {"copies": 7}}')
        assert native(leg, event) == [{"batchItemFailures": [], "state": {"copies": 7}}]

    @pytest.mark.parametrize(
        ("name", "matcher", "path"),
        [("lex.v1", "lex.v1", "/aws.lex"), ("s3", "s3", "/aws.s3"), ("sqs", "sqs", "/aws.sqs")],
        ids=["sync", "async", "poll"],
    )
    def test_failure(self, leg: dict[str, str], name: str, matcher: str, path: str) -> None:
        """Whoever sent the event, a failed answer is an invocation error of a stable type and message."""
        events = [told(sample(name), 503, "out of paper", "text/plain"), sample(name) | {"raise": "why"}]
        assert native(leg, *events) == [
            ("EventFailed", f"the application answered 503 at {path} ({matcher})\nout of paper"),
            ("OutOfPaperError", "why"),
        ]

    def test_failure_statuses(self, leg: dict[str, str]) -> None:
        """What counts as a failure is the setting's to say."""
        events = [told(LEX, 404, '"no such book"'), told(LEX, 503)]
        answered, failed = native(leg, *events, CLOUD_EVENTS_FAILURE_STATUSES="500-599")
        assert answered == "no such book"
        assert failed == ("EventFailed", "the application answered 503 at /aws.lex (lex.v1)")

    def test_record_by_record(self, leg: dict[str, str]) -> None:
        """With one request for each record, AWS receives the identifiers of those that failed, whichever way."""
        first, *_ = SQS["Records"]
        orders = [{}, {"answer": {"status": 500}}, {"raise": "why"}, {}]
        records = [first | {"messageId": f"id-{number}"} | order for number, order in enumerate(orders)]
        assert native(leg, {"Records": records}, CLOUD_EVENTS_DELIVERY="record") == [
            {"batchItemFailures": [{"itemIdentifier": "id-1"}, {"itemIdentifier": "id-2"}]}
        ]

    def test_envelope_is_a_success_to_aws(self, leg: dict[str, str]) -> None:
        """Without the setting a failed answer is a returned value, and the log says what that means."""
        with Runtime(HANDLER, **leg) as runtime:
            answer = runtime.invoke(told(S3, 503, "out of paper", "text/plain"))
        assert answer.value == enveloped("out of paper", leg, "503", "text/plain")
        assert "CLOUD_EVENTS_RESPONSE=native" in runtime.stdout

    def test_envelope_of_a_queue_reports_every_record(self, leg: dict[str, str]) -> None:
        """A failed batch is reported record by record even in the README's dictionary."""
        with Runtime(HANDLER, **leg) as runtime:
            answer = runtime.invoke(told(SQS, 503))
        failures = [{"itemIdentifier": record["messageId"]} for record in SQS["Records"]]
        assert answer.value == enveloped("", leg, "503") | {"batchItemFailures": failures}


WSGI, ASGI = LEGS["WSGI_APPLICATION"], LEGS["ASGI_APPLICATION"]
FAULTS = {
    "neither": (
        {},
        "neither WSGI_APPLICATION nor ASGI_APPLICATION is set; set one to the path of your application, such as "
        "WSGI_APPLICATION='project.wsgi.application' (Django, Flask) or ASGI_APPLICATION='project.main.app' (FastAPI)",
    ),
    "both": (
        LEGS,
        f"WSGI_APPLICATION={WSGI!r} and ASGI_APPLICATION={ASGI!r} are both set; keep the one that your application "
        "speaks: WSGI for Flask, ASGI for FastAPI, either for Django",
    ),
    "module": (
        {"WSGI_APPLICATION": "shop.wsgi.application"},
        "WSGI_APPLICATION='shop.wsgi.application': module 'shop' not found; "
        "is it in the deployment package, and is the name spelled correctly?",
    ),
    "import": (
        {"WSGI_APPLICATION": "apps.broken.application"},
        "WSGI_APPLICATION='apps.broken.application': module 'apps.broken' was found, but it imports 'no_such_library', "
        "which was not; is that in your requirements, and in the deployment package?",
    ),
    "attribute": (
        {"ASGI_APPLICATION": "apps.obedient.agsi"},
        "ASGI_APPLICATION='apps.obedient.agsi': module 'apps.obedient' has no 'agsi'; check the name",
    ),
    "kind": (
        {"WSGI_APPLICATION": ASGI},
        f"WSGI_APPLICATION={ASGI!r}: this application speaks ASGI; set ASGI_APPLICATION={ASGI!r} instead",
    ),
    "value": (
        {"WSGI_APPLICATION": WSGI, "CLOUD_EVENTS_RESPONSE": "navite"},
        "CLOUD_EVENTS_RESPONSE='navite': choose 'envelope' or 'native'",
    ),
    "name": (
        {"WSGI_APPLICATION": WSGI, "CLOUD_EVENTS_RESPONES": "native"},
        "CLOUD_EVENTS_RESPONES: no such setting; did you mean CLOUD_EVENTS_RESPONSE?",
    ),
}


class TestConfigurationFault:
    @pytest.mark.parametrize("fault", FAULTS)
    def test_is_an_init_error(self, fault: str) -> None:
        """AWS receives a fault of the configuration before any event, by a message that names the setting."""
        settings, message = FAULTS[fault]
        with Runtime(HANDLER, **settings) as runtime:
            assert runtime.init_error is not None
        assert (runtime.init_error["errorType"], runtime.init_error["errorMessage"]) == ("ConfigurationError", message)
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

    def test_startup_that_fails_elsewhere(self) -> None:
        """Elsewhere the startup belongs to the first event, fails it, and is tried again at the next."""
        with Runtime(HANDLER, ASGI_APPLICATION="apps.stillborn.application", **ELSEWHERE) as runtime:
            failures = [runtime.invoke(S3).failure, runtime.invoke(S3).failure]
        assert failures == [("StartupFailed", "the application's startup failed: no database at books.internal")] * 2
        assert runtime.journal == ["next", "startup", "error 1", "next", "startup", "error 2", "next"]

    def test_a_custom_handler_without_settings(self) -> None:
        """A handler of one's own may be imported without an application; each event then says what is missing."""
        with Runtime("apps.wrapping.my_handler") as runtime:
            assert runtime.init_error is None
            error, message = runtime.invoke(S3).failure
        assert (error, message) == ("ConfigurationError", FAULTS["neither"][1])


class TestEnd:
    def test_sigterm_ends_the_lifespan(self) -> None:
        """Lambda's SIGTERM runs the application's shutdown once, and ends the process as it would have anyway."""
        with Runtime(HANDLER, ASGI_APPLICATION=ASGI) as runtime:
            runtime.invoke(S3)
            assert runtime.terminate() == -signal.SIGTERM
        assert runtime.journal == ["loaded", "startup", "next", "response 1", "next", "shutdown"]
        assert runtime.stderr == ""

    def test_sigterm_before_any_event(self) -> None:
        """An environment that never saw an event is shut down all the same."""
        with Runtime(HANDLER, ASGI_APPLICATION=ASGI) as runtime:
            assert runtime.terminate() == -signal.SIGTERM
        assert runtime.journal == ["loaded", "startup", "next", "shutdown"]

    def test_sigterm_with_wsgi(self) -> None:
        """A WSGI application has nothing to shut down and is not in the way."""
        with Runtime(HANDLER, WSGI_APPLICATION=WSGI) as runtime:
            runtime.invoke(S3)
            assert runtime.terminate() == -signal.SIGTERM
        assert runtime.stderr == ""
