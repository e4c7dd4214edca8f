"""Scores in columns, without names: the records of `score.distributions`, from which benchmarks are merged.

Each member partition writes what has changed about its members, by their places (small integers), a few
times a second and in the transaction of the scores themselves. The newest value of a place is the last one
in the topic, whichever record it stands in; so the topic may be compacted, and be read from the beginning:

- `P/rows/N`: the places N * 4096 and following of partition P, all of them. Written again when much of it has
  changed, and when the changes that are not in it get old.
- `P/changes/R/N`: changed places; R counts round to LAPS, and before it comes round all is in `rows`.
- `P/cohorts/N`: the names of the cohorts that rows speak of by numbers, N * 1000 and following.
- `P/head`: written last. What comes before it is valid with it, all at once.

Rows begin again with each `epoch`: the life of one owner of a partition. Places of another epoch mean nothing.
"""

from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

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
_NUMBERS = ("score", "brand", "find", "engage", "relate", "band")


class Head(BaseModel):
    """Describes a partition's rows; written last in each publication."""

    model_config = ConfigDict(frozen=True)

    version: int = VERSION
    partition: int
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
    places: int = Field(description="Number of places, including empty ones.")


@dataclass(slots=True)
class Rows:
    """What places hold now. place: int64[n]; numbers: uint16[n, 6] (score, pillars, band), hundredths.

    cohort: uint32[n, K], numbers of cohorts by kind, 0 for none. epoch: of whom.
    """

    epoch: int
    place: np.ndarray
    numbers: np.ndarray
    cohort: np.ndarray

    def dump(self, kinds: tuple[str, ...]) -> bytes:
        """As a record: an Arrow IPC stream, lz4."""
        columns = {"place": pa.array(self.place.astype(np.uint32))}
        for at, name in enumerate(_NUMBERS):
            columns[name] = pa.array(np.ascontiguousarray(self.numbers[:, at]))
        for at, kind in enumerate(kinds):
            columns[f"cohort:{kind}"] = pa.array(np.ascontiguousarray(self.cohort[:, at]))
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

        Raises ValueError when it is of another version.
        """
        reader = pa.ipc.open_stream(data)
        head = orjson.loads(reader.schema.metadata[b"pillarscore"])
        if head["v"] != VERSION:
            raise ValueError(f"distributions of version {head['v']}; this program reads version {VERSION}")
        batch = reader.read_next_batch()
        n, there = batch.num_rows, set(batch.schema.names)
        numbers = np.empty((n, WIDTH), np.uint16)
        for at, name in enumerate(_NUMBERS):
            numbers[:, at] = batch[name].to_numpy()
        cohort = np.zeros((n, len(kinds)), np.uint32)
        for at, kind in enumerate(kinds):
            if f"cohort:{kind}" in there:
                cohort[:, at] = batch[f"cohort:{kind}"].to_numpy()
        return cls(head["epoch"], batch["place"].to_numpy().astype(np.int64), numbers, cohort)


def dump_names(epoch: int, first: int, names: list[tuple[str, str]]) -> bytes:
    """Names (kind, value) of the cohorts first, first + 1, … of a partition, as a record."""
    return orjson.dumps({"v": VERSION, "epoch": epoch, "first": first, "names": names})


def load_names(data: bytes) -> tuple[int, int, list[tuple[str, str]]]:
    """(epoch, first, names) of such a record; ValueError when it is of another version."""
    read = orjson.loads(data)
    if read["v"] != VERSION:
        raise ValueError(f"distributions of version {read['v']}; this program reads version {VERSION}")
    return read["epoch"], read["first"], [(kind, value) for kind, value in read["names"]]


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
    partition, _, rest = key.decode().partition("/")
    kind = rest.partition("/")[0]
    if kind not in ("head", "rows", "changes", "cohorts"):
        raise ValueError(f"no key of distributions: {key!r}")
    return int(partition), kind
