"""The content mode of a record, and its event as structured JSON, so that there is one way to check an event.

The one place that decides, for ingest, files and dead letters. Specification: CloudEvents 1.0.2, Kafka protocol
binding, section 3. The content type decides first. Names of headers may be in any case.

| content-type | other headers and value | mode |
|---|---|---|
| `application/cloudevents`, `…+json` | any; `ce_` headers are ignored | structured |
| `application/cloudevents-batch…`, another format such as `…+avro` | any | refused |
| anything else, or none | a required attribute in a `ce_` header, and a value that is itself an event | structured |
| anything else, or none | a required attribute in a `ce_` header | binary |
| anything else, or none | none of these | structured |

A record without a value is an event only in binary mode and with all required attributes.
"""

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson
from pydantic_core import from_json

from schemas.reasons import Reason, line, quote

Headers = Sequence[tuple[str, bytes | None]]

PREFIX = "ce_"
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")
REQUIRED = frozenset({"specversion", "id", "source", "type"})
"""What CloudEvents itself requires of every event."""
BOM = b"\xef\xbb\xbf"
"""A byte order mark in UTF-8. It is skipped in front of an event, as RFC 8259 allows."""
_MEDIA = "application/cloudevents"
_CONTENT_TYPE = "content-type"
_KNOWN = {PREFIX + name: name for name in ATTRIBUTES} | {_CONTENT_TYPE: _CONTENT_TYPE}


class Mode(Enum):
    """Where a record has its event."""

    STRUCTURED = "structured"
    BINARY = "binary"


class NotAnEvent(ValueError):
    """A record that makes no event: reason is its code, the text is one line for the owner of the upstream."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(line(message))
        self.reason: Reason = reason


def content_mode(headers: Headers, value: bytes | None) -> Mode:
    """Where the event of a record is; raises NotAnEvent when it has none, or one in a format that is not read."""
    return _mode(_EventHeaders(headers), value)


def structured(headers: Headers, value: bytes | None) -> bytes:
    """The event of a record as structured JSON, well-formed or not; raises NotAnEvent when it has none."""
    any_of_event = False
    for name, _ in headers:
        any_of_event |= name[:1] in "cC"
        if not name.isascii() and not is_utf8(name):
            raise NotAnEvent("bad_headers", f"the name of a header is not UTF-8: {quote(name)}")
    if value is not None and not any_of_event:  # no header says anything about the event
        return value
    event_headers = _EventHeaders(headers)
    if _mode(event_headers, value) is Mode.BINARY:
        return _put_together(event_headers, value)
    assert value is not None
    return value


def from_binary(headers: Headers, value: bytes | None) -> bytes:
    """The structured event, as JSON bytes, of a record in binary mode.

    An empty value means an event without data. Extension attributes are left out, as the contract
    ignores them. The result is well-formed, but only validation says whether it is a valid event.
    Raises NotAnEvent when a header is not UTF-8 or has two values, or the value is not JSON.
    """
    return _put_together(_EventHeaders(headers), value)


class _EventHeaders:
    """What headers say about an event.

    attributes: by name, as they came. declared: the media type of an event format that a content-type names, without
    parameters. others: other media types. twice: a header with two values.
    """

    __slots__ = ("attributes", "declared", "others", "twice")

    def __init__(self, headers: Headers) -> None:
        self.attributes: dict[str, bytes] = {}
        self.declared: str | None = None
        self.others: list[str] = []
        self.twice = ""
        for name, raw in headers:
            known = _KNOWN.get(name)
            if known is None and not name.islower():
                known = _KNOWN.get(name.lower())
            if known is None or raw is None:
                continue
            if known is not _CONTENT_TYPE:
                if self.attributes.setdefault(known, raw) != raw:
                    self.twice = name
                continue
            media = _media(raw)
            if not media.startswith(_MEDIA):
                self.others.append(media)
            elif self.declared is None:
                self.declared = media


def _mode(event_headers: _EventHeaders, value: bytes | None) -> Mode:
    media, attributes = event_headers.declared, event_headers.attributes
    if value is None:
        if media is not None or not attributes.keys() >= REQUIRED:
            raise NotAnEvent("no_value", "the record has no value; publish a CloudEvent in JSON")
        return Mode.BINARY
    if media is None:
        in_headers = not REQUIRED.isdisjoint(attributes)
        return Mode.BINARY if in_headers and not _is_event(value) else Mode.STRUCTURED
    if media.startswith("application/cloudevents-batch"):
        raise NotAnEvent(
            "unsupported_format", f"content-type {_shown(media)}: send one event per record, no batch"
        )
    if media not in (_MEDIA, f"{_MEDIA}+json"):
        raise NotAnEvent("unsupported_format", f"content-type {_shown(media)}: only events in JSON are read")
    return Mode.STRUCTURED


def _put_together(event_headers: _EventHeaders, value: bytes | None) -> bytes:
    """See from_binary."""
    if event_headers.twice:
        raise NotAnEvent("bad_headers", f"header {event_headers.twice} comes twice, with two values")
    try:
        head = orjson.dumps({name: raw.decode() for name, raw in event_headers.attributes.items()})
    except UnicodeDecodeError:
        (name, *_) = (name for name, raw in event_headers.attributes.items() if not _is_text(raw))
        raise NotAnEvent("bad_headers", f"header {PREFIX}{name} is not UTF-8") from None
    if not value:
        return head
    for media in event_headers.others:
        if media not in ("application/json", "text/json") and not media.endswith("+json"):
            message = f"content-type should be application/json, got {_shown(media)}"
            raise NotAnEvent("bad_headers", message)
    try:
        return embedded(head, value)
    except ValueError as error:
        raise NotAnEvent("bad_headers", f"value is not JSON: {named(value) or error}") from None


def embedded(head: bytes, data: bytes) -> bytes:
    """An event, as JSON bytes, with these bytes as its data; ValueError when they are not JSON.

    A whole JSON document is embedded as it came: numbers and duplicate keys stay untouched.
    """
    data = data.removeprefix(BOM)
    from_json(data)
    return head[:-1] + (b"," if len(head) > 2 else b"") + b'"data":' + data + b"}"


def explained(headers: Headers, value: bytes | None, found: tuple[Reason, str]) -> tuple[Reason, str]:
    """Why a record is not an event, (reason, message): what validation found, or what the record is instead."""
    code, _ = found
    start = (value or b"").lstrip()[:2]
    if code == "invalid_json" and (what := named(value or b"")):
        return code, line(f"the value is not JSON: {what}")
    if any(name.lower().startswith("ce-") for name, _ in headers) and not _names_event(headers, value):
        return (
            "bad_headers",
            "there are headers that begin with ce-, as in HTTP; in Kafka they begin with ce_",
        )
    if code == "not_an_object" and start == b'"{':
        return code, "event should be a JSON object, got a text with one in it: it was serialized twice"
    if code == "not_an_object" and start[:1] == b"[":
        return code, "event should be a JSON object, got a list: send one event per record, no batch"
    return found


_STARTS = (
    (b"\xff\xfe\x00\x00", "it is UTF-32; JSON in Kafka is UTF-8"),
    (b"\x00\x00\xfe\xff", "it is UTF-32; JSON in Kafka is UTF-8"),
    (b"\xff\xfe", "it is UTF-16 with a byte order mark; JSON in Kafka is UTF-8"),
    (b"\xfe\xff", "it is UTF-16 with a byte order mark; JSON in Kafka is UTF-8"),
    (b"{\x00", "it is UTF-16; JSON in Kafka is UTF-8"),
    (b"\x00{\x00", "it is UTF-16; JSON in Kafka is UTF-8"),
    (b"Obj\x01", "it is an Avro file (object container)"),
    (b"\xc3\x01", "it is Avro (single-object encoding)"),
    (b"\x1f\x8b", "it is compressed with gzip; use the producer's compression instead"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd; use the producer's compression instead"),
    (b"\x04\x22\x4d\x18", "it is compressed with lz4; use the producer's compression instead"),
    (b"\x82SNAPPY\x00", "it is compressed with Snappy; use the producer's compression instead"),
    (b"\xac\xed\x00\x05", "it is a serialized Java object"),
    (b"PAR1", "it is a Parquet file"),
    (b"PK\x03\x04", "it is a zip file"),
    (b"<", "it is XML or HTML"),
)


def named(value: bytes) -> str:
    """What bytes are that are certainly not JSON, by how they begin; empty when that is not known."""
    for start, what in _STARTS:
        if value.startswith(start):
            return what
    number = int.from_bytes(value[1:5]) if len(value) > 5 and value[0] == 0 else 0
    if number:
        form = "JSON" if value[5:6] in (b"{", b'"', b"[") else "Avro or Protobuf"
        return (
            f"it begins with the prefix of a schema registry (a zero byte, schema id {number:,}), then {form}; "
            "use a serializer that writes plain JSON"
        )
    return ""


@lru_cache(256)
def _media(content_type: bytes) -> str:
    return content_type.split(b";")[0].strip().lower().decode("latin-1")


def _shown(media: str) -> str:
    return quote(media, 60)


def _names_event(headers: Headers, value: bytes | None) -> bool:
    """Whether headers or value have what makes an event."""
    return not REQUIRED.isdisjoint(_EventHeaders(headers).attributes) or (
        value is not None and _is_event(value)
    )


def _is_event(value: bytes) -> bool:
    """Whether a value has the required attributes in it, and so is a structured event whatever the headers are."""
    if b"specversion" not in value:
        return False
    try:
        found: Any = from_json(value.removeprefix(BOM))
    except ValueError:
        return False
    return isinstance(found, dict) and found.keys() >= REQUIRED


def attribute(headers: Headers, value: bytes | None, name: str) -> str:
    """An attribute of what may be no valid event, as far as it can be read; empty where it can't.

    name: one of ATTRIBUTES.
    """
    try:
        in_value = content_mode(headers, value) is Mode.STRUCTURED
    except NotAnEvent:
        in_value = False
    if not in_value and (raw := _EventHeaders(headers).attributes.get(name)) is not None:
        return raw.decode("utf-8", "replace")
    try:
        event: Any = from_json((value or b"").removeprefix(BOM))
    except ValueError:
        return ""
    found = event.get(name) if isinstance(event, dict) else None
    return found if isinstance(found, str) else ""


def is_utf8(name: str) -> bool:
    """Whether a name can be written in UTF-8: one that was read from other bytes has parts that can't."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
