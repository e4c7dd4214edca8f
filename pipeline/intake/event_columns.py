"""A batch of events as columns: which of them are surely as the contract asks, and the others as JSON."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from pipeline.intake.times import read_times
from pipeline.intake.typed_columns import Column, Text, column, sound
from schemas.cloudevents import BOM
from schemas.columns import ATTRIBUTES, ENCODED, FIELDS, VERSION, Field
from schemas.reasons import FOREIGN
from schemas.times import milliseconds

_ID = Field(True, text=True, low=1)
_VERSION = Field(True, text=True, choices=frozenset({VERSION}))
_TYPES = pa.array(list(FIELDS), pa.string())
_NAMES = frozenset(name for fields in FIELDS.values() for name in fields)
_PARTS = tuple(dict.fromkeys(p for fields in FIELDS.values() for one in fields.values() for p in one.parts))
_FIRST, _LAST = milliseconds("0000-01-01T00:00:00Z"), milliseconds("9999-12-31T23:59:59.999Z")
"""What RFC 3339 can write, in milliseconds since 1970; timestamps beyond count as these."""
_PER_UNIT = {"s": (1000, 1), "ms": (1, 1), "us": (1, 1000), "ns": (1, 1_000_000)}


class EventColumns:
    """A batch of events: their attributes and the columns of their data."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        arrays = dict(zip(batch.schema.names, batch.columns, strict=True))
        self.batch = arrays
        self.all = np.arange(batch.num_rows)
        self.version = Text(arrays["specversion"]) if "specversion" in arrays else None
        self.source, self.subject = Text(arrays["source"]), Text(arrays["subject"])
        self.kind = Text(arrays["type"])
        known = pc.index_in(self.kind.values, _TYPES).fill_null(len(_TYPES)).to_numpy().astype(np.uint8)
        self.type: np.ndarray = np.append(known, np.uint8(len(_TYPES)))[self.kind.at]
        self.id = _plain(arrays["id"])
        self.time, self._timely = _times(arrays["time"])
        encoded = arrays.get(ENCODED)
        self._encoded = None if encoded is None else encoded.is_valid().to_numpy(zero_copy_only=False)
        self.json_data = arrays.get("data")
        fields = arrays
        if self.json_data is not None and pa.types.is_struct(self.json_data.type):
            children = zip(self.json_data.type, self.json_data.flatten(), strict=True)
            fields, self.json_data = {child.name: array for child, array in children}, None
        elif self.json_data is not None:
            fields = {}
        self.fields = {name: array for name, array in fields.items() if name in _NAMES}
        self._dumps = _dumps_floats if any(_has_floats(one.type) for one in self.fields.values()) else _dumps
        self.data = _Lazily(self.fields)

    def good(self) -> np.ndarray:
        """bool[n]: which events surely are as the contract asks, but that their time may be too far ahead."""
        good = self.type < len(_TYPES)
        good &= self._timely
        if self.json_data is not None:
            return np.zeros(len(good), bool)
        good &= sound(self.id.fill_null("")) & (pc.binary_length(self.id).fill_null(0).to_numpy() > 0)
        good &= self.source.fits(_ID, self.all) & self.subject.fits(_ID, self.all)
        if self._encoded is not None:
            good &= ~self._encoded
        if self.version is not None:
            good &= self.version.fits(_VERSION, self.all)
        order = np.argsort(self.type, kind="stable")
        bounds = np.searchsorted(self.type[order], np.arange(len(_TYPES) + 1)).tolist()
        for at, fields in enumerate(FIELDS.values()):
            rows = order[bounds[at] : bounds[at + 1]]
            if not len(rows):
                continue
            for name, field_ in fields.items():
                if name in self.data:
                    good[rows] &= self.data[name].fits(field_, rows)
                elif field_.required:
                    good[rows] = False
        return good

    def moment(self, row: int) -> str:
        """The time of a row as RFC 3339 text, or what stands there instead."""
        if pa.types.is_timestamp(self.batch["time"].type):
            return self._moments(np.array([row]))[0]
        return str(self.batch["time"][row].as_py())

    def _moments(self, rows: np.ndarray) -> list[str]:
        """The times of rows whose time is a timestamp, as text."""
        times = np.datetime_as_string(self.time[rows].astype("datetime64[ms]"))
        return [f"{text}Z" for text in times.tolist()]

    def _times(self, rows: np.ndarray) -> list[str | None]:
        """The times of rows as text, None for null."""
        array = self.batch["time"]
        if not pa.types.is_timestamp(array.type):
            return _python(array, rows)
        there = self._timely[rows].tolist()
        return [text if known else None for text, known in zip(self._moments(rows), there, strict=True)]

    def json(self, rows: np.ndarray) -> list[bytes | tuple[str, str]]:
        """The events of rows as JSON; instead (reason, message) where they can't be written so."""
        arrays = {
            name: self.batch[name] for name in (*ATTRIBUTES, ENCODED, "specversion") if name in self.batch
        }
        attributes: dict[str, list[Any]] = {name: _python(array, rows) for name, array in arrays.items()}
        attributes["time"] = self._times(rows)
        data = {name: _python(array, rows) for name, array in self.fields.items()}
        texts = None if self.json_data is None else _python(self.json_data, rows)
        out: list[bytes | tuple[str, str]] = []
        for k in range(len(rows)):
            event = {"specversion": VERSION} | {name: values[k] for name, values in attributes.items()}
            try:
                head = _dumps({name: value for name, value in event.items() if value is not None})
                if texts is None:
                    known = {name: values[k] for name, values in data.items() if values[k] is not None}
                    body = self._dumps(known) if known or event.get(ENCODED) is None else None
                else:
                    body = _checked(texts[k])
            except ValueError as error:
                out.append(("invalid_json", str(error)))
                continue
            out.append(head if body is None else head[:-1] + b',"data":' + body + b"}")
        return out


class _Lazily(dict[str, Column]):
    """Columns made when they are asked for."""

    def __init__(self, arrays: Mapping[str, pa.Array]) -> None:
        super().__init__()
        self._arrays = arrays

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __missing__(self, name: str) -> Column:
        made = self[name] = column(self._arrays[name], _PARTS)
        return made


class _NoText:
    """A text that is no UTF-8."""


def _python(array: pa.Array, rows: np.ndarray) -> list[Any]:
    some = array.take(pa.array(rows))
    if pa.types.is_dictionary(some.type):
        some = some.cast(some.type.value_type)
    try:
        return some.to_pylist()
    except UnicodeDecodeError:
        return [_value(one) for one in some]


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except UnicodeDecodeError:
        return _NoText()


def _dumps(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=_foreign, option=orjson.OPT_PASSTHROUGH_DATETIME)
    except TypeError as error:  # what `_foreign` raises is its cause
        raise ValueError(str(error.__cause__ or error)) from None


def _dumps_floats(value: Any) -> bytes:
    """The same of what may have NaN in it, which orjson writes as null and our parser reads as NaN."""
    return json.dumps(value, default=_foreign, ensure_ascii=False, separators=(",", ":")).encode()


def _has_floats(kind: pa.DataType) -> bool:
    if pa.types.is_floating(kind):
        return True
    return any(_has_floats(kind.field(at).type) for at in range(kind.num_fields))


def _foreign(value: Any) -> Any:
    """What stands in JSON for a value that it has no form for: an object that no field takes.

    A decimal that is a whole number is one in JSON too.
    """
    if isinstance(value, _NoText):
        raise ValueError("a text is not valid UTF-8")
    if isinstance(value, Decimal):
        if value.is_finite() and value == value.to_integral_value():
            return int(value) if abs(value) < 1 << 63 else float(value)
        return {FOREIGN: str(value)}
    return {FOREIGN: f"{value} ({type(value).__name__})"}


def _checked(text: Any) -> bytes | None:
    """The JSON text as bytes, None for null, or ValueError: it will stand in another JSON as it is."""
    if text is None:
        return None
    if isinstance(text, _NoText):
        raise ValueError("a text is not valid UTF-8")
    raw = str(text).encode().removeprefix(BOM)
    try:
        from_json(raw)
    except ValueError as error:
        raise ValueError(f"data: {error}") from None
    return raw


def _plain(array: pa.Array) -> pa.Array:
    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    return array.cast(pa.string())


def _times(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n] ms since 1970 UTC, bool[n] which are times that the contract takes)."""
    if not pa.types.is_timestamp(array.type):
        texts = _plain(array).fill_null("")
        time, bad = read_times(texts)
        return time, ~bad
    there = array.is_valid().to_numpy(zero_copy_only=False)
    value = array.cast(pa.int64()).fill_null(0).to_numpy()
    times, per = _PER_UNIT[array.type.unit]
    near = np.clip(value // per, _FIRST // times - 1, _LAST // times + 1) * times
    return np.clip(near, _FIRST, _LAST), there
