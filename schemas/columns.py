"""Events as columns: the layout of Parquet files, and what each field of `data` must hold.

Both follow from the contract (`schemas.activities`), so a new type or field is here as soon as it is there.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pydantic import TypeAdapter

from schemas.activities import DATA, MAX_BYTES

ATTRIBUTES = ("id", "source", "type", "subject")
"""Columns of text that every file has, beside `time`."""
ENCODED = "data_base64"
"""A column of data as JSON in Base64, in place of `data`."""
COUNTERPARTS = frozenset(
    [
        "author",
        "endorsed",
        "followed",
        "inviter",
        "mentioned",
        "peer",
        "recipient",
        "reported",
        "sender",
        "viewed",
    ]
)
"""Fields of `data` that name a member, who may be credited."""
OPTIONAL = ("data", ENCODED, "specversion")
"""Other columns that an event may have. One of a type for gaps alone (`is_gaps`) is as good as none."""
VERSION = "1.0"
"""What `specversion` is, and is taken for where a file has no such column."""


@dataclass(frozen=True, slots=True)
class Field:
    """What a field of `data` may hold.

    required: null is not enough. text, number, flag (true or false): which kinds of values are taken.
    low, high: bounds of a whole number, or of the bytes of a text. choices: the texts it may be, empty for
    any. parts: the names of the fields of an object, all of them flags that may be null.
    """

    required: bool
    text: bool = False
    number: bool = False
    flag: bool = False
    low: int = 0
    high: int = 0
    choices: frozenset[str] = frozenset()
    parts: tuple[str, ...] = ()

    def arrow(self) -> pa.DataType:
        """The type of its column in the files that we write."""
        if self.parts:
            return pa.struct([pa.field(part, pa.bool_()) for part in self.parts])
        # a number that may be a flag too is written as a number, true as 1: it credits the same
        return pa.string() if self.text else pa.int64() if self.number else pa.bool_()


def _field(schema: dict[str, Any], required: bool, definitions: dict[str, Any]) -> Field:
    """The Field of a JSON Schema as pydantic makes them of the types of the contract; else ValueError."""
    found: dict[str, Any] = {}
    for one in schema.get("anyOf", [schema]):
        if "anyOf" in one:
            inner = _field(one, required, definitions)
            found |= {"number": inner.number, "flag": inner.flag, "low": inner.low, "high": inner.high}
        elif "$ref" in one:
            parts = definitions[one["$ref"].rsplit("/", 1)[1]]["properties"]
            if not all(_field(part, False, {}) == Field(False, flag=True) for part in parts.values()):
                raise ValueError(f"an object with other fields than flags: {one}")
            found["parts"] = tuple(parts)
        elif "enum" in one or "const" in one:
            found |= {
                "text": True,
                "high": MAX_BYTES,
                "choices": frozenset(one.get("enum") or [one["const"]]),
            }
        elif one["type"] == "string":
            found |= {"text": True, "low": one.get("minLength", 0), "high": one["x-max-bytes"]}
        elif one["type"] == "integer":
            found |= {"number": True, "low": one["minimum"], "high": one["maximum"]}
        elif one["type"] == "boolean":
            found["flag"] = True
        elif one["type"] != "null":
            raise ValueError(f"no column can hold {one}")
    return Field(required, **found)


def _fields(data: Any) -> dict[str, Field]:
    schema = TypeAdapter(data).json_schema()
    required = schema.get("required", ())
    definitions = schema.get("$defs", {})
    return {
        name: _field(one, name in required, definitions) for name, one in schema.get("properties", {}).items()
    }


FIELDS: dict[str, dict[str, Field]] = {event_type: _fields(data) for event_type, data in DATA.items()}
"""The fields of `data` by event type and name."""


def _layout() -> pa.Schema:
    columns = {name: pa.string() for name in ATTRIBUTES} | {"time": pa.timestamp("ms", tz="UTC")}
    for event_type, fields in FIELDS.items():
        for name, field in fields.items():
            if columns.setdefault(name, field.arrow()) != field.arrow():
                raise ValueError(f"{event_type}: {name} is of another kind than in the types before")
    return pa.schema([pa.field(name, kind, nullable=name in _DATA) for name, kind in columns.items()])


_DATA = frozenset(name for fields in FIELDS.values() for name in fields)
_PARTS = {name: field.parts for fields in FIELDS.values() for name, field in fields.items() if field.parts}
LAYOUT: pa.Schema = _layout()
"""The columns of the files that we write; times in milliseconds, which is as fine as the score is."""


def is_json(kind: pa.DataType) -> bool:
    """Whether a type is the logical type of JSON text."""
    return isinstance(kind, pa.BaseExtensionType) and kind.extension_name == "arrow.json"


def is_text(kind: pa.DataType) -> bool:
    """Whether a type holds text, dictionary-encoded or not; bytes are taken for text, as old writers mean them."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        is_kind(kind)
        for is_kind in (
            *(pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, is_json),
            *(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view),
        )
    )


def _is_time(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_timestamp(kind))


def check(schema: pa.Schema) -> None:
    """Raise ValueError, whose message says what to do, when files of this schema can't be read as events."""
    names = schema.names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"column {twice[0]} occurs twice")
    missing = [name for name in (*ATTRIBUTES, "time") if name not in names]
    if missing:
        raise ValueError(f"missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}")
    for name in (*ATTRIBUTES, ENCODED, "specversion"):
        if name in OPTIONAL and is_gaps(schema, name):
            continue
        if name in names and not is_text(schema.field(name).type):
            raise ValueError(f"column {name} is {schema.field(name).type}, but must be text")
    time = schema.field("time").type
    if pa.types.is_timestamp(time) and time.tz is None:
        raise ValueError("column time has no zone: write timestamps with a zone, or RFC 3339 text")
    if not _is_time(time) and not is_text(time):
        raise ValueError(f"column time is {time}, but must be timestamps with a zone or RFC 3339 text")
    if _has_data(schema):
        data = schema.field("data").type
        if not pa.types.is_struct(data) and not is_text(data):
            raise ValueError(f"column data is {data}, but must be a struct or JSON text")
    same: dict[tuple[str, ...], str] = {}
    for name, field in places(schema).items():
        if field in same:
            raise ValueError(f"columns {same[field]} and {name} are the same field of data: leave one out")
        same[field] = name


def places(schema: pa.Schema) -> dict[str, tuple[str, ...]]:
    """What the columns of a file that are read hold: an attribute, a field of `data`, or a part of such a field.

    Without a column `data`, fields of it are columns, by their names or by the path to them as data frames are
    flattened: `data.author`, `data_author`, `sections.photo`, `data.sections.photo`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in schema.names:
        if name in OPTIONAL and is_gaps(schema, name):
            continue
        if name in (*ATTRIBUTES, ENCODED, "specversion", "time"):
            found[name] = (name,)
        elif _has_data(schema):
            if name == "data":
                found[name] = (name,)
        elif field := _flattened(name):
            found[name] = field
    return found


def is_gaps(schema: pa.Schema, name: str) -> bool:
    """Whether a column that must be text is of a type for gaps alone: data frames have NaN where nothing is."""
    kind = schema.field(name).type if name in schema.names else None
    return kind is not None and (pa.types.is_null(kind) or pa.types.is_floating(kind))


def _has_data(schema: pa.Schema) -> bool:
    """Whether there is a column `data`, of more than gaps."""
    return "data" in schema.names and not is_gaps(schema, "data")


def _flattened(name: str) -> tuple[str, ...] | None:
    """The path to a field of `data` that a column is named by."""
    for prefix in ("data.", "data_"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    if name in _DATA:
        return (name,)
    for field, parts in _PARTS.items():
        part = name[len(field) + 1 :]
        if name.startswith((f"{field}.", f"{field}_")) and part in parts:
            return (field, part)
    return None
