"""CloudEvents: valid attributes and times, the faults of an event, and writing and reading the HTTP binding.

Sources: CloudEvents 1.0.2, spec.md, formats/json-format.md and bindings/http-protocol-binding.md; the same of 0.3.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from binascii import a2b_base64
from codecs import lookup
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from ..errors import InvalidEvent
from .encoding import encode

REQUIRED = ("id", "source", "type", "specversion")
STRINGS = ("subject", "dataschema", "schemaurl")
KNOWN = (*REQUIRED, *STRINGS, "time", "datacontenttype")
DATA = ("data", "data_base64", "datacontentencoding")  # members of the JSON format that are not attributes

# HTTP binding, section 3.1.3.2: U+0021 to U+007E are not escaped, except the quote and the per cent sign.
HEADER_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")

# RFC 3339, section 5.6; AWS sometimes leaves out the colon of the zone. A leap second is 60.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]((?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?)([Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)",
    re.ASCII,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# RFC 2045, section 5.1: type "/" subtype, then parameters.
_MEDIA_TYPE = r"(?a) *[!#$%&'*+.^_`|~\w-]+/[!#$%&'*+.^_`|~\w-]+ *(;[ -~]*)?"


def forbidden(value: str) -> bool:
    """Whether *value* has characters that no attribute may have: control characters, surrogates, noncharacters."""
    if value.isprintable():
        return False
    found = re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef]", value)
    return found is not None or any(ord(character) & 0xFFFE == 0xFFFE for character in value)


def rfc3339(value: Any) -> str | None:
    """Return *value* with "T", "Z" and a colon in the zone; None if it is not a date and time with a zone.

    >>> rfc3339("2026-03-01T12:00:00.123+0000")
    '2026-03-01T12:00:00.123Z'
    """
    parts = _TIME.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        return None
    day, clock, zone = parts.groups()
    try:
        date.fromisoformat(day)
    except ValueError:
        return None
    if zone not in ("Z", "z"):
        zone = f"{zone[:3]}:{zone[-2:]}" if zone.strip("+-:0") else "Z"
    return f"{day}T{clock}{zone.upper()}"


def from_epoch(value: Any, per_second: int) -> str | None:
    """Return the time for a number (or its digits) of 1/*per_second* seconds since 1970, or None."""
    try:
        milliseconds = round(float(value) * 1000 / per_second)
        moment = _EPOCH + timedelta(milliseconds=milliseconds)
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(value, bool):
        return None
    precision = "milliseconds" if milliseconds % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def faults(event: Mapping[str, Any], strict: bool = False) -> list[str]:
    """Return the faults of a native CloudEvent, without any value. *strict* adds those that matter to re-encoding."""
    found = [f"{name!r} must be a non-empty string" for name in REQUIRED if not _filled(event.get(name))]
    version: Any = event.get("specversion")
    if _filled(version) and version not in ("1.0", "0.3") and not version.startswith("1.0-"):
        found.append("'specversion' must be '1.0' or '0.3'")
    if strict:
        old = version == "0.3"
        attributes = attributes_of(event)
        for name, value in attributes.items():
            found += _attribute_faults(name, value, old)
        found += [f"{name!r} must be a non-empty string" for name in STRINGS if not _filled(attributes.get(name, "-"))]
        found += _data_faults(event, old)
    return [*dict.fromkeys(found)]


def _filled(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _attribute_faults(name: str, value: Any, old: bool) -> list[str]:
    found = []
    # Any other name may be data that somebody uses as a key.
    label = repr(name) if re.fullmatch("[a-z0-9]{1,30}", name) else "an extension attribute"
    if not re.fullmatch("[a-z0-9]+", name):
        found.append("every attribute's name must be of a-z and 0-9 only")
    if isinstance(value, str):
        if forbidden(value):
            found.append(f"{label} must not have control characters, surrogates or noncharacters")
    elif name not in KNOWN and not (
        (isinstance(value, int) and -(2**31) <= value < 2**31) or (old and isinstance(value, dict))
    ):
        found.append(f"{label} must be a string, a boolean or a 32-bit integer")
    if name == "time" and (rfc3339(value) is None or (value[-1] not in "Zz" and value[-3] != ":")):
        found.append("'time' must be an RFC 3339 time, such as '2026-03-01T12:00:00Z'")
    if name == "datacontenttype" and not is_media_type(value):
        found.append("'datacontenttype' must be a media type in printable ASCII, such as 'application/json'")
    return found


def _data_faults(event: Mapping[str, Any], old: bool) -> list[str]:
    found = []
    if event.get("data_base64") is not None:
        if event.get("data") is not None:
            found.append("'data' and 'data_base64' must not both be present")
        if _unpacked(event["data_base64"]) is None:
            found.append("'data_base64' must be a string of base64")
    if event.get("datacontentencoding") is not None:
        if event["datacontentencoding"] != "base64" or not old:
            found.append("'datacontentencoding' must be 'base64', in version 0.3 only")
        elif _unpacked(event.get("data")) is None:
            found.append("'data' must be a string of base64, as 'datacontentencoding' says")
    return found


def is_media_type(value: Any) -> bool:
    """Whether *value* is a media type in printable ASCII, which is safe in a header."""
    return isinstance(value, str) and re.fullmatch(_MEDIA_TYPE, value) is not None


def _unpacked(value: Any) -> bytes | None:
    try:
        return a2b_base64(value, strict_mode=True)
    except (TypeError, ValueError):
        return None


def is_json(content_type: str) -> bool:
    """Whether a media type is ``*/json`` or ``*/*+json`` (HTTP binding, section 3.1; JSON format, section 3.1)."""
    subtype = content_type.partition(";")[0].strip().lower().rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def charset(content_type: str) -> str:
    """Return the charset that a content type names, or "utf-8". Raises LookupError if Python does not know it."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        value = value.strip().strip('"') or "utf-8"
        if name.strip().lower() != "charset":
            continue
        # No charset has a longer name (RFC 2978, section 2.3), and Python remembers every name that it does not find.
        # idna and punycode are for host names: their decoding time grows with the square of the length.
        if len(value) > 40 or lookup(value).name in ("idna", "punycode"):
            raise LookupError("not a charset")
        return value
    return "utf-8"


def attributes_of(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of a native event that are set, without its data."""
    return {name: value for name, value in event.items() if name not in DATA and value is not None}


def headers(attributes: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return attributes as ``ce-*`` headers of binary mode (HTTP binding, section 3.1.3): ASCII, without CR and LF."""
    return [
        (f"ce-{name}", _escaped(value if isinstance(value, str) else encode(value).decode()))
        for name, value in attributes.items()
        if name != "datacontenttype"
    ]


def _escaped(value: str) -> str:
    """Return *value* as a header value. Nearly all are plain, and quote() takes ten times as long to find that out."""
    plain = value.isascii() and value.isprintable() and " " not in value and '"' not in value and "%" not in value
    return value if plain else quote(value, HEADER_SAFE)


def binary(event: Mapping[str, Any]) -> tuple[str, bytes]:
    """Return (content type, body) of a native event in binary mode; "" if there is no content type.

    Raises InvalidEvent if text cannot be written in the charset that the content type names.
    """
    content_type = event.get("datacontenttype")
    packed = _packed(event)
    if packed is not None:
        return content_type or "", _unpacked(packed) or b""
    if "data" not in event:
        return content_type or "", b""
    data = event["data"]
    content_type = content_type or "application/json"
    if not isinstance(data, str) or is_json(content_type):
        return content_type, encode(data)
    try:
        return content_type, data.encode(charset(content_type))
    except (LookupError, ValueError):
        raise InvalidEvent(
            "malformed CloudEvent: 'data' must be text in the charset that 'datacontenttype' names"
        ) from None


def structured(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return a native event for structured mode: null attributes are unset (JSON format, section 2.2)."""
    return {
        name: value for name, value in event.items() if value is not None or (name == "data" and _packed(event) is None)
    }


def _packed(event: Mapping[str, Any]) -> Any:
    """Return the base64 of binary data; None if the data is not binary."""
    return event.get("data" if event.get("datacontentencoding") == "base64" else "data_base64")


def from_binary(fields: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any] | None:
    """Return a message in binary mode as a native event (JSON format); None if it is not a CloudEvent."""
    named = {name.lower(): value for name, value in fields}
    if "ce-specversion" not in named:
        return None
    attributes = {
        # Header values are bytes, shown as latin-1.
        name[3:]: unquote_to_bytes(value.encode("latin-1", "replace")).decode("utf-8", "replace")
        for name, value in named.items()
        if name[:3] == "ce-"
    }
    return from_fields(attributes, named.get("content-type", ""), body)


def from_fields(attributes: Mapping[str, Any], content_type: str, body: bytes) -> dict[str, Any]:
    """Return a native event (JSON format) with *attributes* and the data in *body*."""
    event = {**attributes, "datacontenttype": content_type} if content_type else {**attributes}
    return event | (_data_members(content_type, body) if body else {})


def _data_members(content_type: str, body: bytes) -> dict[str, Any]:
    try:
        if is_json(content_type):
            return {"data": json.loads(body)}
        if content_type[:5].lower() == "text/":
            return {"data": body.decode(charset(content_type))}
    except (LookupError, ValueError, RecursionError):
        pass  # the body does not match its content type, so it is kept as bytes
    return {"data_base64": b64encode(body).decode("ascii")}


class CloudEvent:
    """A CloudEvent from a request: its attributes, and its data.

    id, source, type: str
    subject, time, datacontenttype, dataschema: str or None
    extensions: the other attributes, a dict
    data: Python objects for JSON, a str for text, bytes for anything else; None if there is none
    """

    __slots__ = ("attributes", "data")

    def __init__(self, attributes: Mapping[str, Any], data: Any) -> None:
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
    def subject(self) -> str | None:
        return self.attributes.get("subject")

    @property
    def time(self) -> str | None:
        return self.attributes.get("time")

    @property
    def datacontenttype(self) -> str | None:
        return self.attributes.get("datacontenttype")

    @property
    def dataschema(self) -> str | None:
        found: str | None = self.attributes.get("dataschema", self.attributes.get("schemaurl"))
        return found

    @property
    def extensions(self) -> dict[str, Any]:
        return {name: value for name, value in self.attributes.items() if name not in KNOWN}

    def __repr__(self) -> str:
        return f"<CloudEvent of {len(self.attributes)} attributes>"


def unpack(event: Any) -> CloudEvent:
    """Return a native event (JSON format) as a CloudEvent.

    Raises InvalidEvent if a required attribute is missing, or its binary data is not base64.
    """
    found = faults(event) if isinstance(event, dict) else ["it is not an object"]
    if found:
        raise InvalidEvent("malformed CloudEvent: " + "; ".join(found))
    packed = _packed(event)
    data = event.get("data") if packed is None else _unpacked(packed)
    if packed is not None and data is None:
        raise InvalidEvent("malformed CloudEvent: its binary data must be a string of base64")
    return CloudEvent(attributes_of(event), data)
