"""NDJSON files as batches of lines: events as they were written, not yet judged.

Read in pieces, so that memory doesn't depend on the size of a file; the lines of several files are
numbered on, and a number leads back to file and line. The elements of a JSON array are taken for lines.
"""

import bisect
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.config.errors import UserError
from agents.files import formats
from agents.files.compressed import source
from agents.files.formats import BOM, HEAD, PARQUET_MAGIC
from agents.files.json_arrays import elements

STDIN = Path("-")
PIECE = 1 << 20
LONGEST = 8 << 20
"""Bytes of a line, as the topics take them; what is longer is no file of events."""


@dataclass(slots=True)
class Batch:
    """Lines without their ends, and the running number of each; blank lines are left out. `file`: of which."""

    numbers: list[int]
    lines: list[bytes]
    file: str = ""

    def __len__(self) -> int:
        return len(self.lines)


class Lines:
    """The lines of NDJSON files, plain or compressed (the first bytes decide), `-` for standard input.

    `size` is the bytes there are to read, as stored (None: unknown), `done` those read so far; `stop` is the
    number of the next line; `notes` are lines for the user about what was read. Raises UserError at once when a
    file can't be opened or can't be events, and while reading when it is damaged.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        if list(paths).count(STDIN) > 1:
            raise UserError("Standard input (-) can be read once only")
        self.paths = list(paths)
        self.notes: list[str] = []
        self.size: int | None = 0
        for path in self.paths:
            size = _checked(path)
            self.size = None if size is None or self.size is None else self.size + size
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
        return f"{name_of(path)}:{number - self._starts[at] + 1}"

    def batches(self, number: int = 0) -> Iterator[Batch]:
        """All lines in batches of about a megabyte, numbered from `number` on; to be called once."""
        self.stop = number
        for path in self.paths:
            self._starts.append(self.stop)
            name = name_of(path)
            for lines in self._pieces(path):
                numbers = list(range(self.stop, self.stop + len(lines)))
                self.stop += len(lines)
                if not all(lines) or any(map(bytes.isspace, lines)):
                    kept = [(at, line) for at, line in zip(numbers, lines, strict=True) if line.strip()]
                    numbers, lines = [at for at, _ in kept], [line for _, line in kept]
                if lines:
                    yield Batch(numbers, lines, name)

    def _pieces(self, path: Path) -> Iterator[list[bytes]]:
        """The whole lines of each piece of a file."""
        name = name_of(path)
        with user_errors(path), _opened(path) as raw:
            self._raw = raw
            stream, layers = source(raw, name)
            head = _judged(stream.head(HEAD), name, bool(layers))
            if head.startswith(BOM):
                stream.read(len(BOM))
            piece = b""
            if formats.is_array(head.removeprefix(BOM)):
                piece = yield from elements(stream.read, name, PIECE, longest=LONGEST)
            rest = b""
            while piece := piece or stream.read(PIECE):
                lines = piece.split(b"\n")
                lines[0] = rest + lines[0]
                rest = lines.pop()
                if len(rest) > LONGEST:
                    raise UserError(f"{name} has a line of more than {LONGEST >> 20} MiB: is it NDJSON?")
                if lines:
                    yield _without_marks(lines, piece)
                piece = b""
            if rest:
                yield _without_marks([rest], rest)
            self.notes += [layer.note for layer in layers if layer.note]
            self._earlier, self._raw = self.done, None


def _without_marks(lines: list[bytes], piece: bytes) -> list[bytes]:
    """Lines of a piece, without the byte order marks with which they begin where files were joined."""
    if BOM in piece or lines[0].startswith(BOM):
        return [line.removeprefix(BOM) for line in lines]
    return lines


def _judged(head: bytes, name: str, compressed: bool) -> bytes:
    """The head of a file, unless that says that the file can't be events, or must be read in another way."""
    if head.startswith(PARQUET_MAGIC) and not compressed:
        raise UserError(f"{name} is Parquet: give NDJSON, or give `score` the file by name")
    formats.check(head.removeprefix(BOM), name, compressed)
    return head


def _checked(path: Path) -> int | None:
    """The size of a file that can be opened and may be events; None if it is not known."""
    if path == STDIN:
        return None
    with user_errors(path):
        if not path.is_file():
            if path.is_dir() or not path.exists():
                path.open("rb").close()  # to raise what is wrong
            # a pipe is opened once only, when it is read
            if not os.access(path, os.R_OK):
                raise PermissionError(13, os.strerror(13))
            return None
        with path.open("rb") as raw:
            stream, layers = source(raw, str(path))
            _judged(stream.head(HEAD), str(path), bool(layers))
        return path.stat().st_size


def name_of(path: Path) -> str:
    """A file as messages name it."""
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
def user_errors(path: Path) -> Iterator[None]:
    """What opening and reading a file may raise, as a line for the user."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{name_of(path)} can't be read: {error.strerror}") from None
