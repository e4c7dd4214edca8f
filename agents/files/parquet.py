"""Parquet files of events: read in batches of columns, and written from lines.

The layout is in `docs/reference/files.md` and `schemas.columns`. A batch has so many rows at most, whatever
the row groups of the file, so that memory doesn't depend on its size.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from agents.config.errors import UserError
from agents.files.layouts import Layout
from agents.files.ndjson import Batch, Lines
from agents.files.rejected import FileCounts, Rejected, Sink
from agents.files.text_files import replacing
from pipeline.intake.times import read_times
from schemas.cloudevents import explained
from schemas.columns import LAYOUT
from schemas.events import Event, parse, reason
from schemas.reasons import time_message

ROWS = 1 << 17
"""Rows of a batch, and of a row group that we write."""
_BUFFER = 1 << 18
_DICTIONARY = 8 << 20
"""Bytes of the dictionary of a row group up to which texts are stored as numbers: all its members, mostly."""


@dataclass(slots=True)
class Columns:
    """Events as columns, those that `schemas.columns.places` names; `number` is that of the first."""

    number: int
    events: pa.RecordBatch
    file: str = ""

    def __len__(self) -> int:
        return int(self.events.num_rows)


class Table:
    """The events of a Parquet file, numbered; `size` and `done` are in bytes.

    Raises UserError at once when the file can't be opened or has other columns, and while reading when it
    is damaged or has numbers where gaps were to be expected.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        with _user_errors(path):
            self.size = path.stat().st_size
            schema = pq.read_schema(path)
            try:
                self._layout = Layout(schema)
            except UnicodeDecodeError:  # a name of a column
                raise
            except ValueError as error:
                raise UserError(f"{path}: {error}; see docs/reference/files.md") from None
            # the buffer reads a column chunk piece by piece, else each would be in memory as a whole
            self._file = pq.ParquetFile(
                path, read_dictionary=self._layout.dictionaries, buffer_size=_BUFFER, pre_buffer=False
            )
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
        with _user_errors(self.path), self._file as file:
            for batch in file.iter_batches(ROWS, columns=self._layout.columns):
                at, self.stop = self.stop, self.stop + batch.num_rows
                if misfit := self._layout.misfit(batch):
                    raise UserError(f"{self.path}: {misfit}; see docs/reference/files.md")
                if batch.num_rows:
                    yield Columns(at, self._layout.batch(batch), str(self.path))


@contextmanager
def _user_errors(path: Path) -> Iterator[None]:
    """What reading may raise, as a line for the user."""
    try:
        yield
    except pa.ArrowNotImplementedError as error:
        (line, *_) = str(error).splitlines() or [""]
        raise UserError(f"{path} can't be read: {line[:200]}: write it in another way") from None
    except (pa.ArrowException, UnicodeDecodeError):
        raise UserError(f"{path} is damaged or not Parquet: get a new copy") from None
    except OSError as error:
        why = (
            f"can't be read: {error.strerror}"
            if error.strerror
            else "is damaged or not Parquet: get a new copy"
        )
        raise UserError(f"{path} {why}") from None


class Writer:
    """Writes events as a Parquet file of our layout; what is no valid event is left out.

    `written` is how many events are in the file; `dead` are the lines that were none, by reason. rejected: gets
    each of these.
    """

    def __init__(self, path: Path, rejected: Sink | None = None) -> None:
        self.path = path
        self.written = 0
        self.dead: dict[str, Rejected] = {}
        self._files = FileCounts()
        self._rejected = rejected
        self._events: list[Event] = []
        self._times: list[int] = []

    def write(self, lines: Lines) -> Iterator[int]:
        """Write the events of all lines; yields how many lines each batch had.

        Raises NoEventsError, and leaves the file as it was, when no line of one of the files was an event.
        """
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
                self._gather(batch, lines)
                while len(self._events) >= ROWS:
                    file.write_table(self._table(ROWS), ROWS)
                yield len(batch)
            file.write_table(self._table(ROWS), ROWS)
            self._files.require_events()

    def _gather(self, batch: Batch, lines: Lines) -> None:
        """Keep the events of a batch, and refuse its other lines."""
        self._files.read(batch.file, len(batch))
        bad: dict[int, tuple[str, str]] = {}
        events: list[tuple[int, Event]] = []
        for at, line in enumerate(batch.lines):
            try:
                events.append((at, parse(line)))
            except ValidationError as error:
                bad[at] = explained((), line, reason(error))
        times, wrong = read_times(pa.array([event["time"] for _, event in events], pa.string()))
        for (at, event), time, no_time in zip(events, times.tolist(), wrong.tolist(), strict=True):
            if no_time:
                bad[at] = "bad_time", time_message(event["time"])
            else:
                self._events.append(event)
                self._times.append(time)
        for at, (reason_, message) in sorted(bad.items()):
            place = lines.place(batch.numbers[at])
            self.dead.setdefault(reason_, Rejected()).add(1, [(place, message)])
            self._files.rejected(batch.file, reason_, 1, [(place, message)])
            if self._rejected is not None:
                self._rejected(place, reason_, message, batch.lines[at])

    def _table(self, most: int) -> pa.Table:
        """The first of the events gathered, as a table; they are gone afterwards."""
        events, self._events = self._events[:most], self._events[most:]
        times, self._times = self._times[:most], self._times[most:]
        self.written += len(events)
        columns: dict[str, Any] = {
            name: [event[name] for event in events] for name in ("id", "source", "type", "subject")
        }
        columns["time"] = pa.array(times, pa.int64()).cast(LAYOUT.field("time").type)
        data = [event.get("data") or {} for event in events]
        for field in LAYOUT:
            if field.name not in columns:
                values = [one.get(field.name) for one in data]
                if pa.types.is_integer(field.type):
                    values = [None if value is None else int(value) for value in values]
                columns[field.name] = values
        return pa.table(columns, LAYOUT)
