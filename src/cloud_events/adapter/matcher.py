"""Matchers, the rows of the registry: a name, conditions, a path, and what the sender expects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from ..errors import ConfigurationError
from .jsonpath import finder, look_up, parse

REPLIES = ("sync", "async", "poll")
HTTP = "http"  # the "path" of events that are HTTP requests: recognised, never routed
EACH = "per item"  # the "path" of lists whose items are routed one by one


class Condition:
    """One condition of a row: what must be at a JSONPath.

    steps: the steps of the path; None if it is more than names and indices

    Raises ConfigurationError, quoting the path, if it is not a JSONPath.
    """

    __slots__ = ("_find", "_holds", "expected", "path", "steps")

    def __init__(self, path: str, expected: Any) -> None:
        self.path = path
        self.expected = expected
        self.steps = parse(path)
        self._find = partial(look_up, steps=self.steps) if self.steps is not None else finder(path)
        self._holds = _holds(expected)

    def met_by(self, event: Any) -> bool:
        return any(map(self._holds, self._find(event)))


class Matcher:
    """One row of the registry.

    name:  the name of the row in logs, in ``cloud_events.delivery`` and on the command line
    where: JSONPath → what must be there: ``...`` (present), a value, a set of values, a type, or a predicate of the
           value. All conditions must hold; if a path has several matches, one of them is enough. Null, zero and empty
           values count as present
    path:  where the event goes: static ("/orders"), dynamic ("$.detail.shop", the first match), a callable that takes
           the event and returns the path, or None, which acknowledges the event without a request
    reply: what the sender expects: "sync" reads the answer, "async" does not, "poll" reads which records of a batch
           failed; None takes this from the library's own row for the event

    Raises ConfigurationError, quoting the row, if one of these is wrong.
    """

    __slots__ = ("conditions", "find_path", "name", "path", "reply", "where")

    def __init__(
        self,
        name: str,
        where: Mapping[str, Any],
        path: str | Callable[[Any], Any] | None,
        reply: Literal["sync", "async", "poll"] | None = None,
    ) -> None:
        self.name = name
        self.where = where
        self.path = path
        self.reply = reply
        fault = self._fault()
        if fault:
            raise ConfigurationError(f"{self!r}: {fault}")
        try:
            self.conditions = [Condition(at, expected) for at, expected in where.items()]
            self.find_path = finder(path) if isinstance(path, str) and path[0] == "$" else None
        except ConfigurationError as error:
            raise ConfigurationError(f"{self!r}: {error}") from error

    def _fault(self) -> str:
        path = self.path
        if not (isinstance(self.name, str) and self.name):
            return "the name must be a non-empty string"
        if not isinstance(self.where, dict) or [at for at in self.where if not isinstance(at, str)]:
            return "'where' must be a dict of JSONPath → what must be there"
        for at, expected in self.where.items():
            if isinstance(expected, (list, tuple)):
                kind = type(expected).__name__
                return f"at {at!r}: write a set, such as {{'a', 'b'}}, for one of several values, not a {kind}"
        if not (
            path is None
            or callable(path)
            or (isinstance(path, str) and (path[:1] in ("/", "$") or path in (HTTP, EACH)))
        ):
            return (
                "the path must begin with '/' (static) or '$' (a JSONPath), be a callable of the event, or be None "
                "(acknowledged without a request)"
            )
        if self.reply is not None and self.reply not in REPLIES:
            return f"reply must be one of {', '.join(map(repr, REPLIES))} or None"
        return ""

    def matches(self, event: Any) -> bool:
        """Whether every condition holds for *event*."""
        return all(condition.met_by(event) for condition in self.conditions)

    def explain(self, event: Any) -> Iterable[tuple[str, Any, bool]]:
        """Return each condition as (JSONPath, what must be there, whether it holds), for explanations."""
        return [(condition.path, condition.expected, _holds_alone(condition, event)) for condition in self.conditions]

    def __repr__(self) -> str:
        reply = f", {self.reply!r}" if self.reply is not None else ""
        return f"Matcher({self.name!r}, {self.where!r}, {self.path!r}{reply})"


def _holds_alone(condition: Condition, event: Any) -> bool:
    try:
        return condition.met_by(event)
    except Exception:  # a predicate may rely on the conditions before it, which need not hold here
        return False


def _holds(expected: Any) -> Callable[[Any], bool]:
    if expected is ...:
        return lambda value: True
    if isinstance(expected, type):
        # JSON's true and false are not numbers, though Python's are.
        return lambda value: isinstance(value, expected) and (expected is not int or not isinstance(value, bool))
    if isinstance(expected, (set, frozenset)):
        return lambda value: any(_equal(value, one) for one in expected)
    if callable(expected):
        return lambda value: bool(expected(value))
    return lambda value: _equal(value, expected)


def _equal(value: Any, expected: Any) -> bool:
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)
