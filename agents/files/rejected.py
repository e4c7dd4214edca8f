"""What was wrong with the events of files: how many by reason, where the first are, and all of them in a file."""

import base64
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from agents.config.errors import NoEventsError
from agents.files.text_files import writer

PLACES = 3
"""How many of a reason are shown."""
_EVENTS = frozenset({"future_time", "too_late", "not_allowed", "outside_window"})
"""Reasons of what is an event all the same, of another time or of a source that may not publish it."""

Sink = Callable[[str, str, str, bytes | None], object]
"""Takes a rejected line or row: its place (`file:line`), reason, message, and the line (None for a row)."""


@dataclass(slots=True)
class Rejected:
    """Dead letters of one reason: how many, and of the first few `file:line` and what is wrong."""

    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, count: int, shown: Iterable[tuple[str, str]]) -> None:
        """Count more, of which some are shown: (place, message)."""
        self.count += count
        self.first += islice(shown, PLACES - len(self.first))


@dataclass(slots=True)
class _File:
    read: int = 0
    no_events: int = 0
    first: str = ""


class FileCounts:
    """How many lines each file had, and how many of them were no events."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def read(self, file: str, count: int) -> None:
        """Count lines, or rows, of a file."""
        self._files.setdefault(file, _File()).read += count

    def rejected(self, file: str, reason: str, count: int, shown: Iterable[tuple[str, str]]) -> None:  # noqa: PLR0917
        """Count those that are dead letters, of which some are shown: (place, message)."""
        if reason in _EVENTS:
            return
        counts = self._files.setdefault(file, _File())
        counts.no_events += count
        for place, message in islice(shown, 0 if counts.first else 1):
            counts.first = f"{place}: {message}"

    def require_events(self) -> None:
        """Raise NoEventsError when there is a file none of whose lines was an event; an empty file is none."""
        for name, counts in self._files.items():
            if counts.read == counts.no_events > 0:
                raise NoEventsError(
                    f"{name} contains no events: its {counts.read:,} lines were rejected, such as {counts.first}"
                )


@contextmanager
def rejected_file(path: Path | None) -> Iterator[Sink | None]:
    """A sink that writes NDJSON to the file, gzip when its name ends in .gz; None for None.

    A record has `file`, `number` (of the line, the element or the row, from 1 on), `reason` and `message`; `line` is
    the line itself, or `line_base64` when it is not UTF-8. Raises UserError when the file can't be written.
    """
    if path is None:
        yield None
        return
    refused: NoEventsError | None = None
    with writer(path) as write:

        def sink(place: str, reason: str, message: str, line: bytes | None) -> None:  # noqa: PLR0917
            file, _, number = place.rpartition(":")
            # a file's name need not be UTF-8
            named = file.encode("utf-8", "backslashreplace").decode()
            record: dict[str, object] = {
                "file": named,
                "number": int(number),
                "reason": reason,
                "message": message,
            }
            if line is not None:
                try:
                    record["line"] = line.decode()
                except UnicodeDecodeError:
                    record["line_base64"] = base64.b64encode(line).decode()
            write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

        try:
            yield sink
        except NoEventsError as error:  # what was rejected is of use all the same
            refused = error
    if refused is not None:
        raise refused
