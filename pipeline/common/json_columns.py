"""Texts of many records at once: columns of pieces, which Arrow puts together.

It takes half as long as a loop that formats them one by one; below two or three hundred it takes longer.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId

Piece = Any
"""A text for each record, pa.BinaryArray[n], or the same for all, bytes."""
# called as they are: what pyarrow wraps about them takes as long as they do for a few dozen records
_TAKE, _TAKE_OPTIONS = pc.get_function("array_take"), pc.TakeOptions()
_JOIN, _JOIN_OPTIONS = pc.get_function("binary_join_element_wise"), pc.JoinOptions()
_CAST, _CAST_OPTIONS = pc.get_function("cast"), pc.CastOptions(pa.string())
_LIST = pc.get_function("binary_join")
_SCALARS = 256


def _text(hundredths: int) -> bytes:
    return b"%b%d.%02d" % (b"-" if hundredths < 0 else b"", *divmod(abs(hundredths), 100))


TEXTS = [_text(hundredths) for hundredths in range(-10_000, 10_001)]
"""Hundredths as JSON numbers of points; `TEXTS[hundredths + ZERO]`."""
ZERO = 10_000
NULL = -ZERO - 1
"""Of `Table.changes`, where there is no number."""


class Table:
    """A text for each whole number from `first` on."""

    def __init__(self, texts: Sequence[bytes], first: int = 0) -> None:
        self._texts = pa.array(texts, pa.binary())
        self._first = first

    @classmethod
    def hundredths(cls, before: bytes, after: bytes = b"") -> "Table":
        """0 to 100 points in hundredths as JSON numbers, with something before and after."""
        return cls([before + text + after for text in TEXTS[ZERO:]])

    @classmethod
    def changes(cls, before: bytes = b"") -> "Table":
        """-100 to 100 points in hundredths as JSON numbers, with something before; null for NULL."""
        return cls([before + text for text in (b"null", *TEXTS)], NULL)

    def of(self, numbers: np.ndarray) -> pa.BinaryArray:
        """The texts of int[n]; IndexError for a number that has none."""
        which = numbers - self._first if self._first else numbers
        return _TAKE.call([self._texts, pa.array(which)], _TAKE_OPTIONS)


def joined(*pieces: Piece) -> pa.BinaryArray:
    """The pieces of each record one behind the other; one of them at least is an array.

    Raises pa.ArrowCapacityError when all together are over 2 GB; what a commit brings is a tenth of that.
    """
    texts = [_scalar(piece) if isinstance(piece, bytes) else piece for piece in pieces]
    return _JOIN.call([*texts, _scalar(b"")], _JOIN_OPTIONS)


@lru_cache(_SCALARS)
def _scalar(text: bytes) -> Any:
    return pa.scalar(text, pa.binary())


def listed(texts: pa.BinaryArray, sizes: np.ndarray) -> pa.BinaryArray:
    """Texts with commas between them: the first sizes[0] of them, then sizes[1], and so on."""
    ends = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=ends[1:])
    return _LIST.call([pa.ListArray.from_arrays(pa.array(ends), texts), _scalar(b",")])


def whole(numbers: np.ndarray) -> pa.BinaryArray:
    """Whole numbers, int64[n], in decimal."""
    return _CAST.call([pa.array(numbers)], _CAST_OPTIONS).view(pa.binary())


def plain(names: Sequence[str]) -> pa.BinaryArray:
    """Names as they are, in UTF-8."""
    return pa.array(names, pa.string()).view(pa.binary())


def escaped(names: Sequence[str], plain: pa.BinaryArray) -> pa.BinaryArray:
    """Names as the insides of JSON strings; plain: the same as they are."""
    if b"\\" not in orjson.dumps(names):
        return plain
    return pa.array([orjson.dumps(name)[1:-1] for name in names], pa.binary())


def records(keys: pa.BinaryArray, values: pa.BinaryArray) -> list[KeyedRecord]:
    """(key, value) of each."""
    return list(zip(keys.to_pylist(), values.to_pylist(), strict=True))


def rubric_json(rubric: RubricId) -> bytes:
    """The end of a record: which rubric it is by."""
    return b'"rubric":{"name":%b,"version":%b}}' % (orjson.dumps(rubric.name), orjson.dumps(rubric.version))
