"""Binary-mode CloudEvents: attributes in `ce_` headers, the data as the record's value.

They are turned into structured mode, so that there is one way to check an event. Specification:
CloudEvents 1.0.2, Kafka protocol binding, section 3.2.
"""

from collections.abc import Iterable

import orjson
from pydantic_core import from_json

PREFIX = "ce_"
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")


def is_binary(headers: Iterable[tuple[str, bytes]]) -> bool:
    """Whether the record is in binary mode: it has a `ce_specversion` and isn't declared structured."""
    found = False
    for name, value in headers:
        if name == "ce_specversion":
            found = True
        elif name == "content-type" and (value or b"").startswith(b"application/cloudevents"):
            return False
    return found


def from_binary(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> bytes:
    """The structured event, as JSON bytes, of a record in binary mode.

    An empty value means an event without data. Extension attributes are left out, as the contract
    ignores them. The result is well-formed, but only validation says whether it is a valid event.
    Raises ValueError with one line when a header is no UTF-8 or comes twice, or the value is no JSON.
    """
    attributes: dict[str, str] = {}
    for name, raw in headers:
        if name == "content-type" and raw is not None:
            _require_json(raw)
        if not name.startswith(PREFIX) or name[len(PREFIX) :] not in ATTRIBUTES or raw is None:
            continue
        attribute = name[len(PREFIX) :]
        if attribute in attributes:
            raise ValueError(f"header {name} comes twice")
        try:
            attributes[attribute] = raw.decode()
        except UnicodeDecodeError:
            raise ValueError(f"header {name} is not UTF-8") from None
    structured = orjson.dumps(attributes)
    if not value:
        return structured
    try:
        from_json(value)
    except ValueError as error:
        raise ValueError(f"value is not JSON: {error}") from None
    # A whole JSON document can be embedded as it came: numbers and duplicate keys stay untouched.
    return structured[:-1] + (b"," if attributes else b"") + b'"data":' + value + b"}"


def _require_json(content_type: bytes) -> None:
    media = content_type.split(b";")[0].strip().lower()
    if media not in (b"application/json", b"text/json") and not media.endswith(b"+json"):
        raise ValueError(f"content-type should be application/json, got {media[:40].decode('latin-1')!a}")
