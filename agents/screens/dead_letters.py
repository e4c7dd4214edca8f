"""Dead letters for the terminal and as JSON. All that comes from outside is shown as harmless text."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from agents.dead_letters.redrive import Judged, Memory
from agents.dead_letters.store import StoredLetter
from agents.metrics.event_sources import EventSources
from agents.screens import raw_json
from agents.screens.fitting import Fitting
from agents.screens.visible import visible
from schemas.replays import Replay

LONGEST = 100
"""Characters of a text in a table."""


class Counts:
    """How many letters of each name, such as a reason, and when the newest of them was written."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.latest: dict[str, int] = {}

    def add(self, name: str, timestamp: int) -> None:
        """Count one more."""
        self.count[name] += 1
        self.latest[name] = max(timestamp, self.latest.get(name, 0))


class Newest:
    """Counts letters by reason and by source as they come, and keeps the newest; max_letters: how many, 0 for all."""

    def __init__(self, max_letters: int) -> None:
        self.by_reason = Counts()
        self.by_source = Counts()
        self.letters: deque[StoredLetter] = deque(maxlen=max_letters or None)
        self.total = 0
        self._sources = EventSources()

    def add(self, found: StoredLetter) -> None:
        """Take one more."""
        self.total += 1
        self.by_reason.add(found.letter.reason, found.timestamp)
        self.by_source.add(self._sources.label(found.source), found.timestamp)
        self.letters.append(found)

    def ordered(self) -> list[StoredLetter]:
        """Those kept, the oldest first."""
        return sorted(self.letters, key=lambda found: (found.timestamp, found.place))


def reasons(newest: Newest) -> Table:
    """How many of each reason, the most frequent first, and since when there was none."""
    return _counts("reason", newest.by_reason)


def sources(newest: Newest) -> Table:
    """How many of each source, in the same way, with the labels of the metric."""
    return _counts("source", newest.by_source)


def _counts(what: str, counts: Counts) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(what, no_wrap=True)
    table.add_column("letters", justify="right", no_wrap=True)
    table.add_column("newest", no_wrap=True)
    for name, count in counts.count.most_common():
        table.add_row(_cell(name), f"{count:,}", moment(counts.latest[name]))
    return table


def listing(letters: Iterable[StoredLetter], memory: Memory) -> Fitting:
    """A row for each letter."""
    table = Table(box=None, pad_edge=False)
    for name in ("letter", "written", "reason"):
        table.add_column(name, no_wrap=True)
    for name in ("source", "type", "message", ""):
        table.add_column(name, overflow="fold")
    for found in letters:
        table.add_row(
            letter_id(found),
            moment(found.timestamp),
            Text(visible(found.letter.reason)),
            _cell(found.source),
            _cell(found.type),
            _cell(found.letter.message),
            "redriven" if _before(found, memory) else "",
        )
    return Fitting(table, ("written", "type"))


def as_json(found: StoredLetter, memory: Memory) -> dict[str, Any]:
    """A letter for programs. value: the event as text, with what is not UTF-8 as `\\x..`."""
    letter, before = found.letter, _before(found, memory)
    return {
        "letter": letter_id(found),
        "written": moment(found.timestamp),
        "reason": letter.reason,
        "type": found.type or None,
        "source": found.source or None,
        "message": letter.message,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "timestamp": letter.timestamp,
        "key": _text(letter.key),
        "value": _text(letter.value),
        "headers": [[name, _text(value)] for name, value in letter.headers],
        "sent_again": before.model_dump(mode="json") if before else None,
    }


def details(found: StoredLetter, memory: Memory, max_chars: int) -> Iterator[str]:
    """One letter in lines, at most so many characters of its value."""
    letter, before = found.letter, _before(found, memory)
    rows: dict[str, str] = {
        "letter": f"{letter_id(found)}, written {moment(found.timestamp)}",
        "reason": letter.reason,
        "message": letter.message,
        "origin": f"{letter.topic} {letter.partition}:{letter.offset}, {moment(letter.timestamp)}",
        "key": "none" if letter.key is None else _text(letter.key) or "empty",
    }
    for name, value in letter.headers:
        rows[f"header {name}"] = _text(value) or ""
    if before:
        how = ", edited" if before.edited else ""
        rows["redriven"] = f"{before.at:%Y-%m-%dT%H:%M:%SZ}{how}{', forced' if before.forced else ''}"
    rows["value"] = "none" if letter.value is None else f"{len(letter.value):,} bytes"
    width = max(map(len, rows))
    for name, text in rows.items():
        yield f"{visible(name):{width}}  {visible(text)}"
    if letter.value is not None:
        yield ""
        yield from raw_json.lines(letter.value, max_chars)


def plan(judged: Sequence[Judged], outcomes: Mapping[int, str]) -> Table:
    """A row for each letter of a redrive. outcomes: by its number what becomes of it."""
    table = Table("letter", "type", "was", "now", "", box=None, pad_edge=False)
    for number, one in enumerate(judged):
        found = one.candidate.found
        now = "valid" if one.fails is None else "{}: {}".format(*one.fails)
        table.add_row(
            letter_id(found),
            _cell(found.type),
            Text(visible(found.letter.reason)),
            _cell(now),
            outcomes[number],
        )
    return table


def letter_id(found: StoredLetter) -> str:
    """`0:123`."""
    return "{}:{}".format(*found.place)


def moment(milliseconds: int) -> str:
    """RFC 3339, UTC, to the second; the number itself when it is no time."""
    try:
        return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return str(milliseconds)


def _before(found: StoredLetter, memory: Memory) -> Replay | None:
    before = memory.get(found.place)
    return before if before is not None and before.letter_timestamp == found.timestamp else None


def _cell(text: str) -> Text:
    shown = visible(text)
    return Text(shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…")


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "backslashreplace")
