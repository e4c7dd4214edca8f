"""Scores as columns, for spreadsheets and data frames: CSV and Parquet.

Columns: the day, if there are several; member, score, the four pillars, then the components of the rubric in its
order. Points are exact decimals with two places, or floating point; a penalty is what it took off, 0 or negative. A
pillar is the sum of its components.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from agents.offline.engine import ScoreTable
from agents.screens.visible import printable
from pipeline.common.days import calendar
from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric

Numbers = Literal["decimal", "float"]
Part = tuple[ScoreTable, Sequence[int]]
"""Scores as of a day, and which of their rows are written, in this order."""
_TYPES: dict[Numbers, pa.DataType] = {"decimal": pa.decimal128(5, 2), "float": pa.float64()}
_AT_ONCE = 1 << 16
_FORMULA = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Form:
    """What columns there are: of scores as of `day`, or as of each day from `first` to `day`; numbers: of points."""

    rubric: Rubric
    day: int
    first: int | None = None
    numbers: Numbers = "decimal"

    def schema(self) -> pa.Schema:
        """The columns; the metadata has the rubric and the days."""
        last = calendar(Day(self.day)).isoformat()
        days = {"as_of": last}
        fields = []
        if self.first is not None:
            days = {"from": calendar(Day(self.first)).isoformat(), "to": last}
            fields.append(pa.field("as_of", pa.date32(), nullable=False))
        about = days | {"rubric": {"name": self.rubric.name, "version": str(self.rubric.version)}}
        fields.append(pa.field("member", pa.string(), nullable=False))
        names = ["score", *map(str, PILLARS)]
        taken = {"as_of", "member", *names}
        names += [f"component-{p.name}" if p.name in taken else p.name for p in self.rubric.components]
        fields += [pa.field(name, _TYPES[self.numbers], nullable=False) for name in names]
        return pa.schema(fields, {"pillarscore": orjson.dumps(about)})

    def points(self, hundredths: np.ndarray) -> pa.Array:
        """Hundredths int64[n] as numbers. A floating-point number is the nearest to the exact one."""
        if self.numbers == "float":
            return pa.array(hundredths / 100, pa.float64())
        return _decimals(hundredths)


def _decimals(hundredths: np.ndarray) -> pa.Array:
    """Hundredths int64[n] as decimals: Arrow has them as integers of 128 bits."""
    wide = np.column_stack([hundredths, hundredths >> 63]).astype("<i8")
    return pa.Array.from_buffers(_TYPES["decimal"], len(hundredths), [None, pa.py_buffer(wide.tobytes())])


def _batches(
    parts: Iterable[Part], form: Form, *, name: Callable[[str], str] = str
) -> Iterator[pa.RecordBatch]:
    """name: how a member is written."""
    columns = form.schema()
    for table, rows in parts:
        for at in range(0, len(rows), _AT_ONCE):
            some = np.array(rows[at : at + _AT_ONCE], np.int64)
            points = np.column_stack(
                [table.score[some], table.pillars[some], table.components[some].astype(np.int64)]
            )
            first = [pa.array([name(table.members[row]) for row in some.tolist()], pa.string())]
            if form.first is not None:
                first.insert(0, pa.array(np.full(len(some), table.day, np.int32)).cast(pa.date32()))
            yield pa.record_batch([*first, *map(form.points, points.T)], columns)


def csv(parts: Iterable[Part], form: Form) -> Iterator[bytes]:
    """The rows as CSV in UTF-8, with a line of names, in pieces; texts are quoted, names can't become formulas."""
    sink = pa.BufferOutputStream()
    with pa.csv.CSVWriter(sink, form.schema()):
        pass
    yield sink.getvalue().to_pybytes()
    for batch in _batches(parts, form, name=harmless):
        sink = pa.BufferOutputStream()
        pa.csv.write_csv(batch, sink, pa.csv.WriteOptions(include_header=False))
        yield sink.getvalue().to_pybytes()


def harmless(text: str) -> str:
    """A text from outside as a cell that no spreadsheet takes for a formula, without control characters.

    What could begin one (also after blanks, and in the wide forms of East Asian scripts) gets an apostrophe
    before it, as OWASP advises; what is not printable becomes its escape. In many countries cells end at semicolons,
    so the same holds after each of these.
    """
    parts = printable(text).split(";")
    starts = (unicodedata.normalize("NFKC", part).lstrip().startswith(_FORMULA) for part in parts)
    return ";".join(f"'{part}" if formula else part for part, formula in zip(parts, starts, strict=True))


class _Pieces:
    """A file that hands on what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep the data until it is taken."""
        self.pieces.append(bytes(data))
        return len(data)

    def take(self) -> list[bytes]:
        """What was written since the last call."""
        taken, self.pieces = self.pieces, []
        return taken

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


def parquet(parts: Iterable[Part], form: Form) -> Iterator[bytes]:
    """The rows as a Parquet file, in pieces."""
    sink = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), form.schema()) as file:
        for batch in _batches(parts, form):
            file.write_batch(batch)
            yield from sink.take()
    yield from sink.take()
