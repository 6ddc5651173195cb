"""A response → what Lambda is told: a return value, or an exception that fails the invocation.

Lambda's developer guide, "Reporting batch item failures" (SQS, Kinesis, DynamoDB, Kafka) and "Asynchronous invocation";
the README's dictionary otherwise.
"""

import json
import logging
from os import environ

from .errors import CloudEventsError, ReplyTooLarge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .adapter import Adapted
    from .messages import Request, Response

logger = logging.getLogger("cloud_events")

LIMIT = 6_291_556  # bytes of JSON that Lambda hands on: developer guide, "Lambda quotas"
_SURELY_FITS = 1_000_000  # bytes of body; JSON writes no byte with more than six
_CUT = 100_000  # characters that are left of a body that is too long


class Reply:
    """Knows the settings that decide what Lambda is told.

    native:   whether the sender is told what it understands, rather than the README's dictionary
    failures: the statuses that count as a failure
    """

    __slots__ = ("failures", "native")

    def __init__(self, native: bool, failures: "frozenset[int]") -> None:
        self.native = native
        self.failures = failures

    def judge(
        self, adapted: "Adapted", request: "Request", response: "Response"
    ) -> "tuple[BaseException | None, list[Any] | None]":
        """(what makes *response* a failure, the application's own ``batchItemFailures``), each of them or None.

        A failure is: its status, a wrong list of failed records, or one that names the only record that it was sent;
        in native mode a late exception, too.
        """
        reported, fault = None, ""
        if adapted.batch is not None or adapted.reply == "poll":
            reported, fault = _report(adapted, request, response)
            if reported and adapted.parts is not None:
                fault = "The application named the record in its 'batchItemFailures'."
        if fault or response.status in self.failures or response.status > 599:
            from .diagnosis import failure

            error = failure(request, response, fault)
            error.__cause__ = response.error
            return error, reported
        return response.error if self.native else None, reported

    def one(self, adapted: "Adapted", request: "Request", response: "Response") -> "Any":
        """The reply to an event that one request carried. Raises what fails the invocation."""
        error, reported = self.judge(adapted, request, response)
        if self.native:
            if error is not None:
                raise error
            if adapted.reply == "poll":
                return {"batchItemFailures": reported or [], **_window(adapted, response)}
            told = answer(response) if adapted.reply == "sync" else envelope(response)
            return fit(told, adapted, len(response.body))
        reply = envelope(response)
        if error is not None:
            warn(adapted, error)
            reported = every_identifier(adapted) if reports(adapted) else None
        if reported is not None:
            reply["batchItemFailures"] = reported
        if windowed(adapted):
            reply.update(_window(adapted, response))
        return fit(reply, adapted, len(response.body))


def reports(adapted: "Adapted") -> bool:
    """Whether the sender can be told which records failed."""
    return adapted.batch is not None and adapted.batch.reports


def windowed(adapted: "Adapted") -> bool:
    """Whether the batch belongs to a tumbling window, whose ``state`` Lambda wants back."""
    return adapted.batch is not None and "isFinalInvokeForWindow" in adapted.event


def json_of(response: "Response") -> "Any":
    """The body as JSON; None if it is none."""
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def state_of(response: "Response", before: "Any") -> "Any":
    """The ``state`` that the application answered, else the one that there was *before*."""
    answered = json_of(response)
    return answered.get("state", before) if isinstance(answered, dict) else before


def _report(adapted: "Adapted", request: "Request", response: "Response") -> "tuple[list[Any] | None, str]":
    """(the application's own ``batchItemFailures``, what is wrong with it); None: it sent none."""
    batch = adapted.batch
    if not (adapted.reply == "poll" or reports(adapted)) or b"failure" not in response.body.lower():
        return None, ""
    answered = json_of(response)
    if not isinstance(answered, dict):
        return None, ""
    for key in answered:
        plain = key.replace("_", "").replace("-", "").lower()
        if plain.startswith("batchitemfailure") and key != "batchItemFailures":
            return None, "Spell it 'batchItemFailures': the answer spells it otherwise, and Lambda would overlook it."
    reported = answered.get("batchItemFailures")
    if reported is None:
        return None, ""
    if not isinstance(reported, list):
        return None, "The application's 'batchItemFailures' must be a list of {'itemIdentifier': …}."
    if batch is None or not reported:
        return reported, ""
    if not batch.reports:
        return None, "This sender cannot be told of single records: answer with a failure status instead."
    from .adapter.records import identifiers

    # Kafka's are objects.
    known = {json.dumps(identifier, sort_keys=True) for identifier in identifiers(batch, request.event)}
    for number, entry in enumerate(reported):
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if not identifier or json.dumps(identifier, sort_keys=True) not in known:
            return None, (
                f"Entry {number} of the application's 'batchItemFailures' must be {{'itemIdentifier': …}} and name a "
                "record of this batch."
            )
    return reported, ""


def every_identifier(adapted: "Adapted") -> "list[dict[str, Any]]":
    """``batchItemFailures`` that names every record of the batch."""
    from .adapter.records import identifiers

    return [{"itemIdentifier": identifier} for identifier in identifiers(adapted.batch, adapted.event)]


def _window(adapted: "Adapted", response: "Response") -> "dict[str, Any]":
    if not windowed(adapted):
        return {}
    state = state_of(response, adapted.event.get("state"))
    return {} if state is None else {"state": state}


def envelope(response: "Response") -> "dict[str, Any]":
    """The README's dictionary."""
    headers: dict[str, str] = {}
    first: dict[str, str] = {}  # by lower-case name
    cookies = []
    for name, value in response.headers:
        folded = name.lower()
        if folded == "set-cookie":
            cookies.append((name, value))
        elif folded in first:
            spelled = next(key for key in headers if key.lower() == folded)
            headers[spelled] += f", {value}"
        else:
            headers[name] = first[folded] = value
    text = _text(response.body, first.get("content-type", ""), first.get("content-encoding", ""))
    reply: dict[str, Any] = {
        "status_code": str(response.status),
        "body": _base64(response.body) if text is None else text,
        "headers": headers,
    }
    if text is None:
        reply["is_base64_encoded"] = True
    if len(cookies) == 1:
        headers.update(cookies)
    elif cookies:
        # A cookie's expiry date has a comma of its own: RFC 9110, section 5.3.
        reply["cookies"] = [value for _, value in cookies]
    return reply


def _text(body: bytes, content_type: str, encoding: str) -> "str | None":
    """*body* as text; None if it is none."""
    if encoding not in ("", "identity"):
        return None
    try:
        if "charset" not in content_type.lower():
            return body.decode()
        from .adapter.cloudevent import charset

        return body.decode(charset(content_type))
    except (LookupError, ValueError):
        return None


def _base64(body: bytes) -> str:
    import binascii

    return binascii.b2a_base64(body, newline=False).decode("ascii")


def answer(response: "Response") -> "Any":
    """What the sender reads: the JSON body itself, a CloudEvent in structured form, text, or null."""
    from .adapter.cloudevent import from_binary, is_json

    event = from_binary(response.headers, response.body)
    if event is not None:
        return event
    if not response.body:
        return None
    content_type = response.header("content-type")
    if is_json(content_type):
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            pass  # then it is text, whatever it says
    text = _text(response.body, content_type, response.header("content-encoding"))
    return _base64(response.body) if text is None else text


def fit(reply: "Any", adapted: "Adapted", size: int) -> "Any":
    """*reply*, whose bodies have *size* bytes, if Lambda can hand it on; cut where nobody reads it.

    Raises ReplyTooLarge where somebody does.
    """
    if size <= _SURELY_FITS or (written := _written(reply)) <= LIMIT:
        return reply
    if adapted.reply == "sync":
        raise ReplyTooLarge(
            f"the answer is {written:,} bytes of JSON, and Lambda hands on {LIMIT:,} at most; answer with less, "
            "such as the S3 key of the whole"
        )
    logger.warning(
        "the answer, %s bytes of JSON, is too long for Lambda; nobody reads it, so it was cut", f"{written:,}"
    )
    return {**reply, "body": f"{reply['body'][:_CUT]}… [cut: {size:,} bytes in all]"}


def _written(reply: "Any") -> int:
    # Lambda's runtime client for Python 3.11, and outside of Lambda's own images, escapes all that is not ASCII.
    escaped = environ.get("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11") == "AWS_Lambda_python3.11"
    return len(json.dumps(reply, ensure_ascii=escaped).encode("utf-8", "surrogatepass"))


_CONSEQUENCES = {
    "async": "AWS takes this as success and will not retry the event",
    "sync": "its sender is given this dictionary, which it may take for an answer",
    "poll": "AWS takes this as success, and the records as done",
}
_REPORTED = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done"
)


def warn(adapted: "Adapted", error: "BaseException | None", failed: int = 1, requests: int = 1) -> None:
    """Say what AWS will do about *error*, the first of so many, now that nothing was raised, and its likely cause."""
    share = f"{failed} of {requests} requests failed, the first so: " if requests > 1 else ""
    # An application's own exception was logged with its traceback; its words may hold what was in the event.
    ours = isinstance(error, CloudEventsError)
    first_line = str(error).partition("\n")[0] if ours else f"the application raised {type(error).__name__}"
    hint = getattr(error, "hint", "") if ours else ""
    # Single records are reported in native mode likewise.
    alike = reports(adapted) and failed < requests
    logger.warning(
        "%s%s; %s.%s%s",
        share,
        first_line,
        _REPORTED if reports(adapted) else _CONSEQUENCES[adapted.reply],
        f" {hint}" if hint else "",
        "" if alike else " Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.",
    )
