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
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from .attributes import Row

    Attributes = dict[str, Any]
    Headers = list[tuple[str, str]]
    # Its name, what looks it up, and what makes that its value.
    Field = tuple[str, Callable[..., Any], Callable[[Any], str | None]]

# RFC 3986, section 2: every character that a URI may hold, "%" of escapes among them.
_URI = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?#[]@!$&'()*+,;=%"
# HTTP binding, section 3.1.3.2: U+0021 to U+007E as they are, but for the quote and the per cent sign.
_HEADER = bytes(set(range(0x21, 0x7F)) - {*b'"%'})
_PLAIN = _URI.replace(b"%", b"")  # what is the same in both

_RECORD = "record, event, group"  # the arguments of what looks in a record

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
    least, fields = _agreed(name)
    return _one_by_one({**least, "id": _fresh(context)}, fields, records, event, groups), None


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
    identify, least, fields = _singly(name)
    attributes = {**least}
    with suppress(*MISSING):
        attributes["id"] = identify(record, event, group)
    if not attributes["id"]:
        attributes["id"] = _fresh(context, index)
    return _one_by_one(attributes, fields, record, event, group), None


def _one_by_one(
    attributes: "Attributes", fields: "list[Field]", record: "Any", event: "Any", group: "Any"
) -> "Attributes":
    """Add the *fields* that are there, of one record or, where *record* and *group* are lists, of several."""
    for field, look, finish in fields:
        try:
            value = look(record, event, group)
        except MISSING:
            continue
        if value is not None:
            value = finish(value)
            if value:
                attributes[field] = value
    attributes["datacontenttype"] = "application/json"
    return attributes


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


def _is_fixed(template: "Any") -> bool:
    """Whether a template looks nothing up."""
    return isinstance(template, str) and "{" not in template


@lru_cache(None)
def _singly(name: "str | None") -> "tuple[Callable[..., Any], Attributes, list[Field]]":
    """(what finds the id, what there is at least, the other attributes) of a record of the row *name*."""
    fields = [(field, function(_RECORD, python), finish) for field, python, _, finish in _fields(TABLE[name])]
    return function(_RECORD, found(TABLE[name].id)), _least(name, "event"), fields


# What all records have, or None. Where any differ, the last nearly always differs from the first.
_AGREED = """\
def agreed(records, event, groups):
    record, group = records[0], groups[0]
    value = {python}
    if value is None:
        return None
    record, group = records[-1], groups[-1]
    if {python} != value:
        return None
    return value if [{surely} for {pairs}].count(value) == len(records) else None
"""


@lru_cache(None)
def _agreed(name: "str | None") -> "tuple[Attributes, list[Field]]":
    """(what there is at least, the other attributes) of a batch of the row *name*."""
    fields = []
    for field, python, surely, finish in _fields(TABLE[name]):
        pairs = "record, group in zip(records, groups)" if "group" in python else "record in records"
        source = _AGREED.format(python=python, surely=surely, pairs=pairs)
        fields.append((field, defined("agreed", source), finish))
    return _least(name, "batch"), fields


def _least(name: "str | None", kind: str) -> "Attributes":
    template = TABLE[name].type
    service = template.split(".")[2] if isinstance(template, str) and template.startswith("com.") else name
    type_ = template if _is_fixed(template) else f"com.amazonaws.{service}.{kind}"
    return {"specversion": "1.0", "id": "", "source": f"aws:{service}", "type": type_}


def _fields(row: "Row") -> "Iterator[tuple[str, str, str, Callable[[Any], str | None]]]":
    """(field, Python that looks it up, such as fails where it is missing, what makes that its value) of a *row*."""
    templates = {"source": row.source, "type": row.type, "subject": row.subject, "time": row.time, **row.extensions}
    for field, template in templates.items():
        if field == "time" and template:
            unit, _, path = template.partition(" ")
            yield field, at(path), sure(path), _TIMES[unit]
            continue
        finish = _uri if field == "source" else text
        if _is_path(template):
            # It is compared as it is: a batch has many records, and nearly always one source.
            yield field, at(template[1:-1]), sure(template[1:-1]), finish
        elif not _is_fixed(template):
            python = one_of(template) if isinstance(template, tuple) else found(template)
            yield field, python, python, finish


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
