"""Parquet files of events: read in batches of columns, and written from lines.

The layout is in `docs/reference/files.md` and `schemas.columns`. A batch has so many rows at most, whatever
the row groups of the file, so that memory doesn't depend on its size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from agents.config.errors import UserError
from agents.files.ndjson import Lines
from agents.files.rejected import Rejected
from agents.files.text_files import replacing
from pipeline.intake.times import read_times
from schemas.columns import LAYOUT, check, wanted
from schemas.events import Event, parse, reason
from schemas.reasons import time_message

ROWS = 1 << 17
"""Rows of a batch, and of a row group that we write."""
_BUFFER = 1 << 18
_DICTIONARY = 8 << 20
"""Bytes of the dictionary of a row group up to which texts are stored as numbers: all its members, mostly."""


@dataclass(slots=True)
class Columns:
    """Events as columns, those that `schemas.columns.wanted` names; `number` is that of the first."""

    number: int
    events: pa.RecordBatch

    def __len__(self) -> int:
        return int(self.events.num_rows)


class Table:
    """The events of a Parquet file, numbered; `size` and `done` are in bytes.

    Raises UserError at once when the file can't be opened or has other columns, and while reading when it
    is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _told(path):
            self.size = path.stat().st_size
            schema = pq.read_schema(path)
            try:
                check(schema)
            except ValueError as error:
                raise UserError(f"{path}: {error}; see docs/reference/files.md") from None
            self._columns = wanted(schema)
            texts = [
                name for name in self._columns if name not in ("id", "time") and _is_text(schema.field(name))
            ]
            # the buffer reads a column chunk piece by piece, else each would be in memory as a whole
            self._file = pq.ParquetFile(path, read_dictionary=texts, buffer_size=_BUFFER, pre_buffer=False)
        self._first = self.stop = 0

    @property
    def done(self) -> int:
        """The bytes of the rows read so far, about."""
        rows = self._file.metadata.num_rows
        return self.size * (self.stop - self._first) // rows if rows else self.size

    def place(self, number: int) -> str:
        """`file:row` of a number, rows from 1 on."""
        return f"{self.path}:{number - self._first + 1}"

    def batches(self, number: int = 0) -> Iterator[Columns]:
        """All events in batches, numbered from `number` on; to be called once."""
        self._first = self.stop = number
        with _told(self.path), self._file as file:
            for batch in file.iter_batches(ROWS, columns=self._columns):
                at, self.stop = self.stop, self.stop + batch.num_rows
                if batch.num_rows:
                    yield Columns(at, batch)


def _is_text(field: Any) -> bool:
    return bool(pa.types.is_string(field.type) or pa.types.is_large_string(field.type))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What reading may raise, as a line for the user."""
    try:
        yield
    except pa.ArrowException:
        raise UserError(f"{path} is damaged or not Parquet: get a new copy") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or 'it is damaged'}") from None


class Writer:
    """Writes events as a Parquet file of our layout; what is no valid event is left out.

    `written` is how many events are in the file; `dead` are the lines that were none, by reason.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.written = 0
        self.dead: dict[str, Rejected] = {}
        self._events: list[Event] = []
        self._numbers: list[int] = []

    def write(self, lines: Lines) -> Iterator[int]:
        """Write the events of all lines; yields how many lines each batch had."""
        texts = [
            name for name in LAYOUT.names if name != "id" and pa.types.is_string(LAYOUT.field(name).type)
        ]
        with (
            replacing(self.path) as raw,
            pq.ParquetWriter(
                raw, LAYOUT, compression="zstd", use_dictionary=texts, dictionary_pagesize_limit=_DICTIONARY
            ) as file,
        ):
            for batch in lines.batches():
                for number, line in zip(batch.numbers, batch.lines, strict=True):
                    try:
                        self._events.append(parse(line))
                        self._numbers.append(number)
                    except ValidationError as error:
                        self._refuse(*reason(error), lines.place(number))
                while len(self._events) >= ROWS:
                    file.write_table(self._table(ROWS, lines), ROWS)
                yield len(batch)
            file.write_table(self._table(ROWS, lines), ROWS)

    def _refuse(self, reason_: str, message: str, place: str) -> None:
        self.dead.setdefault(reason_, Rejected()).add(1, [(place, message)])

    def _table(self, most: int, lines: Lines) -> pa.Table:
        """The first of the events gathered, as a table; they are gone afterwards."""
        events, self._events = self._events[:most], self._events[most:]
        numbers, self._numbers = self._numbers[:most], self._numbers[most:]
        time, bad = read_times(pa.array([event["time"] for event in events], pa.string()))
        for at in np.flatnonzero(bad).tolist():
            self._refuse("bad_time", time_message(events[at]["time"]), lines.place(numbers[at]))
        good = np.flatnonzero(~bad)
        events = [events[at] for at in good.tolist()]
        self.written += len(events)
        columns: dict[str, Any] = {
            name: [event[name] for event in events] for name in ("id", "source", "type", "subject")
        }
        columns["time"] = pa.array(time[good]).cast(LAYOUT.field("time").type)
        data = [event.get("data") or {} for event in events]
        for field in LAYOUT:
            if field.name not in columns:
                values = [one.get(field.name) for one in data]
                if pa.types.is_integer(field.type):
                    values = [None if value is None else int(value) for value in values]
                columns[field.name] = values
        return pa.table(columns, LAYOUT)
