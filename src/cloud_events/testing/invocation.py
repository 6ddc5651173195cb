"""Sends one event through the handler, and records the requests, the answers, and what AWS would do next."""

from __future__ import annotations

import json
from contextvars import ContextVar
from time import monotonic, perf_counter
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from ..adapter import Adapted
from ..adapter.kinds import Records, kind_of
from ..adapter.matcher import HTTP
from ..adapter.router import OURS
from ..handler import Handler
from ..interface.loop import LOOP
from ..messages import Outcome, Request, Response, seconds_left
from ..settings import Settings

Next = Literal["done", "retry", "retry-some", "answer", "error", "lost"]


class Exchange(NamedTuple):
    """One request and its answer.

    headers:  the headers of the request, as the application sees them, a dict with lower-case names
    response: the application's answer, or None if it raised an exception
    error:    the exception that the application raised, or the reason why the answer is a failure; None for a success
    """

    method: str
    headers: dict[str, str]
    request: Request
    response: Response | None
    error: BaseException | None
    milliseconds: float

    @property
    def dropped(self) -> bool:
        """Whether the answer is 300 or above, and ``CLOUD_EVENTS_FAILURE_STATUSES`` does not count it as a failure."""
        return self.error is None and self.response is not None and self.response.status >= 300

    def __repr__(self) -> str:
        return f"<Exchange {self.request!r}, {self.response!r}>"


class Invocation(NamedTuple):
    """The result of one event.

    name:      the name of the library's own row for the event, or None
    exchanges: the requests that were sent, in the order of the records, with the answers
    reply:     what the handler returned; None if it raised an exception
    raised:    the exception that the handler raised, or None
    next:      what AWS would do: nothing more ("done"), "retry" the event, "retry-some" of its records, or give the
               "answer" or an "error" to the sender; "lost" if the application failed and AWS would not notice
    then:      the same as a sentence
    """

    name: str | None
    exchanges: list[Exchange]
    reply: Any
    raised: BaseException | None
    next: Next
    then: str
    milliseconds: float

    @property
    def failed(self) -> bool:
        """Whether anything in the event failed, even if AWS would not notice."""
        return self.next not in ("done", "answer") or any(exchange.error is not None for exchange in self.exchanges)

    @property
    def dropped(self) -> list[Exchange]:
        """The requests whose answers are 300 or above but do not count as failures: they are not retried."""
        return [exchange for exchange in self.exchanges if exchange.dropped]

    @property
    def status(self) -> int | None:
        """The status of the application's answer, the worst of several; None if it raised or got no request."""
        statuses = [0 if exchange.response is None else exchange.response.status for exchange in self.exchanges]
        return max(statuses, default=None) if all(statuses) else None

    @property
    def text(self) -> str:
        """The application's answer as text; several are joined by newlines."""
        return "\n".join(body.decode("utf-8", "replace") for body in self._bodies())

    @property
    def json(self) -> Any:
        """The application's answer as JSON, None if it is empty; a list if there were several requests."""
        documents = [json.loads(body) if body else None for body in self._bodies()]
        return documents if len(self.exchanges) > 1 else next(iter(documents), None)

    @property
    def hint(self) -> str:
        """The likely cause of the first failure that has one, or ""."""
        return next(filter(None, (getattr(exchange.error, "hint", "") for exchange in self.exchanges)), "")

    def _bodies(self) -> list[bytes]:
        return [exchange.response.body for exchange in self.exchanges if exchange.response is not None]

    def __repr__(self) -> str:
        answers = ", ".join(f"{e.request.path} {e.response.status if e.response else 'raised'}" for e in self.exchanges)
        hint = f". {self.hint}" if self.hint else ""
        return f"<Invocation {self.name}: {answers or 'not sent'}; {self.next}: {self.then}{hint}>"


class LambdaContext:
    """Lambda's context object. *remaining_ms* are left when it is made, and the time runs.

    tool:       the name of the tool that Bedrock AgentCore Gateway calls
    attributes: other values, such as function_name="books"
    """

    def __init__(self, remaining_ms: int = 30_000, tool: str | None = None, **attributes: Any) -> None:
        self._deadline = monotonic() + remaining_ms / 1000
        self.aws_request_id = str(uuid4())
        self.function_name = "function"
        self.function_version = "$LATEST"
        self.invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:function"
        self.memory_limit_in_mb = "128"
        self.log_group_name = "/aws/lambda/function"
        self.log_stream_name = "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = None
        self.tenant_id = None
        if tool is not None:
            # AgentCore developer guide, "AWS Lambda function targets": <target>___<tool>.
            custom = {"bedrockAgentCoreToolName": tool if "___" in tool else f"target___{tool}"}
            self.client_context = SimpleNamespace(custom=custom, env=None, client=None)
        vars(self).update(attributes)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._deadline - monotonic()) * 1000))

    def log(self, message: object) -> None:
        print(message)


class Invoker:
    """Calls the Lambda handler for *settings*, and returns an Invocation; does not raise the handler's exceptions."""

    def __init__(self, settings: Settings) -> None:
        self._handler = Handler(settings, self)

    def __call__(self, event: Any, context: Any) -> Invocation:
        observed = SimpleNamespace(adapted=None, exchanges=[])
        token = _current.set(observed)
        returned, raised = None, None
        started = perf_counter()
        try:
            returned = self._handler(event, context)
        except (Exception, SystemExit) as error:  # sys.exit() ends Lambda's runtime, so the invocation fails, too
            raised = error
        finally:
            _current.reset(token)
        milliseconds = (perf_counter() - started) * 1000
        adapted = observed.adapted or _unadapted(event, context)
        # Records that are sent at the same time end in any order.
        exchanges = [exchange for _, exchange in sorted(observed.exchanges, key=lambda pair: pair[0])]
        left = seconds_left(context)
        if left is not None and left <= 0:
            word, sentence = _next_after_failure(adapted)
            sentence = f"the function ran out of time, so Lambda would have killed it; {sentence}"
        elif raised is not None:
            word, sentence = _next_after_failure(adapted)
        else:
            word, sentence = _next(adapted, exchanges, returned)
        return Invocation(adapted.kind.name, exchanges, returned, raised, word, sentence, milliseconds)

    def adapted(self, adapted: Adapted) -> None:
        _current.get().adapted = adapted

    def sent(self, request: Request, outcome: Outcome, milliseconds: float) -> None:
        interface, response = self._handler.interface, outcome.response
        error = outcome.error or (response.error if response else None)
        exchange = Exchange(interface.method, _headers(interface, request), request, response, error, milliseconds)
        _current.get().exchanges.append((outcome.part.position, exchange))

    def close(self) -> None:
        """End the lifespan of an ASGI application. The next call starts it again."""
        if self._handler.settings.interface == "asgi":
            LOOP.close()


# The observations of the current invocation: the adapted event, and pairs of position and exchange. In a context
# variable, because several threads may send events at the same time; the records of one event are sent in copies of the
# event's context.
_current: ContextVar[SimpleNamespace] = ContextVar("cloud_events.testing")


def _headers(interface: Any, request: Request) -> dict[str, str]:
    if hasattr(interface, "environ"):
        environ = interface.environ(request)
        names = [name for name in environ if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")]
        return {name.removeprefix("HTTP_").replace("_", "-").lower(): environ[name] for name in names}
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in interface.scope(request)["headers"]}


def _unadapted(event: Any, context: Any) -> Adapted:
    """Return an event that was refused as far as it is known: it still has a sender."""
    ours = OURS.match(event)
    return Adapted(event, context, ours, kind_of(ours.name if ours else None), (ours and ours.reply) or "sync")


_LOUDER = "with CLOUD_EVENTS_RESPONSE=native the invocation would have failed"
_FAILURE: dict[str, tuple[Next, str]] = {
    HTTP: ("error", "the HTTP client gets an error, such as 502"),
    "sync": ("error", "the sender, or the caller of the function, gets the error"),
    "async": ("retry", "AWS retries the event, twice unless configured otherwise; then it goes to the function's "
        "dead-letter queue or failure destination, or is dropped if there is none"),
}  # fmt: skip
_SUCCESS: dict[str, tuple[Next, str]] = {
    HTTP: ("answer", "the HTTP client gets the reply"),
    "sync": ("answer", "the sender, or the caller of the function, gets the reply"),
    "async": ("done", "AWS is done with the event; nothing reads the reply"),
}


def _next_after_failure(adapted: Adapted) -> tuple[Next, str]:
    """Return (word, sentence) for what AWS does after a failed invocation."""
    records = adapted.kind.records or Records(None)
    if adapted.reply == "poll":
        return "retry", f"AWS delivers the whole batch of {records.nouns} again{records.stuck}"
    return _FAILURE[adapted.reply]


def _next(adapted: Adapted, exchanges: list[Exchange], returned: Any) -> tuple[Next, str]:
    """Return (word, sentence) for what AWS does, which sees only what the handler *returned*."""
    reply, records, total = adapted.reply, adapted.kind.records or Records(None), len(adapted.identifiers)
    mapped = adapted.ours is not None and adapted.ours.reply == "poll"  # by an event source mapping, not by a pipe
    failures = returned.get("batchItemFailures") if isinstance(returned, dict) else None
    if failures and records.reports and (mapped or reply == "poll"):
        again = _again(records, adapted.identifiers, [failure["itemIdentifier"] for failure in failures])
        sentence = f"AWS delivers {again} of {total} {records.nouns} again"
        sentence += " and takes the others as done" if again < total else ""
        sentence += ", if the event source mapping has ReportBatchItemFailures; otherwise it takes all as done" * mapped
        return "retry-some" if again < total else "retry", sentence
    if not exchanges and reply != HTTP:
        return "done", "the event is acknowledged without a request"
    failed = any(exchange.error is not None for exchange in exchanges)
    if failed and reply != "sync":
        what = "the event" if reply == "async" else f"the {records.nouns}"
        return "lost", f"AWS takes this as success, so {what} will not be retried; {_LOUDER}"
    if reply == "poll":
        return "done", f"AWS takes the {records.nouns} as done and {records.success}"
    word, sentence = _SUCCESS[reply]
    return word, f"{sentence}, and may take it for an answer; {_LOUDER}" if failed else sentence


def _again(records: Records, identifiers: list[Any], named: list[Any]) -> int:
    """Return how many records are delivered again."""
    positions = [position for position, identifier in enumerate(identifiers) if identifier in named]
    return len(identifiers) - positions[0] if records.checkpoint else len(positions)
