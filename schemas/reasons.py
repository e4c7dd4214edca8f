"""Why an event is a dead letter: a small closed set of codes, and one line that names the field.

The codes are what alerts and dashboards group by; the message is what the owner of the upstream system
needs to fix it. It quotes at most a few characters of a value, since dead letters are read by many.
"""

from typing import Any, Literal, get_args

from pydantic import ValidationError

from schemas.times import fault

Reason = Literal[
    "no_value",
    "bad_headers",
    "unsupported_format",
    "invalid_json",
    "not_an_object",
    "missing_field",
    "unknown_type",
    "bad_specversion",
    "bad_time",
    "future_time",
    "too_late",
    "not_allowed",
    "too_long",
    "bad_field",
    "bad_batch",
    "internal_error",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""All codes. `reason` gives those that validation can find; a record without value, headers that make no event, a
format that is not read, a time too far ahead or back, and what a source may not publish are found by who reads the
record. `bad_batch`: Kafka's
bytes can't be read; `internal_error`: our own code failed on the record."""

MAX_MESSAGE = 300
_QUOTED = 24
FOREIGN = "(not in JSON)"
"""The only key of an object that stands for a value which JSON has no form for."""

# What pydantic appends to the place of an error for the alternatives of a union.
_ALTERNATIVES = ("bool", "int", "whole", "union")


def quote(value: Any, most: int = _QUOTED) -> str:
    """A short printable form of a value: its first characters, and its length when that is not all of it.

    >>> quote("2026-11-20T08:30:00.1234567890+01:00")
    "'2026-11-20T08:30:00.1234…' (36 characters)"
    """
    if isinstance(value, dict) and value.keys() != {FOREIGN}:
        return "an object"
    if isinstance(value, list):
        return "a list"
    if not isinstance(value, str):
        text = ascii(_printed(value))[1:-1]
        return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
    shown = value[:most]
    while len(ascii(shown)) > most + 2:
        shown = shown[:-1]
    if len(shown) == len(value):
        return ascii(value)
    quoted = ascii(shown)
    return f"{quoted[:-1]}…{quoted[-1]} ({len(value):,} characters)"


def _printed(value: Any) -> str:
    try:
        return str(value[FOREIGN] if isinstance(value, dict) else value)
    except ValueError:  # Python prints no number of more than 4,300 digits
        return "a very long number"


def time_message(value: Any) -> str:
    """The message about a value that is no time, whoever finds it."""
    text = value if isinstance(value, str) else "0" if type(value) in (int, float) else ""
    return line(f"time: {fault(text) or fault('')}, got {quote(value)}")


def reason(error: ValidationError) -> tuple[Reason, str]:
    """The reason code of a failed validation by FAST, STRICT or `parse`, and a line of <= 300 characters.

    Of several errors the first one counts, in the order of the contract's fields.
    """
    errors = error.errors(include_url=False)
    first = errors[0]
    kind, value = first["type"], first["input"]
    if kind.startswith("json_"):
        return "invalid_json", line(first["msg"])
    if kind == "union_tag_not_found" or (kind == "union_tag_invalid" and value.get("type") is None):
        return "missing_field", "type: field required"
    if kind == "union_tag_invalid":
        return "unknown_type", line(f"type: unknown event type {quote(value['type'])}")
    field = _field(first)
    if not field:
        return "not_an_object", f"event should be a JSON object, got {quote(value)}"
    if kind == "missing" or value is None:
        return "missing_field", f"{field}: field required"
    if kind in ("too_long", "nul", "bad_base64"):
        return "too_long" if kind == "too_long" else "bad_field", line(first["msg"])
    if field == "time":
        return "bad_time", time_message(value)
    # a whole number is tried twice; the second time says it all
    messages = (one["msg"] for one in errors if _field(one) == field and one["loc"][-1] != "int")
    wanted = " or ".join(dict.fromkeys(messages)) or first["msg"]
    message = line(f"{field}: {wanted}, got {quote(value)}")
    if kind == "string_too_long":
        return "too_long", message
    return "bad_specversion" if field == "specversion" else "bad_field", message


def _field(error: Any) -> str:
    if "field" in error.get("ctx", {}):
        return str(error["ctx"]["field"])
    return ".".join(part for part in map(str, error["loc"][1:]) if part.split("[")[0] not in _ALTERNATIVES)


def line(text: str) -> str:
    """A message as one line of at most 300 characters."""
    text = " ".join(text.splitlines())
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
