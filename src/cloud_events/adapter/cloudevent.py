"""The rules for native CloudEvents, and the HTTP binding: attributes and data → headers and body, and back.

Sources: CloudEvents 1.0.2, spec.md, formats/json-format.md and bindings/http-protocol-binding.md; version 0.3 likewise.
"""

from ..errors import InvalidEvent
from .describe import headers
from .encoding import encode
from .path import unescaped
from .rfc3339 import valid
from .template import forbidden

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

_REQUIRED = ("id", "source", "type", "specversion")
_STRINGS = ("subject", "dataschema", "schemaurl")
# Members of the JSON format that are no attributes.
_DATA = ("data", "data_base64", "datacontentencoding")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def faults(event: "Mapping[str, Any]", strict: bool = False) -> "list[str]":
    """What is wrong with a native CloudEvent; none is quoted. *strict* adds what only re-encoding needs."""
    found = [f"{name!r} must be a non-empty string" for name in _REQUIRED if not _filled(event.get(name))]
    version: Any = event.get("specversion")
    if _filled(version) and version not in ("1.0", "0.3") and not version.startswith("1.0-"):
        found.append("'specversion' must be '1.0' or '0.3'")
    return found + _strict_faults(event, version == "0.3") if strict else found


def _filled(value: "Any") -> bool:
    return isinstance(value, str) and value != ""


def _strict_faults(event: "Mapping[str, Any]", old: bool) -> "list[str]":
    found = []
    attributes = {name: value for name, value in event.items() if name not in _DATA and value is not None}
    if not all(name and _NAME.issuperset(name) for name in attributes):
        found.append("every attribute's name must be of a-z and 0-9 only")
    for name, value in attributes.items():
        known = name in (*_REQUIRED, *_STRINGS, "time", "datacontenttype")
        label = repr(name) if known else "an extension attribute"
        if isinstance(value, str):
            if forbidden(value):
                found.append(f"{label} must not have control characters, surrogates or noncharacters")
        elif not known and not _extension(value, old):
            found.append(f"{label} must be a string, a boolean or an integer of 32 bits")
    found += [f"{name!r} must be a non-empty string" for name in _STRINGS if not _filled(attributes.get(name, "-"))]
    if "time" in attributes and not valid(attributes["time"]):
        found.append("'time' must be an RFC 3339 time, such as '2026-03-01T12:00:00Z'")
    if "datacontenttype" in attributes and not _media_type(attributes["datacontenttype"]):
        found.append("'datacontenttype' must be a media type in printable ASCII, such as 'application/json'")
    if event.get("data_base64") is not None:
        if event.get("data") is not None:
            found.append("'data' and 'data_base64' must not both be there")
        if _bytes(event["data_base64"]) is None:
            found.append("'data_base64' must be a string of base64")
    if event.get("datacontentencoding") is not None:
        if event["datacontentencoding"] != "base64" or not old:
            found.append("'datacontentencoding' must be 'base64', in version 0.3 only")
        elif _bytes(event.get("data")) is None:
            found.append("'data' must be a string of base64, as 'datacontentencoding' says")
    return found


def _extension(value: "Any", old: bool) -> bool:
    # True and False are integers to Python.
    return (isinstance(value, int) and -(2**31) <= value < 2**31) or (old and isinstance(value, dict))


def _media_type(value: "Any") -> bool:
    # RFC 2045, section 5.1: type "/" subtype, then parameters.
    if not (isinstance(value, str) and value.isascii() and value.isprintable()):
        return False
    kind, _, subtype = value.partition(";")[0].strip(" ").partition("/")
    return bool(kind and subtype) and _TOKEN.issuperset(kind + subtype)


def _bytes(value: "Any") -> "bytes | None":
    import binascii

    try:
        return binascii.a2b_base64(value, strict_mode=True)
    except (TypeError, ValueError):
        return None


def is_json(content_type: str) -> bool:
    """Whether a media type is ``*/json`` or ``*/*+json`` (HTTP binding, section 3.1; JSON format, section 3.1)."""
    subtype = content_type.partition(";")[0].strip().lower().rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def binary(event: "Mapping[str, Any]") -> "tuple[str, list[tuple[str, str]], bytes]":
    """(content type, headers, body) of a native event in binary mode; no content type is "".

    Raises InvalidEvent if text cannot be written in the charset that its type names.
    """
    content_type = event.get("datacontenttype")
    fields = headers(native(event))
    packed = _packed(event)
    if packed is not None:
        return content_type or "", fields, _bytes(packed) or b""
    if "data" not in event:
        return content_type or "", fields, b""
    data = event["data"]
    content_type = content_type or "application/json"
    if isinstance(data, str) and not is_json(content_type):
        return content_type, fields, _text(data, content_type)
    return content_type, fields, encode(data)


def structured(event: "Mapping[str, Any]") -> "dict[str, Any]":
    """A native event in structured mode: without the attributes that are null, which means unset (JSON format, 2.2)."""
    return {
        name: value for name, value in event.items() if value is not None or (name == "data" and _packed(event) is None)
    }


def _packed(event: "Mapping[str, Any]") -> "Any":
    """The base64 of binary data; None where the data is no such."""
    return event.get("data" if event.get("datacontentencoding") == "base64" else "data_base64")


def charset(content_type: str) -> str:
    """The charset that a content type names, or "utf-8". Raises LookupError where it is none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return _checked(value.strip().strip('"') or "utf-8")
    return "utf-8"


def _checked(name: str) -> str:
    from codecs import lookup

    # No charset has a longer name (RFC 2978, section 2.3), and Python remembers each that it does not find. These two
    # are for the labels of host names: they take a time of the square of a text's length.
    if len(name) > 40 or lookup(name).name in ("idna", "punycode"):
        raise LookupError("no charset")
    return name


def _text(data: str, content_type: str) -> bytes:
    try:
        return data.encode(charset(content_type))
    except (LookupError, ValueError):
        raise InvalidEvent(
            "malformed CloudEvent: 'data' must be text in the charset that 'datacontenttype' names"
        ) from None


def from_binary(fields: "Iterable[tuple[str, str]]", body: bytes) -> "dict[str, Any] | None":
    """A message in binary mode as a native event (JSON format); None if it is no CloudEvent in binary mode."""
    named = {name.lower(): value for name, value in fields}
    if "ce-specversion" not in named:
        return None
    event: dict[str, Any] = {
        # Header values are bytes, shown as latin-1.
        name[3:]: unescaped(value.encode("latin-1", "replace")).decode("utf-8", "replace")
        for name, value in named.items()
        if name[:3] == "ce-"
    }
    content_type = named.get("content-type", "")
    if content_type:
        event["datacontenttype"] = content_type
    if body:
        event.update(_data_of(content_type, body))
    return event


def _data_of(content_type: str, body: bytes) -> "dict[str, Any]":
    import binascii
    import json

    try:
        if is_json(content_type):
            return {"data": json.loads(body)}
        if content_type[:5].lower() == "text/":
            return {"data": body.decode(charset(content_type))}
    except (LookupError, ValueError):
        pass  # not what its type says: then it is bytes
    return {"data_base64": binascii.b2a_base64(body, newline=False).decode("ascii")}


class CloudEvent:
    """A CloudEvent that a request carried: its attributes, and its data.

    id, source, type: str
    subject, time, datacontenttype, dataschema: str or None
    extensions: the other attributes, a dict
    data: Python objects of JSON data, str of text, bytes of anything else, None if there is none
    """

    __slots__ = ("attributes", "data")

    def __init__(self, attributes: "Mapping[str, Any]", data: "Any") -> None:
        self.attributes = attributes
        self.data = data

    @property
    def id(self) -> str:
        return str(self.attributes["id"])

    @property
    def source(self) -> str:
        return str(self.attributes["source"])

    @property
    def type(self) -> str:
        return str(self.attributes["type"])

    @property
    def subject(self) -> "str | None":
        return self.attributes.get("subject")

    @property
    def time(self) -> "str | None":
        return self.attributes.get("time")

    @property
    def datacontenttype(self) -> "str | None":
        return self.attributes.get("datacontenttype")

    @property
    def dataschema(self) -> "str | None":
        found: str | None = self.attributes.get("dataschema", self.attributes.get("schemaurl"))
        return found

    @property
    def extensions(self) -> "dict[str, Any]":
        own = (*_REQUIRED, *_STRINGS, "time", "datacontenttype")
        return {name: value for name, value in self.attributes.items() if name not in own}

    def __repr__(self) -> str:
        return f"<CloudEvent of {len(self.attributes)} attributes>"


def native(event: "Mapping[str, Any]") -> "dict[str, Any]":
    """The attributes of a native event: what is set, without its data."""
    return {name: value for name, value in event.items() if name not in _DATA and value is not None}


def unpack(event: "Mapping[str, Any]") -> CloudEvent:
    """A native event (JSON format) as a CloudEvent object. Raises InvalidEvent if its binary data is no base64."""
    packed = _packed(event)
    data = event.get("data") if packed is None else _bytes(packed)
    if packed is not None and data is None:
        raise InvalidEvent("malformed CloudEvent: its binary data must be a string of base64")
    return CloudEvent(native(event), data)
