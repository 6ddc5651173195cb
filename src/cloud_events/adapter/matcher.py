"""A matcher: one row of the registry. Its name, where it applies, the path it gives, what the sender expects."""

from ..errors import ConfigurationError
from .jsonpath import finder, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from .jsonpath import Find, Steps

    Asked = tuple[str, Steps | None, Any]  # JSONPath, its steps if it has no others, what must be there
    Check = Callable[[Any], bool]
    Condition = tuple[Find, Check | None]  # what is there → does it hold? None: it does if anything is there

REPLIES = ("sync", "async", "poll")
HTTP = "http"  # the "path" of events that are HTTP requests: recognised, never routed
EACH = "per item"  # the "path" of lists whose items are routed one by one


class Matcher:
    """One row of the registry.

    name:  how logs, ``cloud_events.delivery`` and the command line call it
    where: JSONPath → what must be there: ``...`` (present), a value, a set of values, a type, or a predicate of the
           value. All must hold; of a path with several matches, one suffices. Presence and type count, not truth.
    path:  where the event goes: static ("/orders"), dynamic ("$.detail.shop", the first match), or a callable that
           is given the event and returns the path
    reply: what the sender expects: "sync" reads the answer, "async" does not, "poll" reads which records of a batch
           failed; None leaves that to the library's own row for the event

    Raises ConfigurationError, quoting the row, if one of these is wrong.
    """

    __slots__ = ("_compiled", "asked", "find_path", "name", "path", "reply", "where")

    def __init__(
        self,
        name: str,
        where: "Mapping[str, Any]",
        path: "str | Callable[[Any], Any] | None",
        reply: "str | None" = None,
    ) -> None:
        self.name = name
        self.where = where
        self.path = path
        self.reply = reply
        fault = self._fault()
        if fault:
            raise ConfigurationError(f"{self!r}: {fault}")
        try:
            # Checked now, compiled when first needed: most rows of ours never are.
            self.asked: list[Asked] = [(at, parse(at), expected) for at, expected in where.items()]
            self._compiled: dict[str, Condition] = {}
            for at, steps, _ in self.asked:
                if steps is None:
                    self.condition(at)
            self.find_path = finder(path) if isinstance(path, str) and path[0] == "$" else None
        except ConfigurationError as error:
            raise ConfigurationError(f"{self!r}: {error}") from error

    def _fault(self) -> str:
        path = self.path
        if not (isinstance(self.name, str) and self.name):
            return "the name must be a non-empty string"
        if not isinstance(self.where, dict) or [at for at in self.where if not isinstance(at, str)]:
            return "'where' must be a dict of JSONPath → what must be there"
        if path is not None and not (
            callable(path) or (isinstance(path, str) and (path[:1] in ("/", "$") or path in (HTTP, EACH)))
        ):
            return "the path must begin with '/' (static) or '$' (a JSONPath), or be a callable of the event"
        if self.reply is not None and self.reply not in REPLIES:
            return f"reply must be one of {', '.join(map(repr, REPLIES))} or None"
        return ""

    def condition(self, at: str) -> "Condition":
        """What *where* says of the JSONPath *at*, compiled."""
        if at not in self._compiled:
            self._compiled[at] = finder(at), _check(self.where[at])
        return self._compiled[at]

    def matches(self, event: "Any") -> bool:
        """Whether every condition holds for *event*."""
        return hold(map(self.condition, self.where), event)

    def explain(self, event: "Any") -> "list[tuple[str, Any, bool]]":
        """Each condition as (JSONPath, what must be there, whether it holds), for people who ask why."""

        def holds(at: str) -> bool:
            try:
                return hold([self.condition(at)], event)
            except Exception:  # a predicate may count on the conditions before its own, which need not hold here
                return False

        return [(at, expected, holds(at)) for at, expected in self.where.items()]

    def __repr__(self) -> str:
        reply = f", {self.reply!r}" if self.reply is not None else ""
        return f"Matcher({self.name!r}, {self.where!r}, {self.path!r}{reply})"


def hold(conditions: "Iterable[Condition]", event: "Any") -> bool:
    """Whether all the *conditions* hold for *event*."""
    for find, check in conditions:
        for value in find(event):
            if check is None or check(value):
                break
        else:
            return False
    return True


def _check(expected: "Any") -> "Check | None":
    if expected is ...:
        return None
    if isinstance(expected, str):
        return lambda value: bool(value == expected)
    if isinstance(expected, type):
        # JSON's true and false are no numbers, though Python's are.
        return lambda value: isinstance(value, expected) and (expected is not int or value.__class__ is not bool)
    if isinstance(expected, (set, frozenset)):
        return lambda value: any(_equal(value, one) for one in expected)
    if callable(expected):
        return lambda value: bool(expected(value))
    return lambda value: _equal(value, expected)


def _equal(value: "Any", expected: "Any") -> bool:
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)
