"""Turns outcomes into the reply to Lambda: a return value, or an exception that fails the invocation.

The rules are in Lambda's developer guide, "Reporting batch item failures" (SQS, Kinesis, DynamoDB, Kafka) and
"Asynchronous invocation". The dictionary is described in the README. One request and many are treated alike.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from os import environ
from typing import Any

from .adapter import Adapted
from .adapter.cloudevent import charset, from_binary, is_json
from .diagnosis import failure
from .errors import CloudEventsError, EventFailed, OutOfTime, ReplyTooLarge
from .messages import Outcome, Part, Request, Response

logger = logging.getLogger("cloud_events")

LIMIT = 6_291_556  # bytes of JSON that Lambda accepts: developer guide, "Lambda quotas"
SURELY_FITS = 300_000  # bytes of bodies, headers and paths; JSON inside JSON needs at most seven bytes for each
CUT = 100_000  # characters that are kept of a body that is too long

# "batchItemFailures" in any spelling.
REPORT = re.compile(r"batch[\W_]*items?[\W_]*failures?", re.IGNORECASE)
ENTRY = rf"(?i){REPORT.pattern}[\W_]*item[\W_]*identifiers?([^}}]+)"
BASE64 = r"(?:[A-Za-z0-9+/]{4}){6,}"
GZIP = b"\x1f\x8b"  # RFC 1952, section 2.3.1


class Reply:
    """Makes replies according to the settings.

    native:   whether to reply in the way that the sender expects, rather than with the README's dictionary
    failures: the statuses that count as a failure
    """

    def __init__(self, native: bool, failures: frozenset[int]) -> None:
        self._native = native
        self._failures = failures

    def judge(self, adapted: Adapted, part: Part, request: Request, response: Response) -> Outcome:
        """Return the outcome of *request*, which was sent for *part*.

        It is a failure if the status counts as one, if Lambda could not read the application's report of failed
        records, or if that report names the only record of the request. In native mode, an exception after the response
        is a failure, too.
        """
        reported, fault = None, ""
        failed = response.status in self._failures or response.status > 599
        if not failed and (adapted.reply == "poll" or reports(adapted)):
            reported, fault = _report(adapted, part, request, response)
            if reported and adapted.split is not None:
                fault = "The application named the record in 'batchItemFailures'."
        error: BaseException | None = response.error if self._native else None
        if failed or fault:
            error = failure(request, response, fault)
            error.__cause__ = response.error
        elif response.status >= 300:
            _warn_of_drop(request, response)
        return Outcome(part, request.path, response, error, reported)

    def tell(self, adapted: Adapted, outcomes: list[Outcome]) -> Any:
        """Return the reply to Lambda for the *outcomes* of an event. Raises the exception that fails the invocation."""
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        error = self._unreportable(adapted, outcomes, failed)
        if error is not None:
            raise error
        named = _named(adapted, outcomes, failed)
        window = _window(adapted, outcomes)
        by_record = adapted.split == "record" and reports(adapted)
        if failed:
            _warn(adapted, failed, outcomes)
        if self._native and (adapted.reply == "poll" or by_record):
            return _fit({"batchItemFailures": named or [], **window}, adapted, outcomes)
        if self._native and adapted.reply == "sync":
            answers = [answer(outcome.response) for outcome in outcomes if outcome.response is not None]
            return _fit(answers if adapted.split else answers[0], adapted, outcomes)
        reply = envelope(outcomes[0].response) if adapted.split is None else _joined(outcomes)
        if named is not None:
            reply["batchItemFailures"] = named
        return _fit(reply | window, adapted, outcomes)

    def _unreportable(self, adapted: Adapted, outcomes: list[Outcome], failed: list[Outcome]) -> BaseException | None:
        """Return a failure that a reply cannot report, or None."""
        if not failed:
            return None
        if adapted.split is None:
            return failed[0].error if self._native else None
        if adapted.split == "item":
            # The README's dictionary has each answer, but an exception leaves no answer.
            return next((outcome.error for outcome in failed if self._native or outcome.response is None), None)
        nameless = any(outcome.part.identifier is None for outcome in failed)
        none_succeeded = {outcome.part.position for outcome in failed} == {part.position for part in adapted.parts}
        return failed[0].error if nameless or (self._native and none_succeeded) else None


def reports(adapted: Adapted) -> bool:
    """Whether the sender reads which records failed."""
    return adapted.kind.records is not None and adapted.kind.records.reports


def _window(adapted: Adapted, outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the ``state`` of a tumbling window, which Lambda expects in the reply; {} if there is none."""
    state = state_after(outcomes, adapted.window["state"]) if adapted.window else None
    return {} if state is None else {"state": state}


def state_after(outcomes: list[Outcome], state: Any) -> Any:
    """Return the ``state`` of a tumbling window after the last success among *outcomes*; *state* if none has one."""
    for outcome in outcomes:
        if outcome.error is None and outcome.response is not None:
            answered = outcome.response.json()
            state = answered.get("state", state) if isinstance(answered, dict) else state
    return state


def _report(adapted: Adapted, part: Part, request: Request, response: Response) -> tuple[list[Any] | None, str]:
    """Return (the application's own ``batchItemFailures`` or None, the reason why Lambda could not read it or "")."""
    if response.body and (_encoded(response) or response.body.startswith(GZIP)):
        return None, "The response is compressed, so Lambda could not read it: send it uncompressed."
    answered = response.json()
    keys = answered if isinstance(answered, dict) else ()
    if any(REPORT.fullmatch(key) and key != "batchItemFailures" for key in keys):
        return None, "Spell the key 'batchItemFailures': Lambda ignores any other spelling."
    if "batchItemFailures" in keys:
        return _checked_report(adapted, part, answered["batchItemFailures"])
    text = _ascii(response.body)
    if not REPORT.search(text) or _is_echo(text, request.body):
        return None, ""
    where = "in a response that is not JSON in UTF-8"
    if isinstance(answered, dict):
        where = "under another key"
    elif isinstance(answered, list):
        where = "in a list"
    elif isinstance(answered, str):
        where = "in a JSON string, as if json.dumps() had been called twice"
    return None, f"'batchItemFailures' must be a top-level key of the JSON object in the response; here it is {where}."


def _ascii(body: bytes) -> str:
    """Return *body* as text in which ASCII is readable, even in UTF-16 or UTF-32, which add zeros to it."""
    return body.replace(b"\0", b"").decode("utf-8", "replace")


def _is_echo(text: str, asked: bytes) -> bool:
    """Whether a response, *text*, only repeats a report of failed records that is in the body of the request, *asked*.

    Otherwise a view that returns a copy of its record would fail forever. The data of Kinesis, Kafka and MQ are base64
    in the event, and a view decodes them.
    """
    event = _ascii(asked)
    data = [_ascii(b64decode(packed)) for packed in re.findall(BASE64, event)]
    event = "\n".join([event, *data])
    return REPORT.search(event) is not None and _entries(text) <= _entries(event)


def _entries(text: str) -> set[str]:
    """Return the first identifier of each report in *text*, without quotes and escapes."""
    return {re.sub(r"[\W_]", "", identifier) for identifier in re.findall(ENTRY, text)}


def _checked_report(adapted: Adapted, part: Part, reported: Any) -> tuple[list[Any] | None, str]:
    if reported is None:
        return None, ""
    if not isinstance(reported, list):
        return None, "'batchItemFailures' must be a list of {'itemIdentifier': …}."
    if adapted.kind.records is None or not reported:
        return reported, ""
    if not reports(adapted):
        return None, "This sender does not read which records failed: answer with a failure status instead."
    identifiers = adapted.identifiers if adapted.split is None else [part.identifier]
    known = {json.dumps(identifier, sort_keys=True) for identifier in identifiers}  # Kafka's are objects
    for number, entry in enumerate(reported):
        identifier = entry.get("itemIdentifier") if isinstance(entry, dict) else None
        if not identifier or json.dumps(identifier, sort_keys=True) not in known:
            must = "must be {'itemIdentifier': …}, with the identifier of a record of this batch."
            return None, f"Entry {number} of 'batchItemFailures' {must}"
    return reported, ""


def _named(adapted: Adapted, outcomes: list[Outcome], failed: list[Outcome]) -> list[Any] | None:
    """Return the ``batchItemFailures`` of a reply; None if it needs none."""
    if adapted.split is None and not failed:
        return outcomes[0].reported
    if not failed or not reports(adapted):
        return None
    if adapted.split is None:
        # The last invocation of a tumbling window may have no records; an empty identifier has it retried as well.
        return [{"itemIdentifier": identifier} for identifier in adapted.identifiers or [""]]
    checkpoint = adapted.kind.records is not None and adapted.kind.records.checkpoint
    parts = {outcome.part.position: outcome.part for outcome in failed}
    if checkpoint:
        # Lambda needs only the first failure of each shard.
        parts = {part.ordering_key: part for part in reversed(parts.values())}
    return [{"itemIdentifier": part.identifier} for part in parts.values()]


def envelope(response: Response | None) -> dict[str, Any]:
    """Return the README's dictionary; for a missing response, the one that takes its place among several."""
    if response is None:
        return {"status_code": "500", "body": "", "headers": {}}
    headers: dict[str, str] = {}
    spelled: dict[str, str] = {}  # lower-case name → the spelling that came first
    cookies = []
    for name, value in response.headers:
        if name.lower() == "set-cookie":
            cookies.append((name, value))
            continue
        first = spelled.setdefault(name.lower(), name)
        headers[first] = f"{headers[first]}, {value}" if first in headers else value
    text = _text(response)
    reply: dict[str, Any] = {
        "status_code": str(response.status),
        "body": b64encode(response.body).decode("ascii") if text is None else text,
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


def _encoded(response: Response) -> bool:
    """Whether the body is compressed, or encoded in another way (RFC 9110, section 8.4)."""
    return response.header("content-encoding").strip().lower() not in ("", "identity")


def _text(response: Response) -> str | None:
    """Return the body as text; None if it is not text."""
    if _encoded(response):
        return None
    try:
        return response.body.decode(charset(response.header("content-type")))
    except (LookupError, ValueError):
        return None


def answer(response: Response) -> Any:
    """Return the answer for the sender: the JSON of the body, a CloudEvent in structured form, text, or None."""
    event = from_binary(response.headers, response.body)
    if event is not None:
        return event
    if not response.body:
        return None
    if is_json(response.header("content-type")):
        try:
            return json.loads(response.body)
        except (ValueError, RecursionError):
            pass  # it is text, although the content type is JSON
    text = _text(response)
    return b64encode(response.body).decode("ascii") if text is None else text


def _joined(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return the README's dictionary for several answers: the worst status, and the answers as a JSON array."""
    answers = []  # each as JSON: 10,000 dictionaries need more memory
    for outcome in outcomes:
        if outcome.path is not None:
            reply = envelope(outcome.response)
            answer = {"path": outcome.path, "status_code": str(_status(outcome)), "body": reply["body"]}
            if "is_base64_encoded" in reply:
                answer["is_base64_encoded"] = True
            answers.append(json.dumps(answer))
    return {
        "status_code": str(max(map(_status, outcomes))),
        "body": f"[{', '.join(answers)}]",
        "headers": {"content-type": "application/json"},
    }


def _status(outcome: Outcome) -> int:
    if outcome.response is not None:
        return outcome.response.status
    if isinstance(outcome.error, EventFailed):  # not tried: the error of an earlier part with the same ordering key
        return outcome.error.status
    return 504 if isinstance(outcome.error, OutOfTime) else 500


def _fit(reply: Any, adapted: Adapted, outcomes: Sequence[Outcome]) -> Any:
    """Return *reply* if Lambda accepts its size; cut the body if the sender does not read it. Raises ReplyTooLarge."""
    if sum(map(_size, outcomes)) <= SURELY_FITS or (written := _written(reply)) <= LIMIT:
        return reply
    if adapted.reply != "sync" and "body" in reply:
        logger.warning(
            "the reply is %s bytes of JSON, more than Lambda accepts; the sender does not read the body, so it was cut",
            f"{written:,}",
        )
        body = reply["body"]
        reply = {**reply, "body": f"{body[:CUT]}… [cut: {len(body):,} characters in all]"}
        if _written(reply) > LIMIT:
            reply = {**reply, "headers": {}, "cookies": []}
        written = _written(reply)
        if written <= LIMIT:
            return reply
    raise ReplyTooLarge(
        f"the reply is {written:,} bytes of JSON, and Lambda accepts at most {LIMIT:,}; return less, such as an S3 key"
    )


def _size(outcome: Outcome) -> int:
    size = 100 + len(outcome.path or "")  # one of several answers has 50 characters besides the body
    if outcome.response is not None:
        size += len(outcome.response.body)
        size += sum(len(name) + len(value) for name, value in outcome.response.headers)
    return size


def _written(reply: Any) -> int:
    # Lambda's runtime client for Python 3.11, or outside of Lambda's own images, escapes everything that is not ASCII.
    escaped = environ.get("AWS_EXECUTION_ENV", "AWS_Lambda_python3.11") == "AWS_Lambda_python3.11"
    text = json.dumps(reply, ensure_ascii=escaped)
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


_CONSEQUENCES = {
    "async": "AWS takes this as success and will not retry the event",
    "sync": "the sender gets this dictionary, which it may take for an answer",
    "poll": "AWS takes this as success, and the records as done",
}
_REPORTED = (
    "AWS retries the records named in batchItemFailures, but an event source mapping without ReportBatchItemFailures "
    "takes them as done"
)


def _warn(adapted: Adapted, failed: list[Outcome], outcomes: list[Outcome]) -> None:
    """Log what AWS will do about failures for which nothing is raised, and the likely cause of the first."""
    error = failed[0].error
    what = "records" if adapted.split == "record" else "events"
    share = f"{len(failed)} of {len(outcomes)} {what} failed, first: " if adapted.split else ""
    # An application's own exception was logged with its traceback; its message may contain parts of the event.
    ours = isinstance(error, CloudEventsError)
    first_line = str(error).partition("\n")[0] if ours else f"the application raised {type(error).__name__}"
    hint = getattr(error, "hint", "") if ours else ""
    # Native mode would report these records in the same way.
    alike = reports(adapted) and len(failed) < len(outcomes)
    logger.warning(
        "%s%s; %s.%s%s",
        share,
        first_line,
        _REPORTED if reports(adapted) else _CONSEQUENCES[adapted.reply],
        f" {hint}" if hint else "",
        "" if alike else " Set CLOUD_EVENTS_RESPONSE=native to have such an invocation fail.",
    )


def _warn_of_drop(request: Request, response: Response) -> None:
    # Lambda's default log level hides INFO.
    delivery = request.delivery
    logger.warning(
        "%s: %s answered %d%s; CLOUD_EVENTS_FAILURE_STATUSES does not count this as a failure, so it is not retried",
        delivery.matcher or "no matcher",
        request.path,
        response.status,
        "" if delivery.record_id is None else f" for record {delivery.record_id!r}",
    )
