"""A batch of events as columns: which of them are surely as the contract asks, and the others as JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from pydantic_core import from_json

from pipeline.intake.record_intake import milliseconds
from pipeline.intake.typed_columns import Column, Text, column, sound
from schemas.columns import ATTRIBUTES, FIELDS, VERSION, Field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = Field(True, text=True, low=1)
_VERSION = Field(True, text=True, choices=frozenset({VERSION}))
_TYPES = pa.array(list(FIELDS), pa.string())
_NAMES = frozenset(name for fields in FIELDS.values() for name in fields)
_PARTS = tuple(dict.fromkeys(p for fields in FIELDS.values() for one in fields.values() for p in one.parts))
_FARTHEST = (1 << 63) // 1_000_000 - 1
"""Milliseconds since 1970 that a time in RFC 3339 may be away, since it is read in nanoseconds."""
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
        self.json_data = arrays.get("data")
        fields = arrays
        if self.json_data is not None and pa.types.is_struct(self.json_data.type):
            children = zip(self.json_data.type, self.json_data.flatten(), strict=True)
            fields, self.json_data = {child.name: array for child, array in children}, None
        elif self.json_data is not None:
            fields = {}
        self.fields = {name: array for name, array in fields.items() if name in _NAMES}
        self.data = _Lazily(self.fields)

    def good(self) -> np.ndarray:
        """bool[n]: which events surely are as the contract asks, but that their time may be too far ahead."""
        good = self.type < len(_TYPES)
        good &= self._timely
        if self.json_data is not None:
            return np.zeros(len(good), bool)
        good &= sound(self.id.fill_null("")) & (pc.binary_length(self.id).fill_null(0).to_numpy() > 0)
        good &= self.source.fits(_ID, self.all) & self.subject.fits(_ID, self.all)
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
        value = self.batch["time"][row]
        if not pa.types.is_timestamp(value.type):
            return str(value.as_py())
        times, per = _PER_UNIT[value.type.unit]
        try:
            moment = _EPOCH + timedelta(milliseconds=value.value * times // per)
        except OverflowError:
            return f"{value.value} {value.type.unit}"
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _moment(self, row: int) -> str | None:
        return self.moment(row) if self.batch["time"][row].is_valid else None

    def _moments(self, rows: np.ndarray) -> list[str]:
        """The times of rows as text; none at all where some of them must be looked at one by one."""
        if not pa.types.is_timestamp(self.batch["time"].type) or not self._timely[rows].all():
            return []
        times = pa.array(self.time[rows]).cast(pa.timestamp("ms", tz="UTC"))
        texts: list[str] = pc.strftime(times, "%Y-%m-%dT%H:%M:%SZ").to_pylist()
        return texts

    def json(self, rows: np.ndarray) -> list[bytes | tuple[str, str]]:
        """The events of rows as JSON; instead (reason, message) where they can't be written so."""
        arrays = {name: self.batch[name] for name in (*ATTRIBUTES, "specversion") if name in self.batch}
        told: dict[str, list[Any]] = {name: _python(array, rows) for name, array in arrays.items()}
        data = {name: _python(array, rows) for name, array in self.fields.items()}
        texts = None if self.json_data is None else _python(self.json_data, rows)
        times = self._moments(rows)
        out: list[bytes | tuple[str, str]] = []
        for k in range(len(rows)):
            event = {"specversion": VERSION} | {name: values[k] for name, values in told.items()}
            try:
                event["time"] = times[k] if times else self._moment(int(rows[k]))
                head = _dumps({name: value for name, value in event.items() if value is not None})
                if texts is None:
                    known = {name: values[k] for name, values in data.items() if values[k] is not None}
                    body: bytes | None = _dumps(known)
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


def _foreign(value: Any) -> Any:
    """What JSON has no form for: an object, which no field takes."""
    if isinstance(value, _NoText):
        raise ValueError("a text is not valid UTF-8")
    return {"?": type(value).__name__}


def _checked(text: Any) -> bytes | None:
    """The JSON text as bytes, None for null, or ValueError: it will stand in another JSON as it is."""
    if text is None:
        return None
    if isinstance(text, _NoText):
        raise ValueError("a text is not valid UTF-8")
    raw = str(text).encode()
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
        time, bad = milliseconds(texts)
        return time, ~bad
    there = array.is_valid().to_numpy(zero_copy_only=False)
    value = array.cast(pa.int64()).fill_null(0).to_numpy()
    times, per = _PER_UNIT[array.type.unit]
    most = _FARTHEST // times
    near = np.clip(value, -most, most) if per == 1 else value
    time = near * times // per
    return time, there & (near == value) & (np.abs(time) <= _FARTHEST)
