"""Scores in columns, without names: the records of `score.distributions`, from which benchmarks are merged.

Each member partition writes what has changed about its members, by their places (small integers), a few
times a second and in the transaction of the scores themselves. The newest value of a place is the last one
in the topic, whichever record it stands in; so the topic may be compacted, and be read from the beginning:

- `P/rows/N`: the places N * 4096 and following of partition P, all of them. Written again when much of it has
  changed, and when the changes that are not in it get old.
- `P/changes/R/N`: changed places; R counts round to LAPS, and before it comes round all is in `rows`.
- `P/cohorts/N`: the names of the cohorts that rows speak of by numbers, N * 1000 and following.
- `P/head`: written last. What comes before it is valid with it, all at once, if it has the head's digest: while
  a topic is compacted, some of what an older head stands for may be gone already.

Rows begin again with each `epoch`: the life of one owner of a partition. Places of another epoch mean nothing.
"""

import re
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from schemas.distribution_digest import row_hashes

VERSION = 1
CHUNK = 4096
"""Places in a record of rows."""
NAMES = 1000
"""Names of cohorts in a record."""
LAPS = 64
"""After how many publications the key of a record of changes is used again."""
GONE = 0xFFFF
"""In place of the score of a member who has none."""
WIDTH = 6
"""Columns of numbers: score, four pillars, band."""
MAX_PLACES = 1 << 24
"""Places that a head may speak of: more is not ours."""
_KEY = re.compile(rb"(\d{1,9})/(?:head|(rows|cohorts|changes)/\d{1,18}(?:/\d{1,18})?)")
_NUMBERS = ("score", "brand", "find", "engage", "relate", "band")


class Head(BaseModel):
    """Describes a partition's rows; written last in each publication."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    partition: int = Field(ge=0)
    epoch: int = Field(
        description="Identifies the owner's time with the partition; places are valid within one epoch only."
    )
    number: int = Field(description="Number of this publication, from 1 in each epoch.")
    sequence: int = Field(description="The newest revision included.")
    day: int = Field(description="As-of day of the newest scores, days since 1970.")
    as_of: int = Field(description="As-of day of the oldest scores; before `day` during a rollover.")
    rubric: str
    rubric_version: str
    kinds: list[str] = Field(description="Registers that define the cohorts.")
    places: int = Field(ge=0, le=MAX_PLACES, description="Number of places, including empty ones.")
    names: int | None = Field(
        None,
        ge=1,
        description="Number of cohorts that rows speak of, 0 included; null in records of older workers.",
    )
    digest: str | None = Field(
        None, description="Of all rows and names up to here, hexadecimal; null in records of older workers."
    )

    @classmethod
    def load(cls, data: bytes) -> "Head":
        """A head from a record; ValueError when it is none, or of another version."""
        head = cls.model_validate_json(data)
        _check_version(head.version)
        return head


@dataclass(slots=True)
class Rows:
    """What places hold now. place: int64[n]; numbers: uint16[n, 6] (score, pillars, band), hundredths.

    cohort: uint32[n, K], numbers of cohorts by kind, 0 for none. epoch: of whom. hashes: uint64[n], see `row_hashes`.
    """

    epoch: int
    place: np.ndarray
    numbers: np.ndarray
    cohort: np.ndarray
    hashes: np.ndarray

    @classmethod
    def of(
        cls, epoch: int, place: np.ndarray, numbers: np.ndarray, *, cohort: np.ndarray, kinds: tuple[str, ...]
    ) -> "Rows":
        """Rows to be written; kinds: of the columns of `cohort`."""
        columns = {name: numbers[:, at] for at, name in enumerate(_NUMBERS)}
        columns |= {_column(kind): cohort[:, at] for at, kind in enumerate(kinds)}
        return cls(epoch, place, numbers, cohort, row_hashes(place, columns, numbers[:, 0] == GONE))

    def dump(self, kinds: tuple[str, ...]) -> bytes:
        """As a record: an Arrow IPC stream, lz4."""
        columns = {"place": pa.array(self.place.astype(np.uint32))}
        for at, name in enumerate(_NUMBERS):
            columns[name] = pa.array(np.ascontiguousarray(self.numbers[:, at]))
        for at, kind in enumerate(kinds):
            columns[_column(kind)] = pa.array(np.ascontiguousarray(self.cohort[:, at]))
        batch = pa.record_batch(columns)
        head = orjson.dumps({"v": VERSION, "epoch": self.epoch})
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        schema = batch.schema.with_metadata({b"pillarscore": head})
        with pa.ipc.new_stream(sink, schema, options=options) as writer:
            writer.write_batch(batch)
        return sink.getvalue().to_pybytes()

    @classmethod
    def load(cls, data: bytes, kinds: tuple[str, ...]) -> "Rows":
        """What `dump` dumped, with the cohorts of these kinds, 0 where the writer has no such kind.

        Raises ValueError when it can't be read, or is of another version.
        """
        try:
            batch, epoch = _batch(data)
            columns = {name: _whole(batch, name) for name in batch.schema.names}
            place = columns.pop("place").astype(np.int64)
            numbers = np.empty((len(place), WIDTH), np.uint16)
            for at, name in enumerate(_NUMBERS):
                numbers[:, at] = columns[name]
        except (pa.ArrowException, LookupError, TypeError, AttributeError, StopIteration) as error:
            raise ValueError(f"these are no rows: {error}") from None
        cohort = np.zeros((len(place), len(kinds)), np.uint32)
        for at, kind in enumerate(kinds):
            if _column(kind) in columns:
                cohort[:, at] = columns[_column(kind)]
        return cls(epoch, place, numbers, cohort, row_hashes(place, columns, numbers[:, 0] == GONE))


def _batch(data: bytes) -> tuple[pa.RecordBatch, int]:
    """The columns of a record, and its epoch."""
    reader = pa.ipc.open_stream(data)
    head = orjson.loads(reader.schema.metadata[b"pillarscore"])
    _check_version(head["v"])
    return reader.read_next_batch(), _number(head["epoch"])


def _whole(batch: pa.RecordBatch, name: str) -> np.ndarray:
    """A column of unsigned numbers; TypeError for any other."""
    column = batch[name]
    if not pa.types.is_unsigned_integer(column.type) or column.null_count:
        raise TypeError(f"column {name} has other values than numbers")
    return column.to_numpy()


def _column(kind: str) -> str:
    return f"cohort:{kind}"


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("a number was expected")
    return value


def _check_version(version: object) -> None:
    if version != VERSION:
        raise ValueError(f"distributions of version {version}; this program reads version {VERSION}")


def dump_names(epoch: int, first: int, names: list[tuple[str, str]]) -> bytes:
    """Names (kind, value) of the cohorts first, first + 1, … of a partition, as a record."""
    return orjson.dumps({"v": VERSION, "epoch": epoch, "first": first, "names": names})


def load_names(data: bytes) -> tuple[int, int, list[tuple[str, str]]]:
    """(epoch, first, names) of such a record; ValueError when it can't be read, or is of another version."""
    read = orjson.loads(data)
    try:
        _check_version(read["v"])
        epoch, first = _number(read["epoch"]), _number(read["first"])
        names = [(str(kind), str(value)) for kind, value in read["names"]]
    except (LookupError, TypeError) as error:
        raise ValueError(f"these are no names of cohorts: {error}") from None
    if first < 0:
        raise ValueError("these are no names of cohorts: they begin below 0")
    return epoch, first, names


def head_key(partition: int) -> bytes:
    """The key of a partition's head."""
    return b"%d/head" % partition


def rows_key(partition: int, chunk: int) -> bytes:
    """The key of the places chunk * 4096 and following."""
    return b"%d/rows/%d" % (partition, chunk)


def changes_key(partition: int, number: int, piece: int) -> bytes:
    """The key of a piece of the changes of a publication."""
    return b"%d/changes/%d/%d" % (partition, number % LAPS, piece)


def names_key(partition: int, chunk: int) -> bytes:
    """The key of the names of cohorts chunk * 1000 and following."""
    return b"%d/cohorts/%d" % (partition, chunk)


def parse_key(key: bytes) -> tuple[int, str]:
    """(partition, which of head, rows, changes, cohorts) of a key; ValueError for any other."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f"no key of distributions: {key[:80]!r}")
    return int(found[1]), (found[2] or b"head").decode()
