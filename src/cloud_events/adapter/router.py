"""Finds the row of an event, among ours and the user's, and where the event goes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import ConfigurationError, InvalidEvent
from .catalog import ROWS
from .cloudevent import faults
from .kinds import Records, alone, kind_of, parts_of
from .matcher import EACH, HTTP, Matcher
from .path import Target, Targets
from .registry import Registry

OURS = Registry(ROWS)


class Router:
    """Routes events by the user's rows and ours.

    matchers: the user's rows, tried before ours
    targets:  where events may go
    strict:   whether native CloudEvents are checked for re-encoding

    Raises ConfigurationError for an invalid row.
    """

    def __init__(self, matchers: Iterable[Matcher], targets: Targets, strict: bool) -> None:
        self.users = Registry(matchers)
        self.targets = targets
        self._strict = strict
        for row in self.users.rows:
            if row.path in (HTTP, EACH):
                raise ConfigurationError(f"{row!r}: the path must begin with '/' (static) or '$' (a JSONPath)")
            if row.reply == "poll":
                _refuse_unreportable(row)

    def row(self, ours: Matcher | None, event: Any) -> Matcher | None:
        """Return the row that determines where *event* goes: the first of the user's that matches, otherwise *ours*."""
        for row in self.users.matching(event) if self.users.rows else ():
            if row.path is not None or _matches_each(row, ours, event):
                return row
        return ours

    def target(self, ours: Matcher | None, event: Any) -> Target:
        """Return where *event* goes; *ours* is our row for it.

        Raises InvalidEvent if it may not go there; for a native CloudEvent, naming every fault.
        """
        row = self.row(ours, event)
        if ours is None or ours.name != "cloudevent":
            return self.targets.find(row, event)
        found = faults(event, self._strict)
        try:
            target = self.targets.find(row, event)
        except InvalidEvent as error:
            if not any(fault.startswith("'source'") for fault in found):
                found.append(str(error))
        if found:
            raise InvalidEvent("malformed CloudEvent: " + "; ".join(found))
        return target

    def targets_of(self, events: list[Any]) -> set[Target]:
        """Return where the CloudEvents of a list go. Raises InvalidEvent, naming every fault of each."""
        targets, found = set(), []
        for position, event in enumerate(events):
            try:
                if not (isinstance(event, dict) and event.get("specversion") is not None):
                    raise InvalidEvent("malformed CloudEvent: it is not an object with a 'specversion'")
                targets.add(self.target(OURS.match(event), event))
            except InvalidEvent as error:
                found.append(f"item {position}: {error}")
        if found:
            raise InvalidEvent("; ".join(found))
        return targets


def refuse_poll(row: Matcher | None, ours: Matcher) -> None:
    """Raise ConfigurationError if the sender of the events of our row, *ours*, does not read which records failed."""
    records = kind_of(ours.name).records
    if ours.reply != "poll" and not (records and records.reports):
        raise ConfigurationError(
            f"{row!r}: reply='poll' is for senders that read which records failed, and the sender of {ours.name!r} "
            "events does not"
        )


def _refuse_unreportable(row: Matcher) -> None:
    """As ``refuse_poll``, but at start-up, for a row whose conditions include those of one of ours."""
    for ours in OURS.rows:
        if all(at in row.where and row.where[at] == expected for at, expected in ours.where.items()):
            refuse_poll(row, ours)
            return


def _matches_each(row: Matcher, ours: Matcher | None, event: Any) -> bool:
    """Whether each record or item of *event* matches *row* alone; otherwise some would be acknowledged by mistake."""
    if ours is None:
        return True
    records = Records(None) if ours.path == EACH else kind_of(ours.name).records
    parts = parts_of(records, event) if records else []
    return len(parts) < 2 or all(row.matches(alone(records, event, part)) for part in parts if records)
