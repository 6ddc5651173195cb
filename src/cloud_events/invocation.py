"""One event through the handler, watched: what was matched, sent and answered, and what AWS would do next.

The command line and the test kit stand on this; Lambda never loads it.
"""

import json
from time import monotonic, perf_counter
from types import SimpleNamespace
from uuid import uuid4

from .adapter import ours
from .adapter.matcher import HTTP
from .adapter.records import records
from .handler import boxes, journey
from .values import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .adapter import Adapted
    from .adapter.records import Batch
    from .messages import Request, Response
    from .reply import Reply
    from .settings import Settings


class Exchange(NamedTuple):
    """One request and what the application made of it.

    headers:  those of the request, as the application sees them: a dict of lower-case names
    response: the application's answer, or None where it raised
    error:    what the application raised, or what makes its answer a failure; None: nothing
    """

    method: str
    headers: "dict[str, str]"
    request: "Request"
    response: "Response | None"
    error: "BaseException | None"
    milliseconds: float

    def __repr__(self) -> str:
        return f"<Exchange {self.request!r}, {self.response!r}>"


class Invocation(NamedTuple):
    """What came of one event.

    name:      the library's own row for the event, or None
    exchanges: the requests that were sent, in order, and their answers
    reply:     what the handler returned; None where it raised
    raised:    what the handler raised, or None
    next:      what AWS would do: "done" with the event, "retry" it, "retry-some" of its records, hand the "answer" (or
               an "error") to the sender; "lost" where the application failed and AWS would never know
    then:      the same as a sentence
    """

    name: "str | None"
    exchanges: "list[Exchange]"
    reply: "Any"
    raised: "BaseException | None"
    next: str
    then: str
    milliseconds: float

    @property
    def failed(self) -> bool:
        """Whether something in the event did not succeed, whatever AWS was told."""
        return self.next not in ("done", "answer") or any(exchange.error is not None for exchange in self.exchanges)

    @property
    def status(self) -> "int | None":
        """The status that the application answered, the worst of several; None where it raised."""
        statuses = [0 if exchange.response is None else exchange.response.status for exchange in self.exchanges]
        return max(statuses, default=None) if all(statuses) else None

    @property
    def text(self) -> str:
        """The application's answer as text; several are joined by new lines."""
        return "\n".join(body.decode("utf-8", "replace") for body in self._bodies())

    @property
    def json(self) -> "Any":
        """The application's answer as JSON, None where it is empty; a list where there were several requests."""
        documents = [json.loads(body) if body else None for body in self._bodies()]
        return documents if len(self.exchanges) > 1 else next(iter(documents), None)

    def _bodies(self) -> "list[bytes]":
        return [exchange.response.body for exchange in self.exchanges if exchange.response is not None]

    def __repr__(self) -> str:
        answers = ", ".join(f"{e.request.path} {e.response.status if e.response else 'raised'}" for e in self.exchanges)
        hint = next((hint for hint in (getattr(e.error, "hint", "") for e in self.exchanges) if hint), "")
        return f"<Invocation {self.name}: {answers or 'not sent'}; {self.next}: {self.then}{hint and '. '}{hint}>"


class LambdaContext:
    """Lambda's context object. Its time runs: *remaining_ms* are left when it is made.

    attributes: other values for what Lambda tells, such as function_name="books"
    """

    def __init__(self, remaining_ms: int = 30_000, **attributes: "Any") -> None:
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
        vars(self).update(attributes)

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._deadline - monotonic()) * 1000))

    def log(self, message: object) -> None:
        print(message)


class Invoker:
    """Like the Lambda handler of *settings*, a callable of event and context; but it tells all, and raises nothing."""

    def __init__(self, settings: "Settings") -> None:
        self._boxes = boxes(settings)

    def __call__(self, event: "Any", context: "Any") -> Invocation:
        settings, adapter, interface, reply = self._boxes
        watched = _Watched(adapter, interface)
        returned, raised = None, None
        handle = journey(settings, watched, watched, reply)  # type: ignore[arg-type]  # it has the one method wanted
        started = perf_counter()
        try:
            returned = handle(event, context)
        except (Exception, SystemExit) as error:  # sys.exit() ends Lambda's runtime, which fails the invocation, too
            raised = error
        milliseconds = (perf_counter() - started) * 1000
        adapted = watched.adapted
        exchanges = [_judged(exchange, adapted, reply) for exchange in watched.exchanges]
        failed = any(exchange.error is not None for exchange in exchanges)
        # An event that was refused before it was adapted still has a sender.
        known = ours().match(event) if adapted is None else adapted
        name, kind = (known.name, known.reply) if known is not None else (None, None)
        word, sentence = _next(name, kind or "sync", adapted, returned, raised, failed)
        return Invocation(name, exchanges, returned, raised, word, sentence, milliseconds)

    def close(self) -> None:
        """End the lifespan of an ASGI application. Another call starts it again."""
        if self._boxes[0].interface == "asgi":
            from .interface.loop import LOOP

            LOOP.close()


class _Watched:
    """The adapter and the interface of a handler, for one event, with notes of what passes through."""

    def __init__(self, adapter: "Any", interface: "Any") -> None:
        self._adapter = adapter
        self._interface = interface
        self.method = interface.method
        self.start = interface.start
        self.adapted: Adapted | None = None
        self.exchanges: list[Exchange] = []

    def adapt(self, event: "Any", context: "Any") -> "Adapted":
        self.adapted = self._adapter.adapt(event, context)
        return self.adapted

    def call(self, request: "Request") -> "Response":
        started = perf_counter()
        try:
            response: Response = self._interface.call(request)
        except BaseException as error:
            self._note(request, None, error, started)
            raise
        self._note(request, response, None, started)
        return response

    def _note(
        self, request: "Request", response: "Response | None", error: "BaseException | None", started: float
    ) -> None:
        milliseconds = (perf_counter() - started) * 1000
        headers = _headers(self._interface, request)
        self.exchanges.append(Exchange(self.method, headers, request, response, error, milliseconds))


def _headers(interface: "Any", request: "Request") -> "dict[str, str]":
    if hasattr(interface, "environ"):
        environ = interface.environ(request)
        names = [name for name in environ if name.startswith("HTTP_") or name in ("CONTENT_TYPE", "CONTENT_LENGTH")]
        return {name.removeprefix("HTTP_").replace("_", "-").lower(): environ[name] for name in names}
    scope = interface.scope(request)
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _judged(exchange: Exchange, adapted: "Any", reply: "Reply") -> Exchange:
    if exchange.response is None:
        return exchange
    error, _ = reply.judge(adapted, exchange.request, exchange.response)
    return exchange._replace(error=error or exchange.response.error)


# What a batch is made of, what becomes of it, and of one that failed; by the first word of the row's name.
_STUCK = ", and nothing behind it, until it succeeds or expires"
_POLLED = {
    "sqs": ("messages", "deletes them from the queue", ", until the queue gives it to its dead-letter queue"),
    "kinesis": ("records", "goes on in the shard", _STUCK),
    "dynamodb": ("records", "goes on in the shard", _STUCK),
    "kafka": ("records", "commits their offsets", _STUCK),
    "mq": ("messages", "takes them off the queue", ""),
    "docdb": ("changes", "goes on in the change stream", _STUCK),
}
_UNKNOWN = ("records", "goes on", "")
_LOUDER = "with CLOUD_EVENTS_RESPONSE=native the invocation would have failed"
_MAPPED = "if the event source mapping has ReportBatchItemFailures; else it takes all as done"


def _next(
    name: "str | None",
    kind: str,
    adapted: "Adapted | None",
    returned: "Any",
    raised: "BaseException | None",
    failed: bool,
) -> "tuple[str, str]":
    """(word, sentence) for what AWS would do: it sees only what the handler returned or raised."""
    nouns, done, stuck = _POLLED.get((name or "").partition(".")[0], _UNKNOWN)
    if raised is not None:
        return {
            HTTP: ("error", "the HTTP client is answered with an error, 502 or the like"),
            "sync": ("error", "the sender, or whoever invoked the function, is given the error"),
            "async": ("retry", "AWS retries the event, twice unless configured otherwise; then it goes to the "
                "function's dead-letter queue or failure destination, or is dropped if there is none"),
            "poll": ("retry", f"AWS delivers the whole batch of {nouns} again{stuck}"),
        }[kind]  # fmt: skip
    reported = returned.get("batchItemFailures") if isinstance(returned, dict) else None
    if reported and adapted is not None and adapted.batch is not None and adapted.batch.reports:
        again, total = _again(adapted.batch, adapted.event, [entry["itemIdentifier"] for entry in reported])
        word, rest = ("retry", "") if again == total else ("retry-some", " and takes the others as done")
        condition = f", {_MAPPED}" if kind == "poll" else ""
        return word, f"AWS delivers {again} of {total} {nouns} again{rest}{condition}"
    if failed and kind != "sync":
        what = "the event" if kind == "async" else f"the {nouns}"
        return "lost", f"AWS takes this as success, so {what} will not be retried; {_LOUDER}"
    doubt = f", and may take it for an answer; {_LOUDER}" if failed else ""
    return {
        HTTP: ("answer", "the HTTP client is answered with the reply"),
        "sync": ("answer", f"the sender, or whoever invoked the function, is given the reply{doubt}"),
        "async": ("done", "AWS is done with the event; nobody reads the reply"),
        "poll": ("done", f"AWS takes the {nouns} as done and {done}"),
    }[kind]


def _again(batch: "Batch", event: "Any", reported: "list[Any]") -> "tuple[int, int]":
    """How many records of *event* are delivered again, and how many there are."""
    found = records(batch, event)
    again, lanes = 0, set()
    for record in found:
        if record.identifier in reported:
            lanes.add(record.lane)
            again += 1
        else:
            again += not batch.rest and record.lane in lanes
    # An empty identifier stands for the whole batch.
    return (len(found) if "" in reported else again), len(found)
