"""Text files that may be gzip, read and written so that a user gets one line when something is wrong."""

import gzip
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agents.config.errors import UserError

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, with their ends; gzip is told by its first bytes, not by the name.

    Raises UserError when the file can't be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            if zipped:
                with gzip.GzipFile(fileobj=raw) as file:
                    yield from file
            else:
                yield from raw
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise UserError(f"{path} is damaged or truncated: get a new copy") from None
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from None


@contextmanager
def writer(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """A function that writes bytes to the file, or to stdout for None; gzip when the name ends in .gz.

    The file is there when all is written, and not before: after an error, what was there stays. The
    same bytes make the same gzip file. Raises UserError when it can't be written.
    """
    if path is None:
        yield sys.stdout.buffer.write
        sys.stdout.flush()
        return
    with replacing(path) as raw:
        yield from _writes(raw, path)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to, which is at `path` when all is written, and not before.

    Raises UserError when it can't be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        raw = part.open("wb")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
    try:
        with raw:
            yield raw
        part.replace(path)
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _writes(raw: IO[bytes], path: Path) -> Iterator[Callable[[bytes], object]]:
    if path.suffix != ".gz":
        yield raw.write
        return
    with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as file:
        yield file.write
