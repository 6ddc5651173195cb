"""Ordered rows; the first that matches wins. Indexed: one walk through what an event has tells the rows that match."""

from functools import lru_cache

from .matcher import hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from .matcher import Condition, Matcher

    Question = tuple[Sequence[str | int], Any, int]  # steps, what is expected there, its bit


class Place:
    """A place in an event, and the questions of rows about what is there and below. Each question has a bit.

    present:  the bits that are so if anything is there
    string, mapping, sequence: if that is a str, a dict, a list
    values:   if it is a certain string, by that string
    members:  the places below, by key
    items:    likewise, by index
    leaf:     whether nothing is asked but that anything is there
    narrow:   whether there are so few members that an event is sooner asked for them than they for its keys
    """

    __slots__ = ("items", "leaf", "mapping", "members", "narrow", "present", "sequence", "string", "values")

    def __init__(self, questions: "Iterable[Question]", depth: int = 0) -> None:
        self.present = self.string = self.mapping = self.sequence = 0
        self.values: dict[str, int] = {}
        self.members: dict[Any, Any] = {}
        self.items: dict[Any, Any] = {}
        for question in questions:
            steps, expected, bit = question
            if len(steps) > depth:
                step = steps[depth]
                below = self.members if isinstance(step, str) else self.items
                if step not in below:
                    below[step] = Unvisited(below, step, depth + 1)
                below[step].questions.append(question)
            elif expected is str:
                self.string |= bit
            elif expected is dict:
                self.mapping |= bit
            elif expected is list:
                self.sequence |= bit
            elif expected is ... or not indexed(expected):
                self.present |= bit  # what else is expected of it, the row has to see
            else:
                for value in (expected,) if isinstance(expected, str) else expected:
                    self.values[value] = self.values.get(value, 0) | bit
        self.string |= self.present
        self.mapping |= self.present
        self.sequence |= self.present
        self.leaf = self.string == self.mapping == self.sequence and not (self.values or self.members or self.items)
        self.narrow = len(self.members) < 12

    def find(self, value: "Any") -> int:
        """The bits of all that is so where an event has *value* here."""
        kind = value.__class__
        if kind is dict:
            found, members = self.mapping, self.members
            few, many = members, value
            if not self.narrow:
                few, many = value, members
            for key in few:
                if key in many:
                    place = members[key]
                    found |= place.present if place.leaf else place.find(value[key])
            return found
        if kind is str:
            return self.string | self.values.get(value, 0)
        if kind is list:
            found, items = self.sequence, self.items
            for index in items:
                if index < len(value):
                    found |= items[index].find(value[index])
            return found
        for exact in (dict, str, list):
            if isinstance(value, exact):  # an heir of it
                return self.find(exact(value))  # type: ignore[arg-type]
        return self.present


class Unvisited:
    """A place that no event has had yet. Few events have more than a few, and a cold start would pay for them all."""

    __slots__ = ("_depth", "_siblings", "_step", "questions")

    leaf = False

    def __init__(self, siblings: "dict[Any, Any]", step: "str | int", depth: int) -> None:
        self._siblings = siblings
        self._step = step
        self._depth = depth
        self.questions: list[Question] = []

    def find(self, value: "Any") -> int:
        """Give way to a Place; its bits where an event has *value* here."""
        place = self._siblings[self._step] = Place(self.questions, self._depth)
        return place.find(value)


class Registry:
    """Rows in order, each known by the bits of its conditions."""

    def __init__(self, rows: "Iterable[Matcher]") -> None:
        self.rows = tuple(rows)
        questions: list[Question] = []
        self._bits = []
        bit = 1
        for row in self.rows:
            bits = 0
            for steps, expected in zip(row.steps, row.where.values(), strict=True):
                if steps is not None:
                    questions.append((steps, expected, bit))
                    bits |= bit
                    bit <<= 1
            self._bits.append(bits)
        self._root = Place(questions)
        # What senders send has few shapes; what anybody may invent must not fill the memory.
        self._candidates = lru_cache(512)(self._that_may_match)

    def match(self, event: "Any") -> "Matcher | None":
        """The first row whose conditions all hold for *event*, or None."""
        for row, rest in self._candidates(self._root.find(event)):
            if not rest or hold(rest, event):
                return row
        return None

    def _that_may_match(self, found: int) -> "list[tuple[Matcher, list[Condition]]]":
        """The rows that an event may match of which *found* is so, each with the conditions that are still open."""
        rows: list[tuple[Matcher, list[Condition]]] = []
        for row, bits in zip(self.rows, self._bits, strict=True):
            if bits & found == bits:
                asked = zip(row.conditions(), row.steps, row.where.values(), strict=True)
                rest = [condition for condition, steps, expected in asked if steps is None or not indexed(expected)]
                rows.append((row, rest))
                if not rest:
                    break
        return rows


def indexed(expected: "Any") -> bool:
    """Whether a bit says all of a condition."""
    if isinstance(expected, (set, frozenset)):
        return {*map(type, expected)} == {str}
    return isinstance(expected, str) or any(expected is known for known in (..., str, dict, list))
