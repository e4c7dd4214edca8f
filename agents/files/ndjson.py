"""NDJSON files as batches of lines: events as they were written, not yet judged.

Read in pieces, so that memory doesn't depend on the size of a file; the lines of several files are
numbered on, and a number leads back to file and line.
"""

import bisect
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.config.errors import UserError
from agents.files.text_files import GZIP_MAGIC, PARQUET_MAGIC

STDIN = Path("-")
PIECE = 1 << 20
LONGEST = 8 << 20
"""Bytes of a line, as the topics take them; what is longer is no file of events."""


@dataclass(slots=True)
class Batch:
    """Lines without their ends, and the running number of each; blank lines are left out."""

    numbers: list[int]
    lines: list[bytes]

    def __len__(self) -> int:
        return len(self.lines)


class Lines:
    """The lines of NDJSON files, plain or gzip (told by the first bytes), `-` for standard input.

    `size` is the bytes there are to read, as stored (None: unknown), `done` those read so far; `stop` is the
    number of the next line. Raises UserError at once when a file can't be opened, and while reading when
    it is damaged.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if list(paths).count(STDIN) > 1:
            raise UserError("Standard input (-) can be read once only")
        self.paths = list(paths)
        self.size: int | None = 0
        for path in self.paths:
            if path == STDIN:
                self.size = None
                continue
            with _told(path), path.open("rb"):
                if path.is_file() and self.size is not None:
                    self.size += path.stat().st_size
                else:
                    self.size = None
        self.stop = 0
        self._earlier = 0
        self._raw: Any = None
        self._starts: list[int] = []

    @property
    def done(self) -> int:
        """Bytes read so far, as stored."""
        try:
            return self._earlier + (self._raw.tell() if self._raw is not None else 0)
        except (OSError, ValueError):
            return self._earlier

    def place(self, number: int) -> str:
        """`file:line` of a running number."""
        at = bisect.bisect_right(self._starts, number) - 1
        path = self.paths[at]
        return f"{_name(path)}:{number - self._starts[at] + 1}"

    def batches(self, number: int = 0) -> Iterator[Batch]:
        """All lines in batches of about a megabyte, numbered from `number` on; to be called once."""
        self.stop = number
        for path in self.paths:
            self._starts.append(self.stop)
            for lines in self._pieces(path):
                numbers = list(range(self.stop, self.stop + len(lines)))
                self.stop += len(lines)
                if not all(lines) or any(map(bytes.isspace, lines)):
                    kept = [(at, line) for at, line in zip(numbers, lines, strict=True) if line.strip()]
                    numbers, lines = [at for at, _ in kept], [line for _, line in kept]
                if lines:
                    yield Batch(numbers, lines)

    def _pieces(self, path: Path) -> Iterator[list[bytes]]:
        """The whole lines of each piece of a file."""
        rest = b""
        with _told(path), _opened(path) as raw:
            self._raw = raw
            start = raw.peek(4)
            if start[:4] == PARQUET_MAGIC:
                raise UserError(f"{_name(path)} is Parquet: give NDJSON, or give `score` the file by name")
            zipped = start[:2] == GZIP_MAGIC
            stream: Any = gzip.GzipFile(fileobj=raw) if zipped else raw
            while piece := stream.read(PIECE):
                lines = piece.split(b"\n")
                lines[0] = rest + lines[0]
                rest = lines.pop()
                if len(rest) > LONGEST:
                    raise UserError(f"{path} has a line of more than {LONGEST >> 20} MiB: is it NDJSON?")
                if lines:
                    yield lines
            if rest:
                yield [rest]
            self._earlier, self._raw = self.done, None


def _name(path: Path) -> str:
    return "stdin" if path == STDIN else str(path)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file, closed at the end; standard input stays open."""
    if path != STDIN:
        with path.open("rb") as file:
            yield file
        return
    stdin = io.BufferedReader(sys.stdin.buffer)  # type: ignore[type-var]
    try:
        yield stdin
    finally:
        stdin.detach()


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What reading may raise, as a line for the user."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is damaged or truncated: get a new copy") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None
