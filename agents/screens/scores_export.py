"""Scores as columns, for spreadsheets and data frames: CSV and Parquet.

Columns: member, score, the four pillars, then the components of the rubric in its order. Points are exact
decimals with two places; a penalty is what it took off, 0 or negative. A pillar is the sum of its components.
"""

import unicodedata
from collections.abc import Callable, Iterator, Sequence

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

POINTS = pa.decimal128(5, 2)
_AT_ONCE = 1 << 16
_FORMULA = ("=", "+", "-", "@")


def schema(rubric: Rubric, day: int) -> pa.Schema:
    """The columns; the metadata has rubric and as-of day."""
    about = {
        "as_of": calendar(Day(day)).isoformat(),
        "rubric": {"name": rubric.name, "version": str(rubric.version)},
    }
    names = ["score", *map(str, PILLARS)]
    taken = {"member", *names}
    names += [f"component-{p.name}" if p.name in taken else p.name for p in rubric.components]
    fields = [pa.field("member", pa.string(), nullable=False)]
    fields += [pa.field(name, POINTS, nullable=False) for name in names]
    return pa.schema(fields, {"pillarscore": orjson.dumps(about)})


def _decimals(hundredths: np.ndarray) -> pa.Array:
    """Hundredths int64[n] as decimals: Arrow has them as integers of 128 bits."""
    wide = np.column_stack([hundredths, hundredths >> 63]).astype("<i8")
    return pa.Array.from_buffers(POINTS, len(hundredths), [None, pa.py_buffer(wide.tobytes())])


def _batches(
    score_table: ScoreTable, rows: Sequence[int], rubric: Rubric, *, name: Callable[[str], str] = str
) -> Iterator[pa.RecordBatch]:
    """name: how a member is written."""
    names = schema(rubric, score_table.day)
    for at in range(0, len(rows), _AT_ONCE):
        part = np.array(rows[at : at + _AT_ONCE], np.int64)
        points = np.column_stack(
            [
                score_table.score[part],
                score_table.pillars[part],
                score_table.components[part].astype(np.int64),
            ]
        )
        members = pa.array([name(score_table.members[row]) for row in part.tolist()], pa.string())
        yield pa.record_batch([members, *map(_decimals, points.T)], names)


def csv(score_table: ScoreTable, rows: Sequence[int], rubric: Rubric) -> Iterator[bytes]:
    """The rows as CSV in UTF-8, with a line of names, in pieces; texts are quoted, names can't become formulas."""
    sink = pa.BufferOutputStream()
    with pa.csv.CSVWriter(sink, schema(rubric, score_table.day)):
        pass
    yield sink.getvalue().to_pybytes()
    for batch in _batches(score_table, rows, rubric, name=harmless):
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


def parquet(score_table: ScoreTable, rows: Sequence[int], rubric: Rubric) -> Iterator[bytes]:
    """The rows as a Parquet file, in pieces."""
    sink = _Pieces()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema(rubric, score_table.day)) as file:
        for batch in _batches(score_table, rows, rubric):
            file.write_batch(batch)
            yield from sink.take()
    yield from sink.take()
