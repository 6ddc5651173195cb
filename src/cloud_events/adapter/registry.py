"""Rows in order; the first that matches wins. With an index of the first conditions, few rows have to be tried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .jsonpath import Steps, look_up
from .matcher import Matcher

Entry = tuple[int, Matcher]  # the position of a row, and the row


class Registry:
    """Rows in order. The first condition of a row determines how it is found: by a constant, by a key, or always."""

    def __init__(self, rows: Iterable[Matcher]) -> None:
        self.rows = tuple(rows)
        # By the first step of the path; 0 stands for any index of a list.
        self._constants: dict[str | int, dict[Steps, dict[str, list[Entry]]]] = {}
        self._keys: dict[str | int, list[Entry]] = {}
        self._always: list[Entry] = []
        for entry in enumerate(self.rows):
            first = next(iter(entry[1].conditions), None)
            steps = first.steps if first else None
            if not (first and steps):
                self._always.append(entry)
                continue
            key = steps[0] if isinstance(steps[0], str) else 0
            if isinstance(first.expected, str):
                constants = self._constants.setdefault(key, {}).setdefault(steps, {})
                constants.setdefault(first.expected, []).append(entry)
            else:
                self._keys.setdefault(key, []).append(entry)

    def matching(self, event: Any) -> Iterator[Matcher]:
        """Yield the rows whose conditions all hold for *event*, in order."""
        candidates = [*self._always]
        for key in event if isinstance(event, dict) else (0,):
            candidates += self._keys.get(key, ())
            for steps, rows in self._constants.get(key, {}).items():
                for value in look_up(event, steps):
                    candidates += rows.get(value, ()) if isinstance(value, str) else ()
        return (row for _, row in sorted(candidates) if row.matches(event))  # no two have the same position

    def match(self, event: Any) -> Matcher | None:
        """Return the first row that matches *event*, or None."""
        return next(self.matching(event), None)
