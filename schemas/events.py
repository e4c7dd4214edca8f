"""The event contract: what upstream may publish to `activity.events`.

Events are CloudEvents 1.0 in JSON. `subject` is the actor, the member who did it; `data` may name a
counterpart, who is credited too. Unknown extra fields are ignored, in the envelope and in `data`; null
is the same as absent, as CloudEvents says of attributes; `data` itself may be absent where nothing in it
is required.

Two adapters are built from the one definition:

- `STRICT` for error messages, documents and tests: `time` is an aware datetime in RFC 3339, every text is
  at most 256 bytes of UTF-8 and free of NUL.
- `FAST` for the hot path: `time` is any text of 20 to 64 characters, and texts are bounded in characters,
  since both are cheaper to check in bulk. `parse` adds the exact check of texts where it can matter,
  so that what it accepts differs from STRICT in `time` alone.

TypedDicts and not models, because they validate about 1.5 times as fast.
"""

import re
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, ConfigDict, Field, Strict, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from schemas.activities import DATA, MAX_BYTES, Id
from schemas.reasons import reason as reason  # reads what the adapters raise


class Event(TypedDict):
    """A valid event as the adapters return it; of `data` only the known fields are kept."""

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: str  # a datetime from STRICT
    data: NotRequired[dict[str, Any] | None]


_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


_TIME_HINT = "Input should be a time in RFC 3339 with offset, such as 2026-11-20T08:30:00+01:00"


def _rfc3339(value: object) -> object:
    """Reject what pydantic takes for a time beyond RFC 3339: epoch numbers, blanks, +0100 as an offset."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise PydanticCustomError(
            "bad_time", "Input should be RFC 3339 with offset, as 2026-11-20T08:30:00+01:00"
        )
    return value


def check_text(value: Any, path: str = "") -> Any:
    """Return `value` when every text in it is at most MAX_BYTES of UTF-8 without NUL.

    Raises PydanticCustomError `too_long` or `nul`, whose context names the field.
    """
    if isinstance(value, str):
        if "\0" in value:
            raise PydanticCustomError("nul", "{field}: text must not contain NUL", {"field": path})
        if len(value.encode()) > MAX_BYTES:
            raise PydanticCustomError(
                "too_long", "{field}: text is over {limit} bytes", {"field": path, "limit": MAX_BYTES}
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            check_text(item, f"{path}.{key}" if path else key)
    return value


def event_class(event_type: str, time: Any) -> Any:
    """The TypedDict of a whole event of one type, with `time` annotated as given."""
    data: Any = DATA[event_type]
    fields: Any = {
        "specversion": Literal["1.0"],
        "id": Id,
        "source": Id,
        "type": Literal[event_type],
        "subject": Id,
        "time": time,
        "data": data if data.__required_keys__ else NotRequired[data | None],
    }
    # The functional form, since the types are made from DATA; mypy knows it with literals alone.
    made: Any = TypedDict(data.__name__ + "Event", fields)  # type: ignore[misc]
    made.__doc__ = data.__doc__
    return made


def _union(time: Any, *extra: Any) -> Any:
    """Any event: discriminated by `type`, so that only the schema of its type is tried."""
    union: Any = Annotated[
        reduce(or_, (event_class(event_type, time) for event_type in DATA)), Field(discriminator="type")
    ]
    for annotation in extra:
        union = Annotated[union, annotation]
    return union


StrictTime = Annotated[AwareDatetime, BeforeValidator(_rfc3339, json_schema_input_type=datetime)]
FastTime = Annotated[str, Strict(), Field(min_length=20, max_length=64)]

# Only keys repeat often enough for a cache of strings to pay.
_KEYS = ConfigDict(cache_strings="keys")

STRICT: TypeAdapter[Any] = TypeAdapter(_union(StrictTime, AfterValidator(check_text)))
FAST: TypeAdapter[Event] = TypeAdapter(_union(FastTime), config=_KEYS)
_CHECKED: TypeAdapter[Event] = TypeAdapter(_union(FastTime, AfterValidator(check_text)))

_fast = FAST.validator.validate_json
_checked = _CHECKED.validator.validate_json


def parse(value: bytes) -> Event:
    """The event in `value`, valid but for `time`, which is only known to be 20 to 64 characters.

    Plain ASCII without escapes can hold neither NUL nor a character of several bytes, so most events
    need no second look at their texts. Raises pydantic ValidationError, and nothing else, for any bytes.
    """
    return _fast(value) if is_plain(value) else _checked(value)


def is_plain(value: bytes) -> bool:
    """Whether FAST alone will do: ASCII without escapes, so without NUL and with a byte per character."""
    return value.isascii() and b"\\" not in value
