"""Why an event is a dead letter: a small closed set of codes, and one line that names the field.

The codes are what alerts and dashboards group by; the message is what the owner of the upstream system
needs to mend it. It quotes at most a few characters of a value, since dead letters are read by many.
"""

from typing import Any, Literal, get_args

from pydantic import ValidationError

Reason = Literal[
    "no_value",
    "bad_headers",
    "invalid_json",
    "not_an_object",
    "missing_field",
    "unknown_type",
    "bad_specversion",
    "bad_time",
    "future_time",
    "too_long",
    "bad_field",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
"""All codes. `reason` gives those that validation can find; a record without value, headers of binary
mode that make no event, and a time too far ahead are found by who reads the record."""

MAX_MESSAGE = 300
_QUOTED = 24

# What pydantic appends to the place of an error for the alternatives of a union.
_ALTERNATIVES = {"bool", "int", "constrained-int"}


def quote(value: Any) -> str:
    """A short printable form of a value, at most 24 characters and dots."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = ascii(value[:_QUOTED] if isinstance(value, str) else value)
    return text if len(text) <= _QUOTED + 2 else text[: _QUOTED - 1] + "..."


def reason(error: ValidationError) -> tuple[Reason, str]:
    """The reason code of a failed validation by FAST, STRICT or `parse`, and a line of <= 300 characters.

    Of several errors the first one counts, in the order of the contract's fields.
    """
    errors = error.errors(include_url=False)
    first = errors[0]
    kind, value = first["type"], first["input"]
    if kind.startswith("json_"):
        return "invalid_json", _line(first["msg"])
    if kind == "union_tag_not_found" or (kind == "union_tag_invalid" and value.get("type") is None):
        return "missing_field", "type: field required"
    if kind == "union_tag_invalid":
        return "unknown_type", _line(f"type: unknown event type {quote(value['type'])}")
    field = _field(first)
    if not field:
        return "not_an_object", f"event should be a JSON object, got {quote(value)}"
    if kind == "missing" or value is None:
        return "missing_field", f"{field}: field required"
    if kind in ("too_long", "nul"):
        return "too_long" if kind == "too_long" else "bad_field", _line(first["msg"])
    wanted = " or ".join(dict.fromkeys(one["msg"] for one in errors if _field(one) == field))
    line = _line(f"{field}: {wanted}, got {quote(value)}")
    if kind == "string_too_long":
        return "bad_time" if field == "time" else "too_long", line
    if field in ("time", "specversion"):
        return "bad_time" if field == "time" else "bad_specversion", line
    return "bad_field", line


def _field(error: Any) -> str:
    if "field" in error.get("ctx", {}):
        return str(error["ctx"]["field"])
    return ".".join(str(part) for part in error["loc"][1:] if part not in _ALTERNATIVES)


def _line(text: str) -> str:
    return text.replace("\n", " ")[:MAX_MESSAGE]
