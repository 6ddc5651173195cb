"""Ordered rows; the first that matches wins. Indexed, so that an event is tried against one or two, seldom more."""

from .matcher import Matcher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    Candidate = tuple[int, Matcher, bool]  # position, row, whether the index alone proves that it matches


class Place:
    """A place in an event that JSONPaths lead to or through, and the rows that ask what is there.

    present: rows that ask for something
    values:  rows that ask for a string, by that string
    members: the places below, by key
    items:   the places below, by index
    """

    __slots__ = ("items", "members", "present", "values")

    def __init__(self) -> None:
        self.present: list[Candidate] = []
        self.values: dict[str, list[Candidate]] = {}
        self.members: dict[str, Place] = {}
        self.items: dict[int, Place] = {}

    def below(self, step: "str | int") -> "Place":
        """The place one *step* further on."""
        places: Any = self.members if isinstance(step, str) else self.items
        if step not in places:
            places[step] = Place()
        return places[step]  # type: ignore[no-any-return]

    def find(self, value: "Any", found: "list[Candidate]") -> None:
        """Add to *found* the rows that an event may match which has *value* here."""
        if self.present:
            found += self.present
        if self.values and isinstance(value, str) and value in self.values:
            found += self.values[value]
        if self.members and isinstance(value, dict):
            few, many = (self.members, value) if len(self.members) < len(value) else (value, self.members)
            for key in few:
                if key in many:
                    self.members[key].find(value[key], found)
        if self.items and isinstance(value, list):
            for index, place in self.items.items():
                if index < len(value):
                    place.find(value[index], found)


class Registry:
    """Rows in order. Each stands in the index at the place of one of its conditions: of one that names strings, where
    there is one. So an event is asked only for what some row asks for, and only at the places that it has.
    """

    def __init__(self, rows: "Iterable[Matcher]") -> None:
        self.rows = tuple(rows)
        self._root = Place()
        for position, row in enumerate(self.rows):
            steps, values = _anchor(row)
            place = self._root
            for step in steps:
                place = place.below(step)
            candidate = (position, row, bool(values) and len(row.where) == 1)
            for value in values:
                place.values.setdefault(value, []).append(candidate)
            if not values:
                place.present.append(candidate)

    def match(self, event: "Any") -> "Matcher | None":
        """The first row whose conditions all hold for *event*, or None."""
        candidates: list[Candidate] = []
        self._root.find(event, candidates)
        candidates.sort()  # by position; of one position, there is but one candidate
        for _, row, proven in candidates:
            if proven or row.matches(event):
                return row
        return None


def _anchor(row: "Matcher") -> "tuple[list[str | int], Iterable[str]]":
    """(steps, strings that may be there) of the condition by which *row* is found; ([], ()): every event may match."""
    found: list[str | int] = []
    for expected, steps in zip(row.where.values(), row.steps, strict=True):
        if steps:
            if isinstance(expected, str):
                return steps, (expected,)
            if isinstance(expected, (set, frozenset)) and expected and {*map(type, expected)} == {str}:
                return steps, expected
            found = found or steps
    return found, ()
