"""Text files that may be compressed, read and written so that a user gets one line when something is wrong."""

import gzip
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from agents.config.errors import UserError
from agents.files.compressed import source
from agents.files.formats import BOM

_PIECE = 1 << 20


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, with their ends; compression is recognised by the first bytes, not by the name.

    Raises UserError when the file can't be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            stream, _ = source(raw, str(path))
            if stream.head(len(BOM)) == BOM:
                stream.read(len(BOM))
            rest = b""
            while piece := stream.read(_PIECE):
                *lines, rest = (rest + piece).split(b"\n")
                for line in lines:
                    yield line + b"\n"
            if rest:
                yield rest
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

    What is no regular file, such as a pipe or /dev/null, is written to as it is. A file that is there keeps its
    permissions, and a link stays a link. Raises UserError when it can't be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as raw:
                yield raw
            return
        target = path.resolve()
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        raw = part.open("wb")
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror}") from None
    try:
        with raw:
            yield raw
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
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
