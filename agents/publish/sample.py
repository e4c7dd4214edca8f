"""The samples that `pillarscore run` plays: once to each Kafka, with their times moved so that they end yesterday."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import orjson

from agents.config.errors import UserError
from agents.files.ndjson import Lines
from agents.files.text_files import read_lines, writer
from agents.publish import collegemsg
from agents.publish.kept_copies import KeptCopies, KeptCopy
from agents.publish.profiles import with_profiles
from pipeline.common.days import Zone, calendar
from pipeline.common.units import Day
from samples import network
from schemas.times import microseconds

RECORDED_DAYS = 28
"""The last days of a sample, played one by one: as many as a trend is made of."""
_PREFIX = "0000-sample-"
_A_DAY_S = 86_400


def _collegemsg() -> Iterator[dict[str, Any]]:
    with resources.as_file(resources.files("samples") / "collegemsg.txt.gz") as path:
        if not path.is_file():
            raise UserError(f"{path} is missing: install Pillarscore again")
        yield from with_profiles(collegemsg.convert(line.decode() for line in read_lines(path)))


SAMPLES: dict[str, Callable[[], Iterator[dict[str, Any]]]] = {
    "network": network.events,
    "collegemsg": _collegemsg,
}
"""Their events, in the order of their times, by name."""
DEFAULT = "network"


def find(kept: KeptCopies) -> KeptCopy | None:
    """The sample that was played to this Kafka already, if any was."""
    return next((part for part in kept.parts if part.file.name.startswith(_PREFIX)), None)


def name_of(part: KeptCopy) -> str:
    """Which sample it is."""
    return part.file.name.removeprefix(_PREFIX).partition(".")[0]


def prepare(kept: KeptCopies, name: str) -> KeptCopy:
    """The sample as events in a file; `about` says how the times were moved.

    They are moved by whole days, so that the scores of a day do not depend on the hour at which it is played.
    """
    kept.folder.mkdir(parents=True, exist_ok=True)
    part = KeptCopy(kept.folder / f"{_PREFIX}{name}.ndjson.gz")
    if part.pending and time.time() - part.file.stat().st_mtime < _A_DAY_S:
        # prepared in a run that was killed, maybe after some was sent: the same again does no harm then
        part.about = "All times shifted as in the previous run, which was interrupted"
        return part
    part.forget()
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    events = list(SAMPLES[name]())
    before = datetime.fromisoformat(events[-1]["time"])
    with writer(part.file) as write:
        for event in collegemsg.shifted(events, today - timedelta(microseconds=1), whole_days=True):
            write(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE))
    after = datetime.fromisoformat(event["time"])
    part.about = (
        f"All times shifted by {(after - before).days:+,} days: the last event is on {after:%Y-%m-%d} (UTC)"
    )
    return part


@dataclass(frozen=True, slots=True)
class Stage:
    """What is published as of one day: the events of that day, and in the first stage all before it too."""

    day: date
    lines: Sequence[bytes]


def stages(part: KeptCopy, zone: Zone) -> list[Stage]:
    """A prepared sample, split by the days of the zone, so that the last ones can be played one by one."""
    lines = [line for batch in Lines([part.file]).batches() for line in batch.lines]
    times = [microseconds(orjson.loads(line)["time"]) // 1000 for line in lines]
    days = np.maximum.accumulate(zone.of(np.array(times, np.int64)))
    starts = np.searchsorted(days, np.arange(days[-1] - RECORDED_DAYS + 2, days[-1] + 1)).tolist()
    bounds = [0, *starts, len(lines)]
    return [
        Stage(calendar(Day(int(days[-1]) - RECORDED_DAYS + 1 + n)), lines[first:last])
        for n, (first, last) in enumerate(pairwise(bounds))
    ]
