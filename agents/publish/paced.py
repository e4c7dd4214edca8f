"""Files of events sent to Kafka, at full speed or at a steady pace, with their times moved or not."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from agents.config.errors import UserError
from agents.files.event_check import EventCheck
from agents.files.ndjson import STDIN, Batch, Lines
from agents.publish.kept_copies import Keeper
from agents.publish.publisher import Publisher
from agents.publish.time_shift import Shift, to_end_at

AT_ONCE = 4_000
SLICES = 20
"""Parts a second is sent in when there is a pace."""


async def play(
    publisher: Publisher,
    lines: Lines,
    *,
    shift: Shift | None = None,
    rate: float | None = None,
    keeper: Keeper | None = None,
    check: EventCheck | None = None,
    on_progress: Callable[[int], object] = lambda events: None,
) -> int:
    """Send all lines, moved by `shift`, at most `rate` of them a second; how many there were.

    keeper: gets what is sent. check: gets it before; what it refuses is sent all the same.
    on_progress: gets the number of events, after each part.
    """
    clock = asyncio.get_running_loop().time
    began, sent = clock(), 0
    for part in _parts(lines, AT_ONCE if rate is None else max(1, min(AT_ONCE, int(rate / SLICES)))):
        out = part.lines if shift is None else [shift.line(line) for line in part.lines]
        if check is not None:
            check.add(Batch(part.numbers, out, part.file), lines.place)
        sending = asyncio.ensure_future(publisher.send(out))
        try:
            await asyncio.shield(sending)
        finally:
            # a part is sent and kept whole, or not at all, also when this is broken off
            await sending
            if keeper is not None:
                keeper.add(out)
        sent += len(out)
        on_progress(len(out))
        if rate is not None:
            await asyncio.sleep(max(0.0, began + sent / rate - clock()))
    return sent


def move_of(paths: Sequence[Path], until: str | None, whole_days: bool) -> Shift | None:
    """The move that --until asks for, None when it asks for none or there is nothing to move."""
    if until is None:
        if whole_days:
            raise UserError("--whole-days needs --until")
        return None
    if STDIN in paths:
        raise UserError("--until reads the events twice: give a file instead of -")
    lines = (line for batch in Lines(paths).batches() for line in batch.lines)
    return to_end_at(lines, _moment(until), whole_days)


def _parts(lines: Lines, most: int) -> Iterator[Batch]:
    batch: Batch
    for batch in lines.batches():
        for at in range(0, len(batch), most):
            yield Batch(batch.numbers[at : at + most], batch.lines[at : at + most], batch.file)


def _moment(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC).replace(microsecond=0)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UserError(f"--until {text}: give a time with an offset, such as 2026-11-20T08:30:00Z, or now")
    return moment
