"""The bundled sample: real activity, with made-up profiles, played once so that it ends now."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import orjson

import agents
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.files.text_files import read_lines, writer
from agents.publish import collegemsg
from agents.publish.kept_copies import KeptCopies, KeptCopy
from agents.publish.paced import play
from agents.publish.profiles import with_profiles
from agents.publish.publisher import publisher
from agents.publish.time_shift import to_end_at

SAMPLE = Path(agents.__file__).parent.parent / "samples" / "collegemsg.txt.gz"
NAME = "0000-sample"
_A_DAY_S = 86_400


def find(kept: KeptCopies) -> KeptCopy | None:
    """The sample, if it was played to this Kafka already."""
    return next((part for part in kept.parts if part.file.name.startswith(NAME)), None)


def prepare(kept: KeptCopies) -> KeptCopy:
    """The sample as events that end now, in a file; `about` says how the times were moved."""
    kept.folder.mkdir(parents=True, exist_ok=True)
    part = KeptCopy(kept.folder / f"{NAME}.ndjson.gz")
    if not SAMPLE.is_file():
        raise UserError(f"{SAMPLE} is missing: run Pillarscore from its repository")
    events = with_profiles(collegemsg.convert(line.decode() for line in read_lines(SAMPLE)))
    lines = [orjson.dumps(event) for event in events]
    shift = to_end_at(lines, datetime.now(UTC).replace(microsecond=0))
    assert shift is not None
    part.about = str(shift)
    if part.pending and time.time() - part.file.stat().st_mtime < _A_DAY_S:
        # prepared in a run that was killed, maybe after it was sent: the same again does no harm then
        part.about = "All times shifted as in the previous run, which was interrupted"
        return part
    part.forget()
    with writer(part.file) as write:
        for line in lines:
            write(shift.line(line) + b"\n")
    return part


async def send(settings: Settings, part: KeptCopy, on_progress: Callable[[int, float, int], object]) -> None:
    """Publish a prepared sample in one transaction: all of it, or nothing if this is broken off."""
    lines = Lines([part.file])
    count = 0

    def more(events: int) -> None:
        nonlocal count
        count += events
        on_progress(count, lines.done, lines.size or 0)

    async with publisher(settings, transaction=True) as sender:
        await play(sender, lines, on_progress=more)
    part.events, part.next, part.last = sender.acknowledged, sender.next, sender.last
    part.save()
