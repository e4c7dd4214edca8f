"""Files of events of any kind, one after the other: NDJSON (plain or compressed) and Parquet, by their bytes."""

import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from agents.config.errors import UserError
from agents.files.formats import PARQUET_MAGIC
from agents.files.ndjson import STDIN, Batch, Lines
from agents.files.parquet import Columns, Table


class Input(Protocol):
    """Events in batches; a number leads back to its place."""

    def batches(self, number: int = 0) -> Iterator[Batch | Columns]:
        """All events, numbered from `number` on; to be called once."""

    def place(self, number: int) -> str:
        """`file:line`, or `file:row`."""


class Inputs:
    """The events of several files, numbered on from file to file.

    `size` is the bytes there are to read, as stored (None: unknown), `done` those read so far. Raises
    UserError at once when a file can't be opened, and while reading when it is damaged.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if list(paths).count(STDIN) > 1:
            raise UserError("Standard input (-) can be read once only")
        self.parts: list[Lines | Table] = [
            Table(path) if _is_parquet(path) else Lines([path]) for path in paths
        ]
        sizes = [part.size for part in self.parts]
        self.size = None if None in sizes else sum(size or 0 for size in sizes)
        self._starts: list[int] = []

    @property
    def notes(self) -> list[str]:
        """Lines for the user about what was read."""
        return [note for part in self.parts for note in part.notes]

    @property
    def done(self) -> int:
        """Bytes read so far, as stored."""
        return sum(part.done for part in self.parts[: len(self._starts)])

    def place(self, number: int) -> str:
        """`file:line`, or `file:row`, of a number."""
        return self.parts[bisect.bisect_right(self._starts, number) - 1].place(number)

    def batches(self, number: int = 0) -> Iterator[Batch | Columns]:
        """All events, numbered from `number` on; to be called once."""
        for part in self.parts:
            self._starts.append(number)
            yield from part.batches(number)
            number = part.stop


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) == PARQUET_MAGIC
    except OSError:
        return False  # the one who reads it says why it can't be
