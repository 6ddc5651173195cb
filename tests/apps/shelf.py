"""What the applications under test have in common: a shelf for the books that arrive, and a note of each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus


@dataclass(frozen=True)
class Seen:
    """A request as a view saw it through its framework; *raw* is the environ or the scope beneath."""

    method: str
    path: str
    headers: dict[str, str]
    event: Any
    raw: Mapping[str, Any]


SEEN: list[Seen] = []
BOOKS: list[tuple[str, str, int]] = []


def note(method: str, path: str, headers: Mapping[str, str], event: Any, raw: Mapping[str, Any]) -> None:
    """Keep what a view saw; the names of headers are case-insensitive, so they are kept in lower case."""
    SEEN.append(Seen(method, path, {name.lower(): value for name, value in headers.items()}, event, raw))


def add_books(event: Any) -> list[str]:
    """Put the uploaded books of an S3 event on the shelf; return their names."""
    names = []
    for record in event["Records"]:
        name = unquote_plus(record["s3"]["object"]["key"])
        BOOKS.append((record["s3"]["bucket"]["name"], name, record["s3"]["object"]["size"]))
        names.append(name)
    return names
