"""The event contract: what upstream may publish to `activity.events`.

Events are CloudEvents 1.0 in JSON. `subject` is the actor, the member who did it; `data` may name a
counterpart, who is credited too. Unknown extra fields are ignored, in the envelope and in `data`; null
is the same as absent, as CloudEvents says of attributes; `data` itself may be absent where nothing in it
is required.

Two adapters are built from the one definition:

- `STRICT` for error messages, documents and tests: all of the contract.
- `FAST` for the hot path: `time` is any text of 20 to 256 characters, texts are bounded in characters, and there
  is no `data_base64`, since all of this is cheaper to check in bulk, or where it matters. `parse` adds what is
  missing, but for `time`: what it accepts differs from STRICT in that, and in a byte order mark, which it skips.

TypedDicts and not models, because they validate about 1.5 times as fast.
"""

import base64
import binascii
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NotRequired

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    TypeAdapter,
    ValidationError,
    with_config,
)
from pydantic_core import InitErrorDetails, PydanticCustomError, from_json, to_json
from typing_extensions import TypedDict

from schemas.activities import DATA, KEPT, MAX_BYTES, MAX_REGISTER_BYTES, Id
from schemas.cloudevents import BOM, embedded
from schemas.reasons import quote
from schemas.reasons import reason as reason  # reads what the adapters raise
from schemas.times import MAX_LENGTH, PATTERN, is_time


class Event(TypedDict):
    """A valid event as the adapters return it; of `data` only the known fields are kept."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str
    data: NotRequired[dict[str, Any] | None]


def _check_time(text: str) -> str:
    if not is_time(text):
        raise PydanticCustomError("bad_time", "Input should be a time in RFC 3339 with an offset")
    return text


_KEPT = frozenset(f"data.{name}" for name in KEPT)


def check_text(value: Any, path: str = "") -> Any:
    """Return `value` when every text in it is at most MAX_BYTES of UTF-8 without NUL, and shorter where it is kept.

    Raises PydanticCustomError `too_long` or `nul`, whose context names the field.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise PydanticCustomError("nul", "{field}: text must not contain NUL", {"field": path})
        size = len(value.encode())
        if size > MAX_REGISTER_BYTES and size > (most := MAX_REGISTER_BYTES if path in _KEPT else MAX_BYTES):
            raise PydanticCustomError(
                "too_long", "{field}: text is over {limit} bytes", {"field": path, "limit": most}
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(item, f"{path}.{key}" if path else key)
    return value


def event_class(event_type: str, time: Any, base64_data: Any = None) -> Any:
    """The TypedDict of a whole event of one type, with `time` and `data_base64` annotated as given."""
    data: Any = DATA[event_type]
    needed = bool(data.__required_keys__)
    fields: Any = {
        "specversion": Literal["1.0"],
        "id": Id,
        "source": Id,
        "type": Literal[event_type],
        "subject": Id,
        "time": time,
        "data": data if needed else NotRequired[data | None],
        "data_base64": NotRequired[base64_data],
    }
    # The functional form, since the types are made from DATA; mypy knows it with literals alone.
    made: Any = TypedDict(data.__name__ + "Event", fields)  # type: ignore[misc]
    made.__doc__ = data.__doc__
    return with_config(ConfigDict(json_schema_extra=_say_data_once))(made)


def _say_data_once(schema: dict[str, Any]) -> None:
    """Say in the JSON Schema of an event that its data is in `data` or in `data_base64`, never in both."""
    properties = schema["properties"]
    data = properties["data"]
    encoded = properties["data_base64"]["anyOf"][0]
    if "data" in schema["required"]:
        schema["required"].remove("data")
        encoded["contentSchema"] = data
        properties["data"] = {"anyOf": [data, {"type": "null"}]}
        schema["oneOf"] = [
            {"required": [name], "properties": {name: {"type": kind}, other: {"type": "null"}}}
            for name, kind, other in (("data", "object", "data_base64"), ("data_base64", "string", "data"))
        ]
    else:
        encoded["contentSchema"] = {"anyOf": data["anyOf"]}
        schema["anyOf"] = [{"properties": {name: {"type": "null"}}} for name in ("data", "data_base64")]


def _union(time: Any, base64_data: Any = None, *extra: Any) -> Any:
    """Any event: discriminated by `type`, so that only the schema of its type is tried."""
    classes = (event_class(event_type, time, base64_data) for event_type in DATA)
    union: Any = Annotated[reduce(or_, classes), Field(discriminator="type")]
    for annotation in extra:
        union = Annotated[union, annotation]
    return union


def _decoded(event: dict[str, Any]) -> bytes:
    """What the `data_base64` of an event is in bytes; raises PydanticCustomError `bad_base64`."""
    text = event["data_base64"]
    if event.get("data") is not None:
        raise _bad_base64("give data or data_base64, not both")
    if not isinstance(text, str):
        raise _bad_base64(f"should be a text in Base64, got {quote(text)}")
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _bad_base64(f"is not Base64, got {quote(text)}") from None


def _bad_base64(message: str) -> PydanticCustomError:
    return PydanticCustomError(
        "bad_base64", "{field}: {message}", {"field": "data_base64", "message": message}
    )


def _not_json(event: dict[str, Any], error: ValueError) -> PydanticCustomError:
    declared = event.get("datacontenttype")
    more = f" (datacontenttype is {quote(declared)})" if isinstance(declared, str) else ""
    return _bad_base64(f"what it encodes is not JSON{more}: {error}")


def _with_data(event: Any) -> Any:
    """An event with its `data_base64` as `data`; anything else as it is."""
    if not isinstance(event, dict) or "data_base64" not in event:
        return event
    others = {name: value for name, value in event.items() if name != "data_base64"}
    if event["data_base64"] is None:
        return others
    raw = _decoded(event).removeprefix(BOM)
    try:
        return others | {"data": from_json(raw)}
    except ValueError as error:
        raise _not_json(event, error) from None


def plain(value: bytes) -> bytes:
    """An event without byte order mark and with its `data_base64` as `data`; what has neither as it is.

    Raises PydanticCustomError when `data_base64` can't be decoded.
    """
    value = value.removeprefix(BOM)
    if b"data_base64" not in value:
        return value
    try:
        event = from_json(value)
    except ValueError:
        return value
    if not isinstance(event, dict) or event.get("data_base64") is None:
        return value
    raw = _decoded(event)
    others = {name: one for name, one in event.items() if name not in ("data", "data_base64")}
    try:
        return embedded(to_json(others, inf_nan_mode="constants"), raw)
    except ValueError as error:
        raise _not_json(event, error) from None


_BASE64: dict[str, JsonValue] = {
    "contentEncoding": "base64",
    "contentMediaType": "application/json",
    "description": "data as JSON in Base64, instead of data",
}
_TIME: dict[str, JsonValue] = {"format": "date-time", "pattern": PATTERN}

Base64 = Annotated[str, Strict(), Field(json_schema_extra=_BASE64)] | None
StrictTime = Annotated[
    str, Strict(), Field(max_length=MAX_LENGTH, json_schema_extra=_TIME), AfterValidator(_check_time)
]
FastTime = Annotated[str, Strict(), Field(min_length=20, max_length=MAX_LENGTH)]

# Only keys repeat often enough for a cache of strings to pay.
_KEYS = ConfigDict(cache_strings="keys")

STRICT: TypeAdapter[Any] = TypeAdapter(
    _union(StrictTime, Base64, BeforeValidator(_with_data), AfterValidator(check_text))
)
FAST: TypeAdapter[Event] = TypeAdapter(_union(FastTime), config=_KEYS)
_CHECKED: TypeAdapter[Event] = TypeAdapter(_union(FastTime, None, AfterValidator(check_text)))

fast = FAST.validator.validate_json
checked = _CHECKED.validator.validate_json


def parse(value: bytes) -> Event:
    """The event in `value`, valid but for `time`, which is only known to be 20 to 256 characters.

    Plain ASCII without escapes can hold neither NUL nor a character of several bytes, so most events
    need no second look at their texts. Raises pydantic ValidationError, and nothing else, for any bytes.
    """
    try:
        event = fast(value) if is_plain(value) else checked(value)
    except ValidationError as error:
        event = second_look(value, error)
    event.pop("data_base64", None)  # null is the same as absent
    return event


def second_look(value: bytes, error: ValidationError) -> Event:
    """The event in what FAST refused: one with a byte order mark or `data_base64`. Raises ValidationError."""
    try:
        again = plain(value)
    except PydanticCustomError as refused:
        details = InitErrorDetails(type=refused, loc=(), input=value)
        raise ValidationError.from_exception_data("event", [details]) from None
    if again is value:
        raise error
    return checked(again)


def is_plain(value: bytes) -> bool:
    """Whether FAST alone will do: ASCII without escapes, so without NUL and with a byte per character."""
    return value.isascii() and b"\\" not in value
