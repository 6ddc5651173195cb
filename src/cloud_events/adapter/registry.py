"""Ordered rows; the first that matches wins. Indexed, so that seventy rows cost an event as much as two."""

from .jsonpath import finder
from .matcher import Matcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .jsonpath import Find

    Candidates = list[tuple[int, Matcher]]


class Registry:
    """Rows in order. Each stands in the index under one thing that an event must have for the row to match: the
    value of a string (``Records[0].eventSource``) where a condition names one, else the first key of its first
    condition. Rows without such a condition are tried for every event.
    """

    def __init__(self, rows: "Iterable[Matcher]") -> None:
        self.rows = tuple(rows)
        self._everywhere: Candidates = []
        self._by_key: dict[Any, Candidates] = {}
        self._by_value: dict[Any, list[tuple[Find, dict[str, Candidates]]]] = {}
        tables: dict[str, dict[str, Candidates]] = {}
        for position, row in enumerate(self.rows):
            entry = (position, row)
            key, at, values = _anchor(row)
            if key is None:
                self._everywhere.append(entry)
            elif not values:
                self._by_key.setdefault(key, []).append(entry)
            else:
                if at not in tables:
                    tables[at] = {}
                    self._by_value.setdefault(key, []).append((finder(at), tables[at]))
                for value in values:
                    tables[at].setdefault(value, []).append(entry)
        self._keys = dict.fromkeys([*self._by_key, *self._by_value]).keys()

    def match(self, event: "Any") -> "Matcher | None":
        """The first row whose conditions all hold for *event*, or None."""
        if isinstance(event, dict):
            keys: Iterable[Any] = self._keys & event.keys()
        elif isinstance(event, list):
            keys = [key for key in self._keys if isinstance(key, int) and key < len(event)]
        else:
            keys = ()
        candidates = self._everywhere[:]
        for key in keys:
            if key in self._by_key:
                candidates += self._by_key[key]
            for find, table in self._by_value.get(key, ()):
                for value in find(event):
                    if isinstance(value, str) and value in table:
                        candidates += table[value]
        if len(candidates) > 1:
            candidates.sort()
        for _, row in candidates:
            if row.matches(event):
                return row
        return None


def _anchor(row: "Matcher") -> "tuple[Any, str, tuple[str, ...]]":
    """(first key, JSONPath, strings that may be there) of the condition by which *row* is found; no key: by none."""
    found: tuple[Any, str, tuple[str, ...]] = (None, "", ())
    for (at, expected), steps in zip(row.where.items(), row.steps, strict=True):
        if steps:
            values = (
                (expected,) if isinstance(expected, str) else expected if isinstance(expected, (set, frozenset)) else ()
            )
            if values and all(isinstance(value, str) for value in values):
                return steps[0], at, tuple(values)
            if found[0] is None:
                found = (steps[0], at, ())
    return found
