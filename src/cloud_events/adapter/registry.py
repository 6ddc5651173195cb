"""Ordered rows; the first that matches wins. Indexed, so that seventy rows cost an event as much as two."""

from .jsonpath import finder
from .matcher import Matcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .jsonpath import Find

    Candidate = tuple[int, Matcher, bool]  # position, row, whether the index alone proves that it matches
    Candidates = list[Candidate]


class Registry:
    """Rows in order. Each stands in the index under one thing that an event must have for the row to match: the
    value of a string (``Records[0].eventSource``) where a condition names one, else the first key of its first
    condition - for lists, the first key in their first item. Rows without such a condition are tried for every event.
    """

    def __init__(self, rows: "Iterable[Matcher]") -> None:
        self.rows = tuple(rows)
        self._everywhere: Candidates = []
        self._objects = Index()
        self._lists = Index()
        for position, row in enumerate(self.rows):
            found = _anchor(row)
            if found is None:
                self._everywhere.append((position, row, False))
            else:
                steps, at, values = found
                index, key = (self._lists, steps[1]) if steps[0] == 0 else (self._objects, steps[0])
                index.add(key, at, values, (position, row, bool(values) and len(row.where) == 1))

    def match(self, event: "Any") -> "Matcher | None":
        """The first row whose conditions all hold for *event*, or None."""
        candidates = self._everywhere[:]
        if isinstance(event, dict):
            self._objects.find(event.keys(), event, candidates)
        elif isinstance(event, list) and event and isinstance(event[0], dict):
            self._lists.find(event[0].keys(), event, candidates)
        if len(candidates) > 1:
            candidates.sort(key=_position)
        for _, row, proven in candidates:
            if proven or row.matches(event):
                return row
        return None


class Index:
    """Which rows an event may match, by the keys that it has."""

    def __init__(self) -> None:
        self._by_key: dict[str, Candidates] = {}
        self._by_value: dict[str, list[tuple[str, Find, dict[str, Candidates]]]] = {}
        self._keys: Any = {}.keys()

    def add(self, key: str, at: str, values: "Iterable[str]", candidate: "Candidate") -> None:
        """Enter a row under *key*, and under the *values* of the string at the JSONPath *at*, if there are any."""
        if values:
            tables = self._by_value.setdefault(key, [])
            table = next((table for path, _, table in tables if path == at), None)
            if table is None:
                table = {}
                tables.append((at, finder(at), table))
            for value in values:
                table.setdefault(value, []).append(candidate)
        else:
            self._by_key.setdefault(key, []).append(candidate)
        self._keys = dict.fromkeys([*self._by_key, *self._by_value]).keys()

    def find(self, keys: "Any", event: "Any", candidates: "Candidates") -> None:
        """Add to *candidates* the rows that an event with these *keys* may match."""
        for key in self._keys & keys:
            if key in self._by_key:
                candidates += self._by_key[key]
            if key in self._by_value:
                for _, find, table in self._by_value[key]:
                    for value in find(event):
                        if isinstance(value, str) and value in table:
                            candidates += table[value]


def _anchor(row: "Matcher") -> "tuple[list[Any], str, tuple[str, ...]] | None":
    """(steps, JSONPath, strings that may be there) of the condition by which *row* is found; None: there is none."""
    found = None
    for (at, expected), steps in zip(row.where.items(), row.steps, strict=True):
        # An object's first key, or the first key of a list's first item.
        if steps and (isinstance(steps[0], str) or (steps[0] == 0 and len(steps) > 1 and isinstance(steps[1], str))):
            several = expected if isinstance(expected, (set, frozenset)) else (expected,)
            if several and all(isinstance(value, str) for value in several):
                return steps, at, tuple(several)
            found = found or (steps, at, ())
    return found


def _position(candidate: "Candidate") -> int:
    return candidate[0]
