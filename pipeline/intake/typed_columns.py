"""The columns of a batch of events: which rows of them hold what the contract asks, and which rows are alike.

A column answers for many rows at once. It never accepts what `schemas.events` would refuse; what it can't
judge it doesn't accept, and such a row is read again by the contract itself.
"""

from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.activities import MAX_BYTES
from schemas.columns import Field


class Column(Protocol):
    """A field of n events; rows are int64[k], indices into them."""

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """bool[k]: which rows surely hold a value of the field, null where none is required."""

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """(int64[k] that are equal where the values are, one more than the largest)."""

    def value(self, row: int) -> Any:
        """The value in a row, None for null."""


def sound(texts: pa.Array) -> np.ndarray:
    """bool[k]: which of k texts without nulls are UTF-8 of at most 256 bytes without NUL."""
    good = pc.binary_length(texts).to_numpy() <= MAX_BYTES
    data = texts.buffers()[2]
    if data is not None and (np.frombuffer(data, np.uint8) == 0).any():
        good &= pc.find_substring(texts.cast(pa.binary()), b"\0").to_numpy() < 0
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        for at, raw in enumerate(texts.cast(pa.binary()).to_pylist()):
            good[at] &= _is_utf8(raw)
    return good


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


class Text:
    """A column of text, dictionary-encoded. `at` int32[n] is an index into `values`, -1 for null."""

    def __init__(self, array: pa.Array) -> None:
        if pa.types.is_dictionary(array.type) and array.dictionary.null_count:
            array = array.cast(array.type.value_type)
        if not pa.types.is_dictionary(array.type):
            array = array.cast(pa.string()).dictionary_encode()
        self.values = array.dictionary.cast(pa.string())
        indices = array.indices
        if indices.null_count:
            indices = indices.cast(pa.int32()).fill_null(-1)
        self.at = indices.to_numpy().astype(np.int32, copy=False)
        self._sound: np.ndarray | None = None

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """See Column."""
        if not field.text:
            return (self.at[rows] < 0) & (not field.required)
        if self._sound is None:
            self._sound = sound(self.values)
        good = self._sound
        if field.choices:
            good = good & pc.is_in(self.values, pa.array(sorted(field.choices))).to_numpy(
                zero_copy_only=False
            )
        elif field.low:
            good = good & (pc.binary_length(self.values).to_numpy() >= field.low)
        if field.high < MAX_BYTES:
            good = good & (pc.binary_length(self.values).to_numpy() <= field.high)
        # the last place is that of null
        return np.append(good, not field.required)[self.at[rows]]

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """See Column."""
        return self.at[rows].astype(np.int64) + 1, len(self.values) + 1

    def value(self, row: int) -> Any:
        """See Column."""
        at = int(self.at[row])
        return None if at < 0 else self.values[at].as_py()

    def plain(self, rows: np.ndarray) -> pa.Array:
        """The texts of rows that are not null."""
        return self.values.take(pa.array(self.at[rows]))


_EXACT = 1 << 53
"""Up to here floats have every whole number."""


class Number:
    """A column of numbers; those that are not whole, or larger than any field takes, fit nowhere."""

    def __init__(self, array: pa.Array) -> None:
        self.there = array.is_valid().to_numpy(zero_copy_only=False)
        if pa.types.is_integer(array.type) and array.type != pa.uint64():
            self.number = array.cast(pa.int64()).fill_null(0).to_numpy()
            self.whole: np.ndarray | None = None
        else:
            number = array.cast(pa.float64(), safe=False).fill_null(0).to_numpy(zero_copy_only=False)
            with np.errstate(invalid="ignore"):
                self.whole = (np.floor(number) == number) & (np.abs(number) < _EXACT)
            if pa.types.is_decimal(array.type) and array.type.scale > 0:
                # a float has fewer digits than a decimal
                self.whole &= pc.equal(pc.floor(array), array).fill_null(False).to_numpy(zero_copy_only=False)
            self.number = np.where(self.whole, number, 0).astype(np.int64)

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """See Column."""
        there = self.there[rows]
        if not field.number:
            return ~there & (not field.required)
        number = self.number[rows]
        good = (number >= field.low) & (number <= field.high)
        if self.whole is not None:
            good &= self.whole[rows]
        return np.where(there, good, not field.required)

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """See Column. The values must be of a field's range, so that no difference overflows."""
        number, there = self.number[rows], self.there[rows]
        low = int(number.min(initial=0))
        return (number - low + 1) * there, int(number.max(initial=0)) - low + 2

    def value(self, row: int) -> Any:
        """See Column."""
        return int(self.number[row]) if self.there[row] else None


class Flag:
    """A column of true and false."""

    def __init__(self, array: pa.Array) -> None:
        there = array.is_valid().to_numpy(zero_copy_only=False)
        self.code = there * (1 + array.fill_null(False).to_numpy(zero_copy_only=False).astype(np.int64))

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """See Column."""
        null = self.code[rows] == 0
        return ~null | (not field.required) if field.flag else null & (not field.required)

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """See Column."""
        return self.code[rows], 3

    def value(self, row: int) -> Any:
        """See Column."""
        return (None, False, True)[self.code[row]]


class Flags:
    """A column of objects whose fields are flags; fields of other kinds than the contract's are no matter."""

    def __init__(self, array: pa.Array, parts: tuple[str, ...]) -> None:
        self.there = array.is_valid().to_numpy(zero_copy_only=False)
        known = {field.name: child for field, child in zip(array.type, array.flatten(), strict=True)}
        self.parts = {part: column(known[part]) for part in parts if part in known}

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """See Column."""
        there = self.there[rows]
        if not field.parts:
            return ~there & (not field.required)
        good = there | (not field.required)
        for part in self.parts.values():
            good &= part.fits(_PART, rows)
        return good

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """See Column."""
        code, size = self.there[rows].astype(np.int64), 2
        for part in self.parts.values():
            more, width = part.codes(rows)
            code, size = code * width + more, size * width
        return code, size

    def value(self, row: int) -> Any:
        """See Column."""
        if not self.there[row]:
            return None
        return {name: part.value(row) for name, part in self.parts.items()}


_PART = Field(False, flag=True)


class Other:
    """A column of values that no field takes; only its nulls fit."""

    def __init__(self, array: pa.Array) -> None:
        self.null = ~array.is_valid().to_numpy(zero_copy_only=False)

    def fits(self, field: Field, rows: np.ndarray) -> np.ndarray:
        """See Column."""
        return self.null[rows] & (not field.required)

    def codes(self, rows: np.ndarray) -> tuple[np.ndarray, int]:
        """See Column. All rows that fit are null."""
        return np.zeros(len(rows), np.int64), 1

    def value(self, row: int) -> Any:
        """See Column."""
        return None


def column(array: pa.Array, parts: tuple[str, ...] = ()) -> Column:
    """The column of an Arrow array; parts: names of the fields to look for in an object."""
    kind = array.type
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return Text(array)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return Number(array)
    if pa.types.is_decimal(kind):
        small = kind.bit_width < 128  # Arrow can't round these
        return Number(array.cast(pa.decimal128(kind.precision, kind.scale)) if small else array)
    if pa.types.is_boolean(kind):
        return Flag(array)
    if pa.types.is_struct(kind) and parts:
        return Flags(array, parts)
    return Other(array)
