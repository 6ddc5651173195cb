"""The attributes of the CloudEvent that an event is, as the table of attributes says.

Nearly every record has all that its row looks for, in printable characters. It is described at once, by one function
that is compiled for its row; any other attribute by attribute, which is slower and gives the same.
"""

from contextlib import suppress
from functools import lru_cache

from ..messages import quote
from . import rfc3339
from .attributes import TABLE
from .encoding import encode
from .records import each
from .template import MISSING, at, bound, defined, dig, found, function, one_of, pieces, sure, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Attributes = dict[str, Any]
    Headers = list[tuple[str, str]]
    # Its name, what looks it up in a record, what looks it up in all of them, and what makes that its value.
    Field = tuple[str, Callable[..., Any], Callable[..., list[Any]], Callable[[Any], str | None]]

# RFC 3986, section 2: every character that a URI may hold, "%" of escapes among them.
_URI = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%"
# HTTP binding, section 3.1.3.2: U+0021 to U+007E as they are, but for the quote and the per cent sign.
_HEADER = bytes(set(range(0x21, 0x7F)) - {*b'"%'})
_PLAIN = _URI.replace(b"%", b"")  # what is the same in both

_TIMES: "dict[str, Callable[[Any], str | None]]" = {
    "iso": rfc3339.normal,
    "s": lambda value: rfc3339.from_epoch(value, 1),
    "ms": lambda value: rfc3339.from_epoch(value, 1000),
}


def describe(name: "str | None", event: "Any", context: "Any") -> "tuple[Attributes, Headers | None]":
    """(attributes, their headers) of *event* as one CloudEvent; both are empty where it holds no record.

    Where it holds several records, only what all agree on is said. No headers (None): they are yet to be written.
    *name* stands in the table.
    """
    records, groups, event = opened(name, event)
    if len(records) == 1:
        return describe_record(name, event, records[0], groups[0], context, 0)
    if not records:
        return {}, []
    _, _, least, fields = _fields(name)
    attributes = {**least, "id": _fresh(context)}
    for attribute, look, every, finish in fields:
        try:
            first = look(records[0], event, groups[0])
            # Where any differ, the last does in nearly all batches.
            if first is None or look(records[-1], event, groups[-1]) != first:
                continue
            if every(records, groups, event).count(first) < len(records):
                continue
        except MISSING:
            continue
        value = finish(first)
        if value:
            attributes[attribute] = value
    attributes["datacontenttype"] = "application/json"
    return attributes, None


def opened(name: "str | None", event: "Any") -> "tuple[list[Any], list[Any], Any]":
    """(records, keys of their lists, event) of *event*, unpacked where it was packed."""
    row = TABLE[name]
    if row.opened:
        event = row.opened(event)
    if row.at is None:
        return [event], [None], event
    records, groups = each(row.at, event)
    if row.within:
        records = [dig(record, row.within) for record in records]
    return records, groups, event


def describe_record(
    name: "str | None", event: "Any", record: "Any", group: "Any", context: "Any", index: int
) -> "tuple[Attributes, Headers | None]":
    """(attributes, their headers) of one *record* of *event*, as ``opened`` gives them; *name* stands in the table.

    index: the record's place in the event that Lambda sent, from 0
    """
    at_once = _at_once(name)
    if at_once is not None:
        try:
            said = at_once(record, event, group)
        except (*MISSING, UnicodeError):
            said = None
        if said:
            return said
    identify, least, _, fields = _fields(name)
    attributes = {**least}
    with suppress(*MISSING):
        attributes["id"] = identify(record, event, group)
    if not attributes["id"]:
        attributes["id"] = _fresh(context, index)
    for attribute, look, _, finish in fields:
        try:
            value = look(record, event, group)
        except MISSING:
            continue
        value = finish(value)
        if value:
            attributes[attribute] = value
    attributes["datacontenttype"] = "application/json"
    return attributes, None


# For a record that has all that is looked up. Of an odd one it says nothing, or fails.
_AT_ONCE = """\
def described(record, event, group):
    {assignments}
    words = "".join(({words},))
    plain = not words.encode().translate(None, {plain})
    if not ({needed}) or not (plain or words.isprintable()):
        return None
    attributes = {{{attributes}, "datacontenttype": "application/json"}}
    headers = [{headers}] if plain else None
    {omissions}
    return attributes, headers
"""
_OMISSION = """
    if not {field}:
        del attributes["{field}"]
        if plain:
            headers.remove(("ce-{field}", ""))
"""


@lru_cache(None)
def _at_once(name: "str | None") -> "Callable[..., tuple[Attributes, Headers | None] | None] | None":
    """What describes a record of the row *name* at once, as ``describe_record`` does; None where nothing is an id."""
    row = TABLE[name]
    if not row.id:
        return None
    assignments: list[str] = []
    needed: list[str] = []
    words: list[str] = []  # all but times, which have no odd characters

    def look_up(python: str) -> str:
        variable = f"v{len(needed)}"
        assignments.append(f"{variable} = {python}")
        needed.append(variable)
        words.append(variable)
        return f"{{{variable}}}"

    def written(template: "Any") -> str:
        """The inside of an f-string."""
        if callable(template):
            return look_up(f"{bound(template)}(record, event, group)")
        return "".join(
            [fixed + (look_up(sure(spec.partition("|")[0])) if spec else "") for fixed, spec in pieces(template)]
        )

    source = ".".join(map(written, row.source if isinstance(row.source, tuple) else [row.source]))
    fields = {
        "specversion": "'1.0'",
        "id": f"f'{written(row.id)}'",
        "source": f"f'{source}' if plain else {bound(_uri)}(f'{source}')",
        "type": f"f'{written(row.type)}'",
    }
    omissions = []
    for field, template in {"subject": row.subject, "time": row.time, **row.extensions}.items():
        if field == "time" and template:
            unit, _, path = template.partition(" ")
            assignments.append(f"time = {bound(_TIMES[unit])}({sure(path)})")
            needed.append(field)
            fields[field] = field
        elif _is_path(template):
            assignments += [f"{field} = {at(template[1:-1])}", f"if {field} is None: {field} = ''"]
            words.append(field)
            omissions.append(_OMISSION.format(field=field))
            fields[field] = field
        elif template:
            fields[field] = f"f'{written(template)}'"
    return defined(
        "described",
        _AT_ONCE.format(
            assignments="\n    ".join(assignments),
            words=", ".join(words),
            plain=_PLAIN,
            needed=" and ".join(needed),
            attributes=", ".join([f"'{field}': {python}" for field, python in fields.items()]),
            headers=", ".join([f"('ce-{field}', attributes['{field}'])" for field in fields]),
            omissions="".join(omissions),
        ),
    )


def _is_path(template: "Any") -> bool:
    """Whether a template is one look-up at one place, and nothing else."""
    return isinstance(template, str) and pieces(template) == [("", template[1:-1]), ("", "")] and "|" not in template


@lru_cache(None)
def _fields(name: "str | None") -> "tuple[Callable[..., Any], Attributes, Attributes, list[Field]]":
    """What finds the id, what a record has at least, what a batch has at least, and the other attributes."""
    row = TABLE[name]
    service = row.type.split(".")[2] if isinstance(row.type, str) and row.type.startswith("com.") else name
    least = {"specversion": "1.0", "id": "", "source": f"aws:{service}", "type": f"com.amazonaws.{service}.event"}
    of_batch = {**least, "type": f"com.amazonaws.{service}.batch"}
    if isinstance(row.type, str) and "{" not in row.type:
        least["type"] = of_batch["type"] = row.type
    fields: list[Field] = []
    templates = {"source": row.source, "type": row.type, "subject": row.subject, "time": row.time, **row.extensions}
    for field, template in templates.items():
        if not template or template == least["type"]:
            continue
        finish: Callable[[Any], str | None] = _uri if field == "source" else text
        if field == "time":
            unit, _, path = template.partition(" ")
            finish = _TIMES[unit]
            python, surely = at(path), sure(path)
        elif _is_path(template):
            # It is compared as it is: a batch has many records, and nearly always one source.
            python, surely = at(template[1:-1]), sure(template[1:-1])
        else:
            python = surely = one_of(template) if isinstance(template, tuple) else found(template)
        pairs = "record, group in zip(records, groups)" if "group" in python else "record in records"
        every = function("records, groups, event", f"[{surely} for {pairs}]")
        fields.append((field, function("record, event, group", python), every, finish))
    return function("record, event, group", found(row.id)), least, of_batch, fields


def _uri(value: "Any") -> "str | None":
    value = text(value)
    return value and quote(value, _URI)


def headers(attributes: "Mapping[str, Any]") -> "Headers":
    """Attributes as ``ce-*`` headers of binary mode (HTTP binding, section 3.1.3): ASCII, without CR and LF."""
    try:
        plain = not "".join(attributes.values()).encode().translate(None, _HEADER)  # as nearly all are
    except TypeError:
        plain = False  # a number
    if plain:
        return [("ce-" + name, value) for name, value in attributes.items() if name != "datacontenttype"]
    return [
        ("ce-" + name, quote(value if isinstance(value, str) else encode(value).decode(), _HEADER))
        for name, value in attributes.items()
        if name != "datacontenttype"
    ]


def _fresh(context: "Any", index: "int | None" = None) -> str:
    """An id for what has none. A wrong "new" is harmless, a wrong "duplicate" loses data."""
    request_id = getattr(context, "aws_request_id", None)
    if request_id is None:
        from uuid import uuid4

        return str(uuid4())
    return str(request_id) if index is None else f"{request_id}.{index}"
