"""Ordered rows; the first that matches wins. Indexed by a tree of questions, which grows with the events that come."""

from ..values import Remembered
from .matcher import hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .jsonpath import Steps
    from .matcher import Asked, Condition, Matcher

    Left = list[tuple[Matcher, list[Asked]]]  # the rows that may match, and what is still open of each
    # Where to look, the keys and strings that rows know there, what follows from the answer; or the rows that are left.
    Question = tuple[Steps | None, frozenset[Any], Remembered, list[tuple[Matcher, list[Condition]]]]


MOST = 512  # answers that a tree remembers


class Registry:
    """Rows in order, and the questions that tell which of them an event may match, the root's keys first."""

    def __init__(self, rows: "Iterable[Matcher]") -> None:
        self.rows = tuple(rows)
        self._first = _question((), [(row, row.asked) for row in self.rows], (), [])

    def match(self, event: "Any") -> "Matcher | None":
        """The first row whose conditions all hold for *event*, or None."""
        _, known, answers, _ = self._first
        answer: Any = known.intersection(event) if event.__class__ is dict else _answer(event, known)
        question: Question = answers[answer]
        place, known, answers, rows = question
        while place is not None:
            value = event
            try:
                for step in place:
                    value = value[step]
            except (LookupError, TypeError):
                answer = None
            else:
                answer = value if value.__class__ is str and value in known else _answer(value, known)
            place, known, answers, rows = answers[answer]
        for row, conditions in rows:
            if not conditions or hold(conditions, event):
                return row
        return None


def _question(
    place: "Steps", left: "Left", before: "tuple[Steps, ...]", grown: "list[dict[Any, Question]]"
) -> "Question":
    """What is at *place*? Asked of an event that may match the rows *left*, after the questions *before*."""
    known: set[Any] = set()
    for _, asked in left:
        for _, steps, expected in asked:
            if steps is not None and steps[: len(place)] == place:
                known.update(steps[len(place) : len(place) + 1] or _strings(expected))
    places = (*before, place)

    def then(answer: "Any") -> "Question":
        # What senders send has few shapes; what anybody may invent must not fill the memory.
        if len(grown) >= MOST:
            for each in grown:
                each.clear()
            grown.clear()
        grown.append(answers)
        still: Left = []
        for row, asked in left:
            rest = _open(asked, place, answer)
            if rest is not None:
                still.append((row, rest))
                if not rest:
                    break
        following = _telling(still, places)
        if following is not None:
            return _question(following, still, places, grown)
        return None, frozenset(), answers, [(row, [row.condition(at) for at, *_ in rest]) for row, rest in still]

    answers = Remembered(then)
    return place, frozenset(known), answers, []


def _open(asked: "list[Asked]", place: "Steps", answer: "Any") -> "list[Asked] | None":
    """Which conditions are open when the *answer* is what is at *place* (None: nothing); None if one cannot hold."""
    depth = len(place)
    keys = answer if isinstance(answer, frozenset) else ()
    rest = []
    for condition in asked:
        _, steps, expected = condition
        if steps is None or steps[:depth] != place:
            rest.append(condition)
        elif len(steps) == depth:
            holds = _holds(expected, place, answer)
            if holds is None:
                rest.append(condition)
            elif not holds:
                return None
        elif steps[depth] in keys:
            if expected is not ... or len(steps) > depth + 1:
                rest.append(condition)
        elif answer is list and isinstance(steps[depth], int):
            rest.append(condition)
        else:
            return None
    return rest


def _telling(left: "Left", before: "tuple[Steps, ...]") -> "Steps | None":
    """The first place at which several conditions are settled, if there is one that was not asked before."""
    once = set()
    parents = {place[:-1] for place in before if place}
    for _, asked in left:
        for _, steps, expected in asked:
            if not steps or isinstance(steps[-1], int):
                continue
            # The keys tell more than what is at one of them, unless rows want a certain value there: nearly all events
            # that come so far have it. Where a value beside was asked for and the row is still open, it was not there.
            place = steps[:-1]
            if (_strings(expected) or _is_kind(expected)) and (place in before or place not in parents):
                place = steps
            if place in once:
                return place
            if place not in before:
                once.add(place)
    return None


def _answer(value: "Any", known: "frozenset[Any]") -> "Any":
    """What *value* is: of a dict the keys that are known, a known string, or else str, list, object."""
    if isinstance(value, dict):
        return known.intersection(value)
    if isinstance(value, str):
        return str(value) if value in known else str
    return list if isinstance(value, list) else object


def _holds(expected: "Any", place: "Steps", answer: "Any") -> "bool | None":
    """Whether the *answer* is what is *expected* at *place*; None if a row has to look for itself."""
    if answer is None:
        return False
    if place and isinstance(place[-1], int):
        return None  # a string has items too, where we look for those of lists
    if _is_kind(expected):
        return expected is (dict if isinstance(answer, frozenset) else str if isinstance(answer, str) else answer)
    strings = _strings(expected)
    return answer in strings if strings else None


def _is_kind(expected: "Any") -> bool:
    return expected is str or expected is dict or expected is list


def _strings(expected: "Any") -> "set[str]":
    """The strings that a condition names, one of which must be there; none if it says anything else."""
    if isinstance(expected, str):
        return {expected}
    if isinstance(expected, (set, frozenset)) and {*map(type, expected)} == {str}:
        return {*expected}
    return set()
